/*
 * The words of the built-in responder by language. They are few and say nothing of the self: what is said of the self comes from its profile. A
 * language without rows is still searched, in PostgreSQL's configuration for it, and answered in quotations alone.
 */
#include "domain/builtin_internal.h"

static const struct dm_fact_rule english_rules[] = {
    {DM_FACT_NAME,
     {"name", "your"},
     "what whats full first last real called tell me can could may i ask know"},
    {DM_FACT_NAME, {"call called", "you"}, "what should shall do does i people they can"},
    {DM_FACT_SELF, {"who", "you"}, "exactly tell me"},
    {DM_FACT_SELF,
     {"yourself"},
     "introduce about describe something bit little more in few words tell me can could you "
     "please"},
    {DM_FACT_AGE, {"old", "you"}, "how tell me can i ask may"},
    {DM_FACT_AGE, {"age", "your"}, "what whats current tell me can you"},
    {DM_FACT_PROFESSION,
     {"job profession occupation work trade career", "your you", "what whats which kind"},
     "do does for as of sort line in current tell me"},
    {DM_FACT_PROFESSION, {"living", "what", "do"}, "for you"},
    {DM_FACT_PROFESSION, {"what", "do", "you"}, NULL},
    {DM_FACT_LOCATION,
     {"live living based located reside home", "you your"},
     "where do in which city country town place now currently at the moment these days what tell "
     "me"},
    {DM_FACT_LOCATION, {"where", "from"}, "do come you"},
    {DM_FACT_LOCATION,
     {"city country town", "you your", "what which whats"},
     "in do live from home of"},
    {DM_FACT_VALUES,
     {"values value principles", "your you"},
     "what whats core main personal most important do which"},
    {DM_FACT_VALUES,
     {"matters matter important importance", "you"},
     "what whats most to for in life more does things which"},
    {DM_FACT_NONE, {NULL}, NULL},
};

static const struct dm_language english = {
    .tag = "en",
    .unsure = "I don't know that.",
    .greeting = "Hello, I'm *.",
    .farewell = "Goodbye.",
    .thanks = "You're welcome.",
    .noted = "I have this noted: ",
    .fact = {[DM_FACT_NAME] = "I'm *.",
             [DM_FACT_SELF] = "I'm *.",
             [DM_FACT_AGE] = "I'm *.",
             [DM_FACT_LOCATION] = "I live in *.",
             [DM_FACT_PROFESSION] = "My work: *.",
             [DM_FACT_VALUES] = "What matters to me: *."},
    .first_person = "i me my mine myself we us our ours",
    .third_person = "he she his her him hers himself herself",
    .small = "a an the and now today so then well ok okay please hi hello hey just really actually "
             "s re is are",
    .hello = {"hi hello hey hiya howdy greetings morning afternoon evening",
              "good there day again to you dear my friend all everyone and"},
    .bye = {"bye goodbye farewell night later cheerio",
            "good see you soon take care for now then ok okay well have a nice day thanks thank"},
    .thank = {"thanks thank thx",
              "you so very much many a lot for that ok okay and the answer help"},
    .rules = english_rules,
    .light_words =
        "{like,likes,liked,tell,know,knows,think,want,say,said,talk,ask,thing,things,something,"
        "anything,"
        "ever,really,kind,sort,remember,get,got,give,make,would,could,please,name,named,called,"
        "mean,means,old,young,today,now,lot,happen,happened,eat,drink,own,born,use,used,much,many,"
        "still,also,"
        "story,hello,hey,hi}",
    .word_groups =
        "{begin began begun,break broke broken,bring brought,build built,buy bought,catch caught,"
        "come came,drink drank drunk,drive drove driven,eat ate eaten,fall fell fallen,feel felt,"
        "fight fought,find found,fly flew flown,get got,give gave given,go went gone,"
        "grow grew grown,hear heard,hold held,keep kept,know knew known,learn learnt,leave left,"
        "lose lost,make made,meet met,read,ride rode ridden,run ran,see saw seen,sell sold,"
        "send sent,sing sang sung,sit sat,sleep slept,speak spoke spoken,spend spent,stand stood,"
        "swim swam,take took taken,teach taught,think thought,wear wore worn,win won,"
        "write wrote written,child children kid kids,mother mom mum,father dad,"
        "favourite favorite,colour color,neighbour neighbor}",
};

static const struct dm_fact_rule german_rules[] = {
    {DM_FACT_NAME,
     {"heißt heisst heißen name", "du dein sie ihr"},
     "wie ist der lautet eigentlich denn"},
    {DM_FACT_SELF, {"wer", "bist sind", "du sie"}, "denn eigentlich"},
    {DM_FACT_SELF,
     {"dich", "stell stelle erzähl erzähle", "vor über"},
     "bitte mal doch etwas was von"},
    {DM_FACT_AGE, {"alt alter", "du dein sie ihr"}, "wie bist sind ist was denn eigentlich"},
    {DM_FACT_PROFESSION,
     {"beruf beruflich job", "was welchen welcher wie"},
     "machst du sie ist dein ihr hast haben von machen eigentlich"},
    {DM_FACT_PROFESSION, {"arbeitest arbeiten", "was als"}, "du sie eigentlich"},
    {DM_FACT_LOCATION,
     {"wohnst lebst wohnen leben", "wo"},
     "du sie denn zur zeit gerade jetzt eigentlich"},
    {DM_FACT_LOCATION, {"woher", "kommst kommen"}, "du sie denn eigentlich"},
    {DM_FACT_VALUES,
     {"wichtig werte", "dir ihnen deine ihre"},
     "was ist sind im leben am wichtigsten besonders für"},
    {DM_FACT_NONE, {NULL}, NULL},
};

static const struct dm_language german = {
    .tag = "de",
    .unsure = "Das weiß ich nicht.",
    .greeting = "Hallo, ich bin *.",
    .farewell = "Auf Wiedersehen.",
    .thanks = "Gern geschehen.",
    .noted = "Dazu ist notiert: ",
    .fact = {[DM_FACT_NAME] = "Ich bin *.",
             [DM_FACT_SELF] = "Ich bin *.",
             [DM_FACT_AGE] = "Ich bin *.",
             [DM_FACT_LOCATION] = "Ich lebe hier: *.",
             [DM_FACT_PROFESSION] = "Mein Beruf: *.",
             [DM_FACT_VALUES] = "Wichtig ist mir: *."},
    .first_person = "ich mich mir mein meine meinen meinem meiner meines wir uns unser unsere "
                    "unseren unserem unserer",
    .third_person = "er sie sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer ihm ihn",
    .small = "und also so hallo hi hey bitte sag mal mir",
    .hello = {"hallo hi hey moin servus tag morgen abend grüezi",
              "guten gute dir ihnen zusammen und"},
    .bye = {"tschüss tschüs ciao wiedersehen wiederhören nacht bald",
            "auf gute bis und danke dann"},
    .thank = {"danke dank", "vielen schön sehr dir ihnen herzlichen und für die antwort hilfe"},
    .rules = german_rules,
    .light_words = "{magst,mag,mögen,weißt,weiß,weiss,erzähl,erzähle,sag,sagen,denkst,gern,gerne,"
                   "eigentlich,mal,bitte,"
                   "etwas,viel,noch,schon,gibt,hallo,hast,hat,heißt,kennst}",
    .word_groups =
        "{gehen geht ging gegangen,essen isst aß gegessen,trinken trinkt trank getrunken,kommen "
        "kam gekommen,"
        "schreiben schrieb geschrieben,lesen liest las gelesen,sprechen spricht sprach gesprochen,"
        "fahren fährt fuhr gefahren,singen sang gesungen,schwimmen schwamm geschwommen,"
        "finden fand gefunden,verlieren verlor verloren,wachsen wuchs gewachsen aufgewachsen}",
};

static const struct dm_fact_rule french_rules[] = {
    {DM_FACT_NAME, {"appelles appelez nom prénom", "t vous ton votre"}, "comment tu quel est"},
    {DM_FACT_SELF, {"qui", "tu vous toi", "es êtes"}, NULL},
    {DM_FACT_SELF, {"présente présentez parle parlez", "toi vous"}, "de un peu"},
    {DM_FACT_AGE, {"âge", "quel ton votre"}, "as tu avez vous est"},
    {DM_FACT_PROFESSION,
     {"métier profession travail", "quel quelle ton ta votre"},
     "est c quoi fais tu faites vous"},
    {DM_FACT_PROFESSION, {"vie", "fais faites", "que quoi"}, "tu vous dans la"},
    {DM_FACT_LOCATION, {"habites habitez vis vivez", "où"}, "tu vous est ce que"},
    {DM_FACT_LOCATION, {"viens venez", "où"}, "d tu vous"},
    {DM_FACT_VALUES,
     {"compte important importe valeurs", "toi vous tes vos"},
     "qu est ce qui pour quelles sont le plus te"},
    {DM_FACT_NONE, {NULL}, NULL},
};

static const struct dm_language french = {
    .tag = "fr",
    .unsure = "Je ne sais pas.",
    .greeting = "Bonjour, je suis *.",
    .farewell = "Au revoir.",
    .thanks = "Je vous en prie.",
    .noted = "Il est noté : ",
    .fact = {[DM_FACT_NAME] = "Je suis *.",
             [DM_FACT_SELF] = "Je suis *.",
             [DM_FACT_AGE] = "Mon âge : *.",
             [DM_FACT_LOCATION] = "J'habite ici : *.",
             [DM_FACT_PROFESSION] = "Mon métier : *.",
             [DM_FACT_VALUES] = "Ce qui compte pour moi : *."},
    .third_person = "il elle son sa ses lui",
    .first_person = "je j me m moi mon ma mes mien mienne nous notre nos",
    .small = "et alors bonjour salut dis moi",
    .hello = {"bonjour bonsoir salut coucou", "à tous toi vous et"},
    .bye = {"revoir adieu bientôt nuit", "au à bonne et merci"},
    .thank = {"merci", "beaucoup bien à toi vous pour la réponse et"},
    .rules = french_rules,
    .light_words = "{aimes,aimez,aime,sais,savez,dis,parle,parler,parlez,penses,pense,chose,choses,"
                   "veux,peux,bonjour,"
                   "souviens,raconte,encore,beaucoup}",
    .word_groups =
        "{aller vais vas va allé,écrire écris écrit,lire lis lu,boire bois bu,vivre vis vécu,"
        "grandir grandi,apprendre appris,perdre perdu,venir venu}",
};

static const struct dm_fact_rule spanish_rules[] = {
    {DM_FACT_NAME, {"llamas llama nombre", "cómo como cuál te se tu su"}, "es"},
    {DM_FACT_SELF, {"quién quien", "eres es"}, "tú tu usted"},
    {DM_FACT_SELF, {"preséntate preséntese"}, "por favor"},
    {DM_FACT_AGE, {"años edad", "cuántos cuantos qué que tu su cuál"}, "tienes tiene es"},
    {DM_FACT_PROFESSION, {"dedicas dedica", "qué que"}, "a te se"},
    {DM_FACT_PROFESSION, {"trabajo profesión trabajas trabaja", "qué que cuál tu su"}, "es en de"},
    {DM_FACT_LOCATION, {"vives vive", "dónde donde"}, "tú tu usted en"},
    {DM_FACT_LOCATION, {"eres es", "dónde donde", "de"}, "tú tu usted"},
    {DM_FACT_VALUES,
     {"importa valores importante", "te le tus sus ti usted"},
     "qué que es son cuáles más para lo"},
    {DM_FACT_NONE, {NULL}, NULL},
};

static const struct dm_language spanish = {
    .tag = "es",
    .unsure = "No lo sé.",
    .greeting = "Hola, soy *.",
    .farewell = "Hasta luego.",
    .thanks = "De nada.",
    .noted = "Está anotado: ",
    .fact = {[DM_FACT_NAME] = "Soy *.",
             [DM_FACT_SELF] = "Soy *.",
             [DM_FACT_AGE] = "Mi edad: *.",
             [DM_FACT_LOCATION] = "Vivo aquí: *.",
             [DM_FACT_PROFESSION] = "Mi trabajo: *.",
             [DM_FACT_VALUES] = "Lo que me importa: *."},
    .third_person = "él ella su sus",
    .first_person = "yo me mi mis mí mío mía nosotros nos nuestro nuestra soy estoy tengo vivo fui",
    .small = "y pues hola dime por favor",
    .hello = {"hola buenos buenas", "días tardes noches qué tal a todos y"},
    .bye = {"adiós luego pronto chao", "hasta y gracias"},
    .thank = {"gracias", "muchas muchísimas por la respuesta y todo"},
    .rules = spanish_rules,
    .light_words = "{gusta,gustan,sabes,sabe,dime,cuéntame,piensas,cosa,cosas,quieres,puedes,hola,"
                   "recuerdas,acuerdas,mucho}",
    .word_groups =
        "{ir voy vas va fui fue,escribir escrito,leer leo leí,crecer crecí crecido,"
        "hacer hago hice hecho,decir digo dije dicho,venir vengo vine,perder perdí perdido}",
};

/* Languages of which only the fixed sentences are known. */
static const struct dm_fact_rule no_rules[] = {{DM_FACT_NONE, {NULL}, NULL}};
#define PLAIN(code, unsure_text, noted_text)                                                       \
    {                                                                                              \
        .tag = (code), .unsure = (unsure_text), .noted = (noted_text), .rules = no_rules,          \
        .light_words = "{}", .word_groups = "{}"                                                   \
    }
static const struct dm_language plain[] = {
    PLAIN("it", "Non lo so.", "È annotato: "),
    PLAIN("pt", "Não sei.", "Está anotado: "),
    PLAIN("nl", "Dat weet ik niet.", "Genoteerd: "),
    PLAIN("ru", "Этого я не знаю.", "Записано: "),
    PLAIN("pl", "Tego nie wiem.", "Zapisano: "),
    PLAIN("sv", "Det vet jag inte.", "Antecknat: "),
};
static const struct dm_language unknown = PLAIN("", "…?", "");

const struct dm_language *dm_language_of(struct dm_str tag)
{
    static const struct dm_language *const spoken[] = {&english, &german, &french, &spanish};
    if (tag.p == NULL)
        return &english;
    struct dm_str primary = dm_str_slice(tag, 0, dm_str_find(tag, '-', 0));
    for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++)
        if (dm_str_eq_nocase(primary, dm_str_from(spoken[i]->tag)))
            return spoken[i];
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (dm_str_eq_nocase(primary, dm_str_from(plain[i].tag)))
            return &plain[i];
    return &unknown;
}

/*
 * One reply of the built-in responder: a search, then the first of these that holds: an example whose line is nearly the message; a courtesy;
 * a question for a fact of the profile; the best of examples, memories and traits, if it fits well enough; not knowing.
 */
#include "domain/builtin.h"

#include "base/json.h"
#include "base/utf8.h"
#include "domain/builtin_internal.h"
#include "store/recall_store.h"

/* Chosen by trying: tests/unit/domain/builtin_test.c holds the table of questions they are judged by. */
/* An example like this is the answer, whatever else fits. */
#define ALIKE_SURE 0.85
/* A message with less has nothing to be found by but light words. */
#define SOME_WORDS 1.0
/* Less alike counts only with this share of the message's words, if it has some: "how old are you" is not "how are you". */
#define ALIKE_COVER 0.30
#define EXAMPLE_FITS 0.58
#define MEMORY_FITS 0.55
#define TRAIT_FITS 0.60
#define JOIN_FITS 0.80 /* two memories are both told when each fits like this … */
#define JOIN_NEAR 0.95 /* … and the second is this near to the first */

#define WHOLE_POINTS 300 /* longer messages are judged by their last question alone */
#define QUOTE_POINTS 400 /* of one memory in a reply */
#define STYLE_POINTS                                                                               \
    2000 /* of a line of the style, which is free-form: as long as an example's reply may be */
#define COURTESY_WORDS 6
#define QUESTION_WORDS 16
#define REPLY_BYTES_MAX 65536

/* What the steps of one reply share. */
struct responder {
    const struct dm_domain *domain;
    struct dm_ctx *ctx;
    const struct dm_profile *profile;
    const struct dm_language *language;
    struct dm_str message; /* the part of it that is judged */
    struct dm_words words; /* of that part */
    struct dm_words name;  /* of the self's name */
    struct dm_json *style; /* communicationStyle */
    uint64_t hash;         /* of the whole message's words: picks among lines */
    struct dm_buf text;
    struct dm_model_reply *reply;
};

static uint64_t hash_of(const struct dm_words *words)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < words->n; i++)
        for (size_t k = 0; k <= words->word[i].n; k++) {
            hash ^= k < words->word[i].n ? (unsigned char)words->word[i].p[k] : ' ';
            hash *= 1099511628211u;
        }
    return hash;
}

/* The line of the style under this name, or one of its lines; absent when there is none. */
static struct dm_str style_line(const struct responder *b, const char *name)
{
    struct dm_str line = {NULL, 0};
    struct dm_list lines;
    if (!dm_json_get_string(b->style, name, b->ctx->arena, &line) &&
        dm_json_get_strings(b->style, name, b->ctx->arena, &lines) && lines.n > 0)
        line = ((const struct dm_str *)lines.items)[b->hash % lines.n];
    line = dm_utf8_clip(line, STYLE_POINTS);
    return dm_str_trim(line).n > 0 ? line : (struct dm_str){NULL, 0};
}

static void add_sentence(struct responder *b, struct dm_str sentence)
{
    if (sentence.n == 0)
        return;
    if (b->text.n > 0)
        dm_buf_add_char(&b->text, ' ');
    dm_buf_add(&b->text, sentence);
}

/* A fixed sentence with the value in the place of its '*'. */
static void add_filled(struct responder *b, const char *sentence, struct dm_str value)
{
    struct dm_str whole = dm_str_from(sentence);
    size_t star = dm_str_find(whole, '*', 0);
    add_sentence(b, dm_str_slice(whole, 0, star));
    if (star < whole.n) {
        dm_buf_add(&b->text, value);
        dm_buf_add(&b->text, dm_str_slice(whole, star + 1, whole.n));
    }
}

static void add_source(struct responder *b, struct dm_model_source source)
{
    if (b->reply->n_sources < DM_MODEL_SOURCES_MAX)
        b->reply->sources[b->reply->n_sources++] = source;
}

static void add_profile_source(struct responder *b, const char *pointer, struct dm_str text)
{
    add_source(b, (struct dm_model_source){
                      .kind = "profile", .pointer = dm_str_from(pointer), .text = text});
}

/* Share of the message's longer words that begin like a word of the sentence. */
static size_t words_shared(const struct responder *b, struct dm_str sentence)
{
    struct dm_words words;
    if (!dm_words_read(b->ctx->arena, sentence, &words))
        return 0;
    size_t shared = 0;
    for (size_t i = 0; i < b->words.n; i++) {
        struct dm_str stem = dm_str_slice(b->words.word[i], 0, 5);
        for (size_t k = 0; stem.n >= 4 && k < words.n; k++)
            if (dm_str_starts(words.word[k], stem)) {
                shared++;
                break;
            }
    }
    return shared;
}

/* Where the sentence that begins at `from` ends, with its mark and the white space behind it. */
static size_t sentence_end(struct dm_str text, size_t from)
{
    for (size_t i = from; i < text.n; i++) {
        bool mark = text.p[i] == '.' || text.p[i] == '!' || text.p[i] == '?';
        bool space_next = i + 1 < text.n && (text.p[i + 1] == ' ' || text.p[i + 1] == '\n');
        if (text.p[i] == '\n' || (mark && space_next)) {
            i++;
            while (i < text.n && (text.p[i] == ' ' || text.p[i] == '\n'))
                i++;
            return i;
        }
    }
    return text.n;
}

static struct dm_str trim_end(struct dm_str s)
{
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* A text of the self, cut to whole sentences from the one on that shares most with the message. */
static struct dm_str excerpt(const struct responder *b, struct dm_str text)
{
    if (dm_utf8_clip(text, QUOTE_POINTS).n == text.n)
        return trim_end(text);
    size_t best = 0, best_shared = 0;
    for (size_t at = 0; at < text.n; at = sentence_end(text, at)) {
        size_t n = sentence_end(text, at) - at;
        size_t shared = words_shared(b, dm_str_slice(text, at, n));
        if (shared > best_shared) {
            best = at;
            best_shared = shared;
        }
    }
    struct dm_str rest = dm_str_slice(text, best, text.n);
    struct dm_str room = dm_utf8_clip(rest, QUOTE_POINTS);
    size_t end = 0;
    for (size_t next = sentence_end(rest, 0); next <= room.n; next = sentence_end(rest, next)) {
        end = next;
        if (next == rest.n)
            break;
    }
    return trim_end(dm_str_slice(rest, 0, end > 0 ? end : room.n));
}

/* The text speaks of the self as of another: by name or as he or she, and nowhere as I. */
static bool of_another(const struct responder *b, struct dm_str text)
{
    struct dm_words words;
    if (!dm_words_read(b->ctx->arena, text, &words) ||
        dm_words_any(&words, b->language->first_person))
        return false;
    for (size_t i = 0; i < b->name.n; i++)
        if (dm_words_has(&words, b->name.word[i]))
            return true;
    return dm_words_any(&words, b->language->third_person);
}

static void add_own_text(struct responder *b, struct dm_str text, bool own_writing)
{
    struct dm_str quote = excerpt(b, text);
    if (!own_writing && of_another(b, quote)) {
        add_sentence(b, dm_str_from(b->language->noted));
        dm_buf_add(&b->text, quote);
    } else {
        add_sentence(b, quote);
    }
}

static double example_score(const struct dm_recall_item *item)
{
    double shared = 0.55 * item->cover + 0.45 * (item->back < 1 ? item->back : 1);
    bool counts =
        item->alike >= ALIKE_SURE || item->cover >= ALIKE_COVER || item->words < SOME_WORDS;
    return counts && item->alike > shared ? item->alike : shared;
}

static void answer_example(struct responder *b, const struct dm_recall_item *item)
{
    add_sentence(b, item->answer);
    add_source(b, (struct dm_model_source){
                      .kind = "example",
                      .pointer = dm_arena_printf(b->ctx->arena, "/exampleDialogues/%lld",
                                                 (long long)item->position),
                      .text = item->text,
                  });
}

static void answer_memories(struct responder *b, const struct dm_recall_item *const *memories,
                            size_t n)
{
    add_sentence(b, style_line(b, "opener"));
    for (size_t i = 0; i < n; i++) {
        add_own_text(b, memories[i]->text, memories[i]->sample);
        add_source(b, (struct dm_model_source){
                          .kind = "memory", .id = memories[i]->id, .text = memories[i]->text});
    }
    add_sentence(b, style_line(b, "closing"));
}

static void answer_trait(struct responder *b, const struct dm_recall_item *item)
{
    struct dm_str text = dm_str_trim(item->text).n > 0 ? item->text : item->answer;
    add_sentence(b, style_line(b, "opener"));
    add_own_text(b, text, false);
    add_sentence(b, style_line(b, "closing"));
    add_source(b, (struct dm_model_source){.kind = "trait", .id = item->id, .text = text});
}

/* Nothing but such words, and perhaps the self's name. */
static bool is_courtesy(const struct responder *b, struct dm_courtesy_words courtesy)
{
    if (b->words.n == 0 || b->words.n > COURTESY_WORDS || !dm_words_any(&b->words, courtesy.need))
        return false;
    for (size_t i = 0; i < b->words.n; i++) {
        struct dm_str word = b->words.word[i];
        if (!dm_words_in(courtesy.need, word) && !dm_words_in(courtesy.allow, word) &&
            !dm_words_has(&b->name, word))
            return false;
    }
    return true;
}

static bool answer_courtesy(struct responder *b)
{
    const struct {
        struct dm_courtesy_words words;
        const char *style, *plain;
    } courtesies[] = {
        {b->language->hello, "greeting", b->language->greeting},
        {b->language->thank, "thanks", b->language->thanks},
        {b->language->bye, "farewell", b->language->farewell},
    };
    for (size_t i = 0; i < sizeof(courtesies) / sizeof(courtesies[0]); i++) {
        if (!is_courtesy(b, courtesies[i].words))
            continue;
        struct dm_str line = style_line(b, courtesies[i].style);
        if (line.p != NULL) {
            add_sentence(b, line);
            add_profile_source(b, "/communicationStyle", line);
        } else {
            add_filled(b, courtesies[i].plain, b->profile->content.name);
            add_profile_source(b, "/name", b->profile->content.name);
        }
        return true;
    }
    return false;
}

/* ["honesty", "patience"] as "honesty, patience"; absent when there are none. */
static struct dm_str values_text(const struct responder *b)
{
    const struct dm_str none = {NULL, 0};
    struct dm_str wrapped =
        dm_arena_printf(b->ctx->arena, "{\"v\":%.*s}", DM_STR_ARG(b->profile->content.core_values));
    struct dm_json *doc;
    if (wrapped.p == NULL || dm_json_parse(wrapped, NULL, &doc) != DM_OK)
        return none;
    struct dm_list values = {NULL, 0};
    bool read = dm_json_get_strings(doc, "v", b->ctx->arena, &values);
    dm_json_free(doc);
    struct dm_buf text;
    dm_buf_init(&text, b->ctx->arena, REPLY_BYTES_MAX);
    for (size_t i = 0; read && i < values.n; i++) {
        if (i > 0)
            dm_buf_add_c(&text, ", ");
        dm_buf_add(&text, ((const struct dm_str *)values.items)[i]);
    }
    return text.n > 0 && !dm_buf_failed(&text) ? dm_buf_str(&text) : none;
}

/* The member's value, absent when it is not set, and where it stands in the document. */
static struct dm_str fact_value(const struct responder *b, enum dm_fact fact,
                                const char **ret_pointer)
{
    const struct dm_profile_write *content = &b->profile->content;
    switch (fact) {
    case DM_FACT_AGE:
        *ret_pointer = "/age";
        return content->age.set ? dm_arena_printf(b->ctx->arena, "%lld", (long long)content->age.v)
                                : (struct dm_str){NULL, 0};
    case DM_FACT_LOCATION:
        *ret_pointer = "/location";
        return content->location;
    case DM_FACT_PROFESSION:
        *ret_pointer = "/profession";
        return content->profession;
    case DM_FACT_VALUES:
        *ret_pointer = "/coreValues";
        return values_text(b);
    case DM_FACT_NAME:
    case DM_FACT_SELF:
    case DM_FACT_NONE:
    case DM_FACT_COUNT:
        break;
    }
    *ret_pointer = "/name";
    return content->name;
}

static bool rule_fits(const struct responder *b, const struct dm_fact_rule *rule,
                      const struct dm_words *value)
{
    for (size_t i = 0; i < DM_FACT_NEEDS_MAX && rule->need[i] != NULL; i++)
        if (!dm_words_any(&b->words, rule->need[i]))
            return false;
    for (size_t i = 0; i < b->words.n; i++) {
        struct dm_str word = b->words.word[i];
        bool known = dm_words_in(rule->allow, word) || dm_words_in(b->language->small, word) ||
                     dm_words_has(value, word) || dm_words_has(&b->name, word);
        for (size_t k = 0; !known && k < DM_FACT_NEEDS_MAX; k++)
            known = dm_words_in(rule->need[k], word);
        if (!known)
            return false;
    }
    return true;
}

static bool answer_fact(struct responder *b)
{
    if (b->words.n > QUESTION_WORDS)
        return false;
    for (const struct dm_fact_rule *rule = b->language->rules; rule->fact != DM_FACT_NONE; rule++) {
        const char *pointer;
        struct dm_words value_words;
        struct dm_str value = fact_value(b, rule->fact, &pointer);
        if (value.p == NULL || !dm_words_read(b->ctx->arena, value, &value_words) ||
            !rule_fits(b, rule, &value_words))
            continue;
        add_sentence(b, style_line(b, "opener"));
        add_filled(b, b->language->fact[rule->fact], value);
        add_profile_source(b, pointer, value);
        struct dm_str description = b->profile->content.description;
        if (rule->fact == DM_FACT_SELF && dm_str_trim(description).n > 0) {
            add_own_text(b, description, false);
            add_profile_source(b, "/description", description);
        }
        add_sentence(b, style_line(b, "closing"));
        return true;
    }
    return false;
}

/* The best of each kind, by what makes that kind fit. Equals stay in the search's order. */
struct best {
    const struct dm_recall_item *example, *trait, *memories[2];
    size_t n_memories;
};

static struct best best_of(const struct dm_list *items)
{
    struct best best = {0};
    for (size_t i = 0; i < items->n; i++) {
        const struct dm_recall_item *item = (const struct dm_recall_item *)items->items + i;
        if (item->kind == DM_RECALL_MEMORY && best.n_memories < 2)
            best.memories[best.n_memories++] = item;
        else if (item->kind == DM_RECALL_TRAIT && best.trait == NULL)
            best.trait = item;
        else if (item->kind == DM_RECALL_EXAMPLE &&
                 (best.example == NULL || example_score(item) > example_score(best.example)))
            best.example = item;
    }
    return best;
}

static double cover_of(const struct dm_recall_item *item)
{
    return item->words >= SOME_WORDS ? item->cover : 0;
}

static bool answer_best(struct responder *b, const struct best *best)
{
    const struct dm_recall_item *first = best->memories[0];
    double example = best->example != NULL ? example_score(best->example) : 0;
    double memory = first != NULL ? cover_of(first) : 0;
    double trait = best->trait != NULL ? cover_of(best->trait) : 0;
    bool example_fits = best->example != NULL && example >= EXAMPLE_FITS;
    if (example_fits && example >= memory && example >= trait) {
        answer_example(b, best->example);
    } else if (first != NULL && memory >= MEMORY_FITS && memory >= trait) {
        bool both = best->n_memories == 2 && best->memories[1]->cover >= JOIN_FITS &&
                    best->memories[1]->cover >= JOIN_NEAR * memory;
        answer_memories(b, best->memories, both ? 2 : 1);
    } else if (best->trait != NULL && trait >= TRAIT_FITS) {
        answer_trait(b, best->trait);
    } else if (example_fits) {
        answer_example(b, best->example);
    } else {
        return false;
    }
    return true;
}

/* The words without the self's name, by which a message calls it and asks nothing. */
static struct dm_str words_asked(const struct responder *b)
{
    struct dm_buf text;
    dm_buf_init(&text, b->ctx->arena, REPLY_BYTES_MAX);
    for (size_t i = 0; i < b->words.n; i++) {
        if (dm_words_has(&b->name, b->words.word[i]))
            continue;
        if (text.n > 0)
            dm_buf_add_char(&text, ' ');
        dm_buf_add(&text, b->words.word[i]);
    }
    return dm_buf_str(&text);
}

static enum dm_result search(struct responder *b, struct dm_list *ret_items)
{
    const struct dm_recall_ask ask = {
        .profile = {b->profile->owner_id, b->profile->id},
        .message = words_asked(b),
        .light_words = b->language->light_words,
        .word_groups = b->language->word_groups,
    };
    *ret_items = (struct dm_list){NULL, 0};
    /* Nothing but punctuation or the name has nothing to search for. */
    return ask.message.n == 0 ? DM_OK
                              : dm_recall_store_search(b->domain->pg, b->ctx, &ask, ret_items);
}

/* Answer the part of the message that b holds, if anything fits. */
static enum dm_result answer(struct responder *b, bool *ret_answered)
{
    if (!dm_words_read(b->ctx->arena, b->message, &b->words))
        return dm_ctx_nomem(b->ctx);
    struct dm_list items;
    enum dm_result r = search(b, &items);
    if (r != DM_OK)
        return r;
    const struct best best = best_of(&items);
    if (best.example != NULL && best.example->alike >= ALIKE_SURE) {
        answer_example(b, best.example);
        *ret_answered = true;
    } else {
        *ret_answered = answer_courtesy(b) || answer_fact(b) || answer_best(b, &best);
    }
    return DM_OK;
}

/* The last sentence that asks, else the last one; at most its last WHOLE_POINTS. */
static struct dm_str gist_of(struct dm_str message, bool *ret_asks)
{
    struct dm_str gist = {"", 0};
    bool asks = false;
    for (size_t at = 0; at < message.n; at = sentence_end(message, at)) {
        struct dm_str sentence =
            trim_end(dm_str_slice(message, at, sentence_end(message, at) - at));
        bool question = sentence.n > 0 && sentence.p[sentence.n - 1] == '?';
        if (question || (!asks && sentence.n > 0))
            gist = sentence;
        asks = asks || question;
    }
    *ret_asks = asks;
    size_t points = dm_utf8_count(gist);
    if (points <= WHOLE_POINTS)
        return gist;
    return dm_str_slice(gist, dm_utf8_clip(gist, points - WHOLE_POINTS).n, gist.n);
}

/* First what is asked, then, where that is not all, the message as a whole: at most two searches. */
static enum dm_result respond(struct responder *b, struct dm_str message)
{
    bool asks, answered = false;
    struct dm_str gist = gist_of(message, &asks);
    bool is_short = dm_utf8_clip(message, WHOLE_POINTS).n == message.n;
    enum dm_result r = DM_OK;
    b->message = gist;
    if (!is_short || (asks && gist.n < trim_end(message).n))
        r = answer(b, &answered);
    b->message = message;
    if (r == DM_OK && !answered && is_short)
        r = answer(b, &answered);
    if (r != DM_OK)
        return r;
    /* An excerpt of nothing but white space is no answer either. */
    if (!answered || dm_str_trim(dm_buf_str(&b->text)).n == 0) {
        b->reply->n_sources = 0;
        struct dm_str line = style_line(b, "whenUnsure");
        add_sentence(b, line.p != NULL ? line : dm_str_from(b->language->unsure));
    }
    if (dm_buf_failed(&b->text))
        return dm_ctx_nomem(b->ctx);
    b->reply->text = dm_utf8_clip(dm_buf_str(&b->text), DM_REPLY_POINTS_MAX);
    return DM_OK;
}

static enum dm_result generate(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_model_request *request,
                               struct dm_model_reply *ret_reply)
{
    struct responder b = {
        .domain = domain,
        .ctx = ctx,
        .profile = request->profile,
        .language = dm_language_of(request->profile->content.language),
        .reply = ret_reply,
    };
    if (!dm_words_read(ctx->arena, request->message, &b.words) ||
        !dm_words_read(ctx->arena, request->profile->content.name, &b.name))
        return dm_ctx_nomem(ctx);
    b.hash = hash_of(&b.words);
    dm_buf_init(&b.text, ctx->arena, REPLY_BYTES_MAX);
    ret_reply->provider = "builtin";
    ret_reply->model = "builtin-1";
    ret_reply->finish_reason = "stop";
    ret_reply->usage = (struct dm_usage){.input_tokens = {true, 0},
                                         .output_tokens = {true, 0},
                                         .cached_tokens = {true, 0},
                                         .cost = {true, 0}};
    enum dm_result r =
        dm_json_parse(request->profile->content.communication_style, &ctx->err, &b.style);
    if (r != DM_OK)
        return r;
    r = respond(&b, request->message);
    dm_json_free(b.style);
    return r;
}

const struct dm_model dm_builtin_model = {.name = "builtin", .generate = generate};

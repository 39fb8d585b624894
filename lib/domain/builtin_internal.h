/* What builtin.c shares with its tables (builtin_language.c) and its reading of messages (builtin_words.c). For these files only. */
#ifndef DM_DOMAIN_BUILTIN_INTERNAL_H
#define DM_DOMAIN_BUILTIN_INTERNAL_H

#include "base/arena.h"
#include "base/str.h"

/* A text in lower case, taken apart: letters and digits of any script; everything else separates. */
#define DM_WORDS_MAX 64 /* further words are left out */
struct dm_words {
    struct dm_str word[DM_WORDS_MAX];
    size_t n;
    bool cut; /* there were more */
};
/* False when the arena is full. Words live in the arena. */
bool dm_words_read(struct dm_arena *arena, struct dm_str text, struct dm_words *ret_words);
/* word is one of list's, which are separated by single spaces. NULL is an empty list. */
bool dm_words_in(const char *list, struct dm_str word);
bool dm_words_any(const struct dm_words *words, const char *list); /* some word is in list */
bool dm_words_has(const struct dm_words *words, struct dm_str word);

/* What a profile can be asked for outright. */
enum dm_fact {
    DM_FACT_NONE = 0,
    DM_FACT_NAME,
    DM_FACT_SELF, /* name and description */
    DM_FACT_AGE,
    DM_FACT_LOCATION,
    DM_FACT_PROFESSION,
    DM_FACT_VALUES,
    DM_FACT_COUNT,
};

/*
 * A question for a fact: a word of each of `need`, and besides those only words of `allow`, of the language's small words, or of the fact's own
 * value. So "where do your parents live" is none.
 */
#define DM_FACT_NEEDS_MAX 3
struct dm_fact_rule {
    enum dm_fact fact;
    const char *need[DM_FACT_NEEDS_MAX];
    const char *allow;
};

/* A courtesy: a message of nothing but such words. */
struct dm_courtesy_words {
    const char *need, *allow;
};

struct dm_language {
    const char *tag;                                   /* primary subtag: "en" */
    const char *unsure, *greeting, *farewell, *thanks; /* '*' is the self's name */
    const char *noted;               /* introduces what is known in another person's words */
    const char *fact[DM_FACT_COUNT]; /* '*' is the member's value */
    const char *first_person,
        *third_person; /* words by which a text speaks for the self, or of it */
    const char *small; /* words that may stand in any question for a fact */
    struct dm_courtesy_words hello, bye, thank;
    const struct dm_fact_rule *rules;      /* ends with DM_FACT_NONE */
    const char *light_words, *word_groups; /* see recall_store.h */
};

/* By language tag. English when it is absent; a language of quotations alone when it is not known. */
const struct dm_language *dm_language_of(struct dm_str tag);

#endif

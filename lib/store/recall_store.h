/*
 * What a self has to say to a message: one search over its example dialogues, memories and traits, in the language of its profile. Found is what
 * shares words with the message (full-text search), what contains a word like one that fits nowhere (trigrams: misspelt words), and the
 * examples whose line looks like the message. The search ranks; whether anything fits well enough is the caller's to say.
 */
#ifndef DM_STORE_RECALL_STORE_H
#define DM_STORE_RECALL_STORE_H

#include "store/owned.h"
#include "store/pg.h"

enum dm_recall_kind { DM_RECALL_EXAMPLE = 1, DM_RECALL_MEMORY, DM_RECALL_TRAIT };

struct dm_recall_item {
    enum dm_recall_kind kind;
    struct dm_str id;     /* of the memory or trait */
    int64_t position;     /* of the example in the profile's document */
    bool sample;          /* a memory in the self's own writing */
    struct dm_str text;   /* memory: text; trait: description; example: what is said to the self */
    struct dm_str answer; /* example: the self's reply; trait: its name */
    double cover; /* share of the message's words that it has, rare words counting more: 0..1 */
    double back;  /* example: share of its line's words that the message has: 0..1 */
    double alike; /* example: trigram similarity of its line and the message: 0..1 */
    double words; /* how many words the message has to be found by; a light one counts little */
};

struct dm_recall_ask {
    struct dm_owned profile;
    struct dm_str message;
    const char
        *light_words; /* PostgreSQL array literal: words that say little about what is asked */
    const char *
        word_groups; /* PostgreSQL array literal: words, separated by spaces, that count as one: "{grow grew grown}" */
};

/* At most 4 examples, 4 memories and 2 traits, each kind best first and equals by id. Items: struct dm_recall_item. */
DM_MUST_CHECK enum dm_result dm_recall_store_search(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    const struct dm_recall_ask *ask,
                                                    struct dm_list *ret_items);

#endif

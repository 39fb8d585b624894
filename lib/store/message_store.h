/* Messages of a conversation. A turn is the user's message and the replies to it, numbered from 0; a row once written is not changed. */
#ifndef DM_STORE_MESSAGE_STORE_H
#define DM_STORE_MESSAGE_STORE_H

#include "store/owned.h"
#include "store/pg.h"

struct dm_usage {
    struct dm_opt_int input_tokens, output_tokens, cached_tokens;
    struct dm_opt_num cost; /* US dollars */
};

struct dm_message {
    struct dm_str id, conversation_id;
    struct dm_str parent_id; /* a reply: the message it answers */
    struct dm_str role;      /* "user", "assistant" */
    struct dm_str content;
    struct dm_opt_time created_at;
    /* Replies only. */
    struct dm_str provider, model, finish_reason;
    struct dm_opt_int profile_version;
    struct dm_opt_bool fallback; /* not made by the first provider of the chain */
    struct dm_usage *usage;      /* NULL in the user's messages */
    struct dm_str sources;       /* JSON array: the items the reply was made of */
};

/* Items: struct dm_message, oldest first; a page ends early rather than pass 512 KiB. DM_E_NOTFOUND: no such conversation. */
DM_MUST_CHECK enum dm_result dm_message_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   struct dm_owned conversation,
                                                   struct dm_slice slice, struct dm_list *ret_list,
                                                   bool *ret_more);
/*
 * Add the message (id, conversation_id and what is known; created_at is the database's) and count it in its conversation, in one
 * statement. When its id, or the reply to its parent, is there already, nothing is added, and *ret_message is what stands. DM_E_NOTFOUND: the
 * owner has no such conversation.
 */
DM_MUST_CHECK enum dm_result dm_message_store_add(struct dm_pg *pg, struct dm_ctx *ctx,
                                                  struct dm_str owner_id,
                                                  const struct dm_message *message,
                                                  struct dm_message *ret_message, bool *ret_new);
/* The first reply to a message. DM_E_NOTFOUND: it has none yet. */
DM_MUST_CHECK enum dm_result dm_message_store_reply_to(struct dm_pg *pg, struct dm_ctx *ctx,
                                                       struct dm_owned conversation,
                                                       struct dm_str message_id,
                                                       struct dm_message *ret_reply);

#endif

/* Conversations: who talks with which profile, how much and when last. */
#ifndef DM_STORE_CONVERSATION_STORE_H
#define DM_STORE_CONVERSATION_STORE_H

#include "store/owned.h"
#include "store/pg.h"

struct dm_conversation {
    struct dm_str id, profile_id;
    struct dm_str title; /* may be absent */
    struct dm_opt_int message_count;
    struct dm_opt_time last_message_at; /* unset before the first */
    struct dm_opt_time created_at, updated_at;
};

struct dm_conversation_new {
    struct dm_str profile_id;
    struct dm_str title; /* may be absent */
};

/* DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_conversation_store_find(struct dm_pg *pg, struct dm_ctx *ctx,
                                                        struct dm_owned conversation,
                                                        struct dm_conversation *ret_conversation);
/* Items: struct dm_conversation. */
DM_MUST_CHECK enum dm_result dm_conversation_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                        struct dm_str owner_id,
                                                        struct dm_slice slice,
                                                        struct dm_list *ret_list, bool *ret_more);
/*
 * Add, unless the id is there already: then *ret_new is false, and *ret_conversation is what stands. DM_E_NOTFOUND: the owner has no such
 * profile.
 */
DM_MUST_CHECK enum dm_result dm_conversation_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       struct dm_owned conversation,
                                                       const struct dm_conversation_new *what,
                                                       struct dm_conversation *ret_conversation,
                                                       bool *ret_new);

#endif

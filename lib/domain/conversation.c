/* The life of a conversation: made once, then grown by reply.c. */
#include "domain/conversation.h"

#include "store/audit_store.h"

enum dm_result dm_conversation_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   struct dm_owned conversation,
                                   struct dm_conversation *ret_conversation)
{
    return dm_conversation_store_find(domain->pg, ctx, conversation, ret_conversation);
}

enum dm_result dm_conversation_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                    struct dm_str owner_id, struct dm_slice slice,
                                    struct dm_list *ret_list, bool *ret_more)
{
    return dm_conversation_store_list(domain->pg, ctx, owner_id, slice, ret_list, ret_more);
}

enum dm_result dm_conversation_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                      struct dm_owned conversation,
                                      const struct dm_conversation_new *what,
                                      struct dm_conversation *ret_conversation)
{
    struct dm_pg_conn *conn;
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    struct dm_conversation made;
    bool is_new = false;
    r = dm_conversation_store_add(conn, ctx, conversation, what, &made, &is_new);
    const struct dm_audit_event event = {
        "conversation.create", "conversation", conversation.id, {NULL, 0}};
    if (r == DM_OK && is_new)
        r = dm_audit_store_add(conn, ctx, &event);
    r = dm_pg_end(conn, ctx, r);
    if (r == DM_OK)
        *ret_conversation = made;
    return r;
}

enum dm_result dm_conversation_messages(const struct dm_domain *domain, struct dm_ctx *ctx,
                                        struct dm_owned conversation, struct dm_slice slice,
                                        struct dm_list *ret_list, bool *ret_more)
{
    return dm_message_store_list(domain->pg, ctx, conversation, slice, ret_list, ret_more);
}

/* The audit trail's one statement, run by each domain function that changes something, before it
 * commits. */
#include "store/audit_store.h"

#include "base/id.h"

enum dm_result dm_audit_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                  const struct dm_audit_event *event)
{
    static const struct dm_pg_stmt insert = {
        .name = "audit_add",
        .sql = "INSERT INTO audit_event"
               "       (id, action, entity, entity_id, detail, correlation_id, trace_id, "
               "created_by, updated_by)"
               " VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $8)",
        .n_params = 8,
        .rows = DM_PG_NONE,
    };
    struct dm_str id = dm_id_new(ctx->arena);
    if (!id.p)
        return dm_ctx_nomem(ctx);
    const struct dm_pg_param params[] = {
        dm_pg_text(id),
        dm_pg_text(dm_str_from(event->action)),
        dm_pg_text(dm_str_from(event->entity)),
        dm_pg_text(event->entity_id),
        dm_pg_text(event->detail),
        dm_pg_text(ctx->correlation_id),
        dm_pg_text(dm_str_from(ctx->trace.trace_id)),
        dm_pg_text(ctx->actor_id),
    };
    return dm_pg_exec(conn, ctx, &insert, params, NULL);
}

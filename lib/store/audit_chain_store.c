/* The chain's statements; each runs within the transaction of domain/audit_chain.c. */
#include "store/audit_chain_store.h"

/* What DM_AUDIT_CELLS counts. jsonb has one text for one value. */
#define EVENT_CELLS                                                                                \
    " e.id, e.action, e.entity, e.entity_id, e.detail::text, e.correlation_id, e.trace_id,"        \
    " (extract(epoch FROM e.created_at) * 1000000)::bigint,"                                       \
    " (extract(epoch FROM e.updated_at) * 1000000)::bigint, e.created_by, e.updated_by"

enum dm_result dm_audit_chain_store_take(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         bool *ret_taken)
{
    static const struct dm_pg_stmt take = {
        .name = "audit_chain_take",
        .sql = "SELECT pg_try_advisory_xact_lock(hashtextextended('digitalme.audit_chain', 0))",
        .n_params = 0,
        .rows = DM_PG_ONE,
    };
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &take, NULL, &result);
    if (r == DM_OK)
        *ret_taken = dm_pg_cell_bool(&result, 0, 0);
    return r;
}

enum dm_result dm_audit_chain_store_read(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         struct dm_audit_chain *ret_chain)
{
    static const struct dm_pg_stmt read = {
        .name = "audit_chain_read",
        .sql = "SELECT anchor_seq, anchor_hash, anchor_mac, head_seq, head_hash, head_mac"
               "  FROM audit_chain",
        .n_params = 0,
        .rows = DM_PG_ONE,
    };
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &read, NULL, &result);
    if (r != DM_OK)
        return r;
    *ret_chain = (struct dm_audit_chain){
        .anchor_seq = dm_pg_cell_int(&result, 0, 0),
        .anchor_hash = dm_pg_cell(&result, 0, 1),
        .anchor_mac = dm_pg_cell(&result, 0, 2),
        .head_seq = dm_pg_cell_int(&result, 0, 3),
        .head_hash = dm_pg_cell(&result, 0, 4),
        .head_mac = dm_pg_cell(&result, 0, 5),
    };
    return DM_OK;
}

/* Columns: seq, event_id, hash, old, then the event's. */
static enum dm_result read_rows(struct dm_ctx *ctx, const struct dm_pg_result *result,
                                struct dm_list *ret_rows)
{
    struct dm_audit_row *rows = dm_arena_array(ctx->arena, result->n_rows, sizeof(*rows));
    if (rows == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < result->n_rows; i++) {
        rows[i] = (struct dm_audit_row){
            .seq = dm_pg_cell_int(result, i, 0),
            .event_id = dm_pg_cell(result, i, 1),
            .hash = dm_pg_cell(result, i, 2),
            .old = dm_pg_cell_bool(result, i, 3),
            .present = dm_pg_cell(result, i, 4).p != NULL,
        };
        for (size_t k = 0; k < DM_AUDIT_CELLS; k++)
            rows[i].cells[k] = dm_pg_cell(result, i, 4 + k);
    }
    *ret_rows = (struct dm_list){rows, result->n_rows};
    return DM_OK;
}

enum dm_result dm_audit_chain_store_waiting(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                            int64_t limit, struct dm_list *ret_rows)
{
    static const struct dm_pg_stmt select = {
        .name = "audit_chain_waiting",
        .sql = "SELECT 0, u.event_id, NULL, false," EVENT_CELLS "  FROM audit_unsealed u"
               "  JOIN audit_event e ON e.id = u.event_id"
               " ORDER BY u.created_at, u.event_id"
               " LIMIT $1",
        .n_params = 1,
        .rows = DM_PG_MANY,
    };
    const struct dm_pg_param params[] = {dm_pg_int(ctx, limit)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &select, params, &result);
    return r == DM_OK ? read_rows(ctx, &result, ret_rows) : r;
}

enum dm_result dm_audit_chain_store_seal(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         const struct dm_audit_sealing *sealing)
{
    static const struct dm_pg_stmt seal = {
        .name = "audit_chain_seal",
        .sql = "SELECT audit_seal_add($1, $2, $3, $4)",
        .n_params = 4,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_int(ctx, sealing->first_seq),
        dm_pg_text(sealing->event_ids),
        dm_pg_text(sealing->hashes),
        dm_pg_text(sealing->head_mac),
    };
    return dm_pg_exec(conn, ctx, &seal, params, NULL);
}

enum dm_result dm_audit_chain_store_sealed(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                           struct dm_audit_span span, struct dm_list *ret_rows)
{
    static const struct dm_pg_stmt select = {
        .name = "audit_chain_sealed",
        .sql = "SELECT s.seq, s.event_id, s.hash,"
               " greatest(e.created_at, s.created_at) < audit_cutoff($3)," EVENT_CELLS
               "  FROM audit_seal s"
               "  LEFT JOIN audit_event e ON e.id = s.event_id"
               " WHERE s.seq > $1"
               " ORDER BY s.seq"
               " LIMIT $2",
        .n_params = 3,
        .rows = DM_PG_MANY,
    };
    const struct dm_pg_param params[] = {
        dm_pg_int(ctx, span.after_seq),
        dm_pg_int(ctx, span.limit),
        dm_pg_int(ctx, span.keep_s),
    };
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &select, params, &result);
    return r == DM_OK ? read_rows(ctx, &result, ret_rows) : r;
}

enum dm_result dm_audit_chain_store_trim(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         int64_t through_seq, struct dm_str mac, int64_t keep_s)
{
    static const struct dm_pg_stmt trim = {
        .name = "audit_chain_trim",
        .sql = "SELECT audit_trim($1, $2, $3)",
        .n_params = 3,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_int(ctx, through_seq),
        dm_pg_text(mac),
        dm_pg_int(ctx, keep_s),
    };
    return dm_pg_exec(conn, ctx, &trim, params, NULL);
}

static enum dm_result read_ids(struct dm_ctx *ctx, const struct dm_pg_result *result,
                               struct dm_list *ret_ids)
{
    struct dm_str *ids = dm_arena_array(ctx->arena, result->n_rows, sizeof(*ids));
    if (ids == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < result->n_rows; i++)
        ids[i] = dm_pg_cell(result, i, 0);
    *ret_ids = (struct dm_list){ids, result->n_rows};
    return DM_OK;
}

enum dm_result dm_audit_chain_store_late(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         int64_t late_s, int64_t limit, struct dm_list *ret_ids)
{
    static const struct dm_pg_stmt select = {
        .name = "audit_chain_late",
        .sql = "SELECT e.id"
               "  FROM audit_event e"
               " WHERE e.created_at < now() - $1 * interval '1 second'"
               "   AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.id)"
               " ORDER BY e.created_at, e.id"
               " LIMIT $2",
        .n_params = 2,
        .rows = DM_PG_MANY,
    };
    const struct dm_pg_param params[] = {dm_pg_int(ctx, late_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &select, params, &result);
    return r == DM_OK ? read_ids(ctx, &result, ret_ids) : r;
}

enum dm_result dm_audit_chain_store_lost(struct dm_pg_conn *conn, struct dm_ctx *ctx, int64_t limit,
                                         struct dm_list *ret_ids)
{
    static const struct dm_pg_stmt select = {
        .name = "audit_chain_lost",
        .sql = "SELECT u.event_id"
               "  FROM audit_unsealed u"
               " WHERE NOT EXISTS (SELECT FROM audit_event e WHERE e.id = u.event_id)"
               " ORDER BY u.created_at, u.event_id"
               " LIMIT $1",
        .n_params = 1,
        .rows = DM_PG_MANY,
    };
    const struct dm_pg_param params[] = {dm_pg_int(ctx, limit)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &select, params, &result);
    return r == DM_OK ? read_ids(ctx, &result, ret_ids) : r;
}

/* The audit trail: an event is added by each domain function that changes something, before it commits; administrators read them. */
#include "store/audit_store.h"

#include "base/id.h"

/* What nobody can filter by or read up on must not be written: whoever adds an action learns it from his first test. */
static bool is_listed(const struct dm_audit_event *event)
{
#define ROW(action, entity, text) {action, entity},
    static const struct {
        const char *action, *entity;
    } listed[] = {DM_AUDIT_ACTIONS(ROW)};
    for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
        if (strcmp(event->action, listed[i].action) == 0)
            return strcmp(event->entity, listed[i].entity) == 0;
    return false;
}

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
    if (!is_listed(event))
        return dm_err_set(&ctx->err, DM_E_INTERNAL, "no audit action \"%s\" on \"%s\"",
                          event->action, event->entity);
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

/*
 * One statement for each filter that an index serves, so that each has one good plan, whatever else is asked for; the others are looked at row by
 * row. $1 is what the index is for.
 */
#define LIST(statement, narrowed)                                                                  \
    static const struct dm_pg_stmt statement = {                                                   \
        .name = "audit_list_" #statement,                                                          \
        .sql = "SELECT e.id, e.action, e.entity, e.entity_id, e.created_by, e.detail,"             \
               " e.correlation_id, e.trace_id, e.created_at, s.seq"                                \
               "  FROM audit_event e"                                                              \
               "  LEFT JOIN audit_seal s ON s.event_id = e.id"                                     \
               " WHERE " narrowed "   AND ($2::uuid IS NULL OR e.entity_id = $2)"                  \
               "   AND ($3::uuid IS NULL OR e.created_by = $3)"                                    \
               "   AND ($4::text IS NULL OR e.action = $4)"                                        \
               "   AND ($5::text IS NULL OR e.entity = $5)"                                        \
               "   AND e.created_at >= coalesce($6::timestamptz, '-infinity')"                     \
               "   AND e.created_at < coalesce($7::timestamptz, 'infinity')"                       \
               "   AND (e.created_at, e.id) < ("                                                   \
               "           coalesce((SELECT c.created_at FROM audit_event c WHERE c.id = $8),"     \
               "                    CASE WHEN $8::uuid IS NULL THEN 'infinity'::timestamptz"       \
               "                         ELSE '-infinity' END),"                                   \
               "           coalesce($8, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"                  \
               " ORDER BY e.created_at DESC, e.id DESC"                                            \
               " LIMIT $9",                                                                        \
        .n_params = 9,                                                                             \
        .rows = DM_PG_MANY,                                                                        \
    }
LIST(about, "e.entity_id = $1::uuid");
LIST(actor, "e.created_by = $1::uuid");
LIST(action, "e.action = $1");
LIST(entity, "e.entity = $1");
LIST(all, "$1::text IS NULL");

static void read_item(const struct dm_pg_result *rows, size_t row, struct dm_audit_item *item)
{
    *item = (struct dm_audit_item){
        .id = dm_pg_cell(rows, row, 0),
        .action = dm_pg_cell(rows, row, 1),
        .entity = dm_pg_cell(rows, row, 2),
        .entity_id = dm_pg_cell(rows, row, 3),
        .actor_id = dm_pg_cell(rows, row, 4),
        .detail = dm_pg_cell(rows, row, 5),
        .correlation_id = dm_pg_cell(rows, row, 6),
        .trace_id = dm_pg_cell(rows, row, 7),
        .created_at = dm_pg_cell_opt_time(rows, row, 8),
        .seq = dm_pg_cell_opt_int(rows, row, 9),
    };
}

/* The filter that leaves the least to look at. */
static const struct dm_pg_stmt *choose(const struct dm_audit_query *query, struct dm_str *ret_first)
{
    const struct {
        const struct dm_pg_stmt *stmt;
        struct dm_str value;
    } choices[] = {{&about, query->entity_id},
                   {&actor, query->actor_id},
                   {&action, query->action},
                   {&entity, query->entity}};
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        *ret_first = choices[i].value;
        if (choices[i].value.p != NULL)
            return choices[i].stmt;
    }
    return &all;
}

enum dm_result dm_audit_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                   const struct dm_audit_query *query, struct dm_slice slice,
                                   struct dm_list *ret_list, bool *ret_more)
{
    struct dm_str first;
    const struct dm_pg_stmt *stmt = choose(query, &first);
    const struct dm_pg_param params[] = {
        dm_pg_text(first),
        dm_pg_text(query->entity_id),
        dm_pg_text(query->actor_id),
        dm_pg_text(query->action),
        dm_pg_text(query->entity),
        dm_pg_opt_time(ctx, query->from),
        dm_pg_opt_time(ctx, query->to),
        dm_pg_text(slice.after_id),
        dm_pg_int(ctx, slice.limit + 1),
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, stmt, params, &rows);
    if (r != DM_OK)
        return r;
    struct dm_audit_item *items = dm_arena_array(ctx->arena, rows.n_rows, sizeof(*items));
    if (items == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < rows.n_rows; i++)
        read_item(&rows, i, &items[i]);
    *ret_list = (struct dm_list){items, rows.n_rows};
    *ret_more = dm_slice_cut(slice, ret_list);
    return DM_OK;
}

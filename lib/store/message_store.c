/*
 * The statements on message. Adding one is a single statement that also counts it, so that a message is never there uncounted, and a try
 * that comes twice adds and counts once.
 */
#include "store/message_store.h"

#define MESSAGE_COLUMNS                                                                            \
    "m.id, m.conversation_id, m.parent_id, m.role, m.content, "                                    \
    "m.provider, m.model, m.finish_reason, m.profile_version, m.fallback, "                        \
    "m.input_tokens, m.output_tokens, m.cached_tokens, m.cost, m.sources, "                        \
    "m.created_at "

/* In the order of MESSAGE_COLUMNS. */
static enum dm_result read_message(struct dm_ctx *ctx, const struct dm_pg_result *rows, size_t row,
                                   struct dm_message *ret_message)
{
    struct dm_usage *usage = NULL;
    struct dm_opt_bool fallback = {false, false};
    if (dm_pg_cell(rows, row, 10).p != NULL) {
        usage = dm_arena_alloc(ctx->arena, sizeof(*usage));
        if (usage == NULL)
            return dm_ctx_nomem(ctx);
        *usage = (struct dm_usage){
            .input_tokens = dm_pg_cell_opt_int(rows, row, 10),
            .output_tokens = dm_pg_cell_opt_int(rows, row, 11),
            .cached_tokens = dm_pg_cell_opt_int(rows, row, 12),
            .cost = dm_pg_cell_opt_num(rows, row, 13),
        };
        fallback = (struct dm_opt_bool){true, dm_pg_cell_bool(rows, row, 9)};
    }
    *ret_message = (struct dm_message){
        .id = dm_pg_cell(rows, row, 0),
        .conversation_id = dm_pg_cell(rows, row, 1),
        .parent_id = dm_pg_cell(rows, row, 2),
        .role = dm_pg_cell(rows, row, 3),
        .content = dm_pg_cell(rows, row, 4),
        .provider = dm_pg_cell(rows, row, 5),
        .model = dm_pg_cell(rows, row, 6),
        .finish_reason = dm_pg_cell(rows, row, 7),
        .profile_version = dm_pg_cell_opt_int(rows, row, 8),
        .fallback = fallback,
        .usage = usage,
        .sources = dm_pg_cell(rows, row, 14),
        .created_at = dm_pg_cell_opt_time(rows, row, 15),
    };
    return DM_OK;
}

/*
 * The page's rows are numbered by their bytes so far: what begins beyond 512 KiB is left for the next page, but for the first row. The
 * last column tells whether anything was left.
 */
static const struct dm_pg_stmt list_stmt = {
    .name = "message_list",
    .sql = "SELECT " MESSAGE_COLUMNS ", m.rest "
           "FROM conversation c LEFT JOIN LATERAL ("
           "SELECT page.*, count(*) OVER () > $4 OR bool_or(before > 524288) OVER () AS rest, "
           "row_number() OVER (ORDER BY page.id) AS place "
           "FROM ("
           "SELECT message.*, "
           "sum(octet_length(content)) OVER (ORDER BY id) - octet_length(content) AS before "
           "FROM message "
           "WHERE conversation_id = c.id AND ($3::uuid IS NULL OR id > $3) "
           "ORDER BY id "
           "LIMIT $4 + 1"
           ") page"
           ") m ON m.place <= $4 AND m.before <= 524288 "
           "WHERE c.id = $1 AND c.owner_id = $2 "
           "ORDER BY m.id",
    .n_params = 4,
    .rows = DM_PG_MANY,
};

enum dm_result dm_message_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                     struct dm_owned conversation, struct dm_slice slice,
                                     struct dm_list *ret_list, bool *ret_more)
{
    const struct dm_pg_param params[] = {dm_pg_text(conversation.id),
                                         dm_pg_text(conversation.owner_id),
                                         dm_pg_text(slice.after_id), dm_pg_int(ctx, slice.limit)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &list_stmt, params, &rows);
    if (r != DM_OK)
        return r;
    if (rows.n_rows == 0)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "There is no such conversation.");
    size_t n = dm_pg_cell(&rows, 0, 0).p != NULL ? rows.n_rows : 0;
    struct dm_message *items = dm_arena_array(ctx->arena, n, sizeof(*items));
    if (items == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; r == DM_OK && i < n; i++)
        r = read_message(ctx, &rows, i, &items[i]);
    if (r != DM_OK)
        return r;
    *ret_list = (struct dm_list){items, n};
    *ret_more = n > 0 && dm_pg_cell_bool(&rows, 0, 16);
    return DM_OK;
}

/* FOR NO KEY UPDATE: taken first what the count below needs, so that two messages at once wait and do not deadlock. */
static const struct dm_pg_stmt add_stmt = {
    .name = "message_add",
    .sql = "WITH c AS ("
           "SELECT id FROM conversation WHERE id = $1 AND owner_id = $2 FOR NO KEY UPDATE"
           "), m AS ("
           "INSERT INTO message (conversation_id, created_by, updated_by, id, parent_id, role, "
           "content, provider, model, finish_reason, profile_version, fallback, "
           "input_tokens, output_tokens, cached_tokens, cost, sources) "
           "SELECT c.id, $3::uuid, $3::uuid, $4::uuid, $5::uuid, $6::text, "
           "$7::text, $8::text, $9::text, $10::text, $11::integer, $12::boolean, "
           "$13::bigint, $14::bigint, $15::bigint, $16::float8, $17::jsonb "
           "FROM c "
           "ON CONFLICT DO NOTHING "
           "RETURNING *"
           "), counted AS ("
           "UPDATE conversation "
           "SET message_count = message_count + 1, last_message_at = greatest(last_message_at, "
           "m.created_at), "
           "updated_at = m.created_at, updated_by = m.created_by "
           "FROM m "
           "WHERE conversation.id = m.conversation_id"
           ") SELECT " MESSAGE_COLUMNS "FROM m",
    .n_params = 17,
    .rows = DM_PG_MANY,
};

/* What stood in the way: the same id, or another reply to the same message. */
static const struct dm_pg_stmt standing_stmt = {
    .name = "message_standing",
    .sql =
        "SELECT " MESSAGE_COLUMNS "FROM message m JOIN conversation c ON c.id = m.conversation_id "
        "WHERE c.id = $1 AND c.owner_id = $2 "
        "AND (m.id = $3 OR (m.parent_id = $4 AND m.role = 'assistant' AND m.variant = 0)) "
        "ORDER BY m.id "
        "LIMIT 1",
    .n_params = 4,
    .rows = DM_PG_ONE,
};

static struct dm_usage usage_of(const struct dm_message *message)
{
    return message->usage != NULL ? *message->usage : (struct dm_usage){0};
}

enum dm_result dm_message_store_add(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str owner_id,
                                    const struct dm_message *message,
                                    struct dm_message *ret_message, bool *ret_new)
{
    const struct dm_usage usage = usage_of(message);
    bool reply = message->usage != NULL;
    const struct dm_pg_param params[] = {
        dm_pg_text(message->conversation_id),
        dm_pg_text(owner_id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(message->id),
        dm_pg_text(message->parent_id),
        dm_pg_text(message->role),
        dm_pg_text(message->content),
        dm_pg_text(message->provider),
        dm_pg_text(message->model),
        dm_pg_text(message->finish_reason),
        dm_pg_opt_int(ctx, message->profile_version),
        dm_pg_opt_bool(message->fallback),
        dm_pg_opt_int(ctx, usage.input_tokens),
        dm_pg_opt_int(ctx, usage.output_tokens),
        dm_pg_opt_int(ctx, usage.cached_tokens),
        dm_pg_opt_num(ctx, usage.cost),
        dm_pg_text(message->sources),
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &add_stmt, params, &rows);
    bool added = r == DM_OK && rows.n_rows == 1;
    if (r == DM_OK && !added) {
        const struct dm_pg_param key[] = {
            params[0], params[1], params[3],
            dm_pg_text(reply ? message->parent_id : (struct dm_str){NULL, 0})};
        r = dm_pg_run(pg, ctx, &standing_stmt, key, &rows);
    }
    if (r == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "There is no such conversation.");
    if (r == DM_OK)
        r = read_message(ctx, &rows, 0, ret_message);
    if (r == DM_OK)
        *ret_new = added;
    return r;
}

static const struct dm_pg_stmt reply_stmt = {
    .name = "message_reply",
    .sql =
        "SELECT " MESSAGE_COLUMNS "FROM message m JOIN conversation c ON c.id = m.conversation_id "
        "WHERE c.id = $1 AND c.owner_id = $2 "
        "AND m.parent_id = $3 AND m.role = 'assistant' AND m.variant = 0",
    .n_params = 3,
    .rows = DM_PG_ONE,
};

enum dm_result dm_message_store_reply_to(struct dm_pg *pg, struct dm_ctx *ctx,
                                         struct dm_owned conversation, struct dm_str message_id,
                                         struct dm_message *ret_reply)
{
    const struct dm_pg_param params[] = {dm_pg_text(conversation.id),
                                         dm_pg_text(conversation.owner_id), dm_pg_text(message_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &reply_stmt, params, &rows);
    return r == DM_OK ? read_message(ctx, &rows, 0, ret_reply) : r;
}

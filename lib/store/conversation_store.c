/* The statements on conversation. Its figures (message_count, last_message_at) are kept by message_store.c, with the messages. */
#include "store/conversation_store.h"

#include "store/rows.h"

#define CONVERSATION_TIMES "last_message_at, created_at, updated_at "
#define CONVERSATION_COLUMNS "id, profile_id, title, message_count, " CONVERSATION_TIMES

/* In the order of CONVERSATION_COLUMNS. */
static void read_conversation(const struct dm_pg_result *rows, size_t row, void *ret_conversation)
{
    *(struct dm_conversation *)ret_conversation = (struct dm_conversation){
        .id = dm_pg_cell(rows, row, 0),
        .profile_id = dm_pg_cell(rows, row, 1),
        .title = dm_pg_cell(rows, row, 2),
        .message_count = dm_pg_cell_opt_int(rows, row, 3),
        .last_message_at = dm_pg_cell_opt_time(rows, row, 4),
        .created_at = dm_pg_cell_opt_time(rows, row, 5),
        .updated_at = dm_pg_cell_opt_time(rows, row, 6),
    };
}

static const struct dm_pg_stmt find_stmt = {
    .name = "conversation_by_id",
    .sql = "SELECT " CONVERSATION_COLUMNS "FROM conversation "
           "WHERE id = $1 AND owner_id = $2",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_conversation_store_find(struct dm_pg *pg, struct dm_ctx *ctx,
                                          struct dm_owned conversation,
                                          struct dm_conversation *ret_conversation)
{
    const struct dm_pg_param params[] = {dm_pg_text(conversation.id),
                                         dm_pg_text(conversation.owner_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &find_stmt, params, &rows);
    if (r == DM_OK)
        read_conversation(&rows, 0, ret_conversation);
    return r;
}

static const struct dm_pg_stmt list_stmt = {
    .name = "conversation_list",
    .sql = "SELECT " CONVERSATION_COLUMNS "FROM conversation "
           "WHERE owner_id = $1 AND ($2::uuid IS NULL OR id > $2) "
           "ORDER BY id "
           "LIMIT $3",
    .n_params = 3,
    .rows = DM_PG_MANY,
};

static const struct dm_rows_list list = {
    .stmt = &list_stmt, .item_size = sizeof(struct dm_conversation), .read = read_conversation};

enum dm_result dm_conversation_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                          struct dm_str owner_id, struct dm_slice slice,
                                          struct dm_list *ret_list, bool *ret_more)
{
    return dm_rows_of_owner(pg, ctx, &list, owner_id, slice, ret_list, ret_more);
}

static const struct dm_pg_stmt add_stmt = {
    .name = "conversation_add",
    .sql = "INSERT INTO conversation (id, owner_id, created_by, updated_by, profile_id, title) "
           "SELECT $1::uuid, p.owner_id, $3::uuid, $3::uuid, p.id, $5::text "
           "FROM profile p "
           "WHERE p.id = $4 AND p.owner_id = $2 "
           "ON CONFLICT (id) DO NOTHING "
           "RETURNING " CONVERSATION_COLUMNS,
    .n_params = 5,
    .rows = DM_PG_MANY,
};

static const struct dm_rows_new add = {.add = &add_stmt, .find = &find_stmt};

enum dm_result dm_conversation_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         struct dm_owned conversation,
                                         const struct dm_conversation_new *what,
                                         struct dm_conversation *ret_conversation, bool *ret_new)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(conversation.id), dm_pg_text(conversation.owner_id), dm_pg_text(ctx->actor_id),
        dm_pg_text(what->profile_id), dm_pg_text(what->title)};
    struct dm_pg_result rows;
    enum dm_result r = dm_rows_add(conn, ctx, &add, params, &rows, ret_new);
    if (r == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "There is no such profile.");
    if (r == DM_OK)
        read_conversation(&rows, 0, ret_conversation);
    return r;
}

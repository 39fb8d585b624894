/* The statements on memory. A list begins at the profile, so that one statement tells "none yet"
 * from "no such profile". */
#include "store/memory_store.h"

#include "store/rows.h"

#define MEMORY_TIMES "m.occurred_at, m.created_at, m.updated_at "
#define MEMORY_COLUMNS "m.id, m.profile_id, m.kind, m.text, m.source, m.importance, " MEMORY_TIMES

/* In the order of MEMORY_COLUMNS. */
static void read_memory(const struct dm_pg_result *rows, size_t row, void *ret_memory)
{
    *(struct dm_memory *)ret_memory = (struct dm_memory){
        .id = dm_pg_cell(rows, row, 0),
        .profile_id = dm_pg_cell(rows, row, 1),
        .content =
            {
                .kind = dm_pg_cell(rows, row, 2),
                .text = dm_pg_cell(rows, row, 3),
                .source = dm_pg_cell(rows, row, 4),
                .importance = dm_pg_cell_opt_num(rows, row, 5),
                .occurred_at = dm_pg_cell_opt_time(rows, row, 6),
            },
        .created_at = dm_pg_cell_opt_time(rows, row, 7),
        .updated_at = dm_pg_cell_opt_time(rows, row, 8),
    };
}

static const struct dm_pg_stmt list_stmt = {
    .name = "memory_list",
    .sql = "SELECT " MEMORY_COLUMNS "FROM profile p LEFT JOIN LATERAL ("
           "SELECT * FROM memory "
           "WHERE profile_id = p.id AND ($3::uuid IS NULL OR id > $3) "
           "ORDER BY id "
           "LIMIT $4"
           ") m ON true "
           "WHERE p.id = $1 AND p.owner_id = $2 "
           "ORDER BY m.id",
    .n_params = 4,
    .rows = DM_PG_MANY,
};

static const struct dm_rows_list list = {
    .stmt = &list_stmt, .item_size = sizeof(struct dm_memory), .read = read_memory};

enum dm_result dm_memory_store_list(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_owned profile,
                                    struct dm_slice slice, struct dm_list *ret_list, bool *ret_more)
{
    return dm_rows_of_profile(pg, ctx, &list, profile, slice, ret_list, ret_more);
}

/* FOR SHARE: the profile's language must not change between reading it here and the row's being
 * there. */
static const struct dm_pg_stmt add_stmt = {
    .name = "memory_add",
    .sql = "WITH p AS (SELECT id, language FROM profile WHERE id = $1 AND owner_id = $2 FOR SHARE) "
           "INSERT INTO memory AS m (profile_id, language, created_by, updated_by, id, "
           "kind, text, source, occurred_at, importance) "
           "SELECT p.id, p.language, $4::uuid, $4::uuid, $3::uuid, "
           "$5::text, $6::text, $7::text, $8::timestamptz, $9::float8 "
           "FROM p "
           "ON CONFLICT (id) DO NOTHING "
           "RETURNING " MEMORY_COLUMNS,
    .n_params = 9,
    .rows = DM_PG_MANY,
};

static const struct dm_pg_stmt find_stmt = {
    .name = "memory_by_id",
    .sql = "SELECT " MEMORY_COLUMNS "FROM memory m JOIN profile p ON p.id = m.profile_id "
           "WHERE m.id = $3 AND p.id = $1 AND p.owner_id = $2",
    .n_params = 3,
    .rows = DM_PG_ONE,
};

static const struct dm_rows_new add = {.add = &add_stmt, .find = &find_stmt};

enum dm_result dm_memory_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                   struct dm_owned profile, struct dm_str id,
                                   const struct dm_memory_write *write,
                                   struct dm_memory *ret_memory, bool *ret_new)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(profile.id),
        dm_pg_text(profile.owner_id),
        dm_pg_text(id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(write->kind),
        dm_pg_text(write->text),
        dm_pg_text(write->source),
        dm_pg_opt_time(ctx, write->occurred_at),
        dm_pg_opt_num(ctx, write->importance),
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_rows_add(conn, ctx, &add, params, &rows, ret_new);
    if (r == DM_OK)
        read_memory(&rows, 0, ret_memory);
    return r;
}

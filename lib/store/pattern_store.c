/* The statements on pattern. A list begins at the profile, so that one statement tells "none yet"
 * from "no such profile". */
#include "store/pattern_store.h"

#include "store/rows.h"

#define PATTERN_COLUMNS                                                                            \
    "t.id, t.profile_id, t.name, t.trigger, t.conditions, t.modifications, t.priority, "           \
    "t.is_active, "                                                                                \
    "t.created_at, t.updated_at "

/* In the order of PATTERN_COLUMNS. */
static void read_pattern(const struct dm_pg_result *rows, size_t row, void *ret_pattern)
{
    *(struct dm_pattern *)ret_pattern = (struct dm_pattern){
        .id = dm_pg_cell(rows, row, 0),
        .profile_id = dm_pg_cell(rows, row, 1),
        .content =
            {
                .name = dm_pg_cell(rows, row, 2),
                .trigger = dm_pg_cell(rows, row, 3),
                .conditions = dm_pg_cell(rows, row, 4),
                .modifications = dm_pg_cell(rows, row, 5),
                .priority = dm_pg_cell_opt_int(rows, row, 6),
                .is_active = {true, dm_pg_cell_bool(rows, row, 7)},
            },
        .created_at = dm_pg_cell_opt_time(rows, row, 8),
        .updated_at = dm_pg_cell_opt_time(rows, row, 9),
    };
}

static const struct dm_pg_stmt list_stmt = {
    .name = "pattern_list",
    .sql = "SELECT " PATTERN_COLUMNS "FROM profile p LEFT JOIN LATERAL ("
           "SELECT * FROM pattern "
           "WHERE profile_id = p.id AND ($3::uuid IS NULL OR id > $3) "
           "ORDER BY id "
           "LIMIT $4"
           ") t ON true "
           "WHERE p.id = $1 AND p.owner_id = $2 "
           "ORDER BY t.id",
    .n_params = 4,
    .rows = DM_PG_MANY,
};

static const struct dm_rows_list list = {
    .stmt = &list_stmt, .item_size = sizeof(struct dm_pattern), .read = read_pattern};

enum dm_result dm_pattern_store_list(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_owned profile,
                                     struct dm_slice slice, struct dm_list *ret_list,
                                     bool *ret_more)
{
    return dm_rows_of_profile(pg, ctx, &list, profile, slice, ret_list, ret_more);
}

static const struct dm_pg_stmt add_stmt = {
    .name = "pattern_add",
    .sql = "INSERT INTO pattern AS t (profile_id, created_by, updated_by, id, "
           "name, trigger, conditions, modifications, priority, is_active) "
           "SELECT p.id, $4::uuid, $4::uuid, $3::uuid, "
           "$5::text, $6::text, $7::jsonb, $8::jsonb, $9::integer, $10::boolean "
           "FROM profile p "
           "WHERE p.id = $1 AND p.owner_id = $2 "
           "ON CONFLICT (id) DO NOTHING "
           "RETURNING " PATTERN_COLUMNS,
    .n_params = 10,
    .rows = DM_PG_MANY,
};

static const struct dm_pg_stmt find_stmt = {
    .name = "pattern_by_id",
    .sql = "SELECT " PATTERN_COLUMNS "FROM pattern t JOIN profile p ON p.id = t.profile_id "
           "WHERE t.id = $3 AND p.id = $1 AND p.owner_id = $2",
    .n_params = 3,
    .rows = DM_PG_ONE,
};

static const struct dm_rows_new add = {.add = &add_stmt, .find = &find_stmt};

enum dm_result dm_pattern_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    struct dm_owned profile, struct dm_str id,
                                    const struct dm_pattern_write *write,
                                    struct dm_pattern *ret_pattern, bool *ret_new)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(profile.id),
        dm_pg_text(profile.owner_id),
        dm_pg_text(id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(write->name),
        dm_pg_text(write->trigger),
        dm_pg_text(write->conditions),
        dm_pg_text(write->modifications),
        dm_pg_opt_int(ctx, write->priority),
        dm_pg_opt_bool(write->is_active),
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_rows_add(conn, ctx, &add, params, &rows, ret_new);
    if (r == DM_OK)
        read_pattern(&rows, 0, ret_pattern);
    return r;
}

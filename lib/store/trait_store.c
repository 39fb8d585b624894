/* The statements on trait. A list begins at the profile, so that one statement tells "none yet"
 * from "no such profile". */
#include "store/trait_store.h"

#include "store/rows.h"

#define TRAIT_COLUMNS                                                                              \
    "t.id, t.profile_id, t.category, t.name, t.description, t.weight, t.confidence, "              \
    "t.context_tags, t.example_expressions, t.impact_level, t.source, t.is_active, "               \
    "t.created_at, t.updated_at "

/* In the order of TRAIT_COLUMNS. */
static void read_trait(const struct dm_pg_result *rows, size_t row, void *ret_trait)
{
    *(struct dm_trait *)ret_trait = (struct dm_trait){
        .id = dm_pg_cell(rows, row, 0),
        .profile_id = dm_pg_cell(rows, row, 1),
        .content =
            {
                .category = dm_pg_cell(rows, row, 2),
                .name = dm_pg_cell(rows, row, 3),
                .description = dm_pg_cell(rows, row, 4),
                .weight = dm_pg_cell_opt_num(rows, row, 5),
                .confidence = dm_pg_cell_opt_num(rows, row, 6),
                .context_tags = dm_pg_cell(rows, row, 7),
                .example_expressions = dm_pg_cell(rows, row, 8),
                .impact_level = dm_pg_cell(rows, row, 9),
                .source = dm_pg_cell(rows, row, 10),
                .is_active = {true, dm_pg_cell_bool(rows, row, 11)},
            },
        .created_at = dm_pg_cell_opt_time(rows, row, 12),
        .updated_at = dm_pg_cell_opt_time(rows, row, 13),
    };
}

static const struct dm_pg_stmt list_stmt = {
    .name = "trait_list",
    .sql = "SELECT " TRAIT_COLUMNS "FROM profile p LEFT JOIN LATERAL ("
           "SELECT * FROM trait "
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
    .stmt = &list_stmt, .item_size = sizeof(struct dm_trait), .read = read_trait};

enum dm_result dm_trait_store_list(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_owned profile,
                                   struct dm_slice slice, struct dm_list *ret_list, bool *ret_more)
{
    return dm_rows_of_profile(pg, ctx, &list, profile, slice, ret_list, ret_more);
}

/* FOR SHARE: the profile's language must not change between reading it here and the row's being
 * there. */
static const struct dm_pg_stmt add_stmt = {
    .name = "trait_add",
    .sql = "WITH p AS (SELECT id, language FROM profile WHERE id = $1 AND owner_id = $2 FOR SHARE) "
           "INSERT INTO trait AS t (profile_id, language, created_by, updated_by, id, "
           "category, name, description, weight, confidence, "
           "context_tags, example_expressions, impact_level, source, is_active) "
           "SELECT p.id, p.language, $4::uuid, $4::uuid, $3::uuid, "
           "$5::text, $6::text, $7::text, $8::float8, $9::float8, "
           "$10::jsonb, $11::jsonb, $12::text, $13::text, $14::boolean "
           "FROM p "
           "ON CONFLICT (id) DO NOTHING "
           "RETURNING " TRAIT_COLUMNS,
    .n_params = 14,
    .rows = DM_PG_MANY,
};

static const struct dm_pg_stmt find_stmt = {
    .name = "trait_by_id",
    .sql = "SELECT " TRAIT_COLUMNS "FROM trait t JOIN profile p ON p.id = t.profile_id "
           "WHERE t.id = $3 AND p.id = $1 AND p.owner_id = $2",
    .n_params = 3,
    .rows = DM_PG_ONE,
};

static const struct dm_rows_new add = {.add = &add_stmt, .find = &find_stmt};

enum dm_result dm_trait_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                  struct dm_owned profile, struct dm_str id,
                                  const struct dm_trait_write *write, struct dm_trait *ret_trait,
                                  bool *ret_new)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(profile.id),
        dm_pg_text(profile.owner_id),
        dm_pg_text(id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(write->category),
        dm_pg_text(write->name),
        dm_pg_text(write->description),
        dm_pg_opt_num(ctx, write->weight),
        dm_pg_opt_num(ctx, write->confidence),
        dm_pg_text(write->context_tags),
        dm_pg_text(write->example_expressions),
        dm_pg_text(write->impact_level),
        dm_pg_text(write->source),
        dm_pg_opt_bool(write->is_active),
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_rows_add(conn, ctx, &add, params, &rows, ret_new);
    if (r == DM_OK)
        read_trait(&rows, 0, ret_trait);
    return r;
}

/*
 * The statements on profile and example_dialogue. Reading one profile is the product's most
 * frequent statement: by primary key, JSON columns as text that goes to the client as it is.
 */
#include "store/profile_store.h"

#include "store/rows.h"

#define PROFILE_TIMES "created_at, updated_at "
#define PROFILE_COLUMNS                                                                            \
    "id, owner_id, name, description, age, profession, location, language, "                       \
    "core_values, communication_style, technical_preferences, big_five, example_dialogues, "       \
    "visibility, is_active, change_reason, accuracy_score, version, created_by, "                  \
    "updated_by, " PROFILE_TIMES

static struct dm_opt_bool cell_opt_bool(const struct dm_pg_result *rows, size_t row, size_t column)
{
    return (struct dm_opt_bool){dm_pg_cell(rows, row, column).p != NULL,
                                dm_pg_cell_bool(rows, row, column)};
}

/* In the order of PROFILE_COLUMNS. */
static void read_profile(const struct dm_pg_result *rows, struct dm_profile *ret_profile)
{
    *ret_profile = (struct dm_profile){
        .id = dm_pg_cell(rows, 0, 0),
        .owner_id = dm_pg_cell(rows, 0, 1),
        .content =
            {
                .name = dm_pg_cell(rows, 0, 2),
                .description = dm_pg_cell(rows, 0, 3),
                .age = dm_pg_cell_opt_int(rows, 0, 4),
                .profession = dm_pg_cell(rows, 0, 5),
                .location = dm_pg_cell(rows, 0, 6),
                .language = dm_pg_cell(rows, 0, 7),
                .core_values = dm_pg_cell(rows, 0, 8),
                .communication_style = dm_pg_cell(rows, 0, 9),
                .technical_preferences = dm_pg_cell(rows, 0, 10),
                .big_five = dm_pg_cell(rows, 0, 11),
                .example_dialogues = dm_pg_cell(rows, 0, 12),
                .visibility = dm_pg_cell(rows, 0, 13),
                .is_active = cell_opt_bool(rows, 0, 14),
                .change_reason = dm_pg_cell(rows, 0, 15),
            },
        .accuracy_score = dm_pg_cell_opt_num(rows, 0, 16),
        .version = dm_pg_cell_opt_int(rows, 0, 17),
        .created_by = dm_pg_cell(rows, 0, 18),
        .updated_by = dm_pg_cell(rows, 0, 19),
        .created_at = dm_pg_cell_opt_time(rows, 0, 20),
        .updated_at = dm_pg_cell_opt_time(rows, 0, 21),
    };
}

static const struct dm_pg_stmt find_stmt = {
    .name = "profile_by_id",
    .sql = "SELECT " PROFILE_COLUMNS "FROM profile "
           "WHERE id = $1 AND owner_id = $2",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_profile_store_find(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_owned profile,
                                     struct dm_profile *ret_profile)
{
    const struct dm_pg_param params[] = {dm_pg_text(profile.id), dm_pg_text(profile.owner_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &find_stmt, params, &rows);
    if (r == DM_OK)
        read_profile(&rows, ret_profile);
    return r;
}

static const struct dm_pg_stmt of_conversation_stmt = {
    .name = "profile_of_conversation",
    .sql = "SELECT " PROFILE_COLUMNS "FROM profile "
           "WHERE id = (SELECT profile_id FROM conversation WHERE id = $1 AND owner_id = $2) "
           "AND owner_id = $2",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_profile_store_of_conversation(struct dm_pg *pg, struct dm_ctx *ctx,
                                                struct dm_owned conversation,
                                                struct dm_profile *ret_profile)
{
    const struct dm_pg_param params[] = {dm_pg_text(conversation.id),
                                         dm_pg_text(conversation.owner_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &of_conversation_stmt, params, &rows);
    if (r == DM_OK)
        read_profile(&rows, ret_profile);
    return r;
}

static const struct dm_pg_stmt list_stmt = {
    .name = "profile_list",
    .sql = "SELECT id, name, profession, location, language, visibility, is_active, "
           "version, "
           "created_at, updated_at "
           "FROM profile "
           "WHERE owner_id = $1 AND ($2::uuid IS NULL OR id > $2) "
           "ORDER BY id "
           "LIMIT $3",
    .n_params = 3,
    .rows = DM_PG_MANY,
};

static void read_summary(const struct dm_pg_result *rows, size_t row, void *ret_summary)
{
    *(struct dm_profile_summary *)ret_summary = (struct dm_profile_summary){
        .id = dm_pg_cell(rows, row, 0),
        .name = dm_pg_cell(rows, row, 1),
        .profession = dm_pg_cell(rows, row, 2),
        .location = dm_pg_cell(rows, row, 3),
        .language = dm_pg_cell(rows, row, 4),
        .visibility = dm_pg_cell(rows, row, 5),
        .is_active = cell_opt_bool(rows, row, 6),
        .version = dm_pg_cell_opt_int(rows, row, 7),
        .created_at = dm_pg_cell_opt_time(rows, row, 8),
        .updated_at = dm_pg_cell_opt_time(rows, row, 9),
    };
}

static const struct dm_rows_list list = {
    .stmt = &list_stmt, .item_size = sizeof(struct dm_profile_summary), .read = read_summary};

enum dm_result dm_profile_store_list(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str owner_id,
                                     struct dm_slice slice, struct dm_list *ret_list,
                                     bool *ret_more)
{
    return dm_rows_of_owner(pg, ctx, &list, owner_id, slice, ret_list, ret_more);
}

/* $1 id, $2 owner, $3 actor, then what an owner writes. */
#define WRITE_PARAMS 17
static void write_params(struct dm_ctx *ctx, struct dm_owned profile,
                         const struct dm_profile_write *write,
                         struct dm_pg_param ret_params[WRITE_PARAMS])
{
    const struct dm_pg_param params[WRITE_PARAMS] = {
        dm_pg_text(profile.id),
        dm_pg_text(profile.owner_id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(write->name),
        dm_pg_text(write->description),
        dm_pg_opt_int(ctx, write->age),
        dm_pg_text(write->profession),
        dm_pg_text(write->location),
        dm_pg_text(write->language),
        dm_pg_text(write->core_values),
        dm_pg_text(write->communication_style),
        dm_pg_text(write->technical_preferences),
        dm_pg_text(write->big_five),
        dm_pg_text(write->example_dialogues),
        dm_pg_text(write->visibility),
        dm_pg_opt_bool(write->is_active),
        dm_pg_text(write->change_reason),
    };
    memcpy(ret_params, params, sizeof(params));
}

static const struct dm_pg_stmt add_stmt = {
    .name = "profile_add",
    .sql =
        "INSERT INTO profile (id, owner_id, created_by, updated_by, "
        "name, description, age, profession, location, language, "
        "core_values, communication_style, technical_preferences, big_five, example_dialogues, "
        "visibility, is_active, change_reason) "
        "VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) "
        "ON CONFLICT (id) DO NOTHING "
        "RETURNING " PROFILE_COLUMNS,
    .n_params = WRITE_PARAMS,
    .rows = DM_PG_MANY,
};

static const struct dm_rows_new add = {.add = &add_stmt, .find = &find_stmt};

enum dm_result dm_profile_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    struct dm_owned profile, const struct dm_profile_write *write,
                                    struct dm_profile *ret_profile, bool *ret_new)
{
    struct dm_pg_param params[WRITE_PARAMS];
    write_params(ctx, profile, write, params);
    struct dm_pg_result rows;
    enum dm_result r = dm_rows_add(conn, ctx, &add, params, &rows, ret_new);
    if (r == DM_OK)
        read_profile(&rows, ret_profile);
    return r;
}

static const struct dm_pg_stmt lock_stmt = {
    .name = "profile_lock",
    .sql = "SELECT version, example_dialogues = $3::jsonb, language IS NOT DISTINCT FROM $4::text "
           "FROM profile "
           "WHERE id = $1 AND owner_id = $2 "
           "FOR UPDATE",
    .n_params = 4,
    .rows = DM_PG_ONE,
};

enum dm_result dm_profile_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                     struct dm_owned profile, const struct dm_profile_write *write,
                                     struct dm_profile_state *ret_state)
{
    const struct dm_pg_param params[] = {dm_pg_text(profile.id), dm_pg_text(profile.owner_id),
                                         dm_pg_text(write->example_dialogues),
                                         dm_pg_text(write->language)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &lock_stmt, params, &rows);
    if (r == DM_OK)
        *ret_state = (struct dm_profile_state){
            .version = dm_pg_cell_int(&rows, 0, 0),
            .same_examples = dm_pg_cell_bool(&rows, 0, 1),
            .same_language = dm_pg_cell_bool(&rows, 0, 2),
        };
    return r;
}

static const struct dm_pg_stmt update_stmt = {
    .name = "profile_update",
    .sql = "UPDATE profile "
           "SET updated_by = $3, updated_at = now(), version = version + 1, "
           "name = $4, description = $5, age = $6, profession = $7, location = $8, language = $9, "
           "core_values = $10, communication_style = $11, technical_preferences = $12, "
           "big_five = $13, example_dialogues = $14, "
           "visibility = $15, is_active = $16, change_reason = $17 "
           "WHERE id = $1 AND owner_id = $2 "
           "RETURNING " PROFILE_COLUMNS,
    .n_params = WRITE_PARAMS,
    .rows = DM_PG_ONE,
};

enum dm_result dm_profile_store_update(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                       struct dm_owned profile,
                                       const struct dm_profile_write *write,
                                       struct dm_profile *ret_profile)
{
    struct dm_pg_param params[WRITE_PARAMS];
    write_params(ctx, profile, write, params);
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &update_stmt, params, &rows);
    if (r == DM_OK)
        read_profile(&rows, ret_profile);
    return r;
}

static const struct dm_pg_stmt examples_delete_stmt = {
    .name = "example_dialogue_delete",
    .sql = "DELETE FROM example_dialogue "
           "WHERE profile_id = (SELECT id FROM profile WHERE id = $1 AND owner_id = $2)",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt examples_add_stmt = {
    .name = "example_dialogue_add",
    .sql = "INSERT INTO example_dialogue "
           "(profile_id, position, user_text, reply_text, language, created_by, updated_by) "
           "SELECT p.id, d.position - 1, d.item ->> 'user', d.item ->> 'reply', p.language, "
           "p.updated_by, p.updated_by "
           "FROM profile p, "
           "jsonb_array_elements(p.example_dialogues) WITH ORDINALITY AS d (item, position) "
           "WHERE p.id = $1 AND p.owner_id = $2",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_profile_store_index_examples(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               struct dm_owned profile)
{
    const struct dm_pg_param params[] = {dm_pg_text(profile.id), dm_pg_text(profile.owner_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &examples_delete_stmt, params, &rows);
    if (r != DM_OK)
        return r;
    return dm_pg_exec(conn, ctx, &examples_add_stmt, params, &rows);
}

#define LANGUAGE_SQL(table)                                                                        \
    "UPDATE " table " SET language = p.language "                                                  \
    "FROM profile p "                                                                              \
    "WHERE p.id = $1 AND p.owner_id = $2 AND " table ".profile_id = p.id"

static const struct dm_pg_stmt trait_language_stmt = {
    .name = "trait_language", .sql = LANGUAGE_SQL("trait"), .n_params = 2, .rows = DM_PG_NONE};
static const struct dm_pg_stmt memory_language_stmt = {
    .name = "memory_language", .sql = LANGUAGE_SQL("memory"), .n_params = 2, .rows = DM_PG_NONE};

enum dm_result dm_profile_store_index_language(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               struct dm_owned profile)
{
    const struct dm_pg_param params[] = {dm_pg_text(profile.id), dm_pg_text(profile.owner_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &trait_language_stmt, params, &rows);
    if (r != DM_OK)
        return r;
    return dm_pg_exec(conn, ctx, &memory_language_stmt, params, &rows);
}

static const struct dm_pg_stmt lock_version_stmt = {
    .name = "profile_lock_version",
    .sql = "SELECT version FROM profile "
           "WHERE id = $1 AND owner_id = $2 "
           "FOR UPDATE",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

static const struct dm_pg_stmt delete_stmt = {
    .name = "profile_delete",
    .sql = "DELETE FROM profile "
           "WHERE id = $1 AND owner_id = $2",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_profile_store_delete(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                       struct dm_owned profile, struct dm_opt_int version)
{
    const struct dm_pg_param params[] = {dm_pg_text(profile.id), dm_pg_text(profile.owner_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &lock_version_stmt, params, &rows);
    if (r != DM_OK)
        return r;
    if (version.set && version.v != dm_pg_cell_int(&rows, 0, 0))
        return dm_err_set(&ctx->err, DM_E_STALE, "The profile has changed since it was read.");
    return dm_pg_exec(conn, ctx, &delete_stmt, params, &rows);
}

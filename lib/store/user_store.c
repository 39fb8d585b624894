/* The statements of administration, under domain/user.c. */
#include "store/user_store.h"

#define USER_COLUMNS                                                                               \
    " a.id, a.email, a.first_name, a.last_name, a.role, a.state,"                                  \
    " a.email_confirmed_at IS NOT NULL, a.created_at, a.updated_at"

static void read_user(const struct dm_pg_result *rows, size_t row, struct dm_user *user)
{
    *user = (struct dm_user){
        .id = dm_pg_cell(rows, row, 0),
        .email = dm_pg_cell(rows, row, 1),
        .first_name = dm_pg_cell(rows, row, 2),
        .last_name = dm_pg_cell(rows, row, 3),
        .role = dm_pg_cell(rows, row, 4),
        .state = dm_pg_cell(rows, row, 5),
        .email_confirmed = {.set = true, .v = dm_pg_cell_bool(rows, row, 6)},
        .created_at = dm_pg_cell_opt_time(rows, row, 7),
        .updated_at = dm_pg_cell_opt_time(rows, row, 8),
    };
}

/* One statement for each filter that an index serves; the others are looked at row by row. $1 is what the index is for. */
#define LIST(statement, narrowed, after, order)                                                    \
    static const struct dm_pg_stmt statement = {                                                   \
        .name = "user_list_" #statement,                                                           \
        .sql = "SELECT" USER_COLUMNS "  FROM account a"                                            \
               " WHERE " narrowed "   AND ($2::text IS NULL OR a.role = $2)"                       \
               "   AND ($3::text IS NULL OR a.state = $3)"                                         \
               "   AND " after " ORDER BY " order " LIMIT $5",                                     \
        .n_params = 5,                                                                             \
        .rows = DM_PG_MANY,                                                                        \
    }
#define AFTER_ID "a.id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')"
/* U+10FFFF is the greatest character: whatever begins with the prefix lies below. An address that is gone meanwhile ends the list. */
LIST(by_email,
     "a.email_key COLLATE \"C\" >= $1 AND a.email_key COLLATE \"C\" < $1 || U&'\\+10FFFF'",
     "($4::uuid IS NULL OR (a.email_key COLLATE \"C\", a.id) >"
     " (SELECT c.email_key COLLATE \"C\", c.id FROM account c WHERE c.id = $4))",
     "a.email_key COLLATE \"C\", a.id");
LIST(by_role, "a.role = $1", AFTER_ID, "a.id");
LIST(by_state, "a.state = $1", AFTER_ID, "a.id");
LIST(all, "$1::text IS NULL", AFTER_ID, "a.id");

/* Most accounts are active Users: those filters alone are best served in order of ids. */
static const struct dm_pg_stmt *choose(const struct dm_user_query *query, struct dm_str *ret_first)
{
    *ret_first = query->email_prefix;
    if (query->email_prefix.p != NULL)
        return &by_email;
    *ret_first = query->role;
    if (query->role.p != NULL && !dm_str_eq_c(query->role, "User"))
        return &by_role;
    *ret_first = query->state;
    if (query->state.p != NULL && !dm_str_eq_c(query->state, "active"))
        return &by_state;
    *ret_first = (struct dm_str){0};
    return &all;
}

enum dm_result dm_user_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                  const struct dm_user_query *query, struct dm_slice slice,
                                  struct dm_list *ret_list, bool *ret_more)
{
    struct dm_str first;
    const struct dm_pg_stmt *stmt = choose(query, &first);
    const struct dm_pg_param params[] = {
        dm_pg_text(first),          dm_pg_text(query->role),         dm_pg_text(query->state),
        dm_pg_text(slice.after_id), dm_pg_int(ctx, slice.limit + 1),
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, stmt, params, &rows);
    if (r != DM_OK)
        return r;
    struct dm_user *items = dm_arena_array(ctx->arena, rows.n_rows, sizeof(*items));
    if (items == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < rows.n_rows; i++)
        read_user(&rows, i, &items[i]);
    *ret_list = (struct dm_list){items, rows.n_rows};
    *ret_more = dm_slice_cut(slice, ret_list);
    return DM_OK;
}

enum dm_result dm_user_store_find(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str id,
                                  struct dm_user *ret_user)
{
    static const struct dm_pg_stmt select = {
        .name = "user_find",
        .sql = "SELECT" USER_COLUMNS ","
               " count(s.id) FILTER (WHERE s.ended_at IS NULL AND s.idle_expires_at > now()),"
               " max(s.created_at), a.second_step_at IS NOT NULL"
               "  FROM account a"
               "  LEFT JOIN session s ON s.account_id = a.id"
               " WHERE a.id = $1"
               " GROUP BY a.id",
        .n_params = 1,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &select, params, &rows);
    if (r != DM_OK)
        return r;
    read_user(&rows, 0, ret_user);
    ret_user->sessions = dm_pg_cell_opt_int(&rows, 0, 9);
    ret_user->last_login_at = dm_pg_cell_opt_time(&rows, 0, 10);
    ret_user->mfa = (struct dm_opt_bool){.set = true, .v = dm_pg_cell_bool(&rows, 0, 11)};
    return DM_OK;
}

enum dm_result dm_user_store_lock_superadmins(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              int64_t *ret_count)
{
    static const struct dm_pg_stmt queue = {
        .name = "user_queue",
        .sql = "SELECT pg_advisory_xact_lock(hashtextextended('digitalme.administration', 0))",
        .n_params = 0,
        .rows = DM_PG_ONE,
    };
    /* A statement of its own: it must see what was committed while the queue was waited in. */
    static const struct dm_pg_stmt lock = {
        .name = "user_lock_superadmins",
        .sql = "SELECT a.id"
               "  FROM account a"
               " WHERE a.role = 'SuperAdmin'"
               "   AND a.state = 'active'"
               " ORDER BY a.id"
               "   FOR UPDATE",
        .n_params = 0,
        .rows = DM_PG_MANY,
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &queue, NULL, NULL);
    if (r == DM_OK)
        r = dm_pg_exec(conn, ctx, &lock, NULL, &rows);
    if (r == DM_OK)
        *ret_count = (int64_t)rows.n_rows;
    return r;
}

enum dm_result dm_user_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                  struct dm_str target_id, struct dm_str actor_id,
                                  struct dm_user *ret_target, struct dm_user *ret_actor)
{
    static const struct dm_pg_stmt lock = {
        .name = "user_lock",
        .sql = "SELECT" USER_COLUMNS "  FROM account a"
               " WHERE a.id IN ($1::uuid, coalesce($2::uuid, $1::uuid))"
               " ORDER BY a.id"
               "   FOR UPDATE",
        .n_params = 2,
        .rows = DM_PG_MANY,
    };
    const struct dm_pg_param params[] = {dm_pg_text(target_id), dm_pg_text(actor_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &lock, params, &rows);
    if (r != DM_OK)
        return r;
    struct dm_user target = {0}, actor = {0};
    for (size_t i = 0; i < rows.n_rows; i++) {
        struct dm_user user;
        read_user(&rows, i, &user);
        if (dm_str_eq(user.id, target_id))
            target = user;
        if (dm_str_eq(user.id, actor_id))
            actor = user;
    }
    if (target.id.p == NULL)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "There is no such account.");
    *ret_target = target;
    *ret_actor = actor;
    return DM_OK;
}

enum dm_result dm_user_store_change(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str id,
                                    struct dm_str role, struct dm_str state)
{
    static const struct dm_pg_stmt update = {
        .name = "user_change",
        .sql = "UPDATE account"
               "   SET role = $2,"
               "       state = CASE WHEN $3 = 'active' AND email_confirmed_at IS NULL"
               "                    THEN 'unconfirmed' ELSE $3 END,"
               "       updated_at = now(),"
               "       updated_by = $4"
               " WHERE id = $1",
        .n_params = 4,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(id),
        dm_pg_text(role),
        dm_pg_text(state),
        dm_pg_text(ctx->actor_id),
    };
    return dm_pg_exec(conn, ctx, &update, params, NULL);
}

enum dm_result dm_user_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                 const struct dm_account_new *account, struct dm_str role,
                                 bool *ret_added)
{
    static const struct dm_pg_stmt insert = {
        .name = "user_add",
        .sql = "INSERT INTO account"
               " (id, email, email_key, password_hash, first_name, last_name, role, state,"
               "  email_confirmed_at)"
               " VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', now())"
               " ON CONFLICT (email_key) DO NOTHING",
        .n_params = 7,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(account->id),
        dm_pg_text(account->email),
        dm_pg_text(account->email_key),
        dm_pg_text(account->password_hash),
        dm_pg_text(account->first_name),
        dm_pg_text(account->last_name),
        dm_pg_text(role),
    };
    struct dm_pg_result added;
    enum dm_result r = dm_pg_exec(conn, ctx, &insert, params, &added);
    if (r == DM_OK)
        *ret_added = added.affected == 1;
    return r;
}

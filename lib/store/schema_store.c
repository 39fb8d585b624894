/* Looks for every table the stores use, under the role that will use them. */
#include "store/schema_store.h"

/* The first name of the list that our role cannot insert into, if any. */
static const struct dm_pg_stmt missing_table = {
    .name = "schema_missing_table",
    .sql = "SELECT name\n"
           "  FROM unnest(ARRAY['account', 'audit_event', 'conversation', 'device',\n"
           "                    'example_dialogue', 'idempotency_key', 'job', 'login_guard',\n"
           "                    'memory', 'message', 'mfa_challenge', 'one_time_token',\n"
           "                    'pattern', 'profile', 'recovery_code', 'second_factor',\n"
           "                    'session', 'trait'])\n"
           "       WITH ORDINALITY AS wanted (name, position)\n"
           " WHERE to_regclass(name) IS NULL\n"
           "    OR NOT has_table_privilege(to_regclass(name), 'INSERT')\n"
           " ORDER BY position\n"
           " LIMIT 1",
    .rows = DM_PG_MANY,
};

enum dm_result dm_schema_store_check(struct dm_pg *pg, struct dm_ctx *ctx)
{
    struct dm_pg_result result;
    enum dm_result code = dm_pg_run(pg, ctx, &missing_table, NULL, &result);
    if (code != DM_OK || result.n_rows == 0)
        return code;
    struct dm_str name = dm_pg_cell(&result, 0, 0);
    return dm_err_set(&ctx->err, DM_E_NOTFOUND, "table %.*s is missing or not ours to use",
                      DM_STR_ARG(name));
}

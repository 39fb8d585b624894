/* The table of tables, and the few statements round it. */
#include "store/personal_store.h"

/* $1 is the account, $2 how many rows. Not WHERE id IN (SELECT … LIMIT): a plan may run that more than once. */
#define ERASE(table, chosen, same)                                                                 \
    static const struct dm_pg_stmt erase_##table = {                                               \
        .name = "personal_erase_" #table,                                                          \
        .sql = "WITH gone AS MATERIALIZED (" chosen " LIMIT $2)"                                   \
               " DELETE FROM " #table " t USING gone WHERE " same,                                 \
        .n_params = 2,                                                                             \
        .rows = DM_PG_NONE,                                                                        \
    }
/* Rows with an id and a column that names the account. */
#define ERASE_OF(table, owner)                                                                     \
    ERASE(table, "SELECT o.id FROM " #table " o WHERE o." owner " = $1", "t.id = gone.id")
/* Rows of the account's profiles. */
#define ERASE_OF_PROFILE(table)                                                                    \
    ERASE(table,                                                                                   \
          "SELECT o.id FROM " #table " o JOIN profile p ON p.id = o.profile_id"                    \
          " WHERE p.owner_id = $1",                                                                \
          "t.id = gone.id")

/* Replies are newer than what they reply to, and so go first: no row is taken along uncounted. */
ERASE(message,
      "SELECT o.id FROM message o JOIN conversation c ON c.id = o.conversation_id"
      " WHERE c.owner_id = $1 ORDER BY o.id DESC",
      "t.id = gone.id");
ERASE_OF(conversation, "owner_id");
ERASE_OF_PROFILE(memory);
ERASE_OF_PROFILE(pattern);
ERASE_OF_PROFILE(trait);
ERASE(example_dialogue,
      "SELECT o.profile_id, o.position FROM example_dialogue o"
      " JOIN profile p ON p.id = o.profile_id WHERE p.owner_id = $1",
      "t.profile_id = gone.profile_id AND t.position = gone.position");
ERASE_OF(profile, "owner_id");
ERASE(login_guard,
      "SELECT o.key FROM login_guard o WHERE o.key IN ("
      "     SELECT 's:' || s.id FROM session s WHERE s.account_id = $1"
      "     UNION ALL SELECT 'd:' || d.id FROM device d WHERE d.account_id = $1)",
      "t.key = gone.key");
ERASE(api_key_use,
      "SELECT o.key_id FROM api_key_use o JOIN api_key k ON k.id = o.key_id"
      " WHERE k.account_id = $1",
      "t.key_id = gone.key_id");
ERASE_OF(api_key, "account_id");
ERASE(mfa_challenge, "SELECT o.token_hash FROM mfa_challenge o WHERE o.account_id = $1",
      "t.token_hash = gone.token_hash");
ERASE(recovery_code, "SELECT o.code_hash FROM recovery_code o WHERE o.account_id = $1",
      "t.account_id = $1 AND t.code_hash = gone.code_hash");
ERASE_OF(second_factor, "account_id");
ERASE_OF(session, "account_id");
ERASE_OF(device, "account_id");
ERASE(one_time_token, "SELECT o.token_hash FROM one_time_token o WHERE o.account_id = $1",
      "t.token_hash = gone.token_hash");
ERASE(idempotency_key, "SELECT o.key FROM idempotency_key o WHERE o.account_id = $1",
      "t.account_id = $1 AND t.key = gone.key");
ERASE_OF(job, "account_id");
ERASE(account, "SELECT o.id FROM account o WHERE o.id = $1", "t.id = gone.id");

#define READ_FROM(table, key, first, item, whose)                                                  \
    static const struct dm_pg_stmt read_##table = {                                                \
        .name = "personal_read_" #table,                                                           \
        .sql = "SELECT " key ", personal_json(" item ")"                                           \
               "  FROM " #table " o " whose " AND " key " > coalesce(" first ")"                   \
               " ORDER BY " key " LIMIT $3",                                                       \
        .n_params = 3,                                                                             \
        .rows = DM_PG_MANY,                                                                        \
    }
#define READ(table, item, whose)                                                                   \
    READ_FROM(table, "o.id", "$2::uuid, '00000000-0000-0000-0000-000000000000'", item, whose)
#define ALL "to_jsonb(o)"
/* What is only for machines: search vectors, hashes. */
#define BUT(...) "to_jsonb(o) - '{" #__VA_ARGS__ "}'::text[]"
#define OF_PROFILE "JOIN profile p ON p.id = o.profile_id WHERE p.owner_id = $1"

READ(account, BUT(password_hash, email_key, mail_window_at, mail_count), "WHERE o.id = $1");
READ(session, BUT(family_hash, refresh_hash), "WHERE o.account_id = $1");
READ(device, BUT(fingerprint), "WHERE o.account_id = $1");
READ_FROM(one_time_token, "o.token_hash", "$2::text, ''",
          BUT(token_hash, password_hash, code_hash, code_tries, email_key),
          "WHERE o.account_id = $1");
READ(second_factor, BUT(secret, last_step), "WHERE o.account_id = $1");
READ_FROM(recovery_code, "o.code_hash", "$2::text, ''", BUT(code_hash), "WHERE o.account_id = $1");
READ(api_key, BUT(secret_hash, previous_hash), "WHERE o.account_id = $1");
READ_FROM(api_key_use, "o.key_id", "$2::uuid, '00000000-0000-0000-0000-000000000000'", ALL,
          "JOIN api_key k ON k.id = o.key_id WHERE k.account_id = $1");
READ(profile, ALL, "WHERE o.owner_id = $1");
READ(trait, BUT(tsv), OF_PROFILE);
READ(pattern, ALL, OF_PROFILE);
READ(memory, BUT(tsv), OF_PROFILE);
READ(conversation, ALL, "WHERE o.owner_id = $1");
READ(message, ALL, "JOIN conversation c ON c.id = o.conversation_id WHERE c.owner_id = $1");
READ(audit_event, ALL, "WHERE (o.created_by = $1 OR o.entity_id = $1)");

/* A table reads best as one. */
/* clang-format off */
const struct dm_personal dm_personal_tables[] = {
    {.table = "message", .erase = &erase_message, .read = &read_message, .member = "messages", .page_rows = 100},
    {.table = "conversation", .erase = &erase_conversation, .read = &read_conversation, .member = "conversations", .page_rows = 1000},
    {.table = "memory", .erase = &erase_memory, .read = &read_memory, .member = "memories", .page_rows = 200},
    {.table = "pattern", .erase = &erase_pattern, .read = &read_pattern, .member = "patterns", .page_rows = 10},
    {.table = "trait", .erase = &erase_trait, .read = &read_trait, .member = "traits", .page_rows = 50},
    {.table = "example_dialogue", .erase = &erase_example_dialogue, .withheld = "a copy for the search of what stands in the profile"},
    {.table = "profile", .erase = &erase_profile, .read = &read_profile, .member = "profiles", .page_rows = 5},
    {.table = "login_guard", .erase = &erase_login_guard, .withheld = "counts of failed log-ins, under keys that name nobody"},
    {.table = "api_key_use", .erase = &erase_api_key_use, .read = &read_api_key_use, .member = "apiKeyUses", .page_rows = 1000},
    {.table = "api_key", .erase = &erase_api_key, .read = &read_api_key, .member = "apiKeys", .page_rows = 500},
    {.table = "mfa_challenge", .erase = &erase_mfa_challenge, .withheld = "log-ins under way"},
    {.table = "recovery_code", .erase = &erase_recovery_code, .read = &read_recovery_code, .member = "recoveryCodes", .page_rows = 100},
    {.table = "second_factor", .erase = &erase_second_factor, .read = &read_second_factor, .member = "secondFactors", .page_rows = 100},
    {.table = "session", .erase = &erase_session, .read = &read_session, .member = "sessions", .page_rows = 1000},
    {.table = "device", .erase = &erase_device, .read = &read_device, .member = "devices", .page_rows = 1000},
    {.table = "one_time_token", .erase = &erase_one_time_token, .read = &read_one_time_token, .member = "oneTimeTokens", .page_rows = 1000},
    {.table = "idempotency_key", .erase = &erase_idempotency_key, .withheld = "replies that were given already, kept for a day"},
    {.table = "job", .erase = &erase_job, .withheld = "mails under way, with the tokens in them"},
    {.table = "account", .erase = &erase_account, .read = &read_account, .member = "account", .single = true, .page_rows = 1},
    {.table = "audit_event", .kept = "who did what when, by ids alone", .read = &read_audit_event, .member = "auditEvents", .page_rows = 200},
};
/* clang-format on */
const size_t dm_personal_n_tables = sizeof(dm_personal_tables) / sizeof(dm_personal_tables[0]);

static enum dm_result count(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str erasure_id,
                            const char *table, int64_t n)
{
    static const struct dm_pg_stmt update = {
        .name = "personal_count",
        .sql = "UPDATE erasure"
               "   SET counts = counts || jsonb_build_object("
               "           $2::text, coalesce((counts->>$2::text)::bigint, 0) + $3::bigint),"
               "       updated_at = now()"
               " WHERE id = $1",
        .n_params = 3,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(erasure_id), dm_pg_text(dm_str_from(table)),
                                         dm_pg_int(ctx, n)};
    return dm_pg_exec(conn, ctx, &update, params, NULL);
}

enum dm_result dm_personal_store_erase(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                       const struct dm_personal *table, struct dm_str account_id,
                                       struct dm_str erasure_id, int64_t *ret_erased)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_int(ctx, DM_ERASE_ROWS)};
    struct dm_pg_result erased;
    enum dm_result r = dm_pg_exec(conn, ctx, table->erase, params, &erased);
    if (r != DM_OK)
        return r;
    *ret_erased = (int64_t)erased.affected;
    return count(conn, ctx, erasure_id, table->table, *ret_erased);
}

enum dm_result dm_personal_store_read(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                      const struct dm_personal *table, struct dm_str account_id,
                                      struct dm_str after, struct dm_list *ret_rows)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(after),
                                         dm_pg_int(ctx, table->page_rows)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, table->read, params, &result);
    if (r != DM_OK)
        return r;
    struct dm_personal_row *rows = dm_arena_array(ctx->arena, result.n_rows, sizeof(*rows));
    if (rows == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < result.n_rows; i++)
        rows[i] = (struct dm_personal_row){dm_pg_cell(&result, i, 0), dm_pg_cell(&result, i, 1)};
    *ret_rows = (struct dm_list){rows, result.n_rows};
    return DM_OK;
}

enum dm_result dm_personal_store_close(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                       struct dm_str account_id, struct dm_str erasure_id,
                                       int64_t *ret_requested_at_ms)
{
    static const struct dm_pg_stmt close = {
        .name = "personal_close",
        .sql = "WITH closed AS ("
               "    UPDATE account SET state = 'erasing', updated_at = now(), updated_by = $3"
               "     WHERE id = $1)"
               " INSERT INTO erasure (id, account_id, created_by, updated_by)"
               " VALUES ($2, $1, $3, $3)"
               " RETURNING requested_at",
        .n_params = 3,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(erasure_id),
                                         dm_pg_text(ctx->actor_id)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &close, params, &result);
    if (r == DM_OK)
        *ret_requested_at_ms = dm_pg_cell_opt_time(&result, 0, 0).ms;
    return r;
}

enum dm_result dm_personal_store_complete(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          struct dm_str erasure_id, struct dm_str *ret_counts)
{
    static const struct dm_pg_stmt complete = {
        .name = "personal_complete",
        .sql = "UPDATE erasure SET completed_at = now(), updated_at = now()"
               " WHERE id = $1"
               " RETURNING counts",
        .n_params = 1,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(erasure_id)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &complete, params, &result);
    if (r == DM_OK)
        *ret_counts = dm_pg_cell(&result, 0, 0);
    return r;
}

enum dm_result dm_personal_store_erase_jobs_to(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               struct dm_str email, struct dm_str account_id)
{
    static const struct dm_pg_stmt erase = {
        .name = "personal_erase_jobs_to",
        .sql = "DELETE FROM job"
               " WHERE created_by = $2"
               "    OR (state IN ('waiting', 'dead')"
               "        AND lower($1) IN (lower(payload->>'to'), lower(payload->>'email')))",
        .n_params = 2,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(email), dm_pg_text(account_id)};
    struct dm_pg_result erased;
    return dm_pg_exec(conn, ctx, &erase, params, &erased);
}

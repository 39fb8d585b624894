/* Between api/account.c, the worker and store/personal_store.c, whose table says what there is to remove. */
#include "domain/erase.h"

#include "base/clock.h"
#include "base/format.h"
#include "base/json.h"
#include "domain/account.h"
#include "domain/guard.h"
#include "domain/mail.h"
#include "domain/session.h"
#include "domain/user.h"
#include "store/account_store.h"
#include "store/audit_store.h"
#include "store/personal_store.h"

#define ARENA_BYTES_MAX (4 << 20) /* of one step */
#define REMOVED_BYTES_MAX 1024

static enum dm_result audit(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                            struct dm_str account_id, struct dm_str erasure_id)
{
    const struct dm_audit_event event = {
        .action = action,
        .entity = "account",
        .entity_id = account_id,
        .detail = dm_arena_printf(ctx->arena, "{\"receiptId\": \"%.*s\"}", DM_STR_ARG(erasure_id)),
    };
    return event.detail.p == NULL ? dm_ctx_nomem(ctx) : dm_audit_store_add(conn, ctx, &event);
}

/* Asking for it */

static enum dm_result request_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, struct dm_str account_id,
                                 struct dm_erasure *erasure, struct dm_list *ended)
{
    struct dm_user user;
    enum dm_result result = dm_user_lock_for_removal(conn, ctx, account_id, &user);
    if (result == DM_OK && !dm_str_eq_c(user.state, "active"))
        return DM_E_NOTFOUND;
    if (result == DM_OK)
        result =
            dm_personal_store_close(conn, ctx, account_id, erasure->id, &erasure->requested_at_ms);
    if (result == DM_OK)
        result = dm_session_end_all(conn, ctx, account_id, (struct dm_str){0},
                                    DM_SESSION_END_ERASED, ended);
    if (result == DM_OK)
        result = audit(conn, ctx, "account.request_erasure", account_id, erasure->id);
    if (result != DM_OK)
        return result;
    /* Without the account's id on it: jobs that have one go, and this one must not. */
    struct dm_str actor_id = ctx->actor_id;
    ctx->actor_id = (struct dm_str){0};
    const struct dm_job_new job = {
        .kind = "erase_account",
        .payload = dm_arena_printf(ctx->arena, "{\"accountId\": \"%.*s\", \"receiptId\": \"%.*s\"}",
                                   DM_STR_ARG(account_id), DM_STR_ARG(erasure->id)),
        .max_attempts = domain->settings->worker_attempts,
    };
    result = job.payload.p == NULL ? dm_ctx_nomem(ctx) : dm_job_store_add(conn, ctx, &job);
    ctx->actor_id = actor_id;
    return result;
}

/* Another request was faster, and the session went with the account. */
static enum dm_result closed_meanwhile(struct dm_ctx *ctx)
{
    return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the session has ended");
}

enum dm_result dm_erase_request(const struct dm_domain *domain, struct dm_ctx *ctx,
                                const struct dm_principal *principal, struct dm_str password,
                                struct dm_str id, struct dm_erasure *ret_erasure)
{
    enum dm_result result = dm_account_check_password(domain, ctx, principal->account_id,
                                                      principal->session_id, password);
    if (result == DM_E_NOTFOUND)
        return closed_meanwhile(ctx);
    if (result != DM_OK)
        return result;
    struct dm_pg_conn *conn;
    result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    struct dm_erasure erasure = {.id = id};
    struct dm_list ended = {0};
    result = dm_pg_end(conn, ctx,
                       request_in(domain, conn, ctx, principal->account_id, &erasure, &ended));
    if (result == DM_E_NOTFOUND)
        return closed_meanwhile(ctx);
    if (result != DM_OK)
        return result;
    dm_session_kill_ended(domain, ctx, &ended);
    *ret_erasure = erasure;
    return DM_OK;
}

/* Doing it */

struct erasing {
    const struct dm_domain *domain;
    struct dm_str account_id, erasure_id;
};

static enum dm_result read_payload(struct dm_ctx *ctx, const struct dm_job *job,
                                   struct erasing *erasing)
{
    struct dm_json *payload;
    if (dm_json_parse(job->payload, &ctx->err, &payload) != DM_OK)
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload is not JSON");
    bool whole = dm_json_get_string(payload, "accountId", ctx->arena, &erasing->account_id) &&
                 dm_json_get_string(payload, "receiptId", ctx->arena, &erasing->erasure_id);
    dm_json_free(payload);
    return whole ? DM_OK
                 : dm_err_set(&ctx->err, DM_E_INVALID, "the payload lacks accountId or receiptId");
}

/* One step: some rows, and that they are counted. */
static enum dm_result erase_some(const struct erasing *erasing, struct dm_ctx *ctx,
                                 const struct dm_personal *table, int64_t *ret_erased)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(erasing->domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx,
                     dm_personal_store_erase(conn, ctx, table, erasing->account_id,
                                             erasing->erasure_id, ret_erased));
}

static bool is_account(const struct dm_personal *table)
{
    return strcmp(table->table, "account") == 0;
}

static enum dm_result erase_table(const struct erasing *erasing, struct dm_ctx *ctx,
                                  const struct dm_personal *table)
{
    enum dm_result result = DM_OK;
    int64_t erased = DM_ERASE_ROWS;
    while (result == DM_OK && erased == DM_ERASE_ROWS) {
        dm_arena_reset(ctx->arena);
        result = erase_some(erasing, ctx, table, &erased);
    }
    return result;
}

/* "17 messages, 1 profile": what people know by its name. */
static struct dm_str removed_words(struct dm_ctx *ctx, struct dm_str counts)
{
    static const struct {
        const char *table, *one, *many;
    } nouns[] = {
        {"profile", "profile", "profiles"},
        {"trait", "trait", "traits"},
        {"pattern", "pattern", "patterns"},
        {"memory", "memory", "memories"},
        {"conversation", "conversation", "conversations"},
        {"message", "message", "messages"},
        {"session", "session", "sessions"},
        {"device", "device", "devices"},
    };
    struct dm_json *json = NULL;
    struct dm_buf words;
    struct dm_err err;
    dm_buf_init(&words, ctx->arena, REMOVED_BYTES_MAX);
    if (dm_json_parse(counts, &err, &json) != DM_OK)
        return (struct dm_str){0};
    for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
        int64_t n = 0;
        if (!dm_json_get_int(json, nouns[i].table, &n) || n == 0)
            continue;
        dm_buf_printf(&words, "%s%lld %s", words.n > 0 ? ", " : "", (long long)n,
                      n == 1 ? nouns[i].one : nouns[i].many);
    }
    dm_json_free(json);
    if (words.n == 0)
        dm_buf_add_c(&words, "the account, which held nothing");
    return dm_buf_failed(&words) ? (struct dm_str){0} : dm_buf_str(&words);
}

/* The old address is in this mail's job only, and in that until it is sent. */
static enum dm_result tell_owner(const struct erasing *erasing, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct dm_account_row *row,
                                 struct dm_str counts)
{
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_ACCOUNT_ERASED,
        .to = row->email,
        .values = {.first_name = row->first_name,
                   .removed = removed_words(ctx, counts),
                   .receipt = erasing->erasure_id,
                   .at_ms = dm_clock_wall_ms()},
    };
    if (mail.values.removed.p == NULL)
        return dm_ctx_nomem(ctx);
    return dm_mail_enqueue(conn, ctx, erasing->domain->settings, &mail);
}

/* What requests that were under way have left since, what only the address leads to, and the account: all or nothing. */
static enum dm_result finish_in(const struct erasing *erasing, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, const struct dm_account_row *row)
{
    struct dm_str email_key = dm_format_email_key(ctx->arena, row->email), counts;
    if (email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    enum dm_result result = dm_guard_clear(erasing->domain, conn, ctx, email_key);
    if (result == DM_OK)
        result = dm_personal_store_erase_jobs_to(conn, ctx, row->email, erasing->account_id);
    for (size_t i = 0; result == DM_OK && i < dm_personal_n_tables; i++) {
        int64_t erased;
        if (dm_personal_tables[i].erase != NULL)
            result = dm_personal_store_erase(conn, ctx, &dm_personal_tables[i], erasing->account_id,
                                             erasing->erasure_id, &erased);
    }
    if (result == DM_OK)
        result = dm_personal_store_complete(conn, ctx, erasing->erasure_id, &counts);
    if (result == DM_OK)
        result = audit(conn, ctx, "account.erase", erasing->account_id, erasing->erasure_id);
    return result == DM_OK ? tell_owner(erasing, conn, ctx, row, counts) : result;
}

static enum dm_result finish(const struct erasing *erasing, struct dm_ctx *ctx)
{
    struct dm_account_row row;
    dm_arena_reset(ctx->arena);
    enum dm_result result =
        dm_account_store_by_id(erasing->domain->pg, ctx, erasing->account_id, &row);
    if (result == DM_E_NOTFOUND)
        return DM_OK; /* an earlier try was done, but could not say so */
    if (result != DM_OK)
        return result;
    struct dm_pg_conn *conn;
    result = dm_pg_begin(erasing->domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, finish_in(erasing, conn, ctx, &row));
}

enum dm_result dm_erase_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                            const struct dm_job *job)
{
    struct erasing erasing = {.domain = domain};
    enum dm_result result = read_payload(ctx, job, &erasing);
    if (result != DM_OK)
        return result;
    struct dm_ctx step = *ctx;
    step.arena = dm_arena_new(64 * 1024, ARENA_BYTES_MAX);
    if (step.arena == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; result == DM_OK && i < dm_personal_n_tables; i++)
        if (dm_personal_tables[i].erase != NULL && !is_account(&dm_personal_tables[i]))
            result = erase_table(&erasing, &step, &dm_personal_tables[i]);
    if (result == DM_OK)
        result = finish(&erasing, &step);
    ctx->err = step.err;
    dm_arena_free(step.arena);
    return result;
}

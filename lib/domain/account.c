/*
 * The rules of accounts, between api/account.c and store/account_store.c. A password is hashed or
 * checked before it is known whether the address has an account, so that both answers take the same
 * time.
 */
#include "domain/account_internal.h"

#include "base/clock.h"
#include "base/format.h"
#include "base/id.h"
#include "base/json.h"
#include "base/json_write.h"
#include "domain/device.h"
#include "domain/guard.h"
#include "domain/mail.h"
#include "domain/one_time.h"
#include "domain/passwords.h"
#include "store/audit_store.h"

#define ASKED_BYTES_MAX 1024 /* of the payload */

struct dm_account dm_account_of_row(const struct dm_account_row *row)
{
    return (struct dm_account){
        .id = row->id,
        .email = row->email,
        .first_name = row->first_name,
        .last_name = row->last_name,
        .role = dm_role_of(row->role),
        .email_confirmed = !dm_str_eq_c(row->state, "unconfirmed"),
        .second_step = row->second_step,
        .created_at_ms = row->created_at_ms,
        .updated_at_ms = row->updated_at_ms,
    };
}

enum dm_result dm_account_count_mail(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str id,
                                     int64_t max, bool *ret_allowed)
{
    return dm_account_store_count_mail(conn, ctx, id, max, DM_ACCOUNT_MAILS_WINDOW_S, ret_allowed);
}

enum dm_result dm_account_audit(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                                struct dm_str account_id)
{
    const struct dm_audit_event event = {
        .action = action, .entity = "account", .entity_id = account_id};
    return dm_audit_store_add(conn, ctx, &event);
}

/*
 * A fresh token for the account, mailed to its address; it brings the password hash and the names given by one registration. The mail
 * says when and from where that was, so that the owner can tell their own from a stranger's, but repeats nothing that was typed.
 */
static enum dm_result send_confirmation(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                        struct dm_ctx *ctx, const struct dm_account_new *account,
                                        int64_t registered_at_ms)
{
    struct dm_one_time_words words;
    const struct dm_one_time_row row = {
        .account_id = account->id,
        .email_key = account->email_key,
        .password_hash = account->password_hash,
        .first_name = account->first_name,
        .last_name = account->last_name,
    };
    enum dm_result result =
        dm_one_time_add(domain, conn, ctx, DM_ONE_TIME_CONFIRM_EMAIL, &row, &words);
    if (result != DM_OK)
        return result;
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_CONFIRM,
        .account_id = account->id,
        .to = account->email,
        .values = {.token = dm_str_from(words.token),
                   .code = dm_str_from(words.code),
                   .valid_s = words.valid_s,
                   .at_ms = registered_at_ms,
                   .address = account->registered_from},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

/* The address has an account. Its owner is told; what stands is changed only while nobody has
 * confirmed it. */
static enum dm_result register_known(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                     struct dm_ctx *ctx, struct dm_account_new *account)
{
    struct dm_account_row row;
    bool allowed = false;
    enum dm_result result = dm_account_store_lock_by_email(conn, ctx, account->email_key, &row);
    if (result == DM_OK)
        result = dm_account_count_mail(conn, ctx, row.id,
                                       dm_str_eq_c(row.state, "active") ? DM_ACCOUNT_NOTICES_MAX
                                                                        : DM_ACCOUNT_MAILS_MAX,
                                       &allowed);
    if (result != DM_OK || !allowed)
        return result;

    if (dm_str_eq_c(row.state, "active")) {
        const struct dm_mail_new mail = {.kind = DM_MAIL_ALREADY_REGISTERED,
                                         .account_id = row.id,
                                         .to = row.email,
                                         .values = {.first_name = row.first_name}};
        return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
    }
    if (!dm_str_eq_c(row.state, "unconfirmed"))
        return DM_OK;

    account->id = row.id;
    account->email = row.email;
    result = dm_account_store_register_again(conn, ctx, account);
    if (result == DM_OK)
        result = dm_account_audit(conn, ctx, "account.register_again", row.id);
    if (result != DM_OK)
        return result;
    return send_confirmation(domain, conn, ctx, account, dm_clock_wall_ms());
}

static enum dm_result register_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                  struct dm_ctx *ctx, struct dm_account_new *account)
{
    bool added;
    enum dm_result result = dm_account_store_add(conn, ctx, account, &added);
    if (result != DM_OK)
        return result;
    if (!added)
        return register_known(domain, conn, ctx, account);

    result = dm_account_audit(conn, ctx, "account.register", account->id);
    if (result != DM_OK)
        return result;
    return send_confirmation(domain, conn, ctx, account, dm_clock_wall_ms());
}

enum dm_result dm_account_register(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   const struct dm_registration *registration)
{
    struct dm_account_new account = {
        .id = dm_id_new(ctx->arena),
        .email = registration->email,
        .email_key = dm_format_email_key(ctx->arena, registration->email),
        .first_name = registration->first_name,
        .last_name = registration->last_name,
        .registered_from = registration->origin.address,
    };
    if (account.id.p == NULL || account.email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    const struct dm_passwords_new wanted = {
        .password = registration->password,
        .pointer = "/password",
        .email = registration->email,
        .first_name = registration->first_name,
        .last_name = registration->last_name,
    };
    enum dm_result result = dm_passwords_hash_new(domain, ctx, &wanted, &account.password_hash);
    if (result != DM_OK)
        return result;

    struct dm_pg_conn *conn;
    result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, register_in(domain, conn, ctx, &account));
}

static enum dm_result confirm_in(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str hash)
{
    struct dm_one_time_row used;
    struct dm_account_row account;
    enum dm_result result =
        dm_one_time_use(conn, ctx, DM_ONE_TIME_CONFIRM_EMAIL, hash, &used, &account);
    if (result != DM_OK)
        return result;
    const struct dm_account_confirmed confirmed = {
        .id = account.id,
        .password_hash = used.password_hash,
        .first_name = used.first_name,
        .last_name = used.last_name,
    };
    ctx->actor_id = account.id;
    result = dm_account_store_confirm(conn, ctx, &confirmed);
    return result == DM_OK ? dm_account_audit(conn, ctx, "account.confirm_email", account.id)
                           : result;
}

enum dm_result dm_account_confirm_email(const struct dm_domain *domain, struct dm_ctx *ctx,
                                        const struct dm_one_time_proof *proof)
{
    struct dm_str hash;
    enum dm_result result = dm_one_time_find(domain, ctx, DM_ONE_TIME_CONFIRM_EMAIL, proof, &hash);
    if (result != DM_OK)
        return result;
    struct dm_pg_conn *conn;
    result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, confirm_in(conn, ctx, hash));
    return result == DM_E_NOTFOUND ? dm_one_time_refuse(ctx, proof) : result;
}

enum dm_result dm_account_ask(const struct dm_domain *domain, struct dm_ctx *ctx, const char *kind,
                              struct dm_str email)
{
    struct dm_buf payload;
    struct dm_json_writer w;
    dm_buf_init(&payload, ctx->arena, ASKED_BYTES_MAX);
    dm_json_writer_init(&w, &payload);
    dm_json_object_begin(&w);
    dm_json_name(&w, "email");
    dm_json_string(&w, email);
    dm_json_object_end(&w);
    if (dm_buf_failed(&payload))
        return dm_ctx_nomem(ctx);
    const struct dm_job_new job = {
        .kind = kind,
        .payload = dm_buf_str(&payload),
        .max_attempts = domain->settings->worker_attempts,
    };
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, dm_job_store_add(conn, ctx, &job));
}

enum dm_result dm_account_asked(struct dm_ctx *ctx, const struct dm_job *job,
                                struct dm_str *ret_email_key)
{
    struct dm_json *payload;
    struct dm_str email;
    if (dm_json_parse(job->payload, &ctx->err, &payload) != DM_OK)
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload is not JSON");
    bool whole = dm_json_get_string(payload, "email", ctx->arena, &email);
    dm_json_free(payload);
    if (!whole)
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload lacks email");
    struct dm_str email_key = dm_format_email_key(ctx->arena, email);
    if (email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_email_key = email_key;
    return DM_OK;
}

enum dm_result dm_account_confirm_again(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                        struct dm_ctx *ctx, const struct dm_account_row *row)
{
    bool allowed = false;
    enum dm_result result =
        dm_account_count_mail(conn, ctx, row->id, DM_ACCOUNT_MAILS_MAX, &allowed);
    if (result != DM_OK || !allowed)
        return result;
    const struct dm_account_new account = {
        .id = row->id,
        .email = row->email,
        .email_key = dm_format_email_key(ctx->arena, row->email),
        .password_hash = row->password_hash,
        .first_name = row->first_name,
        .last_name = row->last_name,
        .registered_from = row->registered_from,
    };
    if (account.email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    /* Nothing but a registration changes an account that waits. */
    return send_confirmation(domain, conn, ctx, &account, row->updated_at_ms);
}

enum dm_result dm_account_resend_confirmation(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              struct dm_str email)
{
    return dm_account_ask(domain, ctx, "resend_confirmation", email);
}

static enum dm_result resend_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, struct dm_str email_key)
{
    struct dm_account_row row = {0};
    enum dm_result result = dm_account_store_lock_by_email(conn, ctx, email_key, &row);
    if (result == DM_E_NOTFOUND || (result == DM_OK && !dm_str_eq_c(row.state, "unconfirmed")))
        return DM_OK;
    return result == DM_OK ? dm_account_confirm_again(domain, conn, ctx, &row) : result;
}

enum dm_result dm_account_run_resend(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_job *job)
{
    struct dm_str email_key;
    struct dm_pg_conn *conn;
    enum dm_result result = dm_account_asked(ctx, job, &email_key);
    if (result == DM_OK)
        result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, resend_in(domain, conn, ctx, email_key));
}

enum dm_result dm_account_authenticate(const struct dm_domain *domain, struct dm_ctx *ctx,
                                       const struct dm_login *login,
                                       struct dm_authenticated *ret_who)
{
    struct dm_guard_try attempt = {
        .email = login->email,
        .email_key = dm_format_email_key(ctx->arena, login->email),
        .user_agent = login->user_agent,
        .address = login->address,
    };
    if (attempt.email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    struct dm_account_row row = {0};
    enum dm_result result = dm_account_store_by_email(domain->pg, ctx, attempt.email_key, &row);
    if (result == DM_OK || result == DM_E_NOTFOUND)
        result = dm_device_identify(domain, ctx, login->device_token, row.id, &attempt.device_id);
    bool counts = false;
    struct dm_str hash = {0};
    attempt.account_id = row.id;
    if (row.id.p != NULL && dm_str_eq_c(row.state, "active"))
        hash = row.password_hash;
    if (result == DM_OK)
        result = dm_passwords_check(domain, ctx, login->password, hash, &attempt.right);
    if (result == DM_OK)
        result = dm_guard_settle(domain, ctx, &attempt, &counts);
    if (result != DM_OK)
        return result;
    if (!attempt.right || !counts)
        return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED,
                          "the e-mail address or the password is wrong, the address is not "
                          "confirmed yet, or log-in is paused after too many failures");
    *ret_who = (struct dm_authenticated){
        .account = dm_account_of_row(&row), .password_hash = hash, .device_id = attempt.device_id};
    return DM_OK;
}

enum dm_result dm_account_check_password(const struct dm_domain *domain, struct dm_ctx *ctx,
                                         struct dm_str account_id, struct dm_str session_id,
                                         struct dm_str password)
{
    struct dm_account_row row;
    enum dm_result result = dm_account_store_by_id(domain->pg, ctx, account_id, &row);
    if (result != DM_OK)
        return result;
    if (!dm_str_eq_c(row.state, "active"))
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "the account is not active");
    bool matches = false;
    result = dm_passwords_check(domain, ctx, password, row.password_hash, &matches);
    if (result == DM_OK)
        result = dm_guard_settle_session(domain, ctx, session_id, matches);
    if (result == DM_OK && !matches)
        return dm_err_set_field(&ctx->err, "/password", "wrong", "the password is wrong");
    return result;
}

void dm_account_refresh_hash(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct dm_str account_id, struct dm_str password,
                             struct dm_str password_hash)
{
    struct dm_str made;
    if (dm_passwords_rehash(domain, ctx, password, password_hash, &made) != DM_OK || made.p == NULL)
        return;
    (void)!dm_account_store_rehash(domain->pg, ctx, account_id, password_hash, made);
}

static enum dm_result sweep_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                               struct dm_ctx *ctx, int64_t limit, int64_t *ret_deleted)
{
    enum dm_result result = dm_account_store_sweep(
        conn, ctx, domain->settings->account_unconfirmed_keep_s, limit, ret_deleted);
    if (result != DM_OK || *ret_deleted == 0)
        return result;
    const struct dm_audit_event event = {
        .action = "account.sweep",
        .entity = "account",
        .detail = dm_arena_printf(ctx->arena, "{\"accounts\":%lld}", (long long)*ret_deleted),
    };
    return event.detail.p != NULL ? dm_audit_store_add(conn, ctx, &event) : dm_ctx_nomem(ctx);
}

enum dm_result dm_account_sweep(const struct dm_domain *domain, struct dm_ctx *ctx, int64_t limit,
                                int64_t *ret_deleted)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, sweep_in(domain, conn, ctx, limit, ret_deleted));
}

enum dm_result dm_account_get(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str id,
                              struct dm_account *ret_account)
{
    struct dm_account_row row;
    enum dm_result result = dm_account_store_by_id(domain->pg, ctx, id, &row);
    if (result == DM_OK)
        *ret_account = dm_account_of_row(&row);
    return result;
}

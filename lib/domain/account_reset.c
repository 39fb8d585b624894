/*
 * A forgotten password: asked for by address, mailed by the worker, set anew by who read the mail. The new password is judged and
 * hashed before the token is used, so that a refused one costs nothing.
 */
#include "domain/account_internal.h"

#include "base/clock.h"
#include "domain/device.h"
#include "domain/guard.h"
#include "domain/mail.h"
#include "domain/passwords.h"
#include "domain/session.h"

enum dm_result dm_account_forgot_password(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          struct dm_str email)
{
    return dm_account_ask(domain, ctx, "forgot_password", email);
}

static enum dm_result send_reset(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct dm_account_row *account,
                                 struct dm_str email_key)
{
    bool allowed = false;
    struct dm_one_time_words words;
    const struct dm_one_time_row row = {.account_id = account->id, .email_key = email_key};
    enum dm_result result =
        dm_account_count_mail(conn, ctx, account->id, DM_ACCOUNT_MAILS_MAX, &allowed);
    if (result != DM_OK || !allowed)
        return result;
    result = dm_one_time_add(domain, conn, ctx, DM_ONE_TIME_RESET_PASSWORD, &row, &words);
    if (result == DM_OK)
        result = dm_account_audit(conn, ctx, "account.forgot_password", account->id);
    if (result != DM_OK)
        return result;
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_RESET_PASSWORD,
        .account_id = account->id,
        .to = account->email,
        .values = {.first_name = account->first_name,
                   .token = dm_str_from(words.token),
                   .code = dm_str_from(words.code),
                   .valid_s = words.valid_s},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

static enum dm_result forgot_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, struct dm_str email_key)
{
    struct dm_account_row account;
    enum dm_result result = dm_account_store_lock_by_email(conn, ctx, email_key, &account);
    if (result == DM_E_NOTFOUND)
        return DM_OK;
    if (result != DM_OK)
        return result;
    if (dm_str_eq_c(account.state, "active"))
        return send_reset(domain, conn, ctx, &account, email_key);
    /* Whose address waits cannot log in with any password: what helps them is that mail again. */
    if (dm_str_eq_c(account.state, "unconfirmed"))
        return dm_account_confirm_again(domain, conn, ctx, &account);
    return DM_OK;
}

enum dm_result dm_account_run_forgot(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_job *job)
{
    struct dm_str email_key;
    struct dm_pg_conn *conn;
    enum dm_result result = dm_account_asked(ctx, job, &email_key);
    if (result == DM_OK)
        result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, forgot_in(domain, conn, ctx, email_key));
}

enum dm_result dm_account_password_changed(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                           struct dm_ctx *ctx, const struct dm_account_row *account,
                                           const struct dm_origin *origin)
{
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_PASSWORD_CHANGED,
        .account_id = account->id,
        .to = account->email,
        .values = {.first_name = account->first_name,
                   .at_ms = dm_clock_wall_ms(),
                   .device = dm_device_name(ctx, origin->user_agent),
                   .address = origin->address},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

/* The token's use and all that it brings about. */
static enum dm_result reset_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                               struct dm_ctx *ctx, const struct dm_account_reset *reset,
                               struct dm_str token_hash, struct dm_str password_hash,
                               struct dm_list *ret_ended)
{
    struct dm_one_time_row used;
    struct dm_account_row account;
    enum dm_result result =
        dm_one_time_use(conn, ctx, DM_ONE_TIME_RESET_PASSWORD, token_hash, &used, &account);
    if (result != DM_OK)
        return result;
    ctx->actor_id = account.id;
    result =
        dm_account_store_set_password(conn, ctx, account.id, (struct dm_str){0}, password_hash);
    if (result == DM_OK)
        result = dm_session_end_all(conn, ctx, account.id, (struct dm_str){0}, DM_SESSION_END_RESET,
                                    ret_ended);
    if (result == DM_OK)
        result = dm_guard_clear(domain, conn, ctx, used.email_key);
    if (result == DM_OK)
        result = dm_device_distrust(conn, ctx, account.id);
    if (result == DM_OK)
        result = dm_account_audit(conn, ctx, "account.reset_password", account.id);
    if (result == DM_OK)
        result = dm_account_password_changed(domain, conn, ctx, &account, &reset->origin);
    return result;
}

static enum dm_result set_anew(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_account_reset *reset, struct dm_str token_hash,
                               struct dm_str password_hash)
{
    struct dm_pg_conn *conn;
    struct dm_list ended;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result =
        dm_pg_end(conn, ctx, reset_in(domain, conn, ctx, reset, token_hash, password_hash, &ended));
    if (result == DM_OK)
        dm_session_kill_ended(domain, ctx, &ended);
    return result;
}

enum dm_result dm_account_reset_password(const struct dm_domain *domain, struct dm_ctx *ctx,
                                         const struct dm_account_reset *reset)
{
    struct dm_str token_hash, password_hash;
    struct dm_account_row account;
    enum dm_result result =
        dm_one_time_find(domain, ctx, DM_ONE_TIME_RESET_PASSWORD, &reset->proof, &token_hash);
    if (result != DM_OK)
        return result;
    result = dm_one_time_account(domain, ctx, DM_ONE_TIME_RESET_PASSWORD, token_hash, &account);
    if (result != DM_OK)
        return result == DM_E_NOTFOUND ? dm_one_time_refuse(ctx, &reset->proof) : result;

    const struct dm_passwords_new wanted = {
        .password = reset->password,
        .pointer = "/password",
        .email = account.email,
        .first_name = account.first_name,
        .last_name = account.last_name,
    };
    result = dm_passwords_hash_new(domain, ctx, &wanted, &password_hash);
    if (result == DM_OK)
        result = set_anew(domain, ctx, reset, token_hash, password_hash);
    return result == DM_E_NOTFOUND ? dm_one_time_refuse(ctx, &reset->proof) : result;
}

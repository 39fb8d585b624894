/*
 * What the owner of an account changes about it: password, address, names. What a thief with a stolen session would change first asks
 * for the password, and is told to the address that was there before.
 */
#include "domain/account_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/format.h"
#include "domain/device.h"
#include "domain/mail.h"
#include "domain/passwords.h"
#include "domain/session.h"
#include "store/audit_store.h"

static enum dm_result change_password_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                         struct dm_ctx *ctx, const struct dm_account_owner *owner,
                                         struct dm_str old_hash, struct dm_str new_hash,
                                         struct dm_list *ret_ended)
{
    struct dm_account_row account;
    enum dm_result result = dm_account_store_lock_by_id(conn, ctx, owner->account_id, &account);
    if (result == DM_OK)
        result = dm_account_store_set_password(conn, ctx, account.id, old_hash, new_hash);
    if (result == DM_OK)
        result = dm_one_time_store_drop(conn, ctx, account.id, (struct dm_str){0});
    if (result == DM_OK)
        result = dm_session_end_all(conn, ctx, account.id, owner->session_id,
                                    DM_SESSION_END_PASSWORD, ret_ended);
    if (result == DM_OK)
        result = dm_account_audit(conn, ctx, "account.change_password", account.id);
    if (result == DM_OK)
        result = dm_account_password_changed(domain, conn, ctx, &account, &owner->origin);
    return result;
}

/* A check of the password whose error is told where this caller gave it. */
static enum dm_result check_password(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_account_owner *owner, struct dm_str password,
                                     const char *pointer)
{
    enum dm_result result =
        dm_account_check_password(domain, ctx, owner->account_id, owner->session_id, password);
    if (result == DM_E_INVALID && strcmp(ctx->err.pointer, "/password") == 0)
        snprintf(ctx->err.pointer, sizeof(ctx->err.pointer), "%s", pointer);
    return result;
}

/* What the check was made against must still stand when the change is made. */
static enum dm_result prepare_change(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_account_owner *owner,
                                     struct dm_str current_password, struct dm_str new_password,
                                     struct dm_str *ret_old_hash, struct dm_str *ret_new_hash)
{
    struct dm_account_row account;
    enum dm_result result = dm_account_store_by_id(domain->pg, ctx, owner->account_id, &account);
    if (result == DM_OK)
        result = check_password(domain, ctx, owner, current_password, "/currentPassword");
    if (result != DM_OK)
        return result;
    const struct dm_passwords_new wanted = {
        .password = new_password,
        .pointer = "/newPassword",
        .email = account.email,
        .first_name = account.first_name,
        .last_name = account.last_name,
    };
    *ret_old_hash = account.password_hash;
    return dm_passwords_hash_new(domain, ctx, &wanted, ret_new_hash);
}

enum dm_result dm_account_change_password(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          const struct dm_account_owner *owner,
                                          struct dm_str current_password,
                                          struct dm_str new_password)
{
    struct dm_str old_hash, new_hash;
    struct dm_pg_conn *conn;
    struct dm_list ended;
    enum dm_result result =
        prepare_change(domain, ctx, owner, current_password, new_password, &old_hash, &new_hash);
    if (result == DM_OK)
        result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx,
                       change_password_in(domain, conn, ctx, owner, old_hash, new_hash, &ended));
    if (result == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_CONFLICT, "the password was changed meanwhile");
    if (result == DM_OK)
        dm_session_kill_ended(domain, ctx, &ended);
    return result;
}

/* A change of address that somebody asks for. */
struct email_change {
    const struct dm_account_owner *owner;
    struct dm_str email, email_key;
    struct dm_account_row account; /* the owner's, locked */
};

/* To the new address: the token, or, when it is somebody's already, word of the try. */
static enum dm_result write_to_new(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                   struct dm_ctx *ctx, const struct email_change *change,
                                   const struct dm_one_time_words *words)
{
    struct dm_account_row holder;
    enum dm_result result = dm_account_store_find_by_email(conn, ctx, change->email_key, &holder);
    bool taken = result == DM_OK && !dm_str_eq_c(holder.state, "unconfirmed") &&
                 !dm_str_eq(holder.id, change->account.id);
    if (result != DM_OK && result != DM_E_NOTFOUND)
        return result;
    struct dm_mail_new mail = {
        .kind = DM_MAIL_CHANGE_EMAIL,
        .account_id = change->account.id,
        .to = change->email,
        .values = {.token = dm_str_from(words->token),
                   .code = dm_str_from(words->code),
                   .valid_s = words->valid_s},
    };
    if (taken) {
        mail.kind = DM_MAIL_CHANGE_EMAIL_TAKEN;
        mail.account_id = holder.id;
        mail.values.first_name = holder.first_name;
    }
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

static enum dm_result write_to_old(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                   struct dm_ctx *ctx, enum dm_mail_kind kind,
                                   const struct dm_account_row *account, struct dm_str new_email,
                                   const struct dm_origin *origin)
{
    const struct dm_mail_new mail = {
        .kind = kind,
        .account_id = account->id,
        .to = account->email,
        .values = {.first_name = account->first_name,
                   .email = new_email,
                   .at_ms = dm_clock_wall_ms(),
                   .device = dm_device_name(ctx, origin->user_agent),
                   .address = origin->address},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

/* The account is there, the address another, and there was no flood of mails. */
static enum dm_result may_ask(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                              struct email_change *change)
{
    bool allowed = false;
    enum dm_result result =
        dm_account_store_lock_by_id(conn, ctx, change->owner->account_id, &change->account);
    if (result != DM_OK)
        return result;
    if (dm_str_eq(change->account.email, change->email))
        return dm_err_set_field(&ctx->err, "/newEmail", "unchanged",
                                "this is the account's address");
    result = dm_account_count_mail(conn, ctx, change->account.id, DM_ACCOUNT_MAILS_MAX, &allowed);
    if (result != DM_OK || allowed)
        return result;
    result = dm_err_set(&ctx->err, DM_E_LIMITED, "too many mails were asked for");
    ctx->err.retry_after_s = DM_ACCOUNT_MAILS_WINDOW_S;
    return result;
}

static enum dm_result change_email_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                      struct dm_ctx *ctx, struct email_change *change)
{
    struct dm_one_time_words words;
    enum dm_result result = may_ask(conn, ctx, change);
    if (result != DM_OK)
        return result;
    const struct dm_one_time_row row = {
        .account_id = change->account.id,
        .email_key = change->email_key,
        .new_email = change->email,
        .session_id = change->owner->session_id,
    };
    result = dm_one_time_add(domain, conn, ctx, DM_ONE_TIME_CHANGE_EMAIL, &row, &words);
    if (result == DM_OK)
        result = write_to_new(domain, conn, ctx, change, &words);
    if (result == DM_OK)
        result = write_to_old(domain, conn, ctx, DM_MAIL_CHANGE_EMAIL_ASKED, &change->account,
                              change->email, &change->owner->origin);
    if (result == DM_OK)
        result = dm_account_audit(conn, ctx, "account.change_email_asked", change->account.id);
    return result;
}

enum dm_result dm_account_change_email(const struct dm_domain *domain, struct dm_ctx *ctx,
                                       const struct dm_account_owner *owner,
                                       struct dm_str new_email, struct dm_str password)
{
    struct email_change change = {
        .owner = owner,
        .email = new_email,
        .email_key = dm_format_email_key(ctx->arena, new_email),
    };
    if (change.email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    struct dm_pg_conn *conn;
    enum dm_result result = check_password(domain, ctx, owner, password, "/password");
    if (result == DM_OK)
        result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, change_email_in(domain, conn, ctx, &change));
}

/* Who has read the mail to the new address has a better right to it than who only typed it into a registration. */
static enum dm_result make_way(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str email_key)
{
    bool dropped;
    enum dm_result result = dm_account_store_drop_unconfirmed(conn, ctx, email_key, &dropped);
    if (result != DM_OK || !dropped)
        return result;
    const struct dm_audit_event event = {.action = "account.drop_unconfirmed", .entity = "account"};
    return dm_audit_store_add(conn, ctx, &event);
}

static enum dm_result confirm_change_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                        struct dm_ctx *ctx, struct dm_str hash,
                                        const struct dm_origin *origin, struct dm_list *ret_ended)
{
    struct dm_one_time_row used;
    struct dm_account_row account;
    enum dm_result result =
        dm_one_time_use(conn, ctx, DM_ONE_TIME_CHANGE_EMAIL, hash, &used, &account);
    if (result != DM_OK)
        return result;
    if (!dm_str_eq_c(account.state, "active"))
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "the account is not active");
    ctx->actor_id = account.id;
    result = make_way(conn, ctx, used.email_key);
    if (result == DM_OK)
        result = dm_account_store_set_email(conn, ctx, account.id, used.new_email, used.email_key);
    if (result == DM_OK)
        result = dm_session_end_all(conn, ctx, account.id, used.session_id, DM_SESSION_END_EMAIL,
                                    ret_ended);
    if (result == DM_OK)
        result = dm_account_audit(conn, ctx, "account.change_email", account.id);
    if (result == DM_OK)
        result = write_to_old(domain, conn, ctx, DM_MAIL_EMAIL_CHANGED, &account, used.new_email,
                              origin);
    return result;
}

enum dm_result dm_account_confirm_email_change(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               const struct dm_one_time_proof *proof,
                                               const struct dm_origin *origin)
{
    struct dm_str hash;
    struct dm_pg_conn *conn;
    struct dm_list ended;
    enum dm_result result = dm_one_time_find(domain, ctx, DM_ONE_TIME_CHANGE_EMAIL, proof, &hash);
    if (result == DM_OK)
        result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, confirm_change_in(domain, conn, ctx, hash, origin, &ended));
    if (result == DM_E_NOTFOUND)
        return dm_one_time_refuse(ctx, proof);
    if (result == DM_E_CONFLICT)
        return dm_err_set(&ctx->err, DM_E_CONFLICT,
                          "another account has this address by now; nothing was changed");
    if (result == DM_OK)
        dm_session_kill_ended(domain, ctx, &ended);
    return result;
}

static enum dm_result rename_in(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str id,
                                struct dm_str first_name, struct dm_str last_name,
                                struct dm_account_row *ret_row)
{
    enum dm_result result =
        dm_account_store_set_names(conn, ctx, id, first_name, last_name, ret_row);
    return result == DM_OK ? dm_account_audit(conn, ctx, "account.rename", id) : result;
}

enum dm_result dm_account_rename(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_str id, struct dm_str first_name,
                                 struct dm_str last_name, struct dm_account *ret_account)
{
    struct dm_pg_conn *conn;
    struct dm_account_row row;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, rename_in(conn, ctx, id, first_name, last_name, &row));
    if (result == DM_OK)
        *ret_account = dm_account_of_row(&row);
    return result;
}

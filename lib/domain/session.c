/*
 * The rules of sessions, between api/ and store/session_store.c: what opens one, and what ends one
 * or many. Refresh tokens are domain/refresh.c's.
 */
#include "domain/session.h"

#include "base/clock.h"
#include "base/id.h"
#include "domain/device.h"
#include "domain/gate.h"
#include "domain/mail.h"
#include "domain/origin.h"
#include "domain/refresh.h"
#include "domain/second_step.h"
#include "domain/token.h"
#include "store/account_store.h"
#include "store/api_key_store.h"
#include "store/audit_store.h"

static enum dm_result audit(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                            struct dm_str session_id)
{
    const struct dm_audit_event event = {
        .action = action, .entity = "session", .entity_id = session_id};
    return dm_audit_store_add(conn, ctx, &event);
}

enum dm_result dm_session_grant_access(const struct dm_domain *domain, struct dm_ctx *ctx,
                                       struct dm_str session_id, struct dm_session_grant *grant)
{
    enum dm_role role = grant->account.role;
    grant->enrolment_due = !grant->second_step && dm_second_step_required(domain->settings, role);
    if (grant->enrolment_due)
        role = DM_ROLE_USER;
    const struct dm_principal principal = {
        .credential = DM_CREDENTIAL_SESSION,
        .account_id = grant->account.id,
        .session_id = session_id,
        .role = role,
        .scopes = dm_scope_of_role(role),
    };
    return dm_token_issue(domain, ctx, &principal, &grant->access_token,
                          &grant->access_expires_at_ms);
}

static enum dm_result tell_owner(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct dm_account *account,
                                 const struct dm_session_facts *facts)
{
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_NEW_DEVICE,
        .account_id = account->id,
        .to = account->email,
        .values = {.first_name = account->first_name,
                   .device = dm_device_name(ctx, facts->user_agent),
                   .address = facts->address,
                   .at_ms = dm_clock_wall_ms()},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

/* A session being opened. */
struct opening {
    const struct dm_account *account;
    const struct dm_session_facts *facts;
    struct dm_session_new session;
    int64_t expires_at_ms;
};

static enum dm_result open_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                              struct dm_ctx *ctx, struct opening *opening)
{
    const struct dm_session_facts *facts = opening->facts;
    const struct dm_device_client client = {opening->session.user_agent, facts->address};
    struct dm_device device;
    enum dm_result result =
        dm_device_log_in(conn, ctx, opening->account->id, facts->device_id, &client, &device);
    if (result != DM_OK)
        return result;
    opening->session.device_id = device.id;
    result = dm_session_store_add(conn, ctx, &opening->session, &opening->expires_at_ms);
    if (result == DM_OK)
        result = audit(conn, ctx, "session.create", opening->session.id);
    if (result == DM_OK && device.is_new)
        result = tell_owner(domain, conn, ctx, opening->account, facts);
    return result;
}

static enum dm_result store_session(const struct dm_domain *domain, struct dm_ctx *ctx,
                                    struct opening *opening)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, open_in(domain, conn, ctx, opening));
    if (result == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the account has just changed");
    return result;
}

enum dm_result dm_session_open(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_account *account,
                               const struct dm_session_facts *facts,
                               struct dm_session_grant *ret_grant)
{
    ctx->actor_id = account->id;
    struct dm_refresh_token token;
    enum dm_result result = dm_refresh_token_new(ctx, &token);
    if (result != DM_OK)
        return result;
    const struct dm_origin origin = dm_origin_of(facts->user_agent, facts->address);
    struct opening opening = {
        .account = account,
        .facts = facts,
        .session = {.id = dm_id_new(ctx->arena),
                    .account_id = account->id,
                    .password_hash = facts->password_hash,
                    .family_hash = token.family_hash,
                    .refresh_hash = token.hash,
                    .second_step = facts->second_step,
                    .idle_s = domain->settings->session_idle_s,
                    .absolute_s = domain->settings->session_absolute_s,
                    .user_agent = origin.user_agent,
                    .address = origin.address},
    };
    if (opening.session.id.p == NULL)
        return dm_ctx_nomem(ctx);
    result = store_session(domain, ctx, &opening);
    if (result != DM_OK)
        return result;

    struct dm_session_grant grant = {
        .account = *account,
        .second_step = facts->second_step,
        .refresh_token = token.text,
        .refresh_expires_at_ms = opening.expires_at_ms,
        .device_token = dm_device_token(domain, ctx, opening.session.device_id),
    };
    if (grant.device_token.p == NULL)
        return dm_ctx_nomem(ctx);
    result = dm_session_grant_access(domain, ctx, opening.session.id, &grant);
    if (result == DM_OK)
        *ret_grant = grant;
    return result;
}

/* *ret_known: the password was right, whatever came then. */
static enum dm_result login_once(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 const struct dm_login *login, bool *ret_known,
                                 struct dm_session_grant *ret_grant)
{
    struct dm_authenticated who;
    enum dm_result result = dm_account_authenticate(domain, ctx, login, &who);
    *ret_known = result == DM_OK;
    if (result != DM_OK)
        return result;
    const struct dm_session_facts facts = {
        .password_hash = who.password_hash,
        .device_id = who.device_id,
        .user_agent = login->user_agent,
        .address = login->address,
    };
    result = who.account.second_step
                 ? dm_second_step_ask(domain, ctx, &who.account, &facts, ret_grant)
                 : dm_session_open(domain, ctx, &who.account, &facts, ret_grant);
    if (result == DM_OK)
        dm_account_refresh_hash(domain, ctx, who.account.id, login->password, who.password_hash);
    return result;
}

enum dm_result dm_session_login(const struct dm_domain *domain, struct dm_ctx *ctx,
                                const struct dm_login *login, struct dm_session_grant *ret_grant)
{
    bool known;
    enum dm_result result = login_once(domain, ctx, login, &known, ret_grant);
    /* Another log-in has just made the hash of the same password anew: look again. */
    if (result == DM_E_UNAUTHENTICATED && known)
        result = login_once(domain, ctx, login, &known, ret_grant);
    return result;
}

enum dm_result dm_session_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_principal *principal, struct dm_slice slice,
                               struct dm_list *ret_list, bool *ret_more)
{
    struct dm_list list;
    enum dm_result result =
        dm_session_store_list(domain->pg, ctx, principal->account_id, slice, &list, ret_more);
    if (result != DM_OK)
        return result;
    struct dm_session_item *items = list.items;
    for (size_t i = 0; i < list.n; i++)
        items[i].current =
            (struct dm_opt_bool){.set = true, .v = dm_str_eq(items[i].id, principal->session_id)};
    *ret_list = list;
    return DM_OK;
}

static enum dm_result end_one(const struct dm_domain *domain, struct dm_ctx *ctx,
                              const struct dm_principal *principal, struct dm_str session_id,
                              enum dm_session_end reason)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_session_store_end(conn, ctx, session_id, principal->account_id, reason);
    if (result == DM_OK)
        result =
            audit(conn, ctx, reason == DM_SESSION_END_LOGOUT ? "session.logout" : "session.end",
                  session_id);
    result = dm_pg_end(conn, ctx, result);
    if (result == DM_OK)
        dm_gate_kill(domain, ctx, &session_id, 1);
    return result;
}

enum dm_result dm_session_logout(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 const struct dm_principal *principal)
{
    enum dm_result result =
        end_one(domain, ctx, principal, principal->session_id, DM_SESSION_END_LOGOUT);
    return result == DM_E_NOTFOUND ? DM_OK : result;
}

enum dm_result dm_session_end(const struct dm_domain *domain, struct dm_ctx *ctx,
                              const struct dm_principal *principal, struct dm_str session_id)
{
    enum dm_result result = end_one(domain, ctx, principal, session_id, DM_SESSION_END_ENDED);
    if (result == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "There is no such session.");
    return result;
}

static enum dm_result end_many_in(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                  struct dm_str account_id, struct dm_str except_id,
                                  enum dm_session_end reason, struct dm_list *ret_ended)
{
    struct dm_account_row row;
    enum dm_result result = dm_account_store_lock_by_id(conn, ctx, account_id, &row);
    if (result != DM_OK)
        return result;
    return dm_session_end_all(conn, ctx, account_id, except_id, reason, ret_ended);
}

static enum dm_result end_many(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct dm_str account_id, struct dm_str except_id,
                               enum dm_session_end reason)
{
    struct dm_pg_conn *conn;
    struct dm_list ended = {0};
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, end_many_in(conn, ctx, account_id, except_id, reason, &ended));
    if (result == DM_OK)
        dm_session_kill_ended(domain, ctx, &ended);
    return result;
}

enum dm_result dm_session_end_others(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_principal *principal)
{
    return end_many(domain, ctx, principal->account_id, principal->session_id,
                    DM_SESSION_END_ENDED);
}

enum dm_result dm_session_logout_all(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_principal *principal)
{
    return end_many(domain, ctx, principal->account_id, (struct dm_str){0},
                    DM_SESSION_END_LOGOUT_ALL);
}

static enum dm_result audit_ended(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                  struct dm_str account_id, enum dm_session_end reason, size_t n)
{
    const struct dm_audit_event event = {
        .action = "account.end_sessions",
        .entity = "account",
        .entity_id = account_id,
        .detail = dm_arena_printf(ctx->arena, "{\"reason\":\"%s\",\"sessions\":%zu}",
                                  dm_session_end_name(reason), n),
    };
    return event.detail.p == NULL ? dm_ctx_nomem(ctx) : dm_audit_store_add(conn, ctx, &event);
}

/* What an account's API keys open goes with its role and its state: what is known of them must be read again. */
static bool concerns_keys(enum dm_session_end reason)
{
    return reason == DM_SESSION_END_ROLE || reason == DM_SESSION_END_DISABLED ||
           reason == DM_SESSION_END_ERASED;
}

static enum dm_result end_keys(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                               struct dm_str account_id, struct dm_list *ended)
{
    struct dm_list marks;
    enum dm_result result = dm_api_key_store_renew_all(conn, ctx, account_id, &marks);
    if (result != DM_OK || marks.n == 0)
        return result;
    struct dm_str *all = dm_arena_array(ctx->arena, ended->n + marks.n, sizeof(*all));
    if (all == NULL)
        return dm_ctx_nomem(ctx);
    if (ended->n > 0)
        memcpy(all, ended->items, ended->n * sizeof(*all));
    memcpy(all + ended->n, marks.items, marks.n * sizeof(*all));
    *ended = (struct dm_list){all, ended->n + marks.n};
    return DM_OK;
}

enum dm_result dm_session_end_all(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                  struct dm_str account_id, struct dm_str except_id,
                                  enum dm_session_end reason, struct dm_list *ret_ended)
{
    enum dm_result result =
        dm_session_store_end_all(conn, ctx, account_id, except_id, reason, ret_ended);
    if (result == DM_OK && ret_ended->n > 0)
        result = audit_ended(conn, ctx, account_id, reason, ret_ended->n);
    if (result == DM_OK && concerns_keys(reason))
        result = end_keys(conn, ctx, account_id, ret_ended);
    return result;
}

void dm_session_kill_ended(const struct dm_domain *domain, struct dm_ctx *ctx,
                           const struct dm_list *ended)
{
    dm_gate_kill(domain, ctx, ended->items, ended->n);
}

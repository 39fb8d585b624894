/* The rules of administration, between api/user.c and store/user_store.c. */
#include "domain/user.h"

#include "base/clock.h"
#include "base/format.h"
#include "base/id.h"
#include "domain/guard.h"
#include "domain/mail.h"
#include "domain/passwords.h"
#include "domain/session.h"
#include "store/account_store.h"
#include "store/audit_store.h"

enum dm_result dm_user_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                            const struct dm_user_query *query, struct dm_slice slice,
                            struct dm_list *ret_list, bool *ret_more)
{
    struct dm_user_query folded = *query;
    if (query->email_prefix.p != NULL) {
        folded.email_prefix = dm_format_email_key(ctx->arena, query->email_prefix);
        if (folded.email_prefix.p == NULL)
            return dm_ctx_nomem(ctx);
    }
    return dm_user_store_list(domain->pg, ctx, &folded, slice, ret_list, ret_more);
}

enum dm_result dm_user_get(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str id,
                           struct dm_user *ret_user)
{
    struct dm_user user;
    enum dm_result result = dm_user_store_find(domain->pg, ctx, id, &user);
    if (result != DM_OK)
        return result;
    struct dm_str email_key = dm_format_email_key(ctx->arena, user.email);
    if (email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    user.locked.set = true;
    result = dm_guard_is_locked(domain, ctx, email_key, &user.locked.v);
    if (result == DM_OK)
        *ret_user = user;
    return result;
}

/* A change under way: everything it may depend on is locked. */
struct change {
    struct dm_user target, actor;
    int64_t superadmins;            /* active ones */
    struct dm_list ended, disabled; /* what the two changes have ended, for dm_session_kill_ended */
};

static bool is_active_superadmin(const struct dm_user *user)
{
    return dm_str_eq_c(user->role, "SuperAdmin") && dm_str_eq_c(user->state, "active");
}

static enum dm_result lock(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str id,
                           struct change *change)
{
    enum dm_result result = dm_user_store_lock_superadmins(conn, ctx, &change->superadmins);
    if (result == DM_OK)
        result = dm_user_store_lock(conn, ctx, id, ctx->actor_id, &change->target, &change->actor);
    return result;
}

/* By the actor's role as it is now, not as his token has it. */
static enum dm_result check_reach(struct dm_ctx *ctx, const struct change *change)
{
    bool active = dm_str_eq_c(change->actor.state, "active");
    enum dm_role role = active ? dm_role_of(change->actor.role) : DM_ROLE_NONE;
    if (role < DM_ROLE_ADMIN)
        return dm_err_set(&ctx->err, DM_E_DENIED, "this call needs the role Admin");
    if (role < DM_ROLE_SUPERADMIN && dm_role_of(change->target.role) > DM_ROLE_USER)
        return dm_err_set(&ctx->err, DM_E_DENIED,
                          "an account with the role Admin or SuperAdmin is changed by a "
                          "SuperAdmin only");
    return DM_OK;
}

static enum dm_result check_change(struct dm_ctx *ctx, const struct change *change,
                                   const struct dm_user *wanted)
{
    enum dm_result result = check_reach(ctx, change);
    if (result != DM_OK)
        return result;
    if (!dm_str_eq(wanted->role, change->target.role) && !is_active_superadmin(&change->actor))
        return dm_err_set(&ctx->err, DM_E_DENIED, "changing a role needs the role SuperAdmin");
    if (dm_str_eq_c(change->target.state, "erasing"))
        return dm_err_set(&ctx->err, DM_E_CONFLICT, "the account is being erased");
    if (is_active_superadmin(&change->target) && !is_active_superadmin(wanted) &&
        change->superadmins == 1)
        return dm_err_set(&ctx->err, DM_E_CONFLICT,
                          "it is the last active SuperAdmin: make somebody else one before");
    return DM_OK;
}

static enum dm_result audit_change(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str id,
                                   const char *action, struct dm_str before, struct dm_str after)
{
    const struct dm_audit_event event = {
        .action = action,
        .entity = "account",
        .entity_id = id,
        .detail = dm_arena_printf(ctx->arena, "{\"old\": \"%.*s\", \"new\": \"%.*s\"}",
                                  DM_STR_ARG(before), DM_STR_ARG(after)),
    };
    return event.detail.p == NULL ? dm_ctx_nomem(ctx) : dm_audit_store_add(conn, ctx, &event);
}

static enum dm_result tell_owner(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct dm_user *user,
                                 enum dm_mail_kind kind)
{
    const struct dm_mail_new mail = {
        .kind = kind,
        .account_id = user->id,
        .to = user->email,
        .values = {.first_name = user->first_name, .role = user->role, .at_ms = dm_clock_wall_ms()},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

/* What somebody may do has changed, so every token of his says something that is no longer true. */
static enum dm_result change_role(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                  struct dm_ctx *ctx, struct change *change,
                                  const struct dm_user *wanted)
{
    const struct dm_user *target = &change->target;
    enum dm_result result =
        audit_change(conn, ctx, target->id, "account.change_role", target->role, wanted->role);
    if (result == DM_OK)
        result = dm_session_end_all(conn, ctx, target->id, (struct dm_str){0}, DM_SESSION_END_ROLE,
                                    &change->ended);
    return result == DM_OK ? tell_owner(domain, conn, ctx, wanted, DM_MAIL_ROLE_CHANGED) : result;
}

static enum dm_result change_state(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                   struct dm_ctx *ctx, struct change *change,
                                   const struct dm_user *wanted)
{
    const struct dm_user *target = &change->target;
    bool disables = dm_str_eq_c(wanted->state, "disabled");
    enum dm_result result =
        audit_change(conn, ctx, target->id, disables ? "account.disable" : "account.enable",
                     target->state, wanted->state);
    if (result == DM_OK && disables)
        result = dm_session_end_all(conn, ctx, target->id, (struct dm_str){0},
                                    DM_SESSION_END_DISABLED, &change->disabled);
    if (result != DM_OK)
        return result;
    return tell_owner(domain, conn, ctx, wanted,
                      disables ? DM_MAIL_ACCOUNT_DISABLED : DM_MAIL_ACCOUNT_ENABLED);
}

static enum dm_result change_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, struct dm_str id,
                                const struct dm_user_change *asked, struct change *change)
{
    enum dm_result result = lock(conn, ctx, id, change);
    if (result != DM_OK)
        return result;
    const struct dm_user *target = &change->target;
    struct dm_user wanted = *target;
    if (asked->role.p != NULL)
        wanted.role = asked->role;
    /* Whoever has not confirmed the address is as active as can be. */
    bool is_on = !dm_str_eq_c(target->state, "disabled");
    if (asked->state.p != NULL && dm_str_eq_c(asked->state, "active") != is_on)
        wanted.state = asked->state;
    result = check_change(ctx, change, &wanted);
    bool new_role = !dm_str_eq(wanted.role, target->role);
    bool new_state = !dm_str_eq(wanted.state, target->state);
    if (result != DM_OK || !(new_role || new_state))
        return result;
    result = dm_user_store_change(conn, ctx, id, wanted.role, wanted.state);
    if (result == DM_OK && new_role)
        result = change_role(domain, conn, ctx, change, &wanted);
    if (result == DM_OK && new_state)
        result = change_state(domain, conn, ctx, change, &wanted);
    return result;
}

enum dm_result dm_user_change(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str id,
                              const struct dm_user_change *asked, struct dm_user *ret_user)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    struct change change = {0};
    result = dm_pg_end(conn, ctx, change_in(domain, conn, ctx, id, asked, &change));
    if (result != DM_OK)
        return result;
    dm_session_kill_ended(domain, ctx, &change.ended);
    dm_session_kill_ended(domain, ctx, &change.disabled);
    return dm_user_get(domain, ctx, id, ret_user);
}

static enum dm_result logout_in(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str id,
                                struct change *change)
{
    enum dm_result result = lock(conn, ctx, id, change);
    if (result == DM_OK)
        result = check_reach(ctx, change);
    return result == DM_OK ? dm_session_end_all(conn, ctx, id, (struct dm_str){0},
                                                DM_SESSION_END_ENDED, &change->ended)
                           : result;
}

enum dm_result dm_user_logout(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str id)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    struct change change = {0};
    result = dm_pg_end(conn, ctx, logout_in(conn, ctx, id, &change));
    if (result == DM_OK)
        dm_session_kill_ended(domain, ctx, &change.ended);
    return result;
}

static enum dm_result unlock_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, struct dm_str id)
{
    struct change change = {0};
    enum dm_result result = lock(conn, ctx, id, &change);
    if (result == DM_OK)
        result = check_reach(ctx, &change);
    if (result != DM_OK)
        return result;
    struct dm_str email_key = dm_format_email_key(ctx->arena, change.target.email);
    if (email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    result = dm_guard_clear(domain, conn, ctx, email_key);
    const struct dm_audit_event event = {
        .action = "account.unlock", .entity = "account", .entity_id = id};
    return result == DM_OK ? dm_audit_store_add(conn, ctx, &event) : result;
}

enum dm_result dm_user_unlock(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str id)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, unlock_in(domain, conn, ctx, id));
}

enum dm_result dm_user_lock_for_removal(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                        struct dm_str id, struct dm_user *ret_user)
{
    struct change change = {0};
    enum dm_result result = dm_user_store_lock_superadmins(conn, ctx, &change.superadmins);
    if (result == DM_OK)
        result =
            dm_user_store_lock(conn, ctx, id, (struct dm_str){0}, &change.target, &change.actor);
    if (result != DM_OK)
        return result;
    if (is_active_superadmin(&change.target) && change.superadmins == 1)
        return dm_err_set(&ctx->err, DM_E_CONFLICT,
                          "it is the last active SuperAdmin: make somebody else one before");
    *ret_user = change.target;
    return DM_OK;
}

static enum dm_result create_in(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                const struct dm_account_new *account, struct dm_str role)
{
    bool added = false;
    enum dm_result result = dm_user_store_add(conn, ctx, account, role, &added);
    if (result != DM_OK)
        return result;
    if (!added)
        return dm_err_set(&ctx->err, DM_E_CONFLICT,
                          "there is an account with this address already: --promote gives it the "
                          "role");
    const struct dm_audit_event event = {
        .action = "account.create_admin",
        .entity = "account",
        .entity_id = account->id,
        .detail = dm_arena_printf(ctx->arena, "{\"role\": \"%.*s\"}", DM_STR_ARG(role)),
    };
    return event.detail.p == NULL ? dm_ctx_nomem(ctx) : dm_audit_store_add(conn, ctx, &event);
}

enum dm_result dm_user_create_admin(const struct dm_domain *domain, struct dm_ctx *ctx,
                                    const struct dm_user_admin *admin, struct dm_str *ret_id)
{
    if (!dm_format_is_email(admin->email))
        return dm_err_set_field(&ctx->err, "/email", "format", "this is no e-mail address");
    struct dm_account_new account = {
        .id = dm_id_new(ctx->arena),
        .email = admin->email,
        .email_key = dm_format_email_key(ctx->arena, admin->email),
        .first_name = admin->first_name,
        .last_name = admin->last_name,
    };
    if (account.id.p == NULL || account.email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    const struct dm_passwords_new wanted = {
        .password = admin->password,
        .pointer = "/password",
        .email = admin->email,
        .first_name = admin->first_name,
        .last_name = admin->last_name,
    };
    enum dm_result result = dm_passwords_hash_new(domain, ctx, &wanted, &account.password_hash);
    if (result != DM_OK)
        return result;
    struct dm_pg_conn *conn;
    result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, create_in(conn, ctx, &account, admin->role));
    if (result == DM_OK)
        *ret_id = account.id;
    return result;
}

static enum dm_result promote_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, struct dm_str email_key, struct dm_str role,
                                 struct change *change)
{
    struct dm_account_row row;
    enum dm_result result = dm_user_store_lock_superadmins(conn, ctx, &change->superadmins);
    if (result == DM_OK)
        result = dm_account_store_lock_by_email(conn, ctx, email_key, &row);
    if (result == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "there is no account with this address");
    if (result == DM_OK)
        result = lock(conn, ctx, row.id, change);
    if (result != DM_OK)
        return result;
    struct dm_user wanted = change->target;
    if (!dm_str_eq_c(wanted.state, "active"))
        return dm_err_set(&ctx->err, DM_E_CONFLICT, "the account is not active, but %.*s",
                          DM_STR_ARG(wanted.state));
    wanted.role = role;
    if (dm_str_eq(wanted.role, change->target.role))
        return DM_OK;
    if (is_active_superadmin(&change->target) && change->superadmins == 1)
        return dm_err_set(&ctx->err, DM_E_CONFLICT, "it is the last active SuperAdmin");
    result = dm_user_store_change(conn, ctx, wanted.id, wanted.role, wanted.state);
    return result == DM_OK ? change_role(domain, conn, ctx, change, &wanted) : result;
}

enum dm_result dm_user_promote(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_user_admin *admin, struct dm_str *ret_id)
{
    struct dm_str email_key = dm_format_email_key(ctx->arena, admin->email);
    if (email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    struct change change = {0};
    result = dm_pg_end(conn, ctx, promote_in(domain, conn, ctx, email_key, admin->role, &change));
    if (result != DM_OK)
        return result;
    dm_session_kill_ended(domain, ctx, &change.ended);
    *ret_id = change.target.id;
    return DM_OK;
}

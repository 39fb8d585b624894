/*
 * Accounts: registration, confirmation of the address, and the check of a password. Nothing here
 * tells a stranger, by words or by time, whether an address has an account.
 */
#ifndef DM_DOMAIN_ACCOUNT_H
#define DM_DOMAIN_ACCOUNT_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"
#include "store/job_store.h"

struct dm_account {
    struct dm_str id, email, first_name, last_name;
    enum dm_role role;
    bool email_confirmed;
    bool second_step; /* log-in asks for one */
    int64_t created_at_ms, updated_at_ms;
};

struct dm_registration {
    struct dm_str email, password, first_name, last_name;
};

/*
 * DM_OK whether or not the address is known: a new owner gets a mail with a token, the owner of an
 * unconfirmed account another one, the owner of an active account word that somebody tried.
 * DM_E_INVALID at "/password": "too_short", "too_long", "too_weak".
 */
DM_MUST_CHECK enum dm_result dm_account_register(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                 const struct dm_registration *registration);
/* DM_E_INVALID at "/token": unknown, used or past its time. */
DM_MUST_CHECK enum dm_result dm_account_confirm_email(const struct dm_domain *domain,
                                                      struct dm_ctx *ctx, struct dm_str token);
/* DM_OK always, unless a dependency is down: the worker looks whether the address waits for a token. */
DM_MUST_CHECK enum dm_result dm_account_resend_confirmation(const struct dm_domain *domain,
                                                            struct dm_ctx *ctx,
                                                            struct dm_str email);
/* The worker's part, a job of kind "resend_confirmation": a mail goes out if the address has an unconfirmed account. */
DM_MUST_CHECK enum dm_result dm_account_run_resend(const struct dm_domain *domain,
                                                   struct dm_ctx *ctx, const struct dm_job *job);
/* What somebody who wants in gives; all but the first two may be absent. */
struct dm_login {
    struct dm_str email, password;
    struct dm_str device_token;
    struct dm_str user_agent, address; /* as the client sent them */
};

/* Who has proved to know the password of an account. */
struct dm_authenticated {
    struct dm_account account;
    struct dm_str password_hash; /* the stored one, that matched */
    struct dm_str device_id;     /* that the token named; absent: none that is known */
};

/*
 * Whose e-mail address and password are these? DM_E_UNAUTHENTICATED, with the same words and after
 * the same work, for an unknown address, a wrong password, an unconfirmed and a disabled account,
 * and whatever is tried while the guard lets nothing count.
 */
DM_MUST_CHECK enum dm_result dm_account_authenticate(const struct dm_domain *domain,
                                                     struct dm_ctx *ctx,
                                                     const struct dm_login *login,
                                                     struct dm_authenticated *ret_who);
/*
 * Is it really they who sit before the session? For what must not be done with a stolen token alone.
 * DM_E_INVALID at "/password": "wrong". DM_E_LIMITED: too many wrong ones in this session.
 * DM_E_NOTFOUND: no such account, or it is not active.
 */
DM_MUST_CHECK enum dm_result dm_account_check_password(const struct dm_domain *domain,
                                                       struct dm_ctx *ctx, struct dm_str account_id,
                                                       struct dm_str session_id,
                                                       struct dm_str password);
/* After dm_account_authenticate: a stored hash of another cost than today's is made anew. Best
 * effort; the next log-in tries again. */
void dm_account_refresh_hash(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct dm_str account_id, struct dm_str password,
                             struct dm_str password_hash);
DM_MUST_CHECK enum dm_result dm_account_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_str id, struct dm_account *ret_account);

#endif

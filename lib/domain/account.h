/*
 * Accounts: registration, confirmation of the address, the check of a password (account.c), a forgotten one (account_reset.c), and
 * what its owner changes about an account (account_change.c). Nothing here tells a stranger, by words or by time, whether an address
 * has an account.
 */
#ifndef DM_DOMAIN_ACCOUNT_H
#define DM_DOMAIN_ACCOUNT_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/one_time.h"
#include "domain/origin.h"
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
    struct dm_origin origin;
};

/*
 * DM_OK whether or not the address is known: a new owner gets a mail with a token, the owner of an
 * unconfirmed account another one, the owner of an active account word that somebody tried.
 * DM_E_INVALID at "/password": "too_short", "too_long", "too_weak".
 */
DM_MUST_CHECK enum dm_result dm_account_register(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                 const struct dm_registration *registration);
/* The account becomes active with the password that the registration chose which the mail was sent for. DM_E_INVALID as
 * dm_one_time_find and dm_one_time_refuse. */
DM_MUST_CHECK enum dm_result dm_account_confirm_email(const struct dm_domain *domain,
                                                      struct dm_ctx *ctx,
                                                      const struct dm_one_time_proof *proof);
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
/*
 * Throw out registrations that nobody has confirmed for account.unconfirmed_keep_s, at most limit, and write to the audit trail how many:
 * the worker's part.
 */
DM_MUST_CHECK enum dm_result dm_account_sweep(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              int64_t limit, int64_t *ret_deleted);
DM_MUST_CHECK enum dm_result dm_account_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_str id, struct dm_account *ret_account);

/* DM_OK always, unless a dependency is down: the worker looks whether the address has an account. */
DM_MUST_CHECK enum dm_result dm_account_forgot_password(const struct dm_domain *domain,
                                                        struct dm_ctx *ctx, struct dm_str email);
/*
 * The worker's part, a job of kind "forgot_password": an active account gets a mail for a new password, one that waits for its
 * confirmation another of that kind, a disabled one nothing.
 */
DM_MUST_CHECK enum dm_result dm_account_run_forgot(const struct dm_domain *domain,
                                                   struct dm_ctx *ctx, const struct dm_job *job);

struct dm_account_reset {
    struct dm_one_time_proof proof;
    struct dm_str password;
    struct dm_origin origin;
};
/*
 * A new password for who has read the mail. All sessions end, all other one-time tokens die, the owner is told; nobody is logged in, and a
 * second factor stays. DM_E_INVALID as dm_one_time_find, dm_one_time_refuse, and dm_passwords_hash_new at "/password": then the
 * token is not used up.
 */
DM_MUST_CHECK enum dm_result dm_account_reset_password(const struct dm_domain *domain,
                                                       struct dm_ctx *ctx,
                                                       const struct dm_account_reset *reset);

/* What a logged-in owner does. */
struct dm_account_owner {
    struct dm_str account_id, session_id;
    struct dm_origin origin;
};
/*
 * The other sessions end, all one-time tokens die, the owner is told. DM_E_INVALID: "wrong" at "/currentPassword", the rules of
 * dm_passwords_hash_new at "/newPassword". DM_E_CONFLICT: the password was changed meanwhile.
 */
DM_MUST_CHECK enum dm_result dm_account_change_password(const struct dm_domain *domain,
                                                        struct dm_ctx *ctx,
                                                        const struct dm_account_owner *owner,
                                                        struct dm_str current_password,
                                                        struct dm_str new_password);
/*
 * Ask for another address: a mail goes there to confirm it, and word of it to the old one. Nothing tells whether the new address has an
 * account; its owner is told instead. DM_E_INVALID: "wrong" at "/password", "unchanged" at "/newEmail". DM_E_LIMITED: too many mails.
 */
DM_MUST_CHECK enum dm_result dm_account_change_email(const struct dm_domain *domain,
                                                     struct dm_ctx *ctx,
                                                     const struct dm_account_owner *owner,
                                                     struct dm_str new_email,
                                                     struct dm_str password);
/*
 * The address becomes the account's: all sessions but the one that asked end, the old address is told. proof.email is the new
 * address. DM_E_INVALID as dm_one_time_find and dm_one_time_refuse. DM_E_CONFLICT: another account has it by now.
 */
DM_MUST_CHECK enum dm_result dm_account_confirm_email_change(const struct dm_domain *domain,
                                                             struct dm_ctx *ctx,
                                                             const struct dm_one_time_proof *proof,
                                                             const struct dm_origin *origin);
/* DM_E_NOTFOUND: not an active account. */
DM_MUST_CHECK enum dm_result dm_account_rename(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               struct dm_str id, struct dm_str first_name,
                                               struct dm_str last_name,
                                               struct dm_account *ret_account);

#endif

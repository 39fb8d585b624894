/*
 * The log-in guard: how often passwords may be guessed, without giving strangers a way to lock an
 * owner out. A device that has logged in before has its own count; all that are unknown share the
 * address's and that of the network they come from. After lockout.failures failures a key is locked
 * for lockout.lock_s, and before that each failure but the first makes the next try wait. After
 * lockout.failures_max in a row only a new password opens it (NIST SP 800-63B §5.2.2), and a known
 * device is an unknown one.
 *
 * A try that is refused counts nowhere, costs what any other costs, and is answered as any other
 * (OWASP ASVS 5 V6.3.8); so nothing here looks whether there is an account.
 */
#ifndef DM_DOMAIN_GUARD_H
#define DM_DOMAIN_GUARD_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "store/job_store.h"

struct dm_guard_try {
    struct dm_str email, email_key;
    struct dm_str account_id;          /* for the audit trail; absent: nobody has the address */
    struct dm_str device_id;           /* known, of this account; absent: unknown */
    struct dm_str user_agent, address; /* may be absent */
    bool right; /* the password is the account's, and the account may log in */
};

/*
 * After the password was looked at, whatever came of it: may it count? Of any number of tries at
 * once at most lockout.failures get true before the key is locked. The owner gets a mail when it is.
 * A try that fails or may not count is in the audit trail, whether or not there is an account.
 */
DM_MUST_CHECK enum dm_result dm_guard_settle(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             const struct dm_guard_try *attempt, bool *ret_counts);
/*
 * The same for the password of somebody who is logged in, by session. DM_E_LIMITED with
 * retry_after_s: the try counts for nothing.
 */
DM_MUST_CHECK enum dm_result dm_guard_settle_session(const struct dm_domain *domain,
                                                     struct dm_ctx *ctx, struct dm_str session_id,
                                                     bool right);
/* Within the caller's transaction, account locked: open the address and the account's devices again
 * (a new password, an administrator's word). */
DM_MUST_CHECK enum dm_result dm_guard_clear(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                            struct dm_ctx *ctx, struct dm_str email_key);
/* Is the address locked now, or until there is a new password? */
DM_MUST_CHECK enum dm_result dm_guard_is_locked(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                struct dm_str email_key, bool *ret_locked);
/* The worker's part, a job of kind "login_locked": a mail to the owner, if there is one, and an
 * audit event. */
DM_MUST_CHECK enum dm_result dm_guard_run_locked(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                 const struct dm_job *job);

#endif

/*
 * Sessions: log-in opens one, log-out and whatever takes an account's trust away end it. A session
 * that has ended is dead for every instance in the same instant: PostgreSQL says so, and Redis is
 * told.
 */
#ifndef DM_DOMAIN_SESSION_H
#define DM_DOMAIN_SESSION_H

#include "base/ctx.h"
#include "domain/account.h"
#include "domain/domain.h"
#include "store/session_store.h"

/* What log-in and refresh give. Times are wall time. */
struct dm_session_grant {
    struct dm_str access_token;
    int64_t access_expires_at_ms;
    struct dm_str refresh_token;
    int64_t refresh_expires_at_ms;
    struct dm_str device_token; /* of log-in: to be shown at the next one; absent after refresh */
    struct dm_account account;
    bool second_step;   /* it was shown in this session */
    bool enrolment_due; /* the role asks for one: until it is shown, the token says User */
    /* Set instead of all the others: the log-in waits for its second step, by dm_second_step_answer. */
    struct dm_str mfa_token;
    int64_t mfa_expires_at_ms;
};

/* What is known of a log-in whose every step has succeeded. */
struct dm_session_facts {
    /* That the password was checked against; absent: whatever it is now. */
    struct dm_str password_hash;
    struct dm_str device_id;           /* as dm_account_authenticate found it; absent: not known */
    bool second_step;                  /* it was shown */
    struct dm_str user_agent, address; /* as the client sent them; may be absent */
};

/* DM_E_UNAUTHENTICATED as dm_account_authenticate. */
DM_MUST_CHECK enum dm_result dm_session_login(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              const struct dm_login *login,
                                              struct dm_session_grant *ret_grant);
/*
 * A new session for an account that has proved itself; the account becomes the context's actor.
 * DM_E_UNAUTHENTICATED: it is no longer active, its password is no longer the one that was checked, or it asks for a second step that
 * was not shown.
 */
DM_MUST_CHECK enum dm_result dm_session_open(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             const struct dm_account *account,
                                             const struct dm_session_facts *facts,
                                             struct dm_session_grant *ret_grant);
/* A new access token of the session for grant->account, into *grant. */
DM_MUST_CHECK enum dm_result dm_session_grant_access(const struct dm_domain *domain,
                                                     struct dm_ctx *ctx, struct dm_str session_id,
                                                     struct dm_session_grant *grant);

/* Where the principal is logged in, oldest first. Items: struct dm_session_item. */
DM_MUST_CHECK enum dm_result dm_session_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             const struct dm_principal *principal,
                                             struct dm_slice slice, struct dm_list *ret_list,
                                             bool *ret_more);
/* End one of the principal's sessions, be it this one. DM_E_NOTFOUND when it has ended or is
 * another's. */
DM_MUST_CHECK enum dm_result dm_session_end(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            const struct dm_principal *principal,
                                            struct dm_str session_id);
/* All but this one, and all. */
DM_MUST_CHECK enum dm_result dm_session_end_others(const struct dm_domain *domain,
                                                   struct dm_ctx *ctx,
                                                   const struct dm_principal *principal);
DM_MUST_CHECK enum dm_result dm_session_logout_all(const struct dm_domain *domain,
                                                   struct dm_ctx *ctx,
                                                   const struct dm_principal *principal);
/* End the principal's session, here and for every instance. DM_OK also when it had ended. */
DM_MUST_CHECK enum dm_result dm_session_logout(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               const struct dm_principal *principal);
/*
 * Within the transaction of what takes the trust away, after the account's row is locked: end all
 * sessions of the account but except_id (absent: all), and write it to the audit trail. When the reason is the account's role or state, its
 * API keys are read anew by whoever knows them. *ret_ended (items: struct dm_str) is for dm_session_kill_ended. Lives in the arena.
 */
DM_MUST_CHECK enum dm_result dm_session_end_all(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                struct dm_str account_id, struct dm_str except_id,
                                                enum dm_session_end reason,
                                                struct dm_list *ret_ended);
/* After that transaction has committed: tell Redis. */
void dm_session_kill_ended(const struct dm_domain *domain, struct dm_ctx *ctx,
                           const struct dm_list *ended);

#endif

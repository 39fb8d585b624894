/*
 * The second step of a log-in: after the password, a code of the authenticator app or a recovery code. What stands between the two is
 * an MFA token: opaque, stored hashed, good for a few minutes and five tries, and for nothing else.
 */
#ifndef DM_DOMAIN_SECOND_STEP_H
#define DM_DOMAIN_SECOND_STEP_H

#include "base/ctx.h"
#include "domain/device.h"
#include "domain/domain.h"
#include "domain/session.h"
#include "store/second_factor_store.h"

#define DM_SECOND_STEP_TRIES 5          /* of one MFA token */
#define DM_SECOND_STEP_CODE_MAX 40      /* characters of a code as it may be typed */
#define DM_SECOND_FACTOR_PENDING_S 1800 /* how long an enrolment waits for its first code */

struct dm_second_step_answer {
    struct dm_str mfa_token, code;
    struct dm_device_client client;
};

/* The first step has succeeded: a token for the second. DM_E_UNAUTHENTICATED: the account has changed since. */
DM_MUST_CHECK enum dm_result dm_second_step_ask(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                const struct dm_account *account,
                                                const struct dm_session_facts *facts,
                                                struct dm_session_grant *ret_grant);
/*
 * Open the session. DM_E_UNAUTHENTICATED, with the same words for each: the token is unknown, used, past its time or out of tries, the
 * code is wrong or was used, or no code is taken now.
 */
DM_MUST_CHECK enum dm_result dm_second_step_answer(const struct dm_domain *domain,
                                                   struct dm_ctx *ctx,
                                                   const struct dm_second_step_answer *answer,
                                                   struct dm_session_grant *ret_grant);
/*
 * Within a transaction that has locked the account and will be committed whatever *ret_right is: is it a code of the account's? It counts
 * once: as used when it is right, as a failure when it is wrong. Too many failures, and codes of the app are refused for a while, the
 * owner is told. A factor that waits for confirmation takes no part.
 */
DM_MUST_CHECK enum dm_result dm_second_step_check(const struct dm_domain *domain,
                                                  struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  const struct dm_second_factor_account *account,
                                                  const struct dm_device_client *client,
                                                  struct dm_str code, bool *ret_right);
/* The same for a factor that waits for its first code: nobody else knows its secret, so a wrong one is not held against it. */
DM_MUST_CHECK enum dm_result dm_second_step_first(const struct dm_domain *domain,
                                                  struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  const struct dm_second_factor *factor,
                                                  struct dm_str code, bool *ret_right);
/* Must a session of this role have shown a second factor to act in it? (mfa.required_for) */
bool dm_second_step_required(const struct dm_settings *settings, enum dm_role role);
/* What a sealed TOTP secret is bound to. */
struct dm_sealed_place dm_second_factor_place(struct dm_str factor_id);

#endif

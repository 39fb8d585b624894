/*
 * One's second factor: enrol an authenticator app, confirm it with its first code, renew the recovery codes, take it off. Each change is
 * told to the owner by mail. What a stolen access token alone must not do asks for the password, and for a code.
 */
#ifndef DM_DOMAIN_MFA_H
#define DM_DOMAIN_MFA_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"
#include "domain/recovery_code.h"
#include "domain/second_step.h"

/* Who asks, and from where. */
struct dm_mfa_caller {
    const struct dm_principal *principal; /* of a session */
    struct dm_device_client client;
};

/* What the owner shows to take the factor off or to have new codes. */
struct dm_mfa_proof {
    struct dm_str password, code;
};

struct dm_mfa_state {
    struct dm_opt_time since; /* unset: off */
    int64_t recovery_codes_left;
    bool required; /* by the account's role */
};

struct dm_mfa_enrolment {
    struct dm_str secret; /* base32 */
    struct dm_str otpauth_uri;
    struct dm_str recovery_codes[DM_RECOVERY_CODES];
};

DM_MUST_CHECK enum dm_result dm_mfa_state(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          struct dm_str account_id, struct dm_mfa_state *ret_state);
/*
 * A new secret and new recovery codes, shown this once; they serve when dm_mfa_confirm has seen a code of the secret, within half an
 * hour. An enrolment before it that was not confirmed is gone. DM_E_INVALID at "/password": "wrong". DM_E_CONFLICT: it is on.
 */
DM_MUST_CHECK enum dm_result dm_mfa_enrol(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          const struct dm_mfa_caller *caller,
                                          struct dm_str password,
                                          struct dm_mfa_enrolment *ret_enrolment);
/*
 * From now on log-in asks for it. The caller's session has shown it; all others end. DM_E_INVALID at "/code": "wrong". DM_E_CONFLICT:
 * no enrolment waits.
 */
DM_MUST_CHECK enum dm_result dm_mfa_confirm(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            const struct dm_mfa_caller *caller, struct dm_str code);
/* Off. The other sessions end; where the role asks for a second step, the caller's too. DM_E_INVALID at "/password" or "/code".
 * DM_E_CONFLICT: it is not on. */
DM_MUST_CHECK enum dm_result dm_mfa_remove(const struct dm_domain *domain, struct dm_ctx *ctx,
                                           const struct dm_mfa_caller *caller,
                                           const struct dm_mfa_proof *proof);
/* The codes before are worth nothing. Errors as dm_mfa_remove. */
DM_MUST_CHECK enum dm_result dm_mfa_renew_codes(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                const struct dm_mfa_caller *caller,
                                                const struct dm_mfa_proof *proof,
                                                struct dm_str ret_codes[DM_RECOVERY_CODES]);
struct dm_mfa_reset {
    struct dm_str account_id;
    size_t sessions_ended;
};
/* The operator's: off, all sessions end, the owner is told. DM_E_NOTFOUND: no such account; DM_E_CONFLICT: it is not on. */
DM_MUST_CHECK enum dm_result dm_mfa_reset(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          struct dm_str email, struct dm_mfa_reset *ret_reset);

#endif

/*
 * Sessions: log-in, refresh, log-out. A session's refresh tokens form a chain in which each one
 * determines the next, by a keyed hash of the site; so a token that is presented twice within the
 * grace gives the same successor, and only hashes are stored. A token that comes up later, when its
 * successor has taken its place, was copied: the session ends (RFC 9700 §4.14.2).
 */
#ifndef DM_DOMAIN_SESSION_H
#define DM_DOMAIN_SESSION_H

#include "base/ctx.h"
#include "domain/account.h"
#include "domain/domain.h"

#define DM_REFRESH_TOKEN_TEXT 65 /* characters of a refresh token: base64url */

struct dm_login {
    struct dm_str email, password;
    struct dm_str user_agent, address; /* as the client sent them; may be absent */
};

/* What log-in and refresh give. Times are wall time. */
struct dm_session_grant {
    struct dm_str access_token;
    int64_t access_expires_at_ms;
    struct dm_str refresh_token;
    int64_t refresh_expires_at_ms;
    struct dm_account account;
};

/* DM_E_UNAUTHENTICATED as dm_account_authenticate. */
DM_MUST_CHECK enum dm_result dm_session_login(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              const struct dm_login *login,
                                              struct dm_session_grant *ret_grant);
/* DM_E_UNAUTHENTICATED: no token of ours, the session is over, or the token had been used: then the
 * session ends now. */
DM_MUST_CHECK enum dm_result dm_session_refresh(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                struct dm_str refresh_token,
                                                struct dm_session_grant *ret_grant);
/* End the principal's session, here and for every instance. DM_OK also when it had ended. */
DM_MUST_CHECK enum dm_result dm_session_logout(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               const struct dm_principal *principal);

#endif

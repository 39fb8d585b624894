/*
 * Access tokens: made at log-in and refresh, checked at every request. A token that was verified once is kept in a
 * bounded cache by its SHA-256 until it expires, so that the signature is checked once a token and process, not once a request. When a
 * signing key is taken away, so is what the cache knew.
 */
#ifndef DM_DOMAIN_TOKEN_H
#define DM_DOMAIN_TOKEN_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"

#define DM_TOKEN_ACCESS_MAX_S 3600 /* no token of ours lives longer */

/* Of verified tokens, as dm_cache_new. */
struct dm_cache *dm_token_cache_new(size_t entries_max);

/* A new access token for the principal; *ret_expires_at_ms is wall time. Lives in the arena. */
DM_MUST_CHECK enum dm_result dm_token_issue(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            const struct dm_principal *principal,
                                            struct dm_str *ret_token, int64_t *ret_expires_at_ms);
/* Who is it? DM_E_UNAUTHENTICATED for every flaw. The session may have ended since: dm_gate_check tells. */
DM_MUST_CHECK enum dm_result dm_token_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_str token,
                                            struct dm_principal *ret_principal);

#endif

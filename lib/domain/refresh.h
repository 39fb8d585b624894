/*
 * Refresh: a session's refresh tokens form a chain in which each one determines the next, by a keyed
 * hash of the site; so a token that is presented twice within the grace gives the same successor,
 * and only hashes are stored. A token that comes up later, when its successor has taken its place,
 * was copied: the session ends (RFC 9700 §4.14.2).
 */
#ifndef DM_DOMAIN_REFRESH_H
#define DM_DOMAIN_REFRESH_H

#include "domain/session.h"

#define DM_REFRESH_TOKEN_TEXT 65 /* characters of a refresh token: base64url */

/* The first of a chain, and what is stored of it (SHA-256 hex). Lives in the arena. */
struct dm_refresh_token {
    struct dm_str text;
    struct dm_str family_hash, hash;
};
DM_MUST_CHECK enum dm_result dm_refresh_token_new(struct dm_ctx *ctx,
                                                  struct dm_refresh_token *ret_token);
/*
 * What names the session of a presented token, ours or not, in counters: the same through its life. DM_E_UNAUTHENTICATED: it
 * has not the form of one. Lives in the arena.
 */
DM_MUST_CHECK enum dm_result dm_refresh_family(struct dm_ctx *ctx, struct dm_str refresh_token,
                                               struct dm_str *ret_family_hash);
/* DM_E_UNAUTHENTICATED: no token of ours, the session is over, or the token had been used: then the
 * session ends now. */
DM_MUST_CHECK enum dm_result dm_refresh(const struct dm_domain *domain, struct dm_ctx *ctx,
                                        struct dm_str refresh_token,
                                        struct dm_session_grant *ret_grant);

#endif

/*
 * API keys: what a program uses in the place of a person's session. A key opens rows by its scopes, never more than its owner's role does, and
 * may be bound to rows, networks and a time. What it opens is read at each use: a change, a roll or a revocation holds for
 * every instance in the same instant. The key's text is given once, by create and roll; only a hash is kept.
 */
#ifndef DM_DOMAIN_API_KEY_H
#define DM_DOMAIN_API_KEY_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"
#include "store/owned.h"

#define DM_API_KEY_LIFE_S (365 * 86400)     /* when nothing else is asked for */
#define DM_API_KEY_LIFE_MAX_S (730 * 86400) /* from its creation */
#define DM_API_KEY_OVERLAP_MAX_S (30 * 86400)

struct dm_api_key_write {
    struct dm_str name;
    struct dm_list scopes; /* struct dm_str: names of principal.h; at least one */
    struct dm_list routes; /* struct dm_str: patterns of api_key_bounds.h; none: any row */
    struct dm_list ranges; /* struct dm_str: networks; none: any address */
    struct dm_opt_time expires_at;
};

/* `content` comes first, so that one table of offsets describes both structs. */
struct dm_api_key {
    struct dm_api_key_write content;
    struct dm_str id, account_id;
    struct dm_str text;                /* the key itself; absent but from create and roll */
    struct dm_opt_time previous_until; /* the secret before the last roll is good until then */
    struct dm_opt_time last_used_at, revoked_at;
    struct dm_opt_int requests;
    struct dm_str revoke_reason; /* "owner", "admin", "leak" */
    int64_t version;
    struct dm_opt_time created_at, updated_at;
    struct dm_str created_by, updated_by;
};

/* Those of an account that are not revoked. Items: struct dm_api_key. */
DM_MUST_CHECK enum dm_result dm_api_key_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             struct dm_str account_id, struct dm_slice slice,
                                             struct dm_list *ret_list, bool *ret_more);
/* Everyone's, revoked ones too. */
DM_MUST_CHECK enum dm_result dm_api_key_list_all(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                 struct dm_slice slice, struct dm_list *ret_list,
                                                 bool *ret_more);
DM_MUST_CHECK enum dm_result dm_api_key_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_owned key, struct dm_api_key *ret_key);
/*
 * When the id is there already (a retry), nothing is made, and *ret_key is what stands, without its text, which nobody knows. DM_E_CONFLICT: the
 * account has as many as it may. DM_E_INVALID at "/scopes" ("not_yours"), "/expiresAt" ("out_of_range"), "/allowedIpRanges/<i>"
 * ("format").
 */
DM_MUST_CHECK enum dm_result dm_api_key_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               struct dm_owned key,
                                               const struct dm_api_key_write *write,
                                               struct dm_api_key *ret_key);
/* version: the one that must stand, else DM_E_STALE; unset: any. DM_E_INVALID as above. */
DM_MUST_CHECK enum dm_result dm_api_key_replace(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                struct dm_owned key, struct dm_opt_int version,
                                                const struct dm_api_key_write *write,
                                                struct dm_api_key *ret_key);
/* A new secret. The one before it is good for another overlap_s; one older than that is over now. */
DM_MUST_CHECK enum dm_result dm_api_key_roll(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             struct dm_owned key, int64_t overlap_s,
                                             struct dm_api_key *ret_key);
DM_MUST_CHECK enum dm_result dm_api_key_revoke(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               struct dm_owned key, struct dm_opt_int version);
/* Whoever's it is. */
DM_MUST_CHECK enum dm_result dm_api_key_revoke_any(const struct dm_domain *domain,
                                                   struct dm_ctx *ctx, struct dm_str id);
/*
 * Somebody has found the text where it must not be: the key is revoked, and its owner told. url: where; may be absent. DM_OK also when it
 * is no key, or one that is over.
 */
DM_MUST_CHECK enum dm_result dm_api_key_report_leak(const struct dm_domain *domain,
                                                    struct dm_ctx *ctx, struct dm_str text,
                                                    struct dm_str url);

#endif

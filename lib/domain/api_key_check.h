/*
 * Who shows this key? Asked at every request made with one. A key that was read once is remembered, in a bounded cache by
 * its id, until a change of it takes its mark from Redis (gate.h); uses are counted there too, and written at most once a minute a key.
 */
#ifndef DM_DOMAIN_API_KEY_CHECK_H
#define DM_DOMAIN_API_KEY_CHECK_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"

/* Of keys that were read, as dm_cache_new. */
struct dm_cache *dm_api_key_cache_new(size_t entries_max);

/*
 * DM_E_UNAUTHENTICATED: no key of ours, or none that is good. What the key opens may have changed since it was read: dm_gate_check tells,
 * and then the caller forgets the key and asks once more.
 */
DM_MUST_CHECK enum dm_result dm_api_key_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              struct dm_str text,
                                              struct dm_principal *ret_principal);
void dm_api_key_forget(const struct dm_domain *domain, struct dm_str key_id);

/* A request was made with the key. Best effort: a count that cannot be written waits for the next minute. */
void dm_api_key_count(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str key_id);
/* Write all that is counted: at the program's end, when no request runs any more. */
void dm_api_key_count_all(const struct dm_domain *domain, struct dm_ctx *ctx);

#endif

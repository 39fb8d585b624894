/*
 * All secrets at rest together, for the operator: under which keys they are, and the change to another. Each value is changed by a
 * compare-and-set of its own, so a change may run beside the service, be killed at any point, and be run again.
 */
#ifndef DM_DOMAIN_VAULT_H
#define DM_DOMAIN_VAULT_H

#include "base/ctx.h"
#include "base/id.h"
#include "domain/domain.h"
#include "store/sealed_store.h"

#define DM_VAULT_BATCH 100 /* values */

/* A walk through the values of a column that are not under the current key. */
struct dm_vault_walk {
    const struct dm_sealed_column *column;
    char after_id[DM_UUID_TEXT]; /* "": not begun */
    bool done;
    int64_t renewed;     /* under the current key now */
    int64_t unknown_key; /* left as they are: no key of ours */
    int64_t damaged;     /* left as they are: changed, or moved to another row */
};

/* The next values, at most DM_VAULT_BATCH, and count them. Whoever calls may give the arena's memory back after each batch. */
DM_MUST_CHECK enum dm_result dm_vault_renew(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_vault_walk *walk);

struct dm_vault_census {
    int64_t current, previous, unknown;
    struct dm_str unknown_key_id; /* one of them; absent when there is none */
};
/* How many values of the column are under which key, by what they say. */
DM_MUST_CHECK enum dm_result dm_vault_count(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            const struct dm_sealed_column *column,
                                            struct dm_vault_census *ret_census);

#endif

/*
 * Profiles: the digital selves of an account. Every write makes a new version, leaves an audit row, and keeps what the built-in responder
 * searches in step, all in one transaction.
 */
#ifndef DM_DOMAIN_PROFILE_H
#define DM_DOMAIN_PROFILE_H

#include "domain/domain.h"
#include "store/profile_store.h"

/* All: DM_E_NOTFOUND when it is absent or not the owner's. Results live in the arena. */
DM_MUST_CHECK enum dm_result dm_profile_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_owned profile,
                                            struct dm_profile *ret_profile);
/* Items: struct dm_profile_summary. *ret_more: there are further ones. */
DM_MUST_CHECK enum dm_result dm_profile_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             struct dm_str owner_id, struct dm_slice slice,
                                             struct dm_list *ret_list, bool *ret_more);
/* When the id is there already (a retry), nothing is made, and *ret_profile is what stands. */
DM_MUST_CHECK enum dm_result dm_profile_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               struct dm_owned profile,
                                               const struct dm_profile_write *write,
                                               struct dm_profile *ret_profile);
/* Compare and set: DM_E_STALE when the profile no longer has this version. Unset: whatever it has. */
DM_MUST_CHECK enum dm_result dm_profile_replace(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                struct dm_owned profile, struct dm_opt_int version,
                                                const struct dm_profile_write *write,
                                                struct dm_profile *ret_profile);
/* With its traits, patterns, memories and conversations. The version as above. */
DM_MUST_CHECK enum dm_result dm_profile_delete(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               struct dm_owned profile, struct dm_opt_int version);

#endif

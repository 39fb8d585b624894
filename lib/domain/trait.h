/* Traits of a profile: what the self is like. */
#ifndef DM_DOMAIN_TRAIT_H
#define DM_DOMAIN_TRAIT_H

#include "domain/domain.h"
#include "store/trait_store.h"

/* DM_E_NOTFOUND when the profile is absent or not the owner's. Items: struct dm_trait. *ret_more: there are further ones. */
DM_MUST_CHECK enum dm_result dm_trait_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                           struct dm_owned profile, struct dm_slice slice,
                                           struct dm_list *ret_list, bool *ret_more);
/* When the id is there already (a retry), nothing is made, and *ret_trait is what stands. */
DM_MUST_CHECK enum dm_result dm_trait_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             struct dm_owned profile, struct dm_str id,
                                             const struct dm_trait_write *write,
                                             struct dm_trait *ret_trait);

#endif

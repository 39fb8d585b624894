/* Memories of a profile: what replies draw on. */
#ifndef DM_DOMAIN_MEMORY_H
#define DM_DOMAIN_MEMORY_H

#include "domain/domain.h"
#include "store/memory_store.h"

/* DM_E_NOTFOUND when the profile is absent or not the owner's. Items: struct dm_memory. *ret_more: there are further ones. */
DM_MUST_CHECK enum dm_result dm_memory_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_owned profile, struct dm_slice slice,
                                            struct dm_list *ret_list, bool *ret_more);
/* When the id is there already (a retry), nothing is made, and *ret_memory is what stands. */
DM_MUST_CHECK enum dm_result dm_memory_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              struct dm_owned profile, struct dm_str id,
                                              const struct dm_memory_write *write,
                                              struct dm_memory *ret_memory);

#endif

/* Patterns of a profile: how the self behaves at certain times. */
#ifndef DM_DOMAIN_PATTERN_H
#define DM_DOMAIN_PATTERN_H

#include "domain/domain.h"
#include "store/pattern_store.h"

/* DM_E_NOTFOUND when the profile is absent or not the owner's. Items: struct dm_pattern. *ret_more: there are further ones. */
DM_MUST_CHECK enum dm_result dm_pattern_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             struct dm_owned profile, struct dm_slice slice,
                                             struct dm_list *ret_list, bool *ret_more);
/*
 * DM_E_INVALID with a pointer when conditions break their rules: hours "09-17" (whole hours 00 to 24; the end is not included; "22-06" runs past midnight), days of "mon" to "sun", timezone a name such as "Europe/Berlin".
 * When the id is there already (a retry), nothing is made, and *ret_pattern is what stands.
 */
DM_MUST_CHECK enum dm_result dm_pattern_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               struct dm_owned profile, struct dm_str id,
                                               const struct dm_pattern_write *write,
                                               struct dm_pattern *ret_pattern);

#endif

/* The audit trail as administrators read it. Who writes it: every rule that changes something, through store/audit_store.h. */
#ifndef DM_DOMAIN_AUDIT_H
#define DM_DOMAIN_AUDIT_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "store/audit_store.h"

/* Newest first. Items: struct dm_audit_item. */
DM_MUST_CHECK enum dm_result dm_audit_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                           const struct dm_audit_query *query,
                                           struct dm_slice slice, struct dm_list *ret_list,
                                           bool *ret_more);

#endif

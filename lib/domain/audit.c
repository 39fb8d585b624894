/* Between api/audit.c and store/audit_store.c. */
#include "domain/audit.h"

enum dm_result dm_audit_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                             const struct dm_audit_query *query, struct dm_slice slice,
                             struct dm_list *ret_list, bool *ret_more)
{
    return dm_audit_store_list(domain->pg, ctx, query, slice, ret_list, ret_more);
}

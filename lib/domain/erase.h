/*
 * An account's erasure. It is closed at once; then the worker removes everything that is held about it, table by table in bounded steps, so
 * that one that is killed goes on where it was. What remains is a receipt with counts, and the audit trail, which holds ids only.
 */
#ifndef DM_DOMAIN_ERASE_H
#define DM_DOMAIN_ERASE_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"
#include "store/job_store.h"

struct dm_erasure {
    struct dm_str id;
    int64_t requested_at_ms;
};

/*
 * Close the principal's account, end its sessions, and have it erased. id: the receipt's. Errors as dm_account_check_password; DM_E_CONFLICT:
 * it is the last active SuperAdmin.
 */
DM_MUST_CHECK enum dm_result dm_erase_request(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              const struct dm_principal *principal,
                                              struct dm_str password, struct dm_str id,
                                              struct dm_erasure *ret_erasure);
/* The worker's part, a job of kind "erase_account". */
DM_MUST_CHECK enum dm_result dm_erase_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          const struct dm_job *job);

#endif

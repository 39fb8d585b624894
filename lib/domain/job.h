/* What the worker can do: one row a kind of job, in job.c. */
#ifndef DM_DOMAIN_JOB_H
#define DM_DOMAIN_JOB_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "store/job_store.h"

/*
 * Run one job by ctx's deadline. DM_OK: done. DM_E_INVALID: it can never succeed. Anything else, also for a kind that
 * is not known, which a newer release may have written: try again later. The reason, for the operator, is in ctx->err.
 */
DM_MUST_CHECK enum dm_result dm_job_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                                        const struct dm_job *job);

#endif

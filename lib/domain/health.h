/* Is this instance well? Asked of the stores themselves, each within a second. */
#ifndef DM_DOMAIN_HEALTH_H
#define DM_DOMAIN_HEALTH_H

#include "domain/domain.h"

struct dm_health_check {
    struct dm_str name;   /* "database", "redis" */
    struct dm_str status; /* "pass", "fail" */
    struct dm_opt_num duration_ms;
};

#define DM_HEALTH_CHECKS 2
struct dm_health {
    struct dm_str
        status; /* "pass": all well; "warn": degraded, but serving; "fail": cannot serve */
    struct dm_health_check checks[DM_HEALTH_CHECKS];
};

void dm_health_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                     struct dm_health *ret_health);

#endif

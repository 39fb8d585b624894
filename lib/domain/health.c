/* Asks PostgreSQL and Redis. Without PostgreSQL nothing can be served; without Redis everything
 * can, with coarser limits. */
#include "domain/health.h"

#include "base/clock.h"

#define PING_MS 1000

static bool check(struct dm_health_check *entry, struct dm_str name, struct dm_ctx *ctx,
                  enum dm_result (*ping)(const struct dm_domain *, struct dm_ctx *),
                  const struct dm_domain *domain)
{
    struct dm_ctx brief = *ctx;
    int64_t start_us = dm_clock_monotonic_us();
    int64_t until_ms = start_us / 1000 + PING_MS;
    if (brief.deadline_ms > until_ms)
        brief.deadline_ms = until_ms;
    bool pass = ping(domain, &brief) == DM_OK;
    entry->name = name;
    entry->status = pass ? DM_STR("pass") : DM_STR("fail");
    entry->duration_ms =
        (struct dm_opt_num){.set = true, .v = (double)(dm_clock_monotonic_us() - start_us) / 1000};
    return pass;
}

static enum dm_result ping_database(const struct dm_domain *domain, struct dm_ctx *ctx)
{
    return dm_pg_ping(domain->pg, ctx);
}

static enum dm_result ping_redis(const struct dm_domain *domain, struct dm_ctx *ctx)
{
    return dm_kv_ping(domain->kv, ctx);
}

void dm_health_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                     struct dm_health *ret_health)
{
    bool database = check(&ret_health->checks[0], DM_STR("database"), ctx, ping_database, domain);
    bool redis = check(&ret_health->checks[1], DM_STR("redis"), ctx, ping_redis, domain);
    ret_health->status = !database ? DM_STR("fail") : !redis ? DM_STR("warn") : DM_STR("pass");
}

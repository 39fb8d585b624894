/* The store suites' shared means; what they promise is in the header. */
#include "unit/store/store_fixture.h"

#include <poll.h>

#include "base/clock.h"

const char *dm_test_conninfo(void)
{
    return getenv("DM_TEST_CONNINFO");
}

const char *dm_test_redis(void)
{
    return getenv("DM_TEST_REDIS");
}

void dm_test_ctx_init(struct dm_ctx *ctx, int64_t timeout_ms)
{
    *ctx = (struct dm_ctx){.arena = dm_arena_new(1 << 16, 1 << 26)};
    if (!ctx->arena)
        abort();
    dm_test_ctx_deadline(ctx, timeout_ms);
}

void dm_test_ctx_done(struct dm_ctx *ctx)
{
    dm_arena_free(ctx->arena);
}

void dm_test_ctx_deadline(struct dm_ctx *ctx, int64_t timeout_ms)
{
    ctx->deadline_ms = dm_clock_monotonic_ms() + timeout_ms;
}

struct dm_pg_options dm_test_pg_options(unsigned connections)
{
    return (struct dm_pg_options){
        .conninfo = dm_test_conninfo(),
        .application_name = "store_test",
        .connections = connections,
        .connect_timeout_ms = 2000,
        .max_wait_ms = 5000,
    };
}

struct dm_pg *dm_test_pg_open(unsigned connections)
{
    struct dm_pg_options options = dm_test_pg_options(connections);
    struct dm_pg *pg = dm_pg_open(&options);
    if (!pg)
        abort();
    return pg;
}

struct dm_kv *dm_test_kv_open(unsigned connections)
{
    struct dm_kv_options options = {
        .address = dm_test_redis(), .connections = connections, .timeout_ms = 2000};
    struct dm_kv *kv = dm_kv_open(&options);
    if (!kv)
        abort();
    return kv;
}

bool dm_test_until(bool (*is_true)(void *arg), void *arg)
{
    int64_t deadline_ms = dm_clock_monotonic_ms() + 5000;
    while (!is_true(arg)) {
        if (dm_clock_left_ms(deadline_ms) == 0)
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}

int64_t dm_test_pg_kill(struct dm_pg *other, const char *application_name)
{
    static const struct dm_pg_stmt kill = {
        .name = "test_kill",
        .sql = "SELECT count(pg_terminate_backend(pid, 5000))"
               "  FROM pg_stat_activity"
               " WHERE application_name = $1"
               "   AND pid <> pg_backend_pid()",
        .n_params = 1,
        .rows = DM_PG_ONE,
    };
    struct dm_ctx ctx;
    dm_test_ctx_init(&ctx, 10000);
    const struct dm_pg_param params[] = {dm_pg_text(dm_str_from(application_name))};
    struct dm_pg_result result;
    int64_t killed = -1;
    if (dm_pg_run(other, &ctx, &kill, params, &result) == DM_OK)
        killed = dm_pg_cell_int(&result, 0, 0);
    dm_test_ctx_done(&ctx);
    return killed;
}

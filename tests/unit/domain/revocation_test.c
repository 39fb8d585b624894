/* What a process hears of sessions that end elsewhere, and what it believes meanwhile. */
#include "domain/revocation.h"

#include <poll.h>
#include <stdlib.h>

#include "base/id.h"
#include "domain/session.h"
#include "domain/token.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

#define WAIT_MS 5000

static struct dm_revocations *ear(struct dm_world *world, const char *conninfo)
{
    const struct dm_pg_options options = {
        .conninfo = conninfo,
        .application_name = "revocation_test",
        .connections = 1,
        .connect_timeout_ms = 2000,
        .max_wait_ms = 2000,
    };
    world->settings.session_cache_s = 60;
    world->settings.stream_deadline_ms = 120000;
    struct dm_revocations *revocations = dm_revocation_new(&world->domain, &options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(revocations);
    return revocations;
}

/* Does it come to that within WAIT_MS? */
static bool comes_to(struct dm_revocations *revocations, struct dm_str session_id, bool trusts)
{
    for (int ms = 0; ms < WAIT_MS; ms += 10) {
        if (dm_revocation_trusts_redis(revocations, session_id) == trusts)
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

static struct dm_principal log_in(struct dm_world *world, struct dm_str email)
{
    const struct dm_login login = {.email = email, .password = DM_STR(DM_OWNER_PASSWORD)};
    struct dm_session_grant grant;
    struct dm_principal principal = {0};
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL_FATAL(dm_session_login(&world->domain, &world->ctx, &login, &grant), DM_OK);
    CU_ASSERT_EQUAL_FATAL(
        dm_token_check(&world->domain, &world->ctx, grant.access_token, &principal), DM_OK);
    return principal;
}

static void session_that_ends_is_heard_of_and_no_other(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_principal one = log_in(&world, email), other = log_in(&world, email);
    struct dm_revocations *revocations = ear(&world, getenv("DM_TEST_CONNINFO"));
    CU_ASSERT_TRUE_FATAL(comes_to(revocations, one.session_id, true));
    CU_ASSERT_EQUAL(dm_session_logout(&world.domain, &world.ctx, &one), DM_OK);
    CU_ASSERT_TRUE(comes_to(revocations, one.session_id, false));
    CU_ASSERT_TRUE(dm_revocation_trusts_redis(revocations, other.session_id));
    dm_revocation_free(revocations);

    /* One who begins to listen later has not missed it. */
    revocations = ear(&world, getenv("DM_TEST_CONNINFO"));
    CU_ASSERT_TRUE(comes_to(revocations, other.session_id, true));
    CU_ASSERT_FALSE(dm_revocation_trusts_redis(revocations, one.session_id));
    dm_revocation_free(revocations);
    dm_world_close(&world);
}

static void what_ended_long_ago_is_forgotten(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_principal one = log_in(&world, email);
    CU_ASSERT_EQUAL(dm_session_logout(&world.domain, &world.ctx, &one), DM_OK);
    dm_world_do(&world, "test_age_end",
                "UPDATE session SET ended_at = now() - interval '182 s' WHERE id = $1::uuid",
                one.session_id);
    struct dm_revocations *revocations = ear(&world, getenv("DM_TEST_CONNINFO"));
    CU_ASSERT_TRUE(comes_to(revocations, one.session_id, true));
    dm_revocation_free(revocations);
    dm_world_close(&world);
}

static void who_cannot_hear_believes_redis_in_nothing(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_revocations *revocations = ear(&world, "host=/nonexistent dbname=none");
    struct dm_str id = dm_id_new(world.arena);
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_FALSE(dm_revocation_trusts_redis(revocations, id));
        poll(NULL, 0, 10);
    }
    dm_revocation_free(revocations);
    CU_ASSERT_TRUE(dm_revocation_trusts_redis(NULL, id));
    dm_world_close(&world);
}

CU_TestInfo *dm_revocation_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a session that ends is heard of, and no other",
         session_that_ends_is_heard_of_and_no_other},
        {"what ended long ago is forgotten", what_ended_long_ago_is_forgotten},
        {"who cannot hear believes Redis in nothing", who_cannot_hear_believes_redis_in_nothing},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

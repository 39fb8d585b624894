/* Devices: what user agents are called, which tokens name a device, what is new. */
#include "domain/device.h"

#include "base/id.h"
#include "domain/session.h"
#include "store/device_store.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

static const struct {
    const char *user_agent, *name;
} agents[] = {
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.0.0 Safari/537.36",
     "Chrome on Windows"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.0.0 Safari/537.36",
     "Chrome on macOS"},
    {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
     "Safari/537.36",
     "Chrome on Linux"},
    {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.0.0 Safari/537.36",
     "Chrome on ChromeOS"},
    {"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.0.0 Mobile Safari/537.36",
     "Chrome on Android"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
     "Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
     "Chrome on iPhone"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
     "Firefox on Windows"},
    {"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
     "Firefox on Linux"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:133.0) Gecko/20100101 Firefox/133.0",
     "Firefox on macOS"},
    {"Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "Firefox on Android"},
    {"Mozilla/5.0 (iPad; CPU OS 14_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "FxiOS/133.0 Mobile/15E148 Safari/605.1.15",
     "Firefox on iPad"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7_1) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/18.0 Safari/605.1.15",
     "Safari on macOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
     "like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
     "Safari on iPhone"},
    {"Mozilla/5.0 (iPad; CPU OS 17_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/18.0 Mobile/15E148 Safari/604.1",
     "Safari on iPad"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70",
     "Edge on Windows"},
    {"Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.6778.81 Mobile Safari/537.36 EdgA/131.0.2903.48",
     "Edge on Android"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
     "like Gecko) Version/17.0 EdgiOS/131.2903.68 Mobile/15E148 Safari/605.1.15",
     "Edge on iPhone"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763",
     "Edge on Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.0.0 Safari/537.36 OPR/115.0.0.0",
     "Opera on Windows"},
    {"Opera/9.80 (Windows NT 6.1; U; en) Presto/2.10.289 Version/12.02", "Opera on Windows"},
    {"Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S928B) AppleWebKit/537.36 (KHTML, like Gecko) "
     "SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
     "Samsung Internet on Android"},
    {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
     "Safari/537.36 Vivaldi/7.0.3495.11",
     "Vivaldi on Linux"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/130.0.0.0 YaBrowser/24.12.0.0 Safari/537.36",
     "Yandex Browser on Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
     "Internet Explorer on Windows"},
    {"Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)",
     "Internet Explorer on Windows"},
    {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "HeadlessChrome/131.0.0.0 Safari/537.36",
     "Headless Chrome on Linux"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
     "like Gecko) Mobile/15E148",
     "A web view on iPhone"},
    {"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 "
     "(KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
     "Edge on Windows Phone"},
    {"Mozilla/5.0 (X11; FreeBSD amd64; rv:132.0) Gecko/20100101 Firefox/132.0",
     "Firefox on FreeBSD"},
    {"curl/7.88.1", "curl"},
    {"Wget/1.21.3", "Wget"},
    {"python-httpx/0.23.3", "Python"},
    {"python-requests/2.28.1", "Python"},
    {"Go-http-client/2.0", "Go"},
    {"PostmanRuntime/7.43.0", "Postman"},
    {"okhttp/4.12.0", "An Android app"},
    {"DigitalMe/12 CFNetwork/1568.200.51 Darwin/24.1.0", "An Apple app"},
    {"Mozilla/5.0", "An unknown program"},
    {"Something/1.0 (Linux)", "An unknown program on Linux"},
    {"", "An unknown program"},
};

static void user_agents_have_names_that_people_know(void)
{
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_ctx ctx = {.arena = arena};
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
        CU_ASSERT_STR(dm_device_name(&ctx, dm_str_from(agents[i].user_agent)), agents[i].name);
    CU_ASSERT_STR(dm_device_name(&ctx, (struct dm_str){0}), "An unknown program");
    dm_arena_free(arena);
}

/* Log in as a client that says this of itself. */
static struct dm_session_grant login(struct dm_world *world, struct dm_str email,
                                     const char *user_agent, struct dm_str device_token)
{
    const struct dm_login in = {.email = email,
                                .password = DM_STR(DM_OWNER_PASSWORD),
                                .device_token = device_token,
                                .user_agent = dm_str_from(user_agent),
                                .address = DM_STR("192.0.2.1")};
    struct dm_session_grant grant = {0};
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL_FATAL(dm_session_login(&world->domain, &world->ctx, &in, &grant), DM_OK);
    return grant;
}

static struct dm_str identify(struct dm_world *world, struct dm_str token, struct dm_str account_id)
{
    struct dm_str id;
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL_FATAL(dm_device_identify(&world->domain, &world->ctx, token, account_id, &id),
                          DM_OK);
    return id;
}

static struct dm_str devices_of(struct dm_world *world, struct dm_str account_id)
{
    return dm_world_ask(world, "test_count_devices",
                        "SELECT count(*) FROM device WHERE account_id = $1::uuid", account_id);
}

static void token_names_the_device_for_its_own_account_only(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str one = dm_owner_address(&world), two = dm_owner_address(&world);
    dm_owner_join(&world, one);
    dm_owner_join(&world, two);
    struct dm_session_grant grant = login(&world, one, "curl/8", (struct dm_str){0});
    struct dm_session_grant foreign = login(&world, two, "curl/8", (struct dm_str){0});
    struct dm_str id = identify(&world, grant.device_token, grant.account.id);
    CU_ASSERT_TRUE(dm_id_is_uuid(id));
    CU_ASSERT_PTR_NULL(identify(&world, grant.device_token, foreign.account.id).p);
    CU_ASSERT_PTR_NULL(identify(&world, grant.device_token, (struct dm_str){0}).p);
    dm_world_close(&world);
}

static void tokens_that_are_not_quite_right_name_none(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email, "curl/8", (struct dm_str){0});
    struct dm_str good = grant.device_token;
    for (size_t i = 0; i < good.n; i++) {
        char *bent = dm_arena_cstr(world.arena, good);
        CU_ASSERT_PTR_NOT_NULL_FATAL(bent);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        CU_ASSERT_PTR_NULL(identify(&world, (struct dm_str){bent, good.n}, grant.account.id).p);
    }
    const struct dm_str others[] = {{0},
                                    DM_STR(""),
                                    DM_STR("1.."),
                                    dm_str_slice(good, 0, good.n - 1),
                                    grant.access_token,
                                    grant.refresh_token};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_PTR_NULL(identify(&world, others[i], grant.account.id).p);
    dm_world_close(&world);
}

static void token_of_another_pepper_names_none(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email, "curl/8", (struct dm_str){0});
    world.settings.password_pepper = (struct dm_secret){"another pepper of thirty-two bytes", 34};
    CU_ASSERT_PTR_NULL(identify(&world, grant.device_token, grant.account.id).p);
    dm_world_close(&world);
}

static void distrusted_device_is_unknown_for_good(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email, "curl/8", (struct dm_str){0});
    struct dm_pg_conn *conn;
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(world.domain.pg, &world.ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL_FATAL(
        dm_pg_end(conn, &world.ctx, dm_device_store_distrust(conn, &world.ctx, grant.account.id)),
        DM_OK);
    CU_ASSERT_PTR_NULL(identify(&world, grant.device_token, grant.account.id).p);
    /* The owner's next log-in trusts the device anew; the old token stays dead. */
    struct dm_session_grant next = login(&world, email, "curl/8", grant.device_token);
    CU_ASSERT_PTR_NOT_NULL(identify(&world, next.device_token, grant.account.id).p);
    CU_ASSERT_PTR_NULL(identify(&world, grant.device_token, grant.account.id).p);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "new-device"), 0);
    dm_world_close(&world);
}

static void new_device_is_told_but_not_the_first_one(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant first = login(&world, email, "curl/8", (struct dm_str){0});
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "new-device"), 0);
    login(&world, email, "Wget/1", (struct dm_str){0});
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "new-device"), 1);
    /* Known by its token, whatever it says of itself; or by its looks. */
    login(&world, email, "PostmanRuntime/7", first.device_token);
    login(&world, email, "Wget/1", (struct dm_str){0});
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "new-device"), 1);
    CU_ASSERT_STR(devices_of(&world, first.account.id), "2");
    dm_world_close(&world);
}

static void devices_nobody_has_used_for_long_are_swept(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email, "curl/8", (struct dm_str){0});
    int64_t deleted = 0;
    dm_world_do(&world, "test_age_device",
                "UPDATE device SET last_used_at = now() - interval '2 days'"
                " WHERE account_id = $1::uuid",
                grant.account.id);
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL(dm_device_store_sweep(world.domain.pg, &world.ctx, 86400, 1000, &deleted),
                    DM_OK);
    CU_ASSERT_STR(devices_of(&world, grant.account.id), "1"); /* its session is still there */
    dm_world_do(&world, "test_drop_sessions", "DELETE FROM session WHERE account_id = $1::uuid",
                grant.account.id);
    CU_ASSERT_EQUAL(dm_device_store_sweep(world.domain.pg, &world.ctx, 86400, 1000, &deleted),
                    DM_OK);
    CU_ASSERT_STR(devices_of(&world, grant.account.id), "0");
    dm_world_close(&world);
}

CU_TestInfo *dm_device_suite(void)
{
    static CU_TestInfo tests[] = {
        {"user agents have names that people know", user_agents_have_names_that_people_know},
        {"a token names the device, for its own account only",
         token_names_the_device_for_its_own_account_only},
        {"tokens that are not quite right name none", tokens_that_are_not_quite_right_name_none},
        {"a token of another pepper names none", token_of_another_pepper_names_none},
        {"a distrusted device is unknown for good", distrusted_device_is_unknown_for_good},
        {"a new device is told, but not the first one", new_device_is_told_but_not_the_first_one},
        {"devices nobody has used for long are swept", devices_nobody_has_used_for_long_are_swept},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

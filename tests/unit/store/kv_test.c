/*
 * kv.c against a real Redis: what scripts return, lost connections and scripts, time-outs, breaker,
 * log-in.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/store/store_fixture.h"
#include "unit/store/store_suites.h"
#include "unit/unit.h"

static struct dm_ctx ctx;
static struct dm_kv *kv;

static void start(unsigned connections)
{
    dm_test_ctx_init(&ctx, 10000);
    kv = dm_test_kv_open(connections);
}

static void finish(void)
{
    dm_kv_close(kv);
    dm_test_ctx_done(&ctx);
}

/* One inline command over a connection of our own; its first reply line must begin with begin. */
static void administer(const char *line, const char *begin)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", dm_test_redis() + strlen("unix:"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL(write(fd, line, strlen(line)), (ssize_t)strlen(line));
    char reply[128] = "";
    CU_ASSERT_TRUE(read(fd, reply, sizeof(reply) - 1) > 0);
    CU_ASSERT_EQUAL(strncmp(reply, begin, strlen(begin)), 0);
    close(fd);
}

static enum dm_result run(const struct dm_kv_script *script, struct dm_kv_ints *ret_ints)
{
    return dm_kv_run(kv, &ctx, script, NULL, 0, NULL, 0, ret_ints);
}

static const struct dm_kv_script seven = {"test_seven", "return 7"};

static void more_words_than_a_command_holds_are_refused(void)
{
    static const struct dm_kv_script count = {"test_count", "return {#KEYS, #ARGV}"};
    struct dm_str words[DM_KV_WORDS_MAX + 1];
    for (size_t i = 0; i < DM_KV_WORDS_MAX + 1; i++)
        words[i] = DM_STR("x");
    start(1);
    struct dm_kv_ints ints = {.n = 0};
    CU_ASSERT_EQUAL(dm_kv_run(kv, &ctx, &count, words, 1, words, DM_KV_WORDS_MAX, &ints),
                    DM_E_INTERNAL);
    CU_ASSERT_EQUAL(dm_kv_run(kv, &ctx, &count, words, DM_KV_WORDS_MAX + 1, NULL, 0, &ints),
                    DM_E_INTERNAL);
    CU_ASSERT_EQUAL(ints.n, 0);
    CU_ASSERT_EQUAL(dm_kv_run(kv, &ctx, &count, words, DM_KV_WORDS_MAX - 1, words, 1, &ints),
                    DM_OK);
    CU_ASSERT_EQUAL(ints.v[0], DM_KV_WORDS_MAX - 1);
    CU_ASSERT_EQUAL(ints.v[1], 1);
    finish();
}

static void a_script_returns_integers(void)
{
    static const struct dm_kv_script echo = {
        "test_echo", "return {tonumber(ARGV[1]), #KEYS[1], #KEYS, #ARGV[2], -1}"};
    start(1);
    const struct dm_str keys[] = {DM_STR("a\0b c")};
    const struct dm_str args[] = {DM_STR("9007199254740991"), DM_STR("")};
    struct dm_kv_ints ints;
    CU_ASSERT_EQUAL_FATAL(dm_kv_run(kv, &ctx, &echo, keys, 1, args, 2, &ints), DM_OK);
    CU_ASSERT_EQUAL(ints.n, 5);
    CU_ASSERT_EQUAL(ints.v[0], INT64_C(9007199254740991));
    CU_ASSERT_EQUAL(ints.v[1], 5);
    CU_ASSERT_EQUAL(ints.v[2], 1);
    CU_ASSERT_EQUAL(ints.v[3], 0);
    CU_ASSERT_EQUAL(ints.v[4], -1);
    CU_ASSERT_EQUAL(run(&seven, &ints), DM_OK);
    CU_ASSERT_EQUAL(ints.n, 1);
    CU_ASSERT_EQUAL(ints.v[0], 7);
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_OK);
    finish();
}

static void another_answer_is_a_defect(void)
{
    static const struct dm_kv_script text = {"test_text", "return 'text'"};
    static const struct dm_kv_script nested = {"test_nested", "return {1, {2}}"};
    static const struct dm_kv_script wrong = {"test_wrong", "return redis.call('NO SUCH')"};
    static const struct dm_kv_script unreadable = {"test_unreadable", "return ("};
    start(1);
    struct dm_kv_ints ints;
    CU_ASSERT_EQUAL(run(&text, &ints), DM_E_INTERNAL);
    CU_ASSERT_EQUAL(run(&nested, &ints), DM_E_INTERNAL);
    CU_ASSERT_EQUAL(run(&wrong, &ints), DM_E_INTERNAL);
    CU_ASSERT_EQUAL(run(&unreadable, &ints), DM_E_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "test_unreadable"));
    CU_ASSERT_EQUAL(dm_kv_breaker(kv), DM_BREAKER_CLOSED);
    CU_ASSERT_EQUAL(run(&seven, &ints), DM_OK);
    finish();
}

static void flushed_scripts_are_loaded_again(void)
{
    start(1);
    struct dm_kv_ints ints;
    CU_ASSERT_EQUAL(run(&seven, &ints), DM_OK);
    administer("SCRIPT FLUSH\r\n", "+OK");
    ints.n = 0;
    CU_ASSERT_EQUAL(run(&seven, &ints), DM_OK);
    CU_ASSERT_EQUAL(ints.n, 1);
    finish();
}

static void a_dead_connection_is_replaced_unseen(void)
{
    start(1);
    struct dm_kv_ints ints;
    CU_ASSERT_EQUAL(run(&seven, &ints), DM_OK);
    administer("CLIENT KILL TYPE normal SKIPME yes\r\n", ":1");
    CU_ASSERT_EQUAL(run(&seven, &ints), DM_OK);
    administer("CLIENT KILL TYPE normal SKIPME yes\r\n", ":1");
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_OK);
    finish();
}

static bool ping_works(void *arg)
{
    (void)arg;
    return dm_kv_ping(kv, &ctx) == DM_OK;
}

static void a_wait_ends(void)
{
    dm_test_ctx_init(&ctx, 10000);
    struct dm_kv_options options = {
        .address = dm_test_redis(), .connections = 1, .timeout_ms = 100};
    kv = dm_kv_open(&options);
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_OK);
    administer("CLIENT PAUSE 1000 ALL\r\n", "+OK");
    int64_t from_ms = dm_clock_monotonic_ms();
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_E_UNAVAILABLE);
    int64_t took_ms = dm_clock_monotonic_ms() - from_ms;
    CU_ASSERT_TRUE(took_ms >= 90 && took_ms < 2000);
    dm_test_ctx_deadline(&ctx, 20);
    from_ms = dm_clock_monotonic_ms();
    CU_ASSERT_NOT_EQUAL(dm_kv_ping(kv, &ctx), DM_OK);
    took_ms = dm_clock_monotonic_ms() - from_ms;
    CU_ASSERT_TRUE(took_ms < 90);
    dm_test_ctx_deadline(&ctx, 10000);
    CU_ASSERT_TRUE(dm_test_until(ping_works, NULL));
    dm_test_ctx_deadline(&ctx, 0);
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_E_TIMEOUT);
    CU_ASSERT_EQUAL(dm_kv_breaker(kv), DM_BREAKER_CLOSED);
    finish();
}

static bool breaker_is_not_open(void *arg)
{
    return dm_kv_breaker(arg) != DM_BREAKER_OPEN;
}

static void the_breaker_opens_and_closes(void)
{
    char dir[] = "/tmp/dm-kv-test-XXXXXX";
    char address[80], link_path[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(link_path, sizeof(link_path), "%s/redis", dir);
    snprintf(address, sizeof(address), "unix:%s", link_path);
    struct dm_kv_options options = {.address = address, .connections = 1, .timeout_ms = 1000};
    dm_test_ctx_init(&ctx, 10000);
    kv = dm_kv_open(&options);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(dm_kv_breaker(kv), DM_BREAKER_CLOSED);
        CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_E_UNAVAILABLE);
    }
    CU_ASSERT_EQUAL(dm_kv_breaker(kv), DM_BREAKER_OPEN);
    CU_ASSERT_EQUAL(symlink(dm_test_redis() + strlen("unix:"), link_path), 0);
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "not asked"));
    CU_ASSERT_TRUE(dm_test_until(breaker_is_not_open, kv));
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_OK);
    CU_ASSERT_EQUAL(dm_kv_breaker(kv), DM_BREAKER_CLOSED);
    unlink(link_path);
    rmdir(dir);
    finish();
}

static void an_address_that_is_none_is_told(void)
{
    static const char *const addresses[] = {"nowhere", "127.0.0.1:", "127.0.0.1:99999", ""};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct dm_kv_options options = {
            .address = addresses[i], .connections = 1, .timeout_ms = 1000};
        dm_test_ctx_init(&ctx, 5000);
        kv = dm_kv_open(&options);
        CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_E_UNAVAILABLE);
        finish();
    }
}

static void the_password_is_asked(void)
{
    administer("ACL SETUSER dm-test on >open-sesame +@all ~*\r\n", "+OK");
    struct dm_kv_options options = {.address = dm_test_redis(),
                                    .user = "dm-test",
                                    .password = {"open-sesame (more)", strlen("open-sesame")},
                                    .connections = 1,
                                    .timeout_ms = 1000};
    dm_test_ctx_init(&ctx, 5000);
    kv = dm_kv_open(&options);
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_OK);
    finish();
    options.password.n--;
    dm_test_ctx_init(&ctx, 5000);
    kv = dm_kv_open(&options);
    CU_ASSERT_EQUAL(dm_kv_ping(kv, &ctx), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(strstr(ctx.err.detail, "open"));
    finish();
    administer("ACL DELUSER dm-test\r\n", ":1");
}

CU_TestInfo *dm_kv_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a script returns integers", a_script_returns_integers},
        {"more words than a command holds are refused",
         more_words_than_a_command_holds_are_refused},
        {"another answer is a defect", another_answer_is_a_defect},
        {"flushed scripts are loaded again", flushed_scripts_are_loaded_again},
        {"a dead connection is replaced", a_dead_connection_is_replaced_unseen},
        {"a wait ends", a_wait_ends},
        {"the breaker opens and closes", the_breaker_opens_and_closes},
        {"an address that is none is told", an_address_that_is_none_is_told},
        {"the password is asked", the_password_is_asked},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

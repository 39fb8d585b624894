/* The log-in guard against the real database: what counts, what locks, what opens, and races. */
#include "domain/guard.h"

#include <pthread.h>

#include "base/format.h"
#include "base/id.h"
#include "domain/job.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

#define AT_ONCE 50

/* An attempt on an address, from a network of the test's own. */
static struct dm_guard_try try_on(struct dm_world *world, struct dm_str email)
{
    return (struct dm_guard_try){
        .email = email,
        .email_key = dm_format_email_key(world->arena, email),
        .address = dm_id_new(world->arena),
        .user_agent = DM_STR("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"),
    };
}

static bool counts(struct dm_world *world, struct dm_guard_try attempt, bool right)
{
    bool is_counted = false;
    attempt.right = right;
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL_FATAL(dm_guard_settle(&world->domain, &world->ctx, &attempt, &is_counted),
                          DM_OK);
    return is_counted;
}

static int wrong_tries_counted(struct dm_world *world, struct dm_guard_try attempt, int tries)
{
    int n = 0;
    for (int i = 0; i < tries; i++)
        n += counts(world, attempt, false);
    return n;
}

/* All times of all keys, so that what was to come has come. */
static void pass_time(struct dm_world *world, const char *interval)
{
    dm_world_do(world, "test_guard_pass_time",
                "UPDATE login_guard SET window_at = window_at - $1::interval,"
                " retry_at = retry_at - $1::interval, locked_until = locked_until - $1::interval",
                dm_str_from(interval));
}

static int64_t jobs_of(struct dm_world *world, struct dm_str email)
{
    int64_t n = -1;
    struct dm_str count = dm_world_ask(world, "test_count_locks",
                                       "SELECT count(*) FROM job WHERE kind = 'login_locked'"
                                       " AND payload->>'email' = $1",
                                       email);
    CU_ASSERT_TRUE(dm_str_to_int(count, 0, INT64_MAX, &n));
    return n;
}

static void what_is_refused_is_in_the_audit_trail_and_what_is_right_is_not(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    attempt.account_id = dm_id_new(world.arena);
    CU_ASSERT_TRUE(counts(&world, attempt, false));
    CU_ASSERT_TRUE(counts(&world, attempt, false));
    CU_ASSERT_FALSE(counts(&world, attempt, true));
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.login_refused", attempt.account_id), 3);
    pass_time(&world, "1 hour");
    CU_ASSERT_TRUE(counts(&world, attempt, true));
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.login_refused", attempt.account_id), 3);
    dm_world_close(&world);
}

static void each_failure_but_the_first_makes_the_next_try_wait(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    CU_ASSERT_TRUE(counts(&world, attempt, false));
    CU_ASSERT_TRUE(counts(&world, attempt, false));
    CU_ASSERT_FALSE(counts(&world, attempt, false));
    CU_ASSERT_FALSE(counts(&world, attempt, true));
    static const char *const waits[] = {"1 s", "2 s", "4 s"};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_FALSE(counts(&world, attempt, false));
        pass_time(&world, waits[i]);
        CU_ASSERT_TRUE(counts(&world, attempt, false));
    }
    /* That was the fifth: only the end of the lock helps. */
    pass_time(&world, "890 s");
    CU_ASSERT_FALSE(counts(&world, attempt, true));
    pass_time(&world, "10 s");
    CU_ASSERT_TRUE(counts(&world, attempt, true));
    dm_world_close(&world);
}

static void five_failures_lock_the_address_and_refused_tries_count_nowhere(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, attempt, 20), 5);
    CU_ASSERT_EQUAL(jobs_of(&world, attempt.email), 1);
    CU_ASSERT_FALSE(counts(&world, attempt, true));
    pass_time(&world, "900 s");
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, attempt, 20), 5);
    CU_ASSERT_EQUAL(jobs_of(&world, attempt.email), 2);
    dm_world_close(&world);
}

static void success_begins_a_new_count(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(wrong_tries_counted(&world, attempt, 4), 4);
        CU_ASSERT_TRUE(counts(&world, attempt, true));
    }
    CU_ASSERT_EQUAL(jobs_of(&world, attempt.email), 0);
    dm_world_close(&world);
}

static void failures_long_ago_do_not_lock(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, attempt, 4), 4);
    pass_time(&world, "901 s");
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, attempt, 4), 4);
    CU_ASSERT_TRUE(counts(&world, attempt, true));
    dm_world_close(&world);
}

static void strangers_failures_do_not_touch_a_known_device(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_guard_try stranger = try_on(&world, dm_owner_address(&world)), owner = stranger;
    owner.device_id = dm_id_new(world.arena);
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, stranger, 6), 5);
    CU_ASSERT_FALSE(counts(&world, stranger, true));
    CU_ASSERT_TRUE(counts(&world, owner, true));
    /* Whoever gets in opens the address, too. */
    CU_ASSERT_TRUE(counts(&world, stranger, true));
    dm_world_close(&world);
}

static void known_device_has_a_lock_of_its_own(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_guard_try device = try_on(&world, dm_owner_address(&world)), stranger = device;
    device.device_id = dm_id_new(world.arena);
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, device, 9), 5);
    CU_ASSERT_FALSE(counts(&world, device, true));
    CU_ASSERT_TRUE(counts(&world, stranger, true));
    dm_world_close(&world);
}

static void network_is_locked_across_addresses_and_a_known_device_passes(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_address_failures = 8;
    struct dm_str network = dm_id_new(world.arena);
    for (int i = 0; i < 8; i++) {
        struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
        attempt.address = network;
        CU_ASSERT_TRUE(counts(&world, attempt, false));
    }
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world)), elsewhere = attempt;
    attempt.address = network;
    CU_ASSERT_FALSE(counts(&world, attempt, true));
    CU_ASSERT_TRUE(counts(&world, elsewhere, true));
    struct dm_guard_try device = attempt;
    device.device_id = dm_id_new(world.arena);
    CU_ASSERT_TRUE(counts(&world, device, true));
    pass_time(&world, "900 s");
    CU_ASSERT_TRUE(counts(&world, attempt, true));
    dm_world_close(&world);
}

static void hosts_of_one_ipv6_network_are_one_caller(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_address_failures = 5;
    char hex[9];
    dm_id_hex(hex, 8);
    for (int i = 0; i < 6; i++) {
        struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
        attempt.address =
            dm_arena_printf(world.arena, "2001:db8:%.4s:%.4s::%d", hex, hex + 4, i + 1);
        CU_ASSERT_EQUAL(counts(&world, attempt, false), i < 5);
    }
    dm_world_close(&world);
}

static void hundred_failures_in_a_row_need_a_new_password(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(wrong_tries_counted(&world, attempt, 5), 5);
        pass_time(&world, "900 s");
    }
    pass_time(&world, "365 days");
    CU_ASSERT_FALSE(counts(&world, attempt, true));
    CU_ASSERT_STR(dm_world_ask(&world, "test_sealed",
                               "SELECT payload->>'sealed' FROM job WHERE kind = 'login_locked'"
                               " AND payload->>'email' = $1 ORDER BY id DESC LIMIT 1",
                               attempt.email),
                  "true");

    struct dm_pg_conn *conn;
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(world.domain.pg, &world.ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_end(conn, &world.ctx,
                              dm_guard_clear(&world.domain, conn, &world.ctx, attempt.email_key)),
                    DM_OK);
    CU_ASSERT_TRUE(counts(&world, attempt, true));
    dm_world_close(&world);
}

static void device_with_too_many_failures_is_an_unknown_one(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    world.settings.lockout_failures_max = 5;
    struct dm_guard_try device = try_on(&world, dm_owner_address(&world));
    device.device_id = dm_id_new(world.arena);
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, device, 5), 5);
    /* From here on it shares the address's count. */
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, device, 9), 5);
    CU_ASSERT_FALSE(counts(&world, device, true));
    dm_world_close(&world);
}

struct guesser {
    struct dm_world *world;
    struct dm_guard_try attempt;
    pthread_barrier_t *start;
    enum dm_result result;
    bool counted;
};

static void *guess_at_once(void *arg)
{
    struct guesser *guesser = arg;
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    pthread_barrier_wait(guesser->start);
    guesser->result =
        dm_guard_settle(&guesser->world->domain, &ctx, &guesser->attempt, &guesser->counted);
    dm_arena_free(arena);
    return NULL;
}

static int counted_at_once(struct dm_world *world, const struct dm_guard_try *attempt)
{
    pthread_barrier_t start;
    pthread_t threads[AT_ONCE];
    struct guesser guessers[AT_ONCE];
    int n = 0;
    pthread_barrier_init(&start, NULL, AT_ONCE);
    for (int i = 0; i < AT_ONCE; i++) {
        guessers[i] = (struct guesser){.world = world, .attempt = *attempt, .start = &start};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, guess_at_once, &guessers[i]), 0);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(guessers[i].result, DM_OK);
        n += guessers[i].counted;
    }
    pthread_barrier_destroy(&start);
    return n;
}

static void of_fifty_wrong_tries_at_once_five_count(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    CU_ASSERT_EQUAL(counted_at_once(&world, &attempt), 5);
    CU_ASSERT_EQUAL(jobs_of(&world, attempt.email), 1);
    dm_world_close(&world);
}

static void fifty_right_tries_at_once_all_count(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    CU_ASSERT_TRUE(counts(&world, attempt, false));
    attempt.right = true;
    CU_ASSERT_EQUAL(counted_at_once(&world, &attempt), AT_ONCE);
    dm_world_close(&world);
}

static void session_may_guess_the_password_five_times(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_str session_id = dm_id_new(world.arena), other_id = dm_id_new(world.arena);
    for (int i = 0; i < 5; i++) {
        world.ctx = dm_world_ctx(world.arena);
        CU_ASSERT_EQUAL(dm_guard_settle_session(&world.domain, &world.ctx, session_id, false),
                        DM_OK);
    }
    CU_ASSERT_EQUAL(dm_guard_settle_session(&world.domain, &world.ctx, session_id, true),
                    DM_E_LIMITED);
    CU_ASSERT_TRUE(world.ctx.err.retry_after_s > 890 && world.ctx.err.retry_after_s <= 900);
    CU_ASSERT_EQUAL(dm_guard_settle_session(&world.domain, &world.ctx, other_id, true), DM_OK);
    dm_world_close(&world);
}

/* Run the newest job about the address as the worker would. */
static void run_job_of(struct dm_world *world, struct dm_str email)
{
    const struct dm_job job = {
        .id = dm_id_new(world->arena),
        .kind = DM_STR("login_locked"),
        .payload = dm_world_ask(world, "test_lock_payload",
                                "SELECT payload FROM job WHERE kind = 'login_locked'"
                                " AND payload->>'email' = $1 ORDER BY id DESC LIMIT 1",
                                email),
    };
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL(dm_job_run(&world->domain, &world->ctx, &job), DM_OK);
}

static void owner_hears_of_a_lock_and_nobody_else(void)
{
    struct dm_world world;
    dm_world_open(&world);
    world.settings.lockout_delay_s = 0;
    struct dm_str email = dm_owner_address(&world), nobody = dm_owner_address(&world);
    dm_owner_join(&world, email);
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, try_on(&world, email), 5), 5);
    CU_ASSERT_EQUAL(wrong_tries_counted(&world, try_on(&world, nobody), 5), 5);
    run_job_of(&world, email);
    run_job_of(&world, nobody);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "login-locked"), 1);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, nobody, "%"), 0);
    CU_ASSERT_STR(dm_world_ask(&world, "test_lock_mail",
                               "SELECT payload->'values'->>'device' FROM job WHERE kind = 'mail'"
                               " AND payload->>'to' = $1 AND payload->>'kind' = 'login-locked'",
                               email),
                  "Firefox on Linux");
    struct dm_str id =
        dm_world_ask(&world, "test_locked_id", "SELECT id FROM account WHERE email = $1", email);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.login_locked", id), 1);
    dm_world_close(&world);
}

static void table_names_nobody(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_guard_try attempt = try_on(&world, dm_owner_address(&world));
    CU_ASSERT_TRUE(counts(&world, attempt, false));
    CU_ASSERT_STR(dm_world_ask(&world, "test_guard_plain",
                               "SELECT count(*) FROM login_guard WHERE strpos(key, $1) > 0",
                               attempt.address),
                  "0");
    dm_world_close(&world);
}

CU_TestInfo *dm_guard_suite(void)
{
    static CU_TestInfo tests[] = {
        {"what is refused is in the audit trail, and what is right is not",
         what_is_refused_is_in_the_audit_trail_and_what_is_right_is_not},
        {"each failure but the first makes the next try wait",
         each_failure_but_the_first_makes_the_next_try_wait},
        {"five failures lock the address, and refused tries count nowhere",
         five_failures_lock_the_address_and_refused_tries_count_nowhere},
        {"success begins a new count", success_begins_a_new_count},
        {"failures long ago do not lock", failures_long_ago_do_not_lock},
        {"strangers' failures do not touch a known device",
         strangers_failures_do_not_touch_a_known_device},
        {"a known device has a lock of its own", known_device_has_a_lock_of_its_own},
        {"a network is locked across addresses, and a known device passes",
         network_is_locked_across_addresses_and_a_known_device_passes},
        {"hosts of one IPv6 network are one caller", hosts_of_one_ipv6_network_are_one_caller},
        {"a hundred failures in a row need a new password",
         hundred_failures_in_a_row_need_a_new_password},
        {"a device with too many failures is an unknown one",
         device_with_too_many_failures_is_an_unknown_one},
        {"of fifty wrong tries at once five count", of_fifty_wrong_tries_at_once_five_count},
        {"fifty right tries at once all count", fifty_right_tries_at_once_all_count},
        {"a session may guess the password five times", session_may_guess_the_password_five_times},
        {"the owner hears of a lock, and nobody else", owner_hears_of_a_lock_and_nobody_else},
        {"the table names nobody", table_names_nobody},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

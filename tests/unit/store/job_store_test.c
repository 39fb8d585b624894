/*
 * The outbox on a real server: who gets a job, what becomes of it, and what a lost worker leaves.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "store/job_store.h"
#include "unit/store/store_fixture.h"
#include "unit/store/store_suites.h"
#include "unit/unit.h"

static struct dm_ctx ctx;
static struct dm_pg *pg;
static const struct dm_job_take take = {.backoff_s = 60, .backoff_max_s = 600};

static void start(void)
{
    static const struct dm_pg_stmt clear = {"test_clear", "DELETE FROM job", 0, DM_PG_NONE};
    dm_test_ctx_init(&ctx, 20000);
    pg = dm_test_pg_open(6);
    CU_ASSERT_EQUAL_FATAL(dm_pg_run(pg, &ctx, &clear, NULL, NULL), DM_OK);
}

static void finish(void)
{
    dm_pg_close(pg);
    dm_test_ctx_done(&ctx);
}

static void add(const char *payload, int64_t max_attempts)
{
    struct dm_job_new job = {
        .kind = "test", .payload = dm_str_from(payload), .max_attempts = max_attempts};
    struct dm_pg_conn *conn;
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_pg_end(conn, &ctx, dm_job_store_add(conn, &ctx, &job)), DM_OK);
}

/* As if that much time had passed. */
static void pass(int64_t seconds)
{
    static const struct dm_pg_stmt shift = {
        "test_shift",
        "UPDATE job"
        "   SET run_at = run_at - $1 * interval '1 second',"
        "       updated_at = updated_at - $1 * interval '1 second'",
        1, DM_PG_NONE};
    const struct dm_pg_param params[] = {dm_pg_int(&ctx, seconds)};
    CU_ASSERT_EQUAL_FATAL(dm_pg_run(pg, &ctx, &shift, params, NULL), DM_OK);
}

/* "state attempts payload last_error" of the only row, or "" when there is none. */
static struct dm_str row(void)
{
    static const struct dm_pg_stmt select = {
        "test_row", "SELECT concat_ws(' ', state, attempts, payload, last_error) FROM job", 0,
        DM_PG_ONE};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_run(pg, &ctx, &select, NULL, &result);
    return r == DM_OK ? dm_pg_cell(&result, 0, 0) : DM_STR("");
}

static int64_t next_ms(void)
{
    int64_t ms = -1;
    CU_ASSERT_EQUAL(dm_job_store_next_ms(pg, &ctx, 1000000, &ms), DM_OK);
    return ms;
}

static void a_job_is_run_and_wiped(void)
{
    struct dm_pg_conn *conn;
    struct dm_job job;
    start();
    CU_ASSERT_EQUAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(next_ms(), 1000000);
    add("{\"token\": \"secret\"}", 3);
    CU_ASSERT_EQUAL(next_ms(), 0);
    CU_ASSERT_EQUAL_FATAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_OK);
    CU_ASSERT_STR(job.kind, "test");
    CU_ASSERT_STR(job.payload, "{\"token\": \"secret\"}");
    CU_ASSERT_EQUAL(job.attempt, 1);
    CU_ASSERT_EQUAL(job.max_attempts, 3);
    CU_ASSERT_EQUAL(dm_job_store_done(conn, &ctx, &job), DM_OK);
    CU_ASSERT_STR(row(), "done 1 {}");
    pass(100000);
    CU_ASSERT_EQUAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_E_NOTFOUND);
    finish();
}

static void a_job_of_a_failed_transaction_is_none(void)
{
    struct dm_job_new job = {.kind = "test", .payload = DM_STR("{}"), .max_attempts = 1};
    struct dm_pg_conn *conn;
    start();
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_job_store_add(conn, &ctx, &job), DM_OK);
    dm_pg_rollback(conn, &ctx);
    CU_ASSERT_STR(row(), "");
    finish();
}

static void failures_back_off_until_dead(void)
{
    struct dm_pg_conn *conn;
    struct dm_job job;
    start();
    add("{\"n\": 1}", 3);
    int64_t least_ms = 48000, most_ms = 72000; /* 60 s ± 20 %, doubled each time */
    for (int64_t attempt = 1; attempt <= 3; attempt++) {
        bool dead = false;
        CU_ASSERT_EQUAL_FATAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_OK);
        CU_ASSERT_EQUAL(job.attempt, attempt);
        CU_ASSERT_EQUAL(dm_job_store_failed(conn, &ctx, &job, DM_STR("no \xff text"), &dead),
                        DM_OK);
        CU_ASSERT_EQUAL(dead, attempt == 3);
        if (!dead) {
            int64_t ms = next_ms();
            CU_ASSERT_TRUE(ms > least_ms - 2000 && ms <= most_ms);
            CU_ASSERT_EQUAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_E_NOTFOUND);
            least_ms *= 2, most_ms *= 2;
            pass(ms / 1000 + 1);
        }
    }
    CU_ASSERT_STR(row(), "dead 3 {\"n\": 1} the reason was not readable text");
    CU_ASSERT_EQUAL(next_ms(), 1000000);
    finish();
}

static void the_back_off_has_a_bound(void)
{
    static const struct dm_job_take steep = {.backoff_s = 60, .backoff_max_s = 100};
    struct dm_pg_conn *conn;
    struct dm_job job;
    start();
    add("{}", 100);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL_FATAL(dm_job_store_take(pg, &ctx, &steep, &conn, &job), DM_OK);
        CU_ASSERT_EQUAL(dm_job_store_failed(conn, &ctx, &job, DM_STR("x"), NULL), DM_OK);
        CU_ASSERT_TRUE(next_ms() <= 100000);
        pass(101);
    }
    finish();
}

static void a_job_can_be_ended_at_once(void)
{
    struct dm_pg_conn *conn;
    struct dm_job job;
    char reason[601];
    memset(reason, 'r', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    start();
    add("{}", 10);
    CU_ASSERT_EQUAL_FATAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_OK);
    CU_ASSERT_EQUAL(dm_job_store_dead(conn, &ctx, &job, dm_str_from(reason)), DM_OK);
    CU_ASSERT_EQUAL(row().n, strlen("dead 1 {} ") + 256);
    pass(100000);
    CU_ASSERT_EQUAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_E_NOTFOUND);
    finish();
}

static void a_running_job_is_not_due(void)
{
    struct dm_pg_conn *conn, *second;
    struct dm_job job, other;
    start();
    add("{}", 5);
    CU_ASSERT_EQUAL_FATAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_OK);
    /* Longer than its back-off: run_at is moved by its own transaction, for the row is locked. */
    static const struct dm_pg_stmt shift = {
        "test_own_shift", "UPDATE job SET run_at = now() - interval '1 hour'", 0, DM_PG_NONE};
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &shift, NULL, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_job_store_take(pg, &ctx, &take, &second, &other), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(next_ms(), 1000000);
    CU_ASSERT_EQUAL(dm_job_store_done(conn, &ctx, &job), DM_OK);
    finish();
}

static void a_killed_worker_gives_the_job_back(void)
{
    struct dm_pg_conn *conn;
    struct dm_job job;
    start();
    add("{\"n\": 1}", 2);
    struct dm_pg_options options = dm_test_pg_options(2);
    options.application_name = "store_test_worker";
    struct dm_pg *worker = dm_pg_open(&options);
    for (int64_t attempt = 1; attempt <= 2; attempt++) {
        CU_ASSERT_EQUAL_FATAL(dm_job_store_take(worker, &ctx, &take, &conn, &job), DM_OK);
        CU_ASSERT_EQUAL(job.attempt, attempt);
        CU_ASSERT_TRUE(dm_test_pg_kill(pg, "store_test_worker") >= 1);
        /* Its late word is not heard. */
        CU_ASSERT_EQUAL(dm_job_store_done(conn, &ctx, &job), DM_E_UNAVAILABLE);
        pass(1000);
    }
    /* It has killed two workers in two tries: no third. */
    CU_ASSERT_EQUAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_E_NOTFOUND);
    CU_ASSERT_STR(row(), "dead 2 {\"n\": 1} the worker ended during the last try");
    dm_pg_close(worker);
    finish();
}

enum { JOBS = 60, THREADS = 4 };
static atomic_int n_runs[JOBS];
static atomic_int n_wrong;

static void *work(void *arg)
{
    (void)arg;
    struct dm_ctx own;
    dm_test_ctx_init(&own, 20000);
    for (;;) {
        struct dm_pg_conn *conn;
        struct dm_job job;
        enum dm_result r = dm_job_store_take(pg, &own, &take, &conn, &job);
        if (r == DM_E_NOTFOUND)
            break;
        int64_t n = 0, ms;
        if (r != DM_OK) {
            atomic_fetch_add(&n_wrong, 1);
            break;
        }
        /* {"n": 17} */
        if (job.attempt != 1 ||
            !dm_str_to_int(dm_str_slice(job.payload, 6, job.payload.n - 7), 0, JOBS - 1, &n))
            atomic_fetch_add(&n_wrong, 1);
        atomic_fetch_add(&n_runs[n], 1);
        if (dm_job_store_done(conn, &own, &job) != DM_OK ||
            dm_job_store_next_ms(pg, &own, 1000, &ms) != DM_OK)
            atomic_fetch_add(&n_wrong, 1);
    }
    dm_test_ctx_done(&own);
    return NULL;
}

static void threads_never_get_the_same_job(void)
{
    pthread_t threads[THREADS];
    start();
    for (int i = 0; i < JOBS; i++) {
        char payload[32];
        snprintf(payload, sizeof(payload), "{\"n\": %d}", i);
        add(payload, 1);
        atomic_store(&n_runs[i], 0);
    }
    atomic_store(&n_wrong, 0);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&n_wrong), 0);
    for (int i = 0; i < JOBS; i++)
        CU_ASSERT_EQUAL(atomic_load(&n_runs[i]), 1);
    finish();
}

static void a_commit_notifies(void)
{
    start();
    struct dm_pg_options options = dm_test_pg_options(1);
    struct dm_pg_listener *listener = dm_pg_listener_open(&options, DM_JOB_CHANNEL);
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 5000, -1, &err), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 0, -1, &err), DM_E_TIMEOUT);
    add("{}", 1);
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 5000, -1, &err), DM_OK);
    dm_pg_listener_close(listener);
    finish();
}

static void old_done_jobs_are_swept(void)
{
    struct dm_pg_conn *conn;
    struct dm_job job;
    int64_t deleted = -1;
    start();
    for (int i = 0; i < 4; i++) {
        add("{}", 1);
        CU_ASSERT_EQUAL_FATAL(dm_job_store_take(pg, &ctx, &take, &conn, &job), DM_OK);
        CU_ASSERT_EQUAL(i < 3 ? dm_job_store_done(conn, &ctx, &job)
                              : dm_job_store_dead(conn, &ctx, &job, DM_STR("x")),
                        DM_OK);
    }
    CU_ASSERT_EQUAL(dm_job_store_sweep(pg, &ctx, 3600, 2, &deleted), DM_OK);
    CU_ASSERT_EQUAL(deleted, 0);
    pass(3601);
    CU_ASSERT_EQUAL(dm_job_store_sweep(pg, &ctx, 3600, 2, &deleted), DM_OK);
    CU_ASSERT_EQUAL(deleted, 2);
    CU_ASSERT_EQUAL(dm_job_store_sweep(pg, &ctx, 3600, 2, &deleted), DM_OK);
    CU_ASSERT_EQUAL(deleted, 1);
    CU_ASSERT_STR(row(), "dead 1 {} x");
    finish();
}

CU_TestInfo *dm_job_store_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a job is run and wiped", a_job_is_run_and_wiped},
        {"a job of a failed transaction is none", a_job_of_a_failed_transaction_is_none},
        {"failures back off until dead", failures_back_off_until_dead},
        {"the back-off has a bound", the_back_off_has_a_bound},
        {"a job can be ended at once", a_job_can_be_ended_at_once},
        {"a running job is not due", a_running_job_is_not_due},
        {"a killed worker gives the job back", a_killed_worker_gives_the_job_back},
        {"threads never get the same job", threads_never_get_the_same_job},
        {"a commit notifies", a_commit_notifies},
        {"old done jobs are swept", old_done_jobs_are_swept},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

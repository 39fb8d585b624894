/*
 * pg.c against a real server: shapes of results, errors, transactions, deadlines, lost connections,
 * breaker, listener.
 */
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "unit/store/store_fixture.h"
#include "unit/store/store_suites.h"
#include "unit/unit.h"

static struct dm_ctx ctx;
static struct dm_pg *pg;

static void start(unsigned connections)
{
    dm_test_ctx_init(&ctx, 5000);
    pg = dm_test_pg_open(connections);
}

static void finish(void)
{
    dm_pg_close(pg);
    dm_test_ctx_done(&ctx);
}

static const struct dm_pg_stmt insert_key = {
    .name = "test_insert_key",
    .sql = "INSERT INTO idempotency_key"
           "       (account_id, key, fingerprint, resource_id, try_id, holder,"
           "        lease_until, expires_at)"
           " VALUES ($1, $2, repeat('a', 64), $1, $1, 'nobody', now(), now())",
    .n_params = 2,
    .rows = DM_PG_NONE,
};
static const struct dm_pg_stmt count_keys = {
    .name = "test_count_keys",
    .sql = "SELECT count(*) FROM idempotency_key WHERE account_id = $1",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

static int64_t n_keys(struct dm_str account_id)
{
    struct dm_pg_result result;
    const struct dm_pg_param params[] = {dm_pg_text(account_id)};
    CU_ASSERT_EQUAL_FATAL(dm_pg_run(pg, &ctx, &count_keys, params, &result), DM_OK);
    return dm_pg_cell_int(&result, 0, 0);
}

static void rows_come_back_as_text_in_the_arena(void)
{
    static const struct dm_pg_stmt select = {
        .name = "test_rows",
        .sql = "SELECT g, CASE WHEN g = 2 THEN NULL ELSE repeat('x', g) END, g = 1"
               "  FROM generate_series(0, 2) g",
        .n_params = 0,
        .rows = DM_PG_MANY,
    };
    start(1);
    struct dm_pg_result result;
    CU_ASSERT_EQUAL_FATAL(dm_pg_run(pg, &ctx, &select, NULL, &result), DM_OK);
    CU_ASSERT_EQUAL(result.n_rows, 3);
    CU_ASSERT_EQUAL(result.n_columns, 3);
    CU_ASSERT_EQUAL(dm_pg_cell_int(&result, 2, 0), 2);
    CU_ASSERT_STR(dm_pg_cell(&result, 0, 1), "");
    CU_ASSERT_STR(dm_pg_cell(&result, 1, 1), "x");
    CU_ASSERT_EQUAL(dm_pg_cell(&result, 1, 1).p[1], '\0');
    CU_ASSERT_PTR_NULL(dm_pg_cell(&result, 2, 1).p);
    CU_ASSERT_FALSE(dm_pg_cell_opt_int(&result, 2, 1).set);
    CU_ASSERT_TRUE(dm_pg_cell_bool(&result, 1, 2));
    CU_ASSERT_FALSE(dm_pg_cell_bool(&result, 2, 2));
    finish();
}

static void parameters_of_every_kind_come_back(void)
{
    static const struct dm_pg_stmt select = {
        .name = "test_params",
        .sql = "SELECT $1::text, $2::bigint, $3::float8, $4::boolean,"
               "       "
               "$5::timestamptz"
               ", $6::bigint, $7::float8, $8::boolean,"
               "       "
               "$9::timestamptz",
        .n_params = 9,
        .rows = DM_PG_ONE,
    };
    start(1);
    const int64_t at_ms = INT64_C(1767225600123);
    const struct dm_pg_param params[] = {
        dm_pg_text(dm_str_slice(DM_STR("cut here"), 0, 3)),
        dm_pg_int(&ctx, INT64_MIN),
        dm_pg_num(&ctx, 0.1),
        dm_pg_bool(true),
        dm_pg_time(&ctx, at_ms),
        dm_pg_opt_int(&ctx, (struct dm_opt_int){0}),
        dm_pg_opt_num(&ctx, (struct dm_opt_num){0}),
        dm_pg_opt_bool((struct dm_opt_bool){0}),
        dm_pg_opt_time(&ctx, (struct dm_opt_time){0}),
    };
    struct dm_pg_result result;
    CU_ASSERT_EQUAL_FATAL(dm_pg_run(pg, &ctx, &select, params, &result), DM_OK);
    CU_ASSERT_STR(dm_pg_cell(&result, 0, 0), "cut");
    CU_ASSERT_EQUAL(dm_pg_cell_int(&result, 0, 1), INT64_MIN);
    CU_ASSERT_EQUAL(dm_pg_cell_num(&result, 0, 2), 0.1);
    CU_ASSERT_TRUE(dm_pg_cell_bool(&result, 0, 3));
    CU_ASSERT_EQUAL(dm_pg_cell_opt_time(&result, 0, 4).ms, at_ms);
    for (size_t column = 5; column < 9; column++)
        CU_ASSERT_PTR_NULL(dm_pg_cell(&result, 0, column).p);
    finish();
}

static void the_arenas_bound_is_nomem(void)
{
    static const struct dm_pg_stmt big = {
        .name = "test_big", .sql = "SELECT repeat('x', 100000)", .n_params = 0, .rows = DM_PG_ONE};
    static const struct dm_pg_stmt echo = {
        .name = "test_echo", .sql = "SELECT $1::bigint", .n_params = 1, .rows = DM_PG_ONE};
    start(1);
    struct dm_ctx small = ctx;
    small.arena = dm_arena_new(1024, 4096);
    struct dm_pg_result result;
    CU_ASSERT_EQUAL(dm_pg_run(pg, &small, &big, NULL, &result), DM_E_NOMEM);
    while (dm_arena_alloc(small.arena, 16))
        ;
    const struct dm_pg_param params[] = {dm_pg_int(&small, 1)};
    dm_arena_reset(small.arena); /* room again, but the parameter was not made */
    CU_ASSERT_EQUAL(dm_pg_run(pg, &small, &echo, params, &result), DM_E_NOMEM);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_OK);
    dm_arena_free(small.arena);
    finish();
}

static enum dm_result run_sql(const struct dm_pg_stmt *stmt)
{
    struct dm_pg_result result;
    return dm_pg_run(pg, &ctx, stmt, NULL, &result);
}

static void a_wrong_number_of_rows_is_told(void)
{
    static const struct dm_pg_stmt none = {"test_none", "SELECT 1", 0, DM_PG_NONE};
    static const struct dm_pg_stmt no_row = {"test_no_row", "SELECT 1 WHERE false", 0, DM_PG_ONE};
    static const struct dm_pg_stmt two = {"test_two", "SELECT generate_series(1, 2)", 0, DM_PG_ONE};
    start(1);
    CU_ASSERT_EQUAL(run_sql(&none), DM_E_INTERNAL);
    CU_ASSERT_EQUAL(run_sql(&no_row), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(run_sql(&two), DM_E_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "test_two"));
    finish();
}

static void server_errors_become_results(void)
{
    static const struct dm_pg_stmt unknown = {"test_unknown", "SELECT 1 FROM nowhere", 0,
                                              DM_PG_MANY};
    static const struct dm_pg_stmt deadlock = {
        "test_deadlock", "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$", 0,
        DM_PG_NONE};
    static const struct dm_pg_stmt overflow = {"test_overflow",
                                               "SELECT 2147483647 + count(*)::int"
                                               " FROM generate_series(1, 1)",
                                               0, DM_PG_ONE};
    start(1);
    struct dm_str id = dm_id_new(ctx.arena);
    const struct dm_pg_param good[] = {dm_pg_text(id), dm_pg_text(DM_STR("k"))};
    const struct dm_pg_param empty[] = {dm_pg_text(id), dm_pg_text(DM_STR(""))};
    const struct dm_pg_param absent[] = {dm_pg_text(id), dm_pg_text((struct dm_str){NULL, 0})};
    const struct dm_pg_param nul[] = {dm_pg_text(id), dm_pg_text(DM_STR("a\0b"))};
    const struct dm_pg_param no_uuid[] = {dm_pg_text(DM_STR("zz")), dm_pg_text(DM_STR("k"))};
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &insert_key, good, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &insert_key, good, NULL), DM_E_CONFLICT);
    CU_ASSERT_STRING_EQUAL(ctx.err.rule, "idempotency_key_pkey");
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &insert_key, empty, NULL), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(ctx.err.rule, "idempotency_key_length");
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &insert_key, absent, NULL), DM_E_INVALID);
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &insert_key, nul, NULL), DM_E_INVALID);
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &insert_key, no_uuid, NULL), DM_E_INVALID);
    CU_ASSERT_PTR_NULL(strstr(ctx.err.detail, "zz"));
    CU_ASSERT_EQUAL(run_sql(&overflow), DM_E_INVALID);
    CU_ASSERT_EQUAL(run_sql(&deadlock), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(ctx.err.retry_after_s, 1);
    CU_ASSERT_EQUAL(run_sql(&unknown), DM_E_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "42P01"));
    CU_ASSERT_EQUAL(dm_pg_breaker(pg), DM_BREAKER_CLOSED);
    finish();
}

static void a_transaction_keeps_all_or_nothing(void)
{
    start(1);
    struct dm_str id = dm_id_new(ctx.arena);
    const struct dm_pg_param a[] = {dm_pg_text(id), dm_pg_text(DM_STR("a"))};
    const struct dm_pg_param b[] = {dm_pg_text(id), dm_pg_text(DM_STR("b"))};
    struct dm_pg_conn *conn;
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_in_use(pg), 1);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_end(conn, &ctx, DM_E_DENIED), DM_E_DENIED);
    CU_ASSERT_EQUAL(dm_pg_in_use(pg), 0);
    CU_ASSERT_EQUAL(n_keys(id), 0);

    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, b, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_end(conn, &ctx, DM_OK), DM_OK);
    CU_ASSERT_EQUAL(n_keys(id), 2);
    finish();
}

static void a_failed_transaction_does_not_commit(void)
{
    start(1);
    struct dm_str id = dm_id_new(ctx.arena);
    const struct dm_pg_param a[] = {dm_pg_text(id), dm_pg_text(DM_STR("a"))};
    struct dm_pg_conn *conn;
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_E_CONFLICT);
    CU_ASSERT_EQUAL(dm_pg_commit(conn, &ctx), DM_E_INTERNAL);
    CU_ASSERT_EQUAL(n_keys(id), 0);
    finish();
}

static void a_password_in_conninfo_is_found_in_every_form(void)
{
    static const char *const refused[] = {
        "host=db password=hunter2",          "host=db sslpassword = 'hunter2'",
        "postgresql://api:hunter2@db/dm",    "postgres://db/dm?password=hunter2",
        "postgresql://api:hunter2@a,b:5/dm", "host=db password='hunter2",
    };
    static const char *const taken[] = {
        "host=/run/postgresql dbname=password user=digitalme_api",
        "postgresql://api@a,b/dm?target_session_attrs=read-write",
        "host=db passfile=/etc/digitalme/pgpass",
    };
    struct dm_err err;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        CU_ASSERT_EQUAL(dm_pg_conninfo_check(refused[i], &err), DM_E_INVALID);
        CU_ASSERT_PTR_NULL(strstr(err.detail, "hunter2"));
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        CU_ASSERT_EQUAL(dm_pg_conninfo_check(taken[i], &err), DM_OK);
}

static bool nothing_sleeps(void *arg)
{
    static const struct dm_pg_stmt select = {"test_sleepers",
                                             "SELECT count(*) FROM pg_stat_activity"
                                             " WHERE application_name = 'store_test'"
                                             "   AND query LIKE 'SELECT pg_sleep%'"
                                             "   AND state = 'active'",
                                             0, DM_PG_ONE};
    (void)arg;
    struct dm_pg_result result;
    return dm_pg_run(pg, &ctx, &select, NULL, &result) == DM_OK &&
           dm_pg_cell_int(&result, 0, 0) == 0;
}

static void the_deadline_cancels_a_statement(void)
{
    static const struct dm_pg_stmt sleep_long = {"test_sleep", "SELECT pg_sleep(30)", 0, DM_PG_ONE};
    start(1);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_OK);
    int64_t from_ms = dm_clock_monotonic_ms();
    dm_test_ctx_deadline(&ctx, 200);
    CU_ASSERT_EQUAL(run_sql(&sleep_long), DM_E_TIMEOUT);
    int64_t took_ms = dm_clock_monotonic_ms() - from_ms;
    CU_ASSERT_TRUE(took_ms >= 200 && took_ms < 2000);
    CU_ASSERT_EQUAL(dm_pg_in_use(pg), 0);
    CU_ASSERT_EQUAL(dm_pg_breaker(pg), DM_BREAKER_CLOSED);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_E_TIMEOUT); /* nothing is sent after it */
    dm_test_ctx_deadline(&ctx, 10000);
    CU_ASSERT_TRUE(dm_test_until(nothing_sleeps, NULL));
    finish();
}

static void a_dead_idle_connection_is_replaced_unseen(void)
{
    start(1);
    struct dm_pg *other = dm_test_pg_open(1);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_OK);
    CU_ASSERT_EQUAL(dm_test_pg_kill(other, "store_test"), 1);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_OK);
    CU_ASSERT_EQUAL(dm_test_pg_kill(other, "store_test"), 1);
    struct dm_pg_conn *conn;
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_commit(conn, &ctx), DM_OK);
    dm_pg_close(other);
    finish();
}

static void a_connection_lost_in_a_transaction_loses_it(void)
{
    start(1);
    struct dm_pg *other = dm_test_pg_open(1);
    struct dm_str id = dm_id_new(ctx.arena);
    const struct dm_pg_param a[] = {dm_pg_text(id), dm_pg_text(DM_STR("a"))};
    struct dm_pg_conn *conn;
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_test_pg_kill(other, "store_test"), 1);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(dm_pg_commit(conn, &ctx), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(n_keys(id), 0);

    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_exec(conn, &ctx, &insert_key, a, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_test_pg_kill(other, "store_test"), 1);
    CU_ASSERT_EQUAL(dm_pg_commit(conn, &ctx), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(n_keys(id), 0);
    dm_pg_close(other);
    finish();
}

static void the_pool_is_a_bound(void)
{
    struct dm_pg_options options = dm_test_pg_options(1);
    options.max_wait_ms = 50;
    dm_test_ctx_init(&ctx, 5000);
    pg = dm_pg_open(&options);
    struct dm_pg_conn *conn;
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(dm_pg_breaker(pg), DM_BREAKER_CLOSED);
    dm_pg_rollback(conn, &ctx);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_OK);
    finish();
}

static bool breaker_is_not_open(void *arg)
{
    return dm_pg_breaker(arg) != DM_BREAKER_OPEN;
}

/*
 * The server's socket under another directory, where it can come and go: writes conninfo and the
 * link's path.
 */
static void detour(char dir[], char conninfo[512], char link_path[256], char target[256])
{
    const char *host = strstr(dm_test_conninfo(), "host=/");
    if (!host) {
        CU_FAIL_FATAL("DM_TEST_CONNINFO must name a unix socket's directory");
        return;
    }
    int host_len = (int)strcspn(host + 5, " ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(conninfo, 512, "%.*shost=%s%s", (int)(host - dm_test_conninfo()), dm_test_conninfo(),
             dir, host + 5 + host_len);
    const char *given = strstr(dm_test_conninfo(), "port=");
    const char *port = given ? given + 5 : "5432";
    int port_len = (int)strcspn(port, " ");
    snprintf(link_path, 256, "%s/.s.PGSQL.%.*s", dir, port_len, port);
    snprintf(target, 256, "%.*s/.s.PGSQL.%.*s", host_len, host + 5, port_len, port);
}

static void the_breaker_opens_and_closes(void)
{
    char dir[] = "/tmp/dm-pg-test-XXXXXX";
    char conninfo[512], link_path[256], target[256];
    detour(dir, conninfo, link_path, target);
    struct dm_pg_options options = dm_test_pg_options(2);
    options.conninfo = conninfo;
    dm_test_ctx_init(&ctx, 10000);
    pg = dm_pg_open(&options);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(dm_pg_breaker(pg), DM_BREAKER_CLOSED);
        CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_E_UNAVAILABLE);
        CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "cannot connect"));
    }
    CU_ASSERT_EQUAL(dm_pg_breaker(pg), DM_BREAKER_OPEN);
    CU_ASSERT_EQUAL(symlink(target, link_path), 0);
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "not asked"));
    CU_ASSERT_TRUE(ctx.err.retry_after_s >= 1);
    CU_ASSERT_TRUE(dm_test_until(breaker_is_not_open, pg));
    CU_ASSERT_EQUAL(dm_pg_ping(pg, &ctx), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_breaker(pg), DM_BREAKER_CLOSED);
    unlink(link_path);
    rmdir(dir);
    finish();
}

static void the_session_is_set_up(void)
{
    static const struct dm_pg_stmt show = {
        "test_show",
        "SELECT current_setting('client_encoding'), current_setting('timezone'),"
        "       current_setting('client_min_messages'), current_setting('application_name'),"
        "       current_setting('transaction_isolation')",
        0, DM_PG_ONE};
    start(1);
    struct dm_pg_result result;
    CU_ASSERT_EQUAL_FATAL(dm_pg_run(pg, &ctx, &show, NULL, &result), DM_OK);
    CU_ASSERT_STR(dm_pg_cell(&result, 0, 0), "UTF8");
    CU_ASSERT_STR(dm_pg_cell(&result, 0, 1), "UTC");
    CU_ASSERT_STR(dm_pg_cell(&result, 0, 2), "warning");
    CU_ASSERT_STR(dm_pg_cell(&result, 0, 3), "store_test");
    CU_ASSERT_STR(dm_pg_cell(&result, 0, 4), "read committed");
    finish();
}

static void *many_statements(void *arg)
{
    static const struct dm_pg_stmt echo = {"test_echo_text", "SELECT $1::text", 1, DM_PG_ONE};
    int *n_wrong = arg;
    struct dm_ctx own;
    dm_test_ctx_init(&own, 20000);
    for (int i = 0; i < 300; i++) {
        char id[DM_UUID_TEXT];
        dm_id_uuid7(id);
        const struct dm_pg_param params[] = {dm_pg_text(dm_str_from(id))};
        struct dm_pg_result result;
        if (dm_pg_run(pg, &own, &echo, params, &result) != DM_OK ||
            !dm_str_eq_c(dm_pg_cell(&result, 0, 0), id))
            (*n_wrong)++;
    }
    dm_test_ctx_done(&own);
    return NULL;
}

static void threads_share_the_pool(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int n_wrong[THREADS] = {0};
    start(2);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, many_statements, &n_wrong[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(n_wrong[i], 0);
    }
    CU_ASSERT_EQUAL(dm_pg_in_use(pg), 0);
    finish();
}

static void the_listener_hears_wakes_and_reconnects(void)
{
    static const struct dm_pg_stmt notify = {"test_notify", "SELECT pg_notify('store_test', '')", 0,
                                             DM_PG_ONE};
    start(1);
    struct dm_pg_options options = dm_test_pg_options(1);
    options.application_name = "store_test_listener";
    struct dm_pg_listener *listener = dm_pg_listener_open(&options, "store_test");
    int wake_fd = eventfd(0, EFD_NONBLOCK);
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 5000, wake_fd, &err), DM_OK); /* connected */
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 0, wake_fd, &err), DM_E_TIMEOUT);
    CU_ASSERT_EQUAL(run_sql(&notify), DM_OK);
    CU_ASSERT_EQUAL(run_sql(&notify), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 5000, wake_fd, &err), DM_OK);
    CU_ASSERT_EQUAL(dm_test_pg_kill(pg, "store_test_listener"), 1);
    enum dm_result r;
    while ((r = dm_pg_listener_wait(listener, 5000, wake_fd, &err)) == DM_OK)
        ; /* the second notification may come on its own */
    CU_ASSERT_EQUAL(r, DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 5000, wake_fd, &err), DM_OK);
    CU_ASSERT_EQUAL(eventfd_write(wake_fd, 1), 0);
    int64_t from_ms = dm_clock_monotonic_ms();
    CU_ASSERT_EQUAL(dm_pg_listener_wait(listener, 60000, wake_fd, &err), DM_E_TIMEOUT);
    CU_ASSERT_TRUE(dm_clock_monotonic_ms() - from_ms < 5000);
    close(wake_fd);
    dm_pg_listener_close(listener);
    finish();
}

CU_TestInfo *dm_pg_suite(void)
{
    static CU_TestInfo tests[] = {
        {"rows come back as text in the arena", rows_come_back_as_text_in_the_arena},
        {"parameters of every kind come back", parameters_of_every_kind_come_back},
        {"the arena's bound is NOMEM", the_arenas_bound_is_nomem},
        {"a wrong number of rows is told", a_wrong_number_of_rows_is_told},
        {"server errors become results", server_errors_become_results},
        {"a transaction keeps all or nothing", a_transaction_keeps_all_or_nothing},
        {"a failed transaction does not commit", a_failed_transaction_does_not_commit},
        {"a password in conninfo is found in every form",
         a_password_in_conninfo_is_found_in_every_form},
        {"the deadline cancels a statement", the_deadline_cancels_a_statement},
        {"a dead idle connection is replaced", a_dead_idle_connection_is_replaced_unseen},
        {"a lost connection loses its transaction", a_connection_lost_in_a_transaction_loses_it},
        {"the pool is a bound", the_pool_is_a_bound},
        {"the breaker opens and closes", the_breaker_opens_and_closes},
        {"the session is set up", the_session_is_set_up},
        {"threads share the pool", threads_share_the_pool},
        {"the listener hears, wakes, reconnects", the_listener_hears_wakes_and_reconnects},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* Idempotency keys, and the audit trail, on a real server. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/audit_store.h"
#include "store/idempotency_store.h"
#include "unit/store/store_fixture.h"
#include "unit/store/store_suites.h"
#include "unit/unit.h"

#define PRINT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PRINT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct dm_ctx ctx;
static struct dm_pg *pg;

static void start(void)
{
    dm_test_ctx_init(&ctx, 20000);
    pg = dm_test_pg_open(4);
}

static void finish(void)
{
    dm_pg_close(pg);
    dm_test_ctx_done(&ctx);
}

static struct dm_idempotency_claim new_claim(void)
{
    return (struct dm_idempotency_claim){
        .account_id = dm_id_new(ctx.arena),
        .key = DM_STR("key-1"),
        .fingerprint = DM_STR(PRINT_A),
        .resource_id = dm_id_new(ctx.arena),
        .lease_s = 30,
        .keep_s = 86400,
    };
}

/* The same caller, key and request, tried once more. */
static struct dm_idempotency_claim again(struct dm_idempotency_claim claim)
{
    claim.resource_id = dm_id_new(ctx.arena);
    return claim;
}

static struct dm_idempotency_record claimed(const struct dm_idempotency_claim *claim)
{
    struct dm_idempotency_record record = {0};
    CU_ASSERT_EQUAL_FATAL(dm_idempotency_store_claim(pg, &ctx, claim, &record), DM_OK);
    return record;
}

static void pass(const struct dm_idempotency_claim *claim, int64_t seconds)
{
    static const struct dm_pg_stmt shift = {
        "test_shift_keys",
        "UPDATE idempotency_key"
        "   SET lease_until = lease_until - $2 * interval '1 second',"
        "       expires_at = expires_at - $2 * interval '1 second'"
        " WHERE account_id = $1",
        2, DM_PG_NONE};
    const struct dm_pg_param params[] = {dm_pg_text(claim->account_id), dm_pg_int(&ctx, seconds)};
    CU_ASSERT_EQUAL_FATAL(dm_pg_run(pg, &ctx, &shift, params, NULL), DM_OK);
}

static const struct dm_idempotency_record reply = {
    .status = 201,
    .body = DM_STR_INIT("{\"a\": \"\u00e4\"}"),
    .location = DM_STR_INIT("/x/1"),
};

static void a_reply_is_replayed(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), second = again(first);
    struct dm_idempotency_record record = claimed(&first);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_TRUE(dm_str_eq(record.resource_id, first.resource_id));
    record = claimed(&second);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_RUNNING);
    CU_ASSERT_TRUE(record.retry_after_s >= 29 && record.retry_after_s <= 30);
    CU_ASSERT_EQUAL(dm_idempotency_store_finish(pg, &ctx, &first, &reply), DM_OK);
    record = claimed(&second);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_DONE);
    CU_ASSERT_EQUAL(record.status, 201);
    CU_ASSERT_STR(record.body, "{\"a\": \"\u00e4\"}");
    CU_ASSERT_STR(record.location, "/x/1");
    CU_ASSERT_PTR_NULL(record.etag.p);
    pass(&first, 3600); /* long after the lease */
    CU_ASSERT_EQUAL(claimed(&second).state, DM_IDEMPOTENCY_DONE);
    finish();
}

static void another_request_is_a_mismatch(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), other = again(first);
    other.fingerprint = DM_STR(PRINT_B);
    CU_ASSERT_EQUAL(claimed(&first).state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_EQUAL(claimed(&other).state, DM_IDEMPOTENCY_MISMATCH);
    pass(&first, 31);
    CU_ASSERT_EQUAL(claimed(&other).state, DM_IDEMPOTENCY_MISMATCH);
    CU_ASSERT_EQUAL(dm_idempotency_store_finish(pg, &ctx, &first, &reply), DM_OK);
    CU_ASSERT_EQUAL(claimed(&other).state, DM_IDEMPOTENCY_MISMATCH);
    finish();
}

static void keys_are_the_callers_own(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), other = again(first);
    other.account_id = dm_id_new(ctx.arena);
    CU_ASSERT_EQUAL(claimed(&first).state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_EQUAL(claimed(&other).state, DM_IDEMPOTENCY_MINE);
    finish();
}

static void a_lost_try_is_taken_over_with_its_id(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), second = again(first), third = again(first);
    CU_ASSERT_EQUAL(claimed(&first).state, DM_IDEMPOTENCY_MINE);
    pass(&first, 31);
    struct dm_idempotency_record record = claimed(&second);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_TRUE(dm_str_eq(record.resource_id, first.resource_id));
    /* The first, come to late life, cannot give away what is the second's now. */
    CU_ASSERT_EQUAL(dm_idempotency_store_release(pg, &ctx, &first), DM_OK);
    CU_ASSERT_EQUAL(claimed(&third).state, DM_IDEMPOTENCY_RUNNING);
    finish();
}

static void a_try_whose_program_is_gone_is_taken_over_at_once(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), second = again(first);
    struct dm_pg *theirs = dm_test_pg_open(1);
    struct dm_idempotency_record record = {0};
    CU_ASSERT_EQUAL(dm_idempotency_store_claim(theirs, &ctx, &first, &record), DM_OK);
    CU_ASSERT_EQUAL(claimed(&second).state, DM_IDEMPOTENCY_RUNNING);
    dm_pg_close(theirs);
    /* The server takes a moment to see that the connection has ended. */
    do
        record = claimed(&second);
    while (record.state == DM_IDEMPOTENCY_RUNNING && dm_clock_left_ms(ctx.deadline_ms) > 0);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_TRUE(dm_str_eq(record.resource_id, first.resource_id));
    finish();
}

static void a_lapsed_key_goes_on_with_its_id(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), second = again(first), other = again(first);
    other.fingerprint = DM_STR(PRINT_B);
    CU_ASSERT_EQUAL(claimed(&first).state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_EQUAL(dm_idempotency_store_lapse(pg, &ctx, &first), DM_OK);
    CU_ASSERT_EQUAL(claimed(&other).state, DM_IDEMPOTENCY_MISMATCH);
    struct dm_idempotency_record record = claimed(&second);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_TRUE(dm_str_eq(record.resource_id, first.resource_id));
    finish();
}

static void a_released_key_is_free(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), other = again(first);
    other.fingerprint = DM_STR(PRINT_B);
    CU_ASSERT_EQUAL(claimed(&first).state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_EQUAL(dm_idempotency_store_release(pg, &ctx, &first), DM_OK);
    struct dm_idempotency_record record = claimed(&other);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_TRUE(dm_str_eq(record.resource_id, other.resource_id));
    CU_ASSERT_EQUAL(dm_idempotency_store_finish(pg, &ctx, &other, &reply), DM_OK);
    CU_ASSERT_EQUAL(dm_idempotency_store_release(pg, &ctx, &other), DM_OK);
    CU_ASSERT_EQUAL(claimed(&other).state, DM_IDEMPOTENCY_DONE);
    finish();
}

static void a_key_past_its_time_is_new(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), other = again(first);
    other.fingerprint = DM_STR(PRINT_B);
    CU_ASSERT_EQUAL(claimed(&first).state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_EQUAL(dm_idempotency_store_finish(pg, &ctx, &first, &reply), DM_OK);
    pass(&first, 86401);
    struct dm_idempotency_record record = claimed(&other);
    CU_ASSERT_EQUAL(record.state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_TRUE(dm_str_eq(record.resource_id, other.resource_id));
    CU_ASSERT_EQUAL(claimed(&other).state, DM_IDEMPOTENCY_RUNNING);
    finish();
}

/* The first try of a key, or one that took it over late, may outlive the key's time: nobody else gets it then. */
static void a_key_is_kept_while_its_try_runs(void)
{
    start();
    struct dm_idempotency_claim first = new_claim(), second = again(first);
    int64_t deleted;
    first.keep_s = 10;
    CU_ASSERT_EQUAL(claimed(&first).state, DM_IDEMPOTENCY_MINE);
    pass(&first, 20);
    CU_ASSERT_EQUAL(dm_idempotency_store_sweep(pg, &ctx, 1000, &deleted), DM_OK);
    CU_ASSERT_EQUAL(claimed(&second).state, DM_IDEMPOTENCY_RUNNING);
    pass(&first, 20);
    CU_ASSERT_EQUAL(claimed(&second).state, DM_IDEMPOTENCY_MINE);
    finish();
}

static void the_sweep_deletes_what_is_past(void)
{
    int64_t deleted = -1;
    start();
    do {
        CU_ASSERT_EQUAL_FATAL(dm_idempotency_store_sweep(pg, &ctx, 1000, &deleted), DM_OK);
    } while (deleted > 0);
    struct dm_idempotency_claim old = new_claim(), young = new_claim();
    CU_ASSERT_EQUAL(claimed(&old).state, DM_IDEMPOTENCY_MINE);
    CU_ASSERT_EQUAL(claimed(&young).state, DM_IDEMPOTENCY_MINE);
    pass(&old, 86401);
    CU_ASSERT_EQUAL(dm_idempotency_store_sweep(pg, &ctx, 1000, &deleted), DM_OK);
    CU_ASSERT_EQUAL(deleted, 1);
    CU_ASSERT_EQUAL(claimed(&young).state, DM_IDEMPOTENCY_RUNNING);
    finish();
}

static atomic_int n_mine;
static atomic_int n_wrong;

static void *claim_each(void *arg)
{
    struct dm_idempotency_claim claim = *(const struct dm_idempotency_claim *)arg;
    struct dm_ctx own;
    dm_test_ctx_init(&own, 20000);
    for (int i = 0; i < 50; i++) {
        struct dm_idempotency_record record = {0};
        char key[16];
        snprintf(key, sizeof(key), "key-%d", i);
        claim.key = dm_str_from(key);
        claim.resource_id = dm_id_new(own.arena);
        enum dm_result r = dm_idempotency_store_claim(pg, &own, &claim, &record);
        if (r == DM_OK && record.state == DM_IDEMPOTENCY_MINE)
            atomic_fetch_add(&n_mine, 1);
        else if (r != DM_OK || record.state != DM_IDEMPOTENCY_RUNNING)
            atomic_fetch_add(&n_wrong, 1);
    }
    dm_test_ctx_done(&own);
    return NULL;
}

static void of_threads_one_gets_the_key(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    start();
    struct dm_idempotency_claim claim = new_claim();
    atomic_store(&n_mine, 0);
    atomic_store(&n_wrong, 0);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, claim_each, &claim), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&n_mine), 50);
    CU_ASSERT_EQUAL(atomic_load(&n_wrong), 0);
    finish();
}

static void audit_events_can_only_be_added(void)
{
    static const struct dm_pg_stmt update = {
        "test_audit_update", "UPDATE audit_event SET action = 'a.b'", 0, DM_PG_NONE};
    static const struct dm_pg_stmt delete = {"test_audit_delete", "DELETE FROM audit_event", 0,
                                             DM_PG_NONE};
    start();
    dm_trace_start(&ctx.trace, (struct dm_str){NULL, 0});
    ctx.actor_id = dm_id_new(ctx.arena);
    ctx.correlation_id = DM_STR("c-1");
    const struct dm_audit_event event = {.action = "profile.update",
                                         .entity = "profile",
                                         .entity_id = dm_id_new(ctx.arena),
                                         .detail = DM_STR_INIT("{\"a\": 1}")};
    const struct dm_audit_event unnamed = {.action = "profile.fly", .entity = "profile"};
    struct dm_pg_conn *conn;
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_end(conn, &ctx, dm_audit_store_add(conn, &ctx, &event)), DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(pg, &ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_end(conn, &ctx, dm_audit_store_add(conn, &ctx, &unnamed)), DM_E_INTERNAL);
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &update, NULL, NULL), DM_E_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "42501")); /* insufficient_privilege */
    CU_ASSERT_EQUAL(dm_pg_run(pg, &ctx, &delete, NULL, NULL), DM_E_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "42501"));
    finish();
}

CU_TestInfo *dm_idempotency_store_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a reply is replayed", a_reply_is_replayed},
        {"another request is a mismatch", another_request_is_a_mismatch},
        {"keys are the caller's own", keys_are_the_callers_own},
        {"a lost try is taken over with its id", a_lost_try_is_taken_over_with_its_id},
        {"a try whose program is gone is taken over at once",
         a_try_whose_program_is_gone_is_taken_over_at_once},
        {"a lapsed key goes on with its id", a_lapsed_key_goes_on_with_its_id},
        {"a released key is free", a_released_key_is_free},
        {"a key past its time is new", a_key_past_its_time_is_new},
        {"a key is kept while its try runs", a_key_is_kept_while_its_try_runs},
        {"the sweep deletes what is past", the_sweep_deletes_what_is_past},
        {"of threads one gets the key", of_threads_one_gets_the_key},
        {"audit events can only be added", audit_events_can_only_be_added},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

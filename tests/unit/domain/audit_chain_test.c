/* The chain against the real database: what was sealed is found again, and every way to tamper with it behind the program's back is seen. */
#include "domain/audit_chain.h"

#include <pthread.h>

#include "base/id.h"
#include "store/audit_store.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/world.h"
#include "unit/unit.h"

static enum dm_result add_event(const struct dm_domain *domain, struct dm_ctx *ctx,
                                struct dm_str about)
{
    const struct dm_audit_event event = {.action = "profile.update",
                                         .entity = "profile",
                                         .entity_id = about,
                                         .detail = DM_STR("{\"version\": 2, \"a\": \"\xc3\xa9\"}")};
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    return result == DM_OK ? dm_pg_end(conn, ctx, dm_audit_store_add(conn, ctx, &event)) : result;
}

/* Seal until nothing waits. */
static struct dm_audit_head seal_all(struct dm_world *world)
{
    struct dm_audit_head head = {0};
    int64_t sealed = 1;
    while (sealed > 0) {
        world->ctx = dm_world_ctx(world->arena);
        CU_ASSERT_EQUAL_FATAL(dm_audit_seal(&world->domain, &world->ctx, &sealed, &head), DM_OK);
    }
    return head;
}

/* What a verification told, one line a fault: "changed 7". */
struct told {
    char lines[2000];
    struct dm_audit_verdict verdict;
    struct dm_audit_head known;
};

static void take(void *arg, const struct dm_audit_fault *fault)
{
    struct told *told = arg;
    size_t n = strlen(told->lines);
    snprintf(told->lines + n, sizeof(told->lines) - n, "%s %lld\n", fault->kind,
             (long long)fault->seq);
}

static struct told verify_with(struct dm_world *world, struct dm_audit_head known)
{
    struct told told = {.known = known};
    const struct dm_audit_verification how = {.known = known, .fault = take, .arg = &told};
    world->ctx = dm_world_ctx(world->arena);
    enum dm_result result = dm_audit_verify(&world->domain, &world->ctx, &how, &told.verdict);
    if (result != DM_OK)
        printf("%s\n", world->ctx.err.detail);
    CU_ASSERT_EQUAL_FATAL(result, DM_OK);
    return told;
}

static struct told verify(struct dm_world *world)
{
    return verify_with(world, (struct dm_audit_head){0});
}

static int64_t number(struct dm_str text)
{
    int64_t n = -1;
    CU_ASSERT_TRUE(dm_str_to_int(text, 0, INT64_MAX, &n));
    return n;
}

/* A chain whose last five events are ours. */
struct trail {
    struct dm_world world;
    struct dm_audit_head head;
};

static void trail_open(struct trail *trail)
{
    dm_world_open(&trail->world);
    for (int i = 0; i < 5; i++) {
        trail->world.ctx = dm_world_ctx(trail->world.arena);
        CU_ASSERT_EQUAL_FATAL(
            add_event(&trail->world.domain, &trail->world.ctx, dm_id_new(trail->world.arena)),
            DM_OK);
    }
    trail->head = seal_all(&trail->world);
    CU_ASSERT_TRUE_FATAL(trail->head.seq >= 5);
    struct told told = verify(&trail->world);
    CU_ASSERT_STRING_EQUAL(told.lines, "");
    CU_ASSERT_EQUAL_FATAL(told.verdict.n_faults, 0);
}

/* $1 is the seal's number. */
static void tamper(struct trail *trail, const char *name, const char *sql, int64_t seq)
{
    dm_world_do(&trail->world, name, sql,
                dm_arena_printf(trail->world.arena, "%lld", (long long)seq));
}

static void expect(struct trail *trail, const char *kind, int64_t seq)
{
    char line[64];
    snprintf(line, sizeof(line), "%s %lld\n", kind, (long long)seq);
    struct told told = verify(&trail->world);
    CU_ASSERT_STRING_EQUAL(told.lines, line);
    CU_ASSERT_EQUAL(told.verdict.n_faults, 1);
}

static void expect_good(struct trail *trail)
{
    struct told told = verify(&trail->world);
    CU_ASSERT_STRING_EQUAL(told.lines, "");
}

/* All events that are there are sealed as they are, by a chain without a past. */
static void start_anew(struct trail *trail)
{
    static const struct {
        const char *name, *sql;
    } steps[] = {
        {"test_anew_broken", "DELETE FROM audit_event WHERE action = 'audit.broken' AND $1 = ''"},
        {"test_anew_seal", "DELETE FROM audit_seal WHERE $1 = ''"},
        {"test_anew_unsealed", "DELETE FROM audit_unsealed WHERE $1 = ''"},
        {"test_anew_queue", "INSERT INTO audit_unsealed (event_id, created_at)"
                            " SELECT id, created_at FROM audit_event WHERE $1 = ''"},
        {"test_anew_chain",
         "UPDATE audit_chain SET anchor_seq = 0, anchor_hash = repeat('0', 64), anchor_mac = NULL,"
         " head_seq = 0, head_hash = repeat('0', 64), head_mac = NULL WHERE $1 = ''"},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        dm_world_do(&trail->world, steps[i].name, steps[i].sql, DM_STR(""));
    trail->head = seal_all(&trail->world);
    expect_good(trail);
}

static void sealing_numbers_every_event_once(void)
{
    struct trail trail;
    trail_open(&trail);
    struct told told = verify(&trail.world);
    CU_ASSERT_EQUAL(told.verdict.head.seq, trail.head.seq);
    CU_ASSERT_STRING_EQUAL(told.verdict.head.hash, trail.head.hash);
    CU_ASSERT_EQUAL(told.verdict.n_checked, trail.head.seq - told.verdict.anchor_seq);
    CU_ASSERT_EQUAL(
        number(dm_world_ask(&trail.world, "test_unsealed",
                            "SELECT count(*) FROM audit_unsealed WHERE $1 = ''", DM_STR(""))),
        0);
    dm_world_close(&trail.world);
}

#define UPDATE_EVENT(set)                                                                          \
    "UPDATE audit_event SET " set                                                                  \
    " WHERE id = (SELECT event_id FROM audit_seal WHERE seq = $1::bigint)"

static void every_changed_column_is_found(void)
{
    static const struct {
        const char *name, *change, *mend, *back;
    } columns[] = {
        {"test_change_1", UPDATE_EVENT("action = 'profile.delete'"), "test_mend_1",
         UPDATE_EVENT("action = 'profile.update'")},
        {"test_change_2", UPDATE_EVENT("entity = 'trait'"), "test_mend_2",
         UPDATE_EVENT("entity = 'profile'")},
        {"test_change_3", UPDATE_EVENT("detail = detail || '{\"b\": 1}'"), "test_mend_3",
         UPDATE_EVENT("detail = detail - 'b'")},
        {"test_change_4", UPDATE_EVENT("correlation_id = ''"), "test_mend_4",
         UPDATE_EVENT("correlation_id = NULL")},
        {"test_change_5", UPDATE_EVENT("trace_id = repeat('a', 32)"), "test_mend_5",
         UPDATE_EVENT("trace_id = NULL")},
        {"test_change_6", UPDATE_EVENT("created_at = created_at + interval '1 microsecond'"),
         "test_mend_6", UPDATE_EVENT("created_at = created_at - interval '1 microsecond'")},
        {"test_change_7", UPDATE_EVENT("updated_at = updated_at + interval '1 microsecond'"),
         "test_mend_7", UPDATE_EVENT("updated_at = updated_at - interval '1 microsecond'")},
        {"test_change_8", UPDATE_EVENT("created_by = id"), "test_mend_8",
         UPDATE_EVENT("created_by = NULL")},
        {"test_change_9", UPDATE_EVENT("updated_by = id"), "test_mend_9",
         UPDATE_EVENT("updated_by = NULL")},
    };
    struct trail trail;
    trail_open(&trail);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        tamper(&trail, columns[i].name, columns[i].change, trail.head.seq - 2);
        expect(&trail, "changed", trail.head.seq - 2);
        tamper(&trail, columns[i].mend, columns[i].back, trail.head.seq - 2);
        expect_good(&trail);
    }
    dm_world_close(&trail.world);
}

static void swapped_events_are_found(void)
{
    static const char swap[] =
        "WITH pair AS (DELETE FROM audit_seal WHERE seq IN ($1::bigint, $1::bigint - 1)"
        "              RETURNING seq, event_id, hash)"
        " SELECT pg_catalog.set_config('dm.pair', string_agg(event_id::text, ',' ORDER BY seq)"
        " || ',' || string_agg(hash, ',' ORDER BY seq), false) FROM pair";
    static const char put[] = "INSERT INTO audit_seal (seq, event_id, hash)"
                              " SELECT $1::bigint - 1 + n, "
                              "(string_to_array(current_setting('dm.pair'), ','))[2 - n]::uuid,"
                              "        (string_to_array(current_setting('dm.pair'), ','))[3 + n]"
                              "   FROM generate_series(0, 1) n";
    struct trail trail;
    trail_open(&trail);
    int64_t seq = trail.head.seq - 1;
    for (int i = 0; i < 2; i++) {
        struct dm_str at = dm_arena_printf(trail.world.arena, "%lld", (long long)seq);
        (void)dm_world_ask(&trail.world, "test_swap_out", swap, at);
        tamper(&trail, "test_swap_in", put, seq);
        char lines[64];
        snprintf(lines, sizeof(lines), "changed %lld\nchanged %lld\n", (long long)seq - 1,
                 (long long)seq);
        struct told told = verify(&trail.world);
        CU_ASSERT_STRING_EQUAL(told.lines, i == 0 ? lines : "");
    }
    dm_world_close(&trail.world);
}

static void missing_events_and_seals_are_found(void)
{
    static const char hide_event[] =
        "WITH gone AS (DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_seal"
        "              WHERE seq = $1::bigint) RETURNING *)"
        " SELECT pg_catalog.set_config('dm.event', to_json(gone)::text, false) FROM gone";
    static const char show_event[] =
        "INSERT INTO audit_event SELECT (json_populate_record(NULL::audit_event,"
        " current_setting('dm.event')::json)).* WHERE $1 <> ''";
    static const char mend_event[] =
        "UPDATE audit_event e SET created_at = r.created_at, updated_at = r.updated_at"
        " FROM json_populate_record(NULL::audit_event, current_setting('dm.event')::json) r"
        " WHERE e.id = r.id AND $1 <> ''";
    static const char unqueue[] = "DELETE FROM audit_unsealed WHERE $1 <> ''";
    static const char hide_seal[] =
        "WITH gone AS (DELETE FROM audit_seal WHERE seq = $1::bigint RETURNING *)"
        " SELECT pg_catalog.set_config('dm.seal', to_json(gone)::text, false) FROM gone";
    static const char show_seal[] =
        "INSERT INTO audit_seal SELECT (json_populate_record(NULL::audit_seal,"
        " current_setting('dm.seal')::json)).* WHERE $1 <> ''";
    struct trail trail;
    trail_open(&trail);
    struct dm_arena *arena = trail.world.arena;
    for (int64_t seq = trail.head.seq - 1; seq <= trail.head.seq; seq++) {
        struct dm_str at = dm_arena_printf(arena, "%lld", (long long)seq);
        (void)dm_world_ask(&trail.world, "test_hide_event", hide_event, at);
        expect(&trail, "missing", seq);
        tamper(&trail, "test_show_event", show_event, seq);
        tamper(&trail, "test_mend_event", mend_event, seq);
        tamper(&trail, "test_unqueue", unqueue, seq);
        expect_good(&trail);

        (void)dm_world_ask(&trail.world, "test_hide_seal", hide_seal, at);
        expect(&trail, "missing", seq);
        tamper(&trail, "test_show_seal", show_seal, seq);
        expect_good(&trail);
    }
    dm_world_close(&trail.world);
}

/* The whole end is cut off, and the head set to where it ends now. */
static void truncation_with_the_head_is_found_and_stays_found(void)
{
    static const char cut[] =
        "WITH cut AS (DELETE FROM audit_seal WHERE seq > $1::bigint RETURNING event_id),"
        " gone AS (DELETE FROM audit_event WHERE id IN (SELECT event_id FROM cut))"
        " UPDATE audit_chain SET head_seq = $1::bigint,"
        "        head_hash = (SELECT hash FROM audit_seal WHERE seq = $1::bigint)";
    struct trail trail;
    trail_open(&trail);
    int64_t kept = trail.head.seq - 3;
    tamper(&trail, "test_cut", cut, kept);
    expect(&trail, "head", kept);

    /* Sealing goes on, and does not cover it up. */
    (void)seal_all(&trail.world);
    expect(&trail, "head", kept + 1);
    struct told told = verify_with(&trail.world, trail.head);
    char line[64];
    snprintf(line, sizeof(line), "head %lld\ntruncated %lld\n", (long long)kept + 1,
             (long long)trail.head.seq);
    CU_ASSERT_STRING_EQUAL(told.lines, line);
    start_anew(&trail);
    dm_world_close(&trail.world);
}

static void a_head_from_the_log_tells_of_a_trail_that_was_put_back(void)
{
    struct trail trail;
    trail_open(&trail);
    struct dm_audit_head known = trail.head;
    struct told told = verify_with(&trail.world, known);
    CU_ASSERT_STRING_EQUAL(told.lines, "");
    known.seq += 1;
    told = verify_with(&trail.world, known);
    CU_ASSERT_EQUAL(told.verdict.n_faults, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(told.lines, "truncated"));
    known = trail.head;
    known.hash[0] = known.hash[0] == '0' ? '1' : '0';
    told = verify_with(&trail.world, known);
    CU_ASSERT_PTR_NOT_NULL(strstr(told.lines, "head"));
    dm_world_close(&trail.world);
}

static void events_that_nobody_sealed_are_found_when_late(void)
{
    struct trail trail;
    trail_open(&trail);
    trail.world.ctx = dm_world_ctx(trail.world.arena);
    struct dm_str about = dm_id_new(trail.world.arena);
    CU_ASSERT_EQUAL_FATAL(add_event(&trail.world.domain, &trail.world.ctx, about), DM_OK);
    expect_good(&trail);
    /* Slipped past the queue. */
    dm_world_do(&trail.world, "test_late",
                "UPDATE audit_event SET created_at = now() - interval '11 minutes'"
                " WHERE entity_id = $1::uuid",
                about);
    expect(&trail, "unsealed", 0);
    (void)seal_all(&trail.world);
    expect_good(&trail);
    dm_world_close(&trail.world);
}

/* Retention */

static int64_t trim(struct dm_world *world, enum dm_result expected)
{
    int64_t removed = 0;
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL(dm_audit_trim(&world->domain, &world->ctx, &removed), expected);
    return removed;
}

/* The chain's first n events, n of them as $1, are as old as they must be. They are sealed anew, since their times are. */
static void make_old(struct trail *trail, int64_t n)
{
    struct dm_world *world = &trail->world;
    struct dm_str text = dm_arena_printf(world->arena, "%lld", (long long)n);
    dm_world_do(
        world, "test_old",
        "UPDATE audit_event SET created_at = now() - interval '401 days' + rank * interval '1 s'"
        "  FROM (SELECT event_id, row_number() OVER (ORDER BY seq) AS rank FROM audit_seal) s"
        " WHERE id = event_id AND rank <= $1::bigint",
        text);
    start_anew(trail);
    dm_world_do(world, "test_old_seals",
                "UPDATE audit_seal SET created_at = now() - interval '401 days'"
                " WHERE seq <= $1::bigint",
                text);
    expect_good(trail);
}

static void retention_leaves_an_anchor_from_which_verification_goes_on(void)
{
    struct trail trail;
    trail_open(&trail);
    make_old(&trail, 3);
    CU_ASSERT_EQUAL(trim(&trail.world, DM_OK), 3);
    struct told told = verify(&trail.world);
    CU_ASSERT_STRING_EQUAL(told.lines, "");
    CU_ASSERT_EQUAL(told.verdict.anchor_seq, 3);
    CU_ASSERT_EQUAL(trim(&trail.world, DM_OK), 0);

    /* The removal is in the trail. */
    struct dm_audit_head head = seal_all(&trail.world);
    CU_ASSERT_EQUAL(head.seq, trail.head.seq + 1);
    CU_ASSERT_EQUAL(number(dm_world_ask(&trail.world, "test_trimmed",
                                        "SELECT (detail->>'removed')::int FROM audit_event"
                                        " WHERE action = 'audit.trim' AND $1 = ''"
                                        " ORDER BY created_at DESC LIMIT 1",
                                        DM_STR(""))),
                    3);

    /* Somebody removes more, and moves the anchor. */
    tamper(&trail, "test_move_anchor",
           "WITH cut AS (DELETE FROM audit_seal WHERE seq <= $1::bigint RETURNING event_id, seq, "
           "hash),"
           " gone AS (DELETE FROM audit_event WHERE id IN (SELECT event_id FROM cut))"
           " UPDATE audit_chain SET anchor_seq = $1::bigint,"
           "        anchor_hash = (SELECT hash FROM cut WHERE seq = $1::bigint)",
           4);
    expect(&trail, "anchor", 4);
    start_anew(&trail);
    dm_world_close(&trail.world);
}

static void retention_removes_nothing_that_is_not_as_it_was_sealed(void)
{
    struct trail trail;
    trail_open(&trail);
    make_old(&trail, 3);
    tamper(&trail, "test_spoil", UPDATE_EVENT("entity = 'trait'"), 2);
    struct told told = verify(&trail.world);
    CU_ASSERT_EQUAL(told.verdict.n_faults, 1);
    CU_ASSERT_EQUAL(trim(&trail.world, DM_E_STALE), 0);
    told = verify(&trail.world);
    CU_ASSERT_EQUAL(told.verdict.anchor_seq, 0);
    start_anew(&trail);
    dm_world_close(&trail.world);
}

static void nobody_removes_what_is_younger_than_thirty_days(void)
{
    struct trail trail;
    trail_open(&trail);
    static const struct dm_pg_stmt stmt = {.name = "test_trim_young",
                                           .sql = "SELECT audit_trim($1, repeat('a', 64), 0)",
                                           .n_params = 1,
                                           .rows = DM_PG_ONE};
    trail.world.ctx = dm_world_ctx(trail.world.arena);
    const struct dm_pg_param params[] = {dm_pg_int(&trail.world.ctx, trail.head.seq)};
    CU_ASSERT_EQUAL(dm_pg_run(trail.world.domain.pg, &trail.world.ctx, &stmt, params, NULL),
                    DM_E_INVALID);
    expect_good(&trail);
    dm_world_close(&trail.world);
}

/* Races */

#define WRITERS 4
#define EVENTS 60
#define SEALERS 2

struct racer {
    const struct dm_domain *domain;
    atomic_bool *writing;
    pthread_t thread;
    int64_t failed;
};

static void *write_events(void *arg)
{
    struct racer *racer = arg;
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    for (int i = 0; i < EVENTS; i++) {
        dm_arena_reset(arena);
        struct dm_ctx ctx = dm_world_ctx(arena);
        racer->failed += add_event(racer->domain, &ctx, dm_id_new(arena)) != DM_OK;
    }
    dm_arena_free(arena);
    return NULL;
}

static void *seal_events(void *arg)
{
    struct racer *racer = arg;
    struct dm_arena *arena = dm_arena_new(65536, 16 << 20);
    while (atomic_load(racer->writing)) {
        dm_arena_reset(arena);
        struct dm_ctx ctx = dm_world_ctx(arena);
        struct dm_audit_head head;
        int64_t sealed;
        racer->failed += dm_audit_seal(racer->domain, &ctx, &sealed, &head) != DM_OK;
    }
    dm_arena_free(arena);
    return NULL;
}

static void two_sealers_beside_many_writers_lose_nothing(void)
{
    struct trail trail;
    trail_open(&trail);
    atomic_bool writing = true;
    struct racer racers[WRITERS + SEALERS];
    for (int i = 0; i < WRITERS + SEALERS; i++) {
        racers[i] = (struct racer){.domain = &trail.world.domain, .writing = &writing};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&racers[i].thread, NULL,
                                             i < WRITERS ? write_events : seal_events, &racers[i]),
                              0);
    }
    for (int i = 0; i < WRITERS + SEALERS; i++) {
        if (i == WRITERS)
            atomic_store(&writing, false);
        pthread_join(racers[i].thread, NULL);
        CU_ASSERT_EQUAL(racers[i].failed, 0);
    }
    struct dm_audit_head head = seal_all(&trail.world);
    CU_ASSERT_EQUAL(head.seq, trail.head.seq + (int64_t)WRITERS * EVENTS);
    expect_good(&trail);
    dm_world_close(&trail.world);
}

CU_TestInfo *dm_audit_chain_suite(void)
{
    static CU_TestInfo tests[] = {
        {"sealing numbers every event once", sealing_numbers_every_event_once},
        {"every changed column is found", every_changed_column_is_found},
        {"swapped events are found", swapped_events_are_found},
        {"missing events and seals are found", missing_events_and_seals_are_found},
        {"truncation with the head is found and stays found",
         truncation_with_the_head_is_found_and_stays_found},
        {"a head from the log tells of a trail that was put back",
         a_head_from_the_log_tells_of_a_trail_that_was_put_back},
        {"events that nobody sealed are found when late",
         events_that_nobody_sealed_are_found_when_late},
        {"retention leaves an anchor from which verification goes on",
         retention_leaves_an_anchor_from_which_verification_goes_on},
        {"retention removes nothing that is not as it was sealed",
         retention_removes_nothing_that_is_not_as_it_was_sealed},
        {"nobody removes what is younger than thirty days",
         nobody_removes_what_is_younger_than_thirty_days},
        {"two sealers beside many writers lose nothing",
         two_sealers_beside_many_writers_lose_nothing},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* The ring follows its folder without a restart, never loses what it had to a bad folder, and lets threads go on with the set they hold. */
#include "base/key_ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jwt.h"
#include "unit/base/base_suites.h"
#include "unit/base/key_folder.h"
#include "unit/unit.h"

#define WAIT_MS 10000

struct told {
    atomic_uint taken, faults;
    char fault[256];
};

struct fixture {
    struct dm_key_folder folder;
    struct told told;
    struct dm_key_ring *ring;
};

static void changed(void *arg, const struct dm_jwt_keys *keys, const char *fault)
{
    struct told *told = arg;
    CU_ASSERT_TRUE(dm_jwt_keys_count(keys) > 0);
    if (fault)
        snprintf(told->fault, sizeof(told->fault), "%s", fault);
    atomic_fetch_add(fault ? &told->faults : &told->taken, 1);
}

static void open_with(struct fixture *f, int64_t look_ms)
{
    struct dm_err err = {0};
    *f = (struct fixture){.ring = NULL};
    dm_key_folder_make(&f->folder);
    dm_key_folder_put_new(&f->folder, "a", "P-256");
    const struct dm_key_ring_options options = {.dir = f->folder.path,
                                                .token_life_s = 600,
                                                .look_ms = look_ms,
                                                .changed = changed,
                                                .arg = &f->told};
    CU_ASSERT_EQUAL_FATAL(dm_key_ring_open(&options, &err, &f->ring), DM_OK);
    CU_ASSERT_EQUAL(atomic_load(&f->told.taken), 1);
}

static void setup(struct fixture *f)
{
    open_with(f, 5);
}

static void teardown(struct fixture *f)
{
    dm_key_ring_close(f->ring);
    dm_key_folder_drop(&f->folder);
}

static size_t count_keys(struct dm_key_ring *ring)
{
    struct dm_jwt_keys *keys = dm_key_ring_keys(ring);
    size_t n = dm_jwt_keys_count(keys);
    dm_jwt_keys_unref(keys);
    return n;
}

static bool await_count(struct dm_key_ring *ring, size_t n)
{
    int64_t end_ms = dm_clock_monotonic_ms() + WAIT_MS;
    while (count_keys(ring) != n)
        if (dm_clock_monotonic_ms() > end_ms)
            return false;
        else
            usleep(1000);
    return true;
}

static bool await_told(const atomic_uint *counter, unsigned n, struct dm_key_ring *ring)
{
    int64_t end_ms = dm_clock_monotonic_ms() + WAIT_MS;
    while (atomic_load(counter) < n) {
        if (dm_clock_monotonic_ms() > end_ms)
            return false;
        (void)dm_key_ring_generation(ring);
        usleep(1000);
    }
    return true;
}

static void a_new_and_a_removed_file_are_seen(void)
{
    struct fixture f;
    setup(&f);
    uint64_t generation = dm_key_ring_generation(f.ring);
    struct dm_jwt_keys *held = dm_key_ring_keys(f.ring);
    dm_key_folder_put_new(&f.folder, "b", "P-256");
    CU_ASSERT_TRUE(await_count(f.ring, 2));
    CU_ASSERT_EQUAL(dm_key_ring_generation(f.ring), generation);
    dm_key_folder_remove(&f.folder, "a");
    CU_ASSERT_TRUE(await_count(f.ring, 1));
    CU_ASSERT_EQUAL(dm_key_ring_generation(f.ring), generation + 1);
    /* Whoever holds the first set still can use it. */
    CU_ASSERT_EQUAL(dm_jwt_keys_count(held), 1);
    CU_ASSERT_STRING_EQUAL(dm_jwt_keys_info(held, 0, 0).kid, "a");
    dm_jwt_keys_unref(held);
    CU_ASSERT_EQUAL(atomic_load(&f.told.faults), 0);
    teardown(&f);
}

/* A file written anew in its place leaves the folder's own time as it was. */
static void a_key_replaced_in_its_place_is_seen(void)
{
    struct fixture f;
    setup(&f);
    uint64_t generation = dm_key_ring_generation(f.ring);
    dm_key_folder_put_new(&f.folder, "a", "P-256");
    int64_t end_ms = dm_clock_monotonic_ms() + WAIT_MS;
    while (dm_key_ring_generation(f.ring) == generation && dm_clock_monotonic_ms() < end_ms)
        usleep(1000);
    CU_ASSERT_EQUAL(dm_key_ring_generation(f.ring), generation + 1);
    teardown(&f);
}

static void a_bad_file_is_told_once_and_changes_nothing(void)
{
    struct fixture f;
    setup(&f);
    dm_key_folder_put_text(&f.folder, "b", "no key");
    CU_ASSERT_TRUE(await_told(&f.told.faults, 1, f.ring));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.told.fault, "/b.pem"));
    CU_ASSERT_EQUAL(count_keys(f.ring), 1);
    /* Not again at the next look, though the file is still there; the next change tells that look. */
    dm_key_folder_put_new(&f.folder, "c", "P-256");
    CU_ASSERT_TRUE(await_count(f.ring, 2));
    CU_ASSERT_EQUAL(atomic_load(&f.told.faults), 2);
    dm_key_folder_remove(&f.folder, "b");
    CU_ASSERT_TRUE(await_told(&f.told.taken, 2, f.ring));
    CU_ASSERT_EQUAL(atomic_load(&f.told.faults), 2);
    teardown(&f);
}

static void a_folder_that_is_empty_or_gone_changes_nothing(void)
{
    struct fixture f;
    char away[96];
    setup(&f);
    dm_key_folder_remove(&f.folder, "a");
    CU_ASSERT_TRUE(await_told(&f.told.faults, 1, f.ring));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.told.fault, "holds no signing key"));
    CU_ASSERT_EQUAL(count_keys(f.ring), 1);
    snprintf(away, sizeof(away), "%s-away", f.folder.path);
    CU_ASSERT_EQUAL_FATAL(rename(f.folder.path, away), 0);
    CU_ASSERT_TRUE(await_told(&f.told.faults, 2, f.ring));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.told.fault, "cannot be read"));
    CU_ASSERT_EQUAL(count_keys(f.ring), 1);
    CU_ASSERT_EQUAL_FATAL(rename(away, f.folder.path), 0);
    dm_key_folder_put_new(&f.folder, "b", "P-256");
    CU_ASSERT_TRUE(await_told(&f.told.taken, 2, f.ring));
    CU_ASSERT_EQUAL(count_keys(f.ring), 1);
    teardown(&f);
}

static void an_unknown_kid_looks_at_once_but_not_again_and_again(void)
{
    struct fixture f;
    open_with(&f, 60000);
    struct dm_jwt_keys *keys = dm_key_ring_keys(f.ring);
    CU_ASSERT_PTR_NULL(dm_key_ring_newer(f.ring, keys));
    usleep((DM_KEY_RING_COOLDOWN_MS + 20) * 1000); /* the cooldown itself is what is waited for */
    dm_key_folder_put_new(&f.folder, "b", "P-256");
    struct dm_jwt_keys *newer = dm_key_ring_newer(f.ring, keys);
    int64_t before_ms = dm_clock_monotonic_ms();
    CU_ASSERT_PTR_NOT_NULL_FATAL(newer);
    CU_ASSERT_EQUAL(dm_jwt_keys_count(newer), 2);
    /* Within the cooldown the folder is left alone. */
    dm_key_folder_put_new(&f.folder, "c", "P-256");
    struct dm_jwt_keys *again = dm_key_ring_newer(f.ring, newer);
    CU_ASSERT_TRUE(again == NULL || dm_clock_monotonic_ms() - before_ms >= DM_KEY_RING_COOLDOWN_MS);
    dm_jwt_keys_unref(again);
    dm_jwt_keys_unref(newer);
    dm_jwt_keys_unref(keys);
    teardown(&f);
}

static void a_secret_has_one_key_and_no_folder(void)
{
    struct dm_key_ring *ring = NULL;
    struct dm_err err = {0};
    const struct dm_key_ring_options options = {.dir = "/nonexistent",
                                                .secret = {"0123456789abcdef0123456789abcdef", 32}};
    CU_ASSERT_EQUAL_FATAL(dm_key_ring_open(&options, &err, &ring), DM_OK);
    struct dm_jwt_keys *keys = dm_key_ring_keys(ring);
    CU_ASSERT_EQUAL(dm_jwt_keys_count(keys), 1);
    CU_ASSERT_PTR_NULL(dm_key_ring_newer(ring, keys));
    dm_jwt_keys_unref(keys);
    dm_key_ring_close(ring);
}

struct user {
    struct dm_key_ring *ring;
    atomic_bool *stop;
    unsigned wrong, rounds;
};

/* Sign and verify with one set, again and again; what a set signs it must accept. */
static void *use(void *arg)
{
    struct user *user = arg;
    struct dm_arena *arena = dm_arena_new(65536, 65536);
    const struct dm_jwt_claims claims = {.issuer = DM_STR("i"),
                                         .audience = DM_STR("a"),
                                         .subject = DM_STR("u"),
                                         .token_use = DM_STR("x"),
                                         .session_id = DM_STR("s"),
                                         .id = DM_STR("j"),
                                         .issued_at_s = 1000,
                                         .not_before_s = 1000,
                                         .expires_at_s = 1600};
    const struct dm_jwt_expect expect = {DM_STR_INIT("i"), DM_STR_INIT("a"), DM_STR_INIT("x"), 1000,
                                         3600};
    while (!atomic_load(user->stop)) {
        struct dm_err err = {0};
        struct dm_jwt_claims back;
        struct dm_str token;
        struct dm_jwt_keys *keys = dm_key_ring_keys(user->ring);
        bool good = dm_jwt_sign(keys, &claims, arena, &err, &token) == DM_OK &&
                    dm_jwt_verify(keys, token, &expect, arena, &err, &back) == DM_OK;
        struct dm_jwt_keys *newer = dm_key_ring_newer(user->ring, keys);
        user->wrong += !good || dm_jwt_keys_count(keys) == 0;
        user->rounds++;
        dm_jwt_keys_unref(newer);
        dm_jwt_keys_unref(keys);
        dm_arena_reset(arena);
    }
    dm_arena_free(arena);
    return NULL;
}

static void threads_use_the_set_while_it_is_replaced(void)
{
    struct fixture f;
    pthread_t threads[4];
    struct user users[4];
    atomic_bool stop = false;
    setup(&f);
    for (int i = 0; i < 4; i++) {
        users[i] = (struct user){.ring = f.ring, .stop = &stop};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    }
    for (unsigned round = 0; round < 5; round++) {
        char kid[16];
        snprintf(kid, sizeof(kid), "b%u", round);
        dm_key_folder_put_new(&f.folder, kid, "P-256");
        CU_ASSERT_TRUE(await_count(f.ring, 2));
        dm_key_folder_remove(&f.folder, kid);
        CU_ASSERT_TRUE(await_count(f.ring, 1));
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(users[i].wrong, 0);
        CU_ASSERT_TRUE(users[i].rounds > 0);
    }
    CU_ASSERT_TRUE(atomic_load(&f.told.taken) >= 11);
    teardown(&f);
}

CU_TestInfo *dm_key_ring_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a new and a removed file are seen", a_new_and_a_removed_file_are_seen},
        {"a key replaced in its place is seen", a_key_replaced_in_its_place_is_seen},
        {"a bad file is told once and changes nothing",
         a_bad_file_is_told_once_and_changes_nothing},
        {"a folder that is empty or gone changes nothing",
         a_folder_that_is_empty_or_gone_changes_nothing},
        {"an unknown kid looks at once, but not again and again",
         an_unknown_kid_looks_at_once_but_not_again_and_again},
        {"a secret has one key and no folder", a_secret_has_one_key_and_no_folder},
        {"threads use the set while it is replaced", threads_use_the_set_while_it_is_replaced},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* lib/base/id.c: the form of UUIDv7 and its order across threads. */
#include "base/id.h"

#include <pthread.h>

#include "base/clock.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define THREADS 4
#define IDS_A_THREAD 5000

static void uuid7_has_version_variant_and_time(void)
{
    char text[DM_UUID_TEXT];
    int64_t before = dm_clock_wall_ms();
    dm_id_uuid7(text);
    CU_ASSERT_EQUAL(strlen(text), 36);
    CU_ASSERT_TRUE(dm_id_is_uuid(dm_str_from(text)));
    CU_ASSERT_EQUAL(text[14], '7');
    CU_ASSERT_PTR_NOT_NULL(strchr("89ab", text[19]));
    char hex[13];
    snprintf(hex, sizeof(hex), "%.8s%.4s", text, text + 9);
    long long ms = strtoll(hex, NULL, 16);
    CU_ASSERT_TRUE(ms >= before && ms <= dm_clock_wall_ms() + 1000);
    for (size_t i = 0; i < 36; i++)
        CU_ASSERT_FALSE(text[i] >= 'A' && text[i] <= 'F');
}

static void uuid7_grows_though_the_clock_stands_or_goes_back(void)
{
    char last[DM_UUID_TEXT], next[DM_UUID_TEXT];
    unsigned wrong = 0;
    int64_t now = dm_clock_wall_ms();
    dm_clock_fake(now);
    dm_id_uuid7(last);
    /* More than the counter holds within one millisecond. */
    for (int i = 0; i < 10000; i++) {
        if (i == 9000)
            dm_clock_fake(now - 100000);
        dm_id_uuid7(next);
        wrong += strcmp(last, next) >= 0;
        memcpy(last, next, sizeof(last));
    }
    dm_clock_fake(0);
    CU_ASSERT_EQUAL(wrong, 0);
}

static void *make_ids(void *arg)
{
    char(*ids)[DM_UUID_TEXT] = arg;
    for (int i = 0; i < IDS_A_THREAD; i++)
        dm_id_uuid7(ids[i]);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, DM_UUID_TEXT);
}

static void uuid7_grows_and_is_unique_across_threads(void)
{
    /* The part that orders: time and counter, without the random rest, must differ already. */
    char(*ids)[DM_UUID_TEXT] = calloc(THREADS * IDS_A_THREAD, sizeof(*ids));
    CU_ASSERT_PTR_NOT_NULL_FATAL(ids);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, make_ids, ids + i * IDS_A_THREAD),
                              0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    unsigned wrong = 0;
    for (int i = 0; i < THREADS * IDS_A_THREAD; i++)
        if (i % IDS_A_THREAD != 0)
            wrong += strcmp(ids[i - 1], ids[i]) >= 0;
    CU_ASSERT_EQUAL(wrong, 0);
    qsort(ids, THREADS * IDS_A_THREAD, sizeof(*ids), compare);
    for (int i = 1; i < THREADS * IDS_A_THREAD; i++)
        wrong += strncmp(ids[i - 1], ids[i], 18) == 0;
    CU_ASSERT_EQUAL(wrong, 0);
    free(ids);
}

static void is_uuid_checks_every_place(void)
{
    CU_ASSERT_TRUE(dm_id_is_uuid(DM_STR("017F22E2-79B0-7CC3-98c4-dc0c0c07398f")));
    static const char *const refused[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_FALSE(dm_id_is_uuid(dm_str_from(refused[i])));
    CU_ASSERT_FALSE(dm_id_is_uuid((struct dm_str){NULL, 0}));
}

static void new_id_lives_in_the_arena(void)
{
    struct dm_arena *arena = dm_arena_new(64, 64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_TRUE(dm_id_is_uuid(dm_id_new(arena)));
    CU_ASSERT_PTR_NULL(dm_id_new(arena).p);
    dm_arena_free(arena);
}

static void hex_is_of_the_length_asked(void)
{
    char a[65], b[65];
    for (size_t n = 2; n <= 64; n += 2) {
        memset(a, 'x', sizeof(a));
        dm_id_hex(a, n);
        CU_ASSERT_EQUAL(strlen(a), n);
        CU_ASSERT_EQUAL(strspn(a, "0123456789abcdef"), n);
    }
    dm_id_hex(b, 64);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
}

CU_TestInfo *dm_id_suite(void)
{
    static CU_TestInfo tests[] = {
        {"UUIDv7 has version, variant and time", uuid7_has_version_variant_and_time},
        {"UUIDv7 grows though the clock stands or goes back",
         uuid7_grows_though_the_clock_stands_or_goes_back},
        {"UUIDv7 grows and is unique across threads", uuid7_grows_and_is_unique_across_threads},
        {"is_uuid checks every place", is_uuid_checks_every_place},
        {"a new id lives in the arena", new_id_lives_in_the_arena},
        {"hex is of the length asked", hex_is_of_the_length_asked},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

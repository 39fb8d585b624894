/* The cache finds what was kept, keeps to its bounds, and gives up the oldest of a set. */
#include "base/cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

struct entry {
    uint32_t key;
    uint32_t check; /* ~key */
};

static struct dm_cache *cache_of(size_t entries_max)
{
    struct dm_cache *cache = dm_cache_new(entries_max, sizeof(struct entry), sizeof(uint32_t));
    CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
    return cache;
}

static void keep(struct dm_cache *cache, uint32_t key)
{
    struct dm_cache_set set = dm_cache_lock(cache, &key);
    *(struct entry *)dm_cache_place(set) = (struct entry){key, ~key};
    dm_cache_unlock(set);
}

static bool is_kept(struct dm_cache *cache, uint32_t key)
{
    struct dm_cache_set set = dm_cache_lock(cache, &key);
    const struct entry *entry = dm_cache_find(set);
    bool kept = entry != NULL;
    if (kept)
        CU_ASSERT_TRUE(entry->key == key && entry->check == ~key);
    dm_cache_unlock(set);
    return kept;
}

static size_t count(struct dm_cache *cache)
{
    size_t n = 0;
    const struct entry *entry;
    for (size_t i = 0; (entry = dm_cache_at(cache, i)) != NULL; i++)
        n += entry->key != 0;
    return n;
}

static void what_was_kept_is_found_in_one_place(void)
{
    struct dm_cache *cache = cache_of(64);
    CU_ASSERT_FALSE(is_kept(cache, 7));
    keep(cache, 7);
    keep(cache, 7);
    CU_ASSERT_TRUE(is_kept(cache, 7));
    CU_ASSERT_FALSE(is_kept(cache, 8));
    CU_ASSERT_EQUAL(count(cache), 1);
    dm_cache_free(cache);
}

static void the_oldest_of_a_set_gives_way(void)
{
    struct dm_cache *cache = cache_of(4); /* one set */
    for (uint32_t key = 1; key <= 6; key++)
        keep(cache, key);
    for (uint32_t key = 1; key <= 6; key++)
        CU_ASSERT_EQUAL(is_kept(cache, key), key > 2);
    dm_cache_free(cache);
}

static void it_never_holds_more_than_its_bound(void)
{
    static const struct {
        size_t entries_max, entries;
    } sizes[] = {{0, 4}, {1, 4}, {7, 4}, {8, 8}, {100, 64}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct dm_cache *cache = cache_of(sizes[i].entries_max);
        for (uint32_t key = 1; key <= 2000; key++)
            keep(cache, key);
        CU_ASSERT_EQUAL(count(cache), sizes[i].entries);
        CU_ASSERT_PTR_NULL(dm_cache_at(cache, sizes[i].entries));
        dm_cache_free(cache);
    }
}

static void *keep_and_look(void *arg)
{
    for (uint32_t i = 0; i < 20000; i++) {
        keep(arg, i % 97 + 1);
        (void)is_kept(arg, i % 89 + 1);
    }
    return NULL;
}

static void threads_never_see_half_an_entry(void)
{
    struct dm_cache *cache = cache_of(32);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, keep_and_look, cache), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(count(cache), 32);
    dm_cache_free(cache);
}

CU_TestInfo *dm_cache_suite(void)
{
    static CU_TestInfo tests[] = {
        {"what was kept is found, in one place", what_was_kept_is_found_in_one_place},
        {"the oldest of a set gives way", the_oldest_of_a_set_gives_way},
        {"it never holds more than its bound", it_never_holds_more_than_its_bound},
        {"threads never see half an entry", threads_never_see_half_an_entry},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* lib/base/arena.c: alignment, zeroes, the bound, and resets. */
#include "base/arena.h"

#include <stdalign.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void memory_is_aligned_zeroed_and_apart(void)
{
    struct dm_arena *arena = dm_arena_new(256, 1 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    unsigned char *before = NULL;
    for (size_t n = 0; n < 700; n += 7) {
        unsigned char *p = dm_arena_alloc(arena, n);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        CU_ASSERT_EQUAL((uintptr_t)p % alignof(max_align_t), 0);
        CU_ASSERT_PTR_NOT_EQUAL(p, before);
        for (size_t i = 0; i < n; i++)
            if (p[i] != 0)
                CU_FAIL("not zeroed");
        memset(p, 0xff, n);
        before = p;
    }
    dm_arena_free(arena);
}

static void reset_gives_zeroed_memory_again(void)
{
    struct dm_arena *arena = dm_arena_new(64, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    void *first = dm_arena_alloc(arena, 64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    memset(first, 0xff, 64);
    CU_ASSERT_PTR_NOT_NULL(dm_arena_alloc(arena, 1000));
    CU_ASSERT_TRUE(dm_arena_used(arena) >= 1064);
    dm_arena_reset(arena);
    CU_ASSERT_EQUAL(dm_arena_used(arena), 0);
    unsigned char *again = dm_arena_alloc(arena, 64);
    CU_ASSERT_PTR_EQUAL_FATAL(again, first);
    for (size_t i = 0; i < 64; i++)
        CU_ASSERT_EQUAL(again[i], 0);
    dm_arena_free(arena);
}

static void the_bound_holds(void)
{
    struct dm_arena *arena = dm_arena_new(64, 1024);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_PTR_NULL(dm_arena_alloc(arena, 1025));
    CU_ASSERT_PTR_NULL(dm_arena_alloc(arena, SIZE_MAX));
    CU_ASSERT_PTR_NULL(dm_arena_array(arena, SIZE_MAX / 2, 3));
    CU_ASSERT_PTR_NOT_NULL(dm_arena_alloc(arena, 1000));
    CU_ASSERT_PTR_NULL(dm_arena_alloc(arena, 32));
    CU_ASSERT_PTR_NOT_NULL(dm_arena_alloc(arena, 16));
    CU_ASSERT_PTR_NULL(dm_arena_alloc(arena, 0));
    CU_ASSERT_PTR_NULL(dm_arena_str(arena, DM_STR("a")).p);
    CU_ASSERT_PTR_NULL(dm_arena_printf(arena, "%d", 1).p);
    dm_arena_reset(arena);
    CU_ASSERT_PTR_NOT_NULL(dm_arena_alloc(arena, 1024));
    dm_arena_free(arena);
}

static void texts_are_copied_and_ended(void)
{
    struct dm_arena *arena = dm_arena_new(64, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_str copy = dm_arena_str(arena, dm_str_slice(DM_STR("abcdef"), 0, 3));
    CU_ASSERT_STR(copy, "abc");
    CU_ASSERT_EQUAL(copy.p[3], '\0');
    CU_ASSERT_PTR_NULL(dm_arena_str(arena, (struct dm_str){NULL, 0}).p);
    CU_ASSERT_STR(dm_arena_str(arena, DM_STR("")), "");
    CU_ASSERT_STRING_EQUAL(dm_arena_cstr(arena, DM_STR("xyz")), "xyz");
    CU_ASSERT_STR(dm_arena_printf(arena, "%s-%03d", "n", 7), "n-007");
    CU_ASSERT_STR(dm_arena_printf(arena, "%s", ""), "");
    dm_arena_free(arena);
    dm_arena_free(NULL);
}

CU_TestInfo *dm_arena_suite(void)
{
    static CU_TestInfo tests[] = {
        {"memory is aligned, zeroed and apart", memory_is_aligned_zeroed_and_apart},
        {"a reset gives zeroed memory again", reset_gives_zeroed_memory_again},
        {"the bound holds", the_bound_holds},
        {"texts are copied and ended", texts_are_copied_and_ended},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

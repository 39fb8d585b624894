/* lib/base/buf.c: growth, the maximum, and failing once for all. */
#include "base/buf.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void fill_and_compare(struct dm_arena *arena)
{
    struct dm_buf buf;
    dm_buf_init(&buf, arena, 100000);
    CU_ASSERT_STR(dm_buf_str(&buf), "");
    char expected[3001];
    for (size_t i = 0; i < 3000; i++) {
        expected[i] = (char)('a' + i % 26);
        dm_buf_add_char(&buf, expected[i]);
    }
    expected[3000] = '\0';
    CU_ASSERT_FALSE(dm_buf_failed(&buf));
    CU_ASSERT_STR(dm_buf_str(&buf), expected);
    dm_buf_reset(&buf);
    dm_buf_add_c(&buf, "x=");
    dm_buf_add_int(&buf, INT64_MIN);
    dm_buf_add(&buf, (struct dm_str){NULL, 0});
    dm_buf_add(&buf, DM_STR(";"));
    dm_buf_add_int(&buf, 0);
    dm_buf_printf(&buf, ";%s=%d", "y", 7);
    CU_ASSERT_STR(dm_buf_str(&buf), "x=-9223372036854775808;0;y=7");
    dm_buf_done(&buf);
}

static void grows_on_malloc_and_arena(void)
{
    fill_and_compare(NULL);
    struct dm_arena *arena = dm_arena_new(1024, 1 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    fill_and_compare(arena);
    dm_arena_free(arena);
}

static void the_maximum_is_reached_exactly(void)
{
    struct dm_buf buf;
    dm_buf_init(&buf, NULL, 5);
    dm_buf_add_c(&buf, "abcd");
    dm_buf_printf(&buf, "%c", 'e');
    CU_ASSERT_FALSE(dm_buf_failed(&buf));
    CU_ASSERT_STR(dm_buf_str(&buf), "abcde");
    dm_buf_add_char(&buf, 'f');
    CU_ASSERT_TRUE(dm_buf_failed(&buf));
    CU_ASSERT_STR(dm_buf_str(&buf), "abcde");
    dm_buf_done(&buf);
}

static void once_failed_nothing_is_added(void)
{
    struct dm_buf buf;
    dm_buf_init(&buf, NULL, 5);
    dm_buf_add_c(&buf, "abcdef");
    CU_ASSERT_TRUE(dm_buf_failed(&buf));
    dm_buf_add_c(&buf, "a");
    dm_buf_printf(&buf, "%d", 1);
    CU_ASSERT_STR(dm_buf_str(&buf), "");
    dm_buf_reset(&buf);
    CU_ASSERT_FALSE(dm_buf_failed(&buf));
    dm_buf_printf(&buf, "%s", "toolong");
    CU_ASSERT_TRUE(dm_buf_failed(&buf));
    dm_buf_reset(&buf);
    dm_buf_add_c(&buf, "a");
    CU_ASSERT_STR(dm_buf_str(&buf), "a");
    dm_buf_done(&buf);
}

static void printf_longer_than_the_room_is_whole(void)
{
    struct dm_buf buf;
    dm_buf_init(&buf, NULL, 1000);
    dm_buf_add_c(&buf, "<");
    dm_buf_printf(&buf, "%0600d>", 1);
    CU_ASSERT_FALSE(dm_buf_failed(&buf));
    CU_ASSERT_EQUAL(dm_buf_str(&buf).n, 602);
    CU_ASSERT_STR(dm_str_slice(dm_buf_str(&buf), 598, 9), "001>");
    dm_buf_done(&buf);
}

static void a_full_arena_fails_the_buffer(void)
{
    struct dm_arena *arena = dm_arena_new(64, 512);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_buf buf;
    dm_buf_init(&buf, arena, 100000);
    for (int i = 0; i < 300; i++)
        dm_buf_add_char(&buf, 'a');
    CU_ASSERT_TRUE(dm_buf_failed(&buf));
    CU_ASSERT_EQUAL(dm_buf_str(&buf).n, 256);
    dm_arena_free(arena);
}

CU_TestInfo *dm_buf_suite(void)
{
    static CU_TestInfo tests[] = {
        {"grows on malloc and in an arena", grows_on_malloc_and_arena},
        {"the maximum is reached exactly", the_maximum_is_reached_exactly},
        {"once failed, nothing is added", once_failed_nothing_is_added},
        {"a printf longer than the room is whole", printf_longer_than_the_room_is_whole},
        {"a full arena fails the buffer", a_full_arena_fails_the_buffer},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

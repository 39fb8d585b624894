/* Replies: headers are replaced, bounded, and never carry a line of their own. */
#include "edge/response.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static struct dm_arena *arena;
static struct dm_response response;

static void begin(void)
{
    arena = dm_arena_new(4096, 65536);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    dm_response_init(&response, arena, 4096);
}

static void test_the_last_word_wins(void)
{
    begin();
    dm_response_header(&response, "X-A", DM_STR("1"));
    dm_response_header(&response, "x-a", DM_STR("2"));
    CU_ASSERT_EQUAL(response.n_headers, 1);
    CU_ASSERT_STR(dm_response_header_of(&response, "X-a"), "2");
    CU_ASSERT_PTR_NULL(dm_response_header_of(&response, "X-B").p);
    dm_arena_free(arena);
}

static void test_values_with_line_ends_are_left_out(void)
{
    static const struct dm_str bad[] = {DM_STR_INIT("a\r\nSet-Cookie: b"), DM_STR_INIT("a\nb"),
                                        DM_STR_INIT("a\rb"), DM_STR_INIT("a\0b")};
    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        dm_response_header(&response, "X-A", bad[i]);
        CU_ASSERT_EQUAL(response.n_headers, 0);
    }
    dm_response_header(&response, "X-A", DM_STR("good"));
    dm_response_header(&response, "X-A", bad[0]);
    CU_ASSERT_EQUAL(response.n_headers, 0);
    dm_arena_free(arena);
}

static void test_an_absent_value_takes_the_header_out(void)
{
    begin();
    dm_response_header(&response, "X-A", DM_STR("1"));
    dm_response_header(&response, "X-B", DM_STR("2"));
    dm_response_header(&response, "X-A", (struct dm_str){NULL, 0});
    CU_ASSERT_EQUAL(response.n_headers, 1);
    CU_ASSERT_STR(dm_response_header_of(&response, "X-B"), "2");
    dm_arena_free(arena);
}

static void test_headers_are_bounded(void)
{
    static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L",
                                        "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X",
                                        "Y", "Z", "0", "1", "2", "3", "4", "5", "6", "7"};
    begin();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        dm_response_header(&response, names[i], DM_STR("v"));
    CU_ASSERT_EQUAL(response.n_headers, DM_RESPONSE_HEADERS_MAX);
    dm_response_header(&response, "A", DM_STR("w"));
    CU_ASSERT_STR(dm_response_header_of(&response, "A"), "w");
    CU_ASSERT_PTR_NULL(dm_response_header_of(&response, "7").p);
    dm_arena_free(arena);
}

static void test_numbers_and_reset(void)
{
    begin();
    struct dm_ctx ctx = {.arena = arena};
    dm_response_header_int(&response, &ctx, "X-N", INT64_MIN);
    CU_ASSERT_STR(dm_response_header_of(&response, "X-N"), "-9223372036854775808");
    dm_buf_add_c(&response.body, "body");
    response.status = 200;
    dm_response_reset(&response);
    CU_ASSERT_EQUAL(response.n_headers, 0);
    CU_ASSERT_EQUAL(response.body.n, 0);
    CU_ASSERT_EQUAL(response.status, 0);
    dm_arena_free(arena);
}

static void test_reasons(void)
{
    CU_ASSERT_STRING_EQUAL(dm_response_reason(200), "OK");
    CU_ASSERT_STRING_EQUAL(dm_response_reason(404), "Not Found");
    CU_ASSERT_STRING_EQUAL(dm_response_reason(422), "Unprocessable Content");
    CU_ASSERT_STRING_EQUAL(dm_response_reason(299), "Unknown");
}

CU_TestInfo *dm_response_suite(void)
{
    static CU_TestInfo tests[] = {
        {"the last word wins", test_the_last_word_wins},
        {"values with line ends are left out", test_values_with_line_ends_are_left_out},
        {"an absent value takes the header out", test_an_absent_value_takes_the_header_out},
        {"headers are bounded", test_headers_are_bounded},
        {"numbers and reset", test_numbers_and_reset},
        {"reasons", test_reasons},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

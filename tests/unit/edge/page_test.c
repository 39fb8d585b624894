/* Pages: a cursor goes round, and nothing else is taken for one. */
#include "edge/page.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

#define ID "0190d2a0-1b2c-7d3e-8f40-112233445566"

static struct dm_call call;
static struct dm_page_query query;

static void begin(void)
{
    call = (struct dm_call){.ctx = {.arena = dm_arena_new(4096, 65536)}, .query = &query};
    CU_ASSERT_PTR_NOT_NULL_FATAL(call.ctx.arena);
    query = (struct dm_page_query){.limit = {true, 20}};
}

static void test_the_first_page_has_no_cursor(void)
{
    begin();
    struct dm_str after = DM_STR("unset");
    int64_t limit = 0;
    CU_ASSERT_EQUAL(dm_page_after(&call, &after, &limit), DM_OK);
    CU_ASSERT_PTR_NULL(after.p);
    CU_ASSERT_EQUAL(limit, 20);
    dm_arena_free(call.ctx.arena);
}

static void test_a_cursor_goes_round(void)
{
    begin();
    struct dm_str after = {NULL, 0};
    int64_t limit = 0;
    query.limit.v = 7;
    query.cursor = dm_page_cursor(&call, DM_STR(ID));
    CU_ASSERT_FALSE(dm_str_eq_c(query.cursor, ID));
    CU_ASSERT_EQUAL(dm_page_after(&call, &after, &limit), DM_OK);
    CU_ASSERT_STR(after, ID);
    CU_ASSERT_EQUAL(limit, 7);
    dm_arena_free(call.ctx.arena);
}

static void test_other_cursors_are_refused(void)
{
    begin();
    struct dm_str bad[] = {DM_STR("x"), DM_STR(ID), DM_STR("===="),
                           dm_page_cursor(&call, DM_STR("' or 1=1 --"))};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dm_str after = DM_STR("untouched");
        int64_t limit = -1;
        query.cursor = bad[i];
        CU_ASSERT_EQUAL(dm_page_after(&call, &after, &limit), DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(call.ctx.err.pointer, "/cursor");
        CU_ASSERT_STR(after, "untouched");
        CU_ASSERT_EQUAL(limit, -1);
    }
    dm_arena_free(call.ctx.arena);
}

static void test_limits_are_one_to_a_hundred(void)
{
    begin();
    static const struct {
        const char *query;
        enum dm_result result;
        int64_t limit;
    } cases[] = {
        {"", DM_OK, 20},
        {"limit=1", DM_OK, 1},
        {"limit=100", DM_OK, 100},
        {"limit=0", DM_E_INVALID, 0},
        {"limit=101", DM_E_INVALID, 0},
        {"cursor=", DM_E_INVALID, 0},
    };
    CU_ASSERT_PTR_NULL(dm_shape_defect(&dm_page_query_shape));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *value = NULL;
        enum dm_result result = dm_shape_decode_query(
            &dm_page_query_shape, &call.ctx, dm_str_from(cases[i].query), &value, &call.violations);
        CU_ASSERT_EQUAL_FATAL(result, cases[i].result);
        if (result == DM_OK)
            CU_ASSERT_EQUAL(((struct dm_page_query *)value)->limit.v, cases[i].limit);
    }
    dm_arena_free(call.ctx.arena);
}

CU_TestInfo *dm_page_suite(void)
{
    static CU_TestInfo tests[] = {
        {"the first page has no cursor", test_the_first_page_has_no_cursor},
        {"a cursor goes round", test_a_cursor_goes_round},
        {"other cursors are refused", test_other_cursors_are_refused},
        {"limits are one to a hundred", test_limits_are_one_to_a_hundred},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

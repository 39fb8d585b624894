/* Pages: a cursor goes round, and nothing else is taken for one. */
#include "edge/page.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

#define ID "0190d2a0-1b2c-7d3e-8f40-112233445566"

struct item {
    struct dm_opt_int number;
    struct dm_str id;
};
static const struct dm_field item_fields[] = {
    {.name = "number", .kind = DM_INTEGER, .offset = offsetof(struct item, number)},
    {.name = "id", .kind = DM_STRING, .offset = offsetof(struct item, id)},
};
static const struct dm_shape item_shape = DM_SHAPE(struct item, "Item", item_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&item_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "ItemList", list_fields);
static const struct dm_route route = {.name = "item.list", .response = &list_shape};

static struct dm_call call;
static struct dm_page_query query;
static struct dm_page page;

static void begin(void)
{
    call = (struct dm_call){.ctx = {.arena = dm_arena_new(4096, 65536)},
                            .query = &query,
                            .out = &page,
                            .route = &route};
    CU_ASSERT_PTR_NOT_NULL_FATAL(call.ctx.arena);
    query = (struct dm_page_query){.limit = {true, 20}};
    page = (struct dm_page){0};
}

/* Of a page of two, of which id is the last one's. */
static struct dm_str cursor_after(struct dm_str id)
{
    struct item items[] = {{.id = DM_STR("first")}, {.id = id}};
    page.items = (struct dm_list){items, 2};
    CU_ASSERT_EQUAL(dm_page_end(&call, DM_OK, true), DM_OK);
    return page.next_cursor;
}

static void test_the_first_page_has_no_cursor(void)
{
    begin();
    struct dm_slice slice = {DM_STR("unset"), 0};
    CU_ASSERT_EQUAL(dm_page_slice(&call, &slice), DM_OK);
    CU_ASSERT_PTR_NULL(slice.after_id.p);
    CU_ASSERT_EQUAL(slice.limit, 20);
    dm_arena_free(call.ctx.arena);
}

static void test_a_cursor_goes_round(void)
{
    begin();
    struct dm_slice slice = {{NULL, 0}, 0};
    query.limit.v = 7;
    query.cursor = cursor_after(DM_STR(ID));
    CU_ASSERT_FALSE(dm_str_eq_c(query.cursor, ID));
    CU_ASSERT_EQUAL(dm_page_slice(&call, &slice), DM_OK);
    CU_ASSERT_STR(slice.after_id, ID);
    CU_ASSERT_EQUAL(slice.limit, 7);
    dm_arena_free(call.ctx.arena);
}

static void test_the_last_page_has_no_cursor(void)
{
    begin();
    CU_ASSERT_EQUAL(dm_page_end(&call, DM_OK, false), DM_OK);
    CU_ASSERT_PTR_NULL(page.next_cursor.p);
    CU_ASSERT_EQUAL(dm_page_end(&call, DM_E_NOTFOUND, true), DM_E_NOTFOUND);
    CU_ASSERT_PTR_NULL(page.next_cursor.p);
    dm_arena_free(call.ctx.arena);
}

static void test_other_cursors_are_refused(void)
{
    begin();
    struct dm_str bad[] = {DM_STR("x"), DM_STR(ID), DM_STR("===="),
                           cursor_after(DM_STR("' or 1=1 --"))};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dm_slice slice = {DM_STR("untouched"), -1};
        query.cursor = bad[i];
        CU_ASSERT_EQUAL(dm_page_slice(&call, &slice), DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(call.ctx.err.pointer, "/cursor");
        CU_ASSERT_STR(slice.after_id, "untouched");
        CU_ASSERT_EQUAL(slice.limit, -1);
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
        {"the last page has no cursor", test_the_last_page_has_no_cursor},
        {"other cursors are refused", test_other_cursors_are_refused},
        {"limits are one to a hundred", test_limits_are_one_to_a_hundred},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

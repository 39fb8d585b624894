/* lib/base/trace.c: which callers' traces are continued, and what is passed on. */
#include "base/trace.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define PARENT_ID "b7ad6b7169203331"

static void continues_the_callers_trace(void)
{
    struct dm_trace trace;
    dm_trace_start(&trace, DM_STR("00-" TRACE_ID "-" PARENT_ID "-01"));
    CU_ASSERT_STRING_EQUAL(trace.trace_id, TRACE_ID);
    CU_ASSERT_STRING_EQUAL(trace.parent_span_id, PARENT_ID);
    CU_ASSERT_EQUAL(strlen(trace.span_id), 16);
    CU_ASSERT_STRING_NOT_EQUAL(trace.span_id, PARENT_ID);
    CU_ASSERT_TRUE(trace.sampled);
    dm_trace_start(&trace, DM_STR("00-" TRACE_ID "-" PARENT_ID "-00"));
    CU_ASSERT_FALSE(trace.sampled);
    dm_trace_start(&trace, DM_STR("00-" TRACE_ID "-" PARENT_ID "-0a"));
    CU_ASSERT_FALSE(trace.sampled);
    dm_trace_start(&trace, DM_STR("00-" TRACE_ID "-" PARENT_ID "-ff"));
    CU_ASSERT_TRUE(trace.sampled);
}

static void reads_later_versions(void)
{
    struct dm_trace trace;
    dm_trace_start(&trace, DM_STR("cc-" TRACE_ID "-" PARENT_ID "-01"));
    CU_ASSERT_STRING_EQUAL(trace.trace_id, TRACE_ID);
    dm_trace_start(&trace, DM_STR("cc-" TRACE_ID "-" PARENT_ID "-01-what-comes-later"));
    CU_ASSERT_STRING_EQUAL(trace.trace_id, TRACE_ID);
}

static void starts_a_trace_when_the_header_is_malformed(void)
{
    static const char *const refused[] = {
        NULL,
        "",
        "00-" TRACE_ID "-" PARENT_ID,
        "00-" TRACE_ID "-" PARENT_ID "-1",
        "00-" TRACE_ID "-" PARENT_ID "-01-",
        "00-" TRACE_ID "-" PARENT_ID "-01x",
        "cc-" TRACE_ID "-" PARENT_ID "-01.x",
        "ff-" TRACE_ID "-" PARENT_ID "-01",
        "0G-" TRACE_ID "-" PARENT_ID "-01",
        "00-00000000000000000000000000000000-" PARENT_ID "-01",
        "00-" TRACE_ID "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT_ID "-01",
        "00-" TRACE_ID "-" PARENT_ID "-0g",
        "00_" TRACE_ID "-" PARENT_ID "-01",
        "00-" TRACE_ID "_" PARENT_ID "-01",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct dm_trace trace;
        dm_trace_start(&trace, dm_str_from(refused[i]));
        CU_ASSERT_STRING_NOT_EQUAL(trace.trace_id, TRACE_ID);
        CU_ASSERT_EQUAL(strspn(trace.trace_id, "0123456789abcdef"), 32);
        CU_ASSERT_EQUAL(strspn(trace.span_id, "0123456789abcdef"), 16);
        CU_ASSERT_STRING_EQUAL(trace.parent_span_id, "");
        CU_ASSERT_TRUE(trace.sampled);
    }
}

static void what_is_passed_on_is_read_as_ours(void)
{
    struct dm_trace ours, next;
    char text[DM_TRACEPARENT_TEXT];
    dm_trace_start(&ours, DM_STR("00-" TRACE_ID "-" PARENT_ID "-00"));
    dm_trace_format(&ours, text);
    CU_ASSERT_EQUAL(strlen(text), 55);
    dm_trace_start(&next, dm_str_from(text));
    CU_ASSERT_STRING_EQUAL(next.trace_id, TRACE_ID);
    CU_ASSERT_STRING_EQUAL(next.parent_span_id, ours.span_id);
    CU_ASSERT_FALSE(next.sampled);
}

CU_TestInfo *dm_trace_suite(void)
{
    static CU_TestInfo tests[] = {
        {"continues the caller's trace", continues_the_callers_trace},
        {"reads later versions", reads_later_versions},
        {"starts a trace when the header is malformed",
         starts_a_trace_when_the_header_is_malformed},
        {"what is passed on is read as ours", what_is_passed_on_is_read_as_ours},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* lib/base/json_write.c: commas, escapes, and numbers that read back. */
#include "base/json_write.h"

#include <math.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define OUT_BYTES 4096

struct fixture {
    struct dm_buf buf;
    struct dm_json_writer w;
};

static void start(struct fixture *f)
{
    dm_buf_init(&f->buf, NULL, OUT_BYTES);
    dm_json_writer_init(&f->w, &f->buf);
}

static void expect(struct fixture *f, const char *text)
{
    CU_ASSERT_FALSE(dm_buf_failed(&f->buf));
    CU_ASSERT_STR(dm_buf_str(&f->buf), text);
    dm_buf_done(&f->buf);
}

static void commas_stand_where_due(void)
{
    struct fixture f;
    start(&f);
    dm_json_object_begin(&f.w);
    dm_json_name(&f.w, "a");
    dm_json_int(&f.w, -1);
    dm_json_name(&f.w, "list");
    dm_json_array_begin(&f.w);
    dm_json_array_begin(&f.w);
    dm_json_array_end(&f.w);
    dm_json_object_begin(&f.w);
    dm_json_object_end(&f.w);
    dm_json_bool(&f.w, true);
    dm_json_bool(&f.w, false);
    dm_json_null(&f.w);
    dm_json_string(&f.w, DM_STR("s"));
    dm_json_string(&f.w, (struct dm_str){NULL, 0});
    dm_json_raw(&f.w, DM_STR("{\"r\":1}"));
    dm_json_raw(&f.w, (struct dm_str){NULL, 0});
    dm_json_array_end(&f.w);
    dm_json_name(&f.w, "at");
    dm_json_time(&f.w, 1769851800123);
    dm_json_object_end(&f.w);
    expect(&f, "{\"a\":-1,\"list\":[[],{},true,false,null,\"s\",null,{\"r\":1},null],"
               "\"at\":\"2026-01-31T09:30:00.123Z\"}");
}

static void strings_are_escaped(void)
{
    struct fixture f;
    start(&f);
    dm_json_string(&f.w, DM_STR("\"\\/\b\f\n\r\t\x01\x1f\0\x7f<\xc3\xbc\xf0\x9f\x98\x80"));
    expect(&f, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u0000\x7f<\xc3\xbc\xf0\x9f\x98\x80\"");
    start(&f);
    dm_json_object_begin(&f.w);
    dm_json_name(&f.w, "a\"b");
    dm_json_string(&f.w, DM_STR(""));
    dm_json_object_end(&f.w);
    expect(&f, "{\"a\\\"b\":\"\"}");
}

static void bytes_that_are_not_utf8_are_replaced(void)
{
    struct fixture f;
    start(&f);
    dm_json_string(&f.w, DM_STR("a\xff"
                                "b\xc3"));
    expect(&f, "\"a\xef\xbf\xbd"
               "b\xef\xbf\xbd\"");
    start(&f);
    dm_json_string(&f.w, DM_STR("\xe2\x82\"\xed\xa0\x80"));
    expect(&f, "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void numbers_are_the_shortest_that_read_back(void)
{
    static const struct {
        double v;
        const char *text;
    } known[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {3.0, "3"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3.0, "0.3333333333333333"},
        {5e-324, "4.94065645841247e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {1e22, "1e+22"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct fixture f;
        start(&f);
        dm_json_num(&f.w, known[i].v);
        expect(&f, known[i].text);
    }
}

static void every_number_reads_back(void)
{
    struct fixture f;
    start(&f);
    unsigned wrong = 0;
    uint64_t bits = 0x9e3779b97f4a7c15;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double v, back;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v))
            continue;
        dm_buf_reset(&f.buf);
        dm_json_writer_init(&f.w, &f.buf);
        dm_json_num(&f.w, v);
        wrong += !dm_str_to_num(dm_buf_str(&f.buf), &back) || back != v;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    dm_buf_done(&f.buf);
}

CU_TestInfo *dm_json_write_suite(void)
{
    static CU_TestInfo tests[] = {
        {"commas stand where due", commas_stand_where_due},
        {"strings are escaped", strings_are_escaped},
        {"bytes that are not UTF-8 are replaced", bytes_that_are_not_utf8_are_replaced},
        {"numbers are the shortest that read back", numbers_are_the_shortest_that_read_back},
        {"every number reads back", every_number_reads_back},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

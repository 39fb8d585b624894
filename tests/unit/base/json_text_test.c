/*
 * lib/base/json_text.c: the rules of RFC 8259 and our stricter ones, each alone, and all of
 * JSONTestSuite's files where its copy is at hand.
 */
#include "base/json_text.h"

#include <dirent.h>

#include "base/buf.h"
#include "base/json.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MANY_MEMBERS 60000

static const struct dm_json_limits wide = {1 << 20, DM_JSON_DEPTH_MAX};

/* Checks a copy in memory of exactly its length, so that a sanitizer sees any read past it. */
static enum dm_result check(struct dm_str text)
{
    char *exact = malloc(text.n > 0 ? text.n : 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
    if (text.n > 0)
        memcpy(exact, text.p, text.n);
    struct dm_err err = {0};
    enum dm_result r = dm_json_text_check((struct dm_str){exact, text.n}, wide, &err);
    CU_ASSERT_TRUE(r == DM_OK || r == err.code);
    free(exact);
    return r;
}

static void takes_json(void)
{
    static const char *const texts[] = {
        "null",
        " \t\r\n true ",
        "-0",
        "0.5e-7",
        "\"\"",
        "[]",
        "{}",
        "[[],{},[{}]]",
        "{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":3},{\"a\":4}]}",
        "{\"\":0,\"\\u0020\":1}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\\uFFFF\"",
        "\"\\\\u0000\"",
        "\"plain text that is longer than eight bytes, gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x98\x80\"",
        "\"\x7f\"",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        if (check(dm_str_from(texts[i])) != DM_OK)
            CU_FAIL("refused");
}

static void refuses_what_is_not_json(void)
{
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "tru",
        "NaN",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1 2",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "{\"a\":1 \"b\":2}",
        "'a'",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u123",
        "\"\t\"",
        "\"\n\"",
        "\"\x1f\"",
        "\"1234567\x01\"",
        "// c\n1",
        "1//",
        "[1]]",
        "{}{}",
        "\xef\xbb\xbf{}",
        "\f1",
        "1\v",
        "\xc2\xa0[]",
        "[1]x",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        if (check(dm_str_from(texts[i])) != DM_E_SYNTAX)
            CU_FAIL("not refused as syntax");
}

static void refuses_nul_raw_and_escaped(void)
{
    CU_ASSERT_EQUAL(check(DM_STR("\"a\\u0000\"")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("{\"\\u0000\":1}")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\"a\0b\"")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("1\0")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("[1\0]")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\"\\\0\"")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\0")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check((struct dm_str){NULL, 0}), DM_E_SYNTAX);
}

static void refuses_lone_surrogates(void)
{
    static const char *const texts[] = {
        "\"\\ud800\"",        "\"\\udc00\"",        "\"\\ud800\\ud800\"", "\"\\ud800a\"",
        "\"\\ud800\\n\"",     "\"\\udbff\\ue000\"", "\"\\ud800\\u\"",     "\"\\ud800\\udc0\"",
        "\"\\udfff\\ud800\"", "\"\\ud800",          "\"\\ud800\\",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        CU_ASSERT_EQUAL(check(dm_str_from(texts[i])), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\"\\uD800\\uDC00\\uDBFF\\uDFFF\"")), DM_OK);
}

static void refuses_invalid_utf8_everywhere(void)
{
    CU_ASSERT_EQUAL(check(DM_STR("\"\xff\"")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\"\xc3\"")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\"\xed\xa0\x80\"")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\"12345678\xc0\x80\"")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("{\"\xf4\x90\x80\x80\":1}")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("[\xff]")), DM_E_SYNTAX);
    CU_ASSERT_EQUAL(check(DM_STR("\"\xe2\x82")), DM_E_SYNTAX);
}

static void refuses_duplicate_names_after_unescaping(void)
{
    static const char *const texts[] = {
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"\\u0061\":3}",
        "{\"\\n\":1,\"\\u000a\":2}",
        "{\"\\u000A\":1,\"\\u000a\":2}",
        "{\"/\":1,\"\\/\":2}",
        "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}",
        "{\"\xc3\xbc\":1,\"\\u00fc\":2}",
        "{\"\xe2\x82\xac\":1,\"\\u20AC\":2}",
        "{\"\":1,\"\":2}",
        "[{\"x\":{\"a\":1,\"b\":{},\"a\":2}}]",
        "{\"a\":{\"a\":1},\"a\":2}",
        "{\"q\\\"\":1,\"q\\u0022\":2}",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        if (check(dm_str_from(texts[i])) != DM_E_SYNTAX)
            CU_FAIL("duplicate taken");
    CU_ASSERT_EQUAL(check(DM_STR("{\"a\":1,\"A\":2,\"\\\\u0061\":3,\"a \":4}")), DM_OK);
}

static void the_detail_names_the_byte(void)
{
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("{\"a\":1,\"b\":2,\"a\":3}"), wide, &err),
                    DM_E_SYNTAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "at byte 14 "));
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("[1, x]"), wide, &err), DM_E_SYNTAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "at byte 4 "));
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("[1, x]"), wide, NULL), DM_E_SYNTAX);
}

static void bounds(void)
{
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("1234"), (struct dm_json_limits){4, 1}, &err), DM_OK);
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("12345"), (struct dm_json_limits){4, 1}, &err),
                    DM_E_TOOBIG);
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("[[1],{}]"), (struct dm_json_limits){99, 2}, &err),
                    DM_OK);
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("[[[]]]"), (struct dm_json_limits){99, 2}, &err),
                    DM_E_TOOBIG);
    CU_ASSERT_EQUAL(dm_json_text_check(DM_STR("{}"), (struct dm_json_limits){99, 0}, &err),
                    DM_E_TOOBIG);
    char deep[2 * DM_JSON_DEPTH_MAX + 3];
    memset(deep, '[', sizeof(deep));
    memset(deep + DM_JSON_DEPTH_MAX, ']', DM_JSON_DEPTH_MAX);
    CU_ASSERT_EQUAL(check((struct dm_str){deep, 2 * DM_JSON_DEPTH_MAX}), DM_OK);
    memset(deep, '[', DM_JSON_DEPTH_MAX + 1);
    CU_ASSERT_EQUAL(dm_json_text_check((struct dm_str){deep, DM_JSON_DEPTH_MAX + 1},
                                       (struct dm_json_limits){99, 1000}, &err),
                    DM_E_TOOBIG);
}

/* An object of n names; the last is the first again when duplicate. */
static void put_members(struct dm_buf *out, int n, bool escaped, bool duplicate)
{
    dm_buf_add_char(out, '{');
    for (int i = 0; i < n; i++)
        dm_buf_printf(out, "%s\"%s%d\":0", i > 0 ? "," : "", escaped ? "\\u006b" : "k",
                      duplicate && i == n - 1 ? 0 : i);
    dm_buf_add_char(out, '}');
}

static void objects_of_any_size_are_compared_wholly(void)
{
    struct dm_buf out;
    dm_buf_init(&out, NULL, 1 << 20);
    static const int sizes[] = {2, 15, 16, 17, 18, 63, 64, 65, 128, 129, 1000};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int escaped = 0; escaped < 2; escaped++) {
            dm_buf_reset(&out);
            put_members(&out, sizes[i], escaped, false);
            CU_ASSERT_EQUAL(check(dm_buf_str(&out)), DM_OK);
            dm_buf_reset(&out);
            put_members(&out, sizes[i], escaped, true);
            CU_ASSERT_EQUAL(check(dm_buf_str(&out)), DM_E_SYNTAX);
        }
    dm_buf_done(&out);
}

static void names_outside_are_kept_while_inner_objects_close(void)
{
    struct dm_buf out;
    dm_buf_init(&out, NULL, 1 << 20);
    for (int duplicate = 0; duplicate < 2; duplicate++) {
        dm_buf_reset(&out);
        dm_buf_add_c(&out, "{\"first\":");
        put_members(&out, 100, false, false);
        dm_buf_add_c(&out, ",\"list\":[");
        put_members(&out, 70, true, false);
        dm_buf_add_c(&out, ",");
        put_members(&out, 70, false, false);
        dm_buf_printf(&out, "],\"%s\":1}", duplicate ? "f\\u0069rst" : "last");
        CU_ASSERT_EQUAL(check(dm_buf_str(&out)), duplicate ? DM_E_SYNTAX : DM_OK);
    }
    dm_buf_done(&out);
}

/* A quadratic comparison would take 1.8 thousand million steps here; the scan takes some ten milliseconds. */
static void many_members_cost_no_quadratic_time(void)
{
    struct dm_buf out;
    dm_buf_init(&out, NULL, 1 << 20);
    put_members(&out, MANY_MEMBERS, false, false);
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    CU_ASSERT_EQUAL(check(dm_buf_str(&out)), DM_OK);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    int64_t us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
    printf("(%zu bytes in %lld us) ", dm_buf_str(&out).n, (long long)us);
    CU_ASSERT_TRUE(us < 500000);
    dm_buf_done(&out);
}

/* Cut anywhere, a text is refused or still one; and never read past. */
static void every_cut_is_judged(void)
{
    struct dm_str text =
        DM_STR("{\"a\\u00fc\":[1.5e+3,\"\\ud83d\\ude00\xe2\x82\xac\",true],\"b\":{}}");
    CU_ASSERT_EQUAL(check(text), DM_OK);
    for (size_t n = 0; n < text.n; n++)
        CU_ASSERT_EQUAL(check(dm_str_slice(text, 0, n)), DM_E_SYNTAX);
    for (size_t from = 1; from < text.n; from++)
        if (check(dm_str_slice(text, from, text.n)) == DM_OK)
            CU_FAIL("a tail was taken");
}

/* Valid by RFC 8259, which leaves duplicate names and NUL to the reader; refused by our own rule.
 */
static const char *const refused_on_purpose[] = {
    "y_object_duplicated_key.json",           /* two members of one name */
    "y_object_duplicated_key_and_value.json", /* the same, with one value */
    "y_object_escaped_null_in_key.json",      /* U+0000 in a name */
    "y_string_null_escape.json",              /* U+0000 in a string */
};

static bool is_refused_on_purpose(const char *name)
{
    for (size_t i = 0; i < COUNT(refused_on_purpose); i++)
        if (strcmp(name, refused_on_purpose[i]) == 0)
            return true;
    return false;
}

/* The file's verdict; what we take, json-c must take. */
static enum dm_result check_file(const char *folder, const char *name)
{
    static char bytes[1 << 19];
    char path[4096 + 256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size_t n = fread(bytes, 1, sizeof(bytes), file);
    CU_ASSERT_TRUE(n < sizeof(bytes));
    fclose(file);
    enum dm_result r = check((struct dm_str){bytes, n});
    struct dm_json *doc;
    if (r == DM_OK) {
        CU_ASSERT_EQUAL(dm_json_parse((struct dm_str){bytes, n}, NULL, &doc), DM_OK);
        dm_json_free(doc);
    }
    return r;
}

static void json_test_suite(void)
{
    char folder[4096];
    const char *vectors = getenv("DM_VECTORS");
    snprintf(folder, sizeof(folder), "%s/JSONTestSuite/test_parsing",
             vectors ? vectors : DM_SRCDIR "/../shared/vectors");
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        printf("(skipped: no %s) ", folder);
        return;
    }
    unsigned files = 0, on_purpose = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char kind = entry->d_name[0];
        if (kind == '.')
            continue;
        files++;
        enum dm_result r = check_file(folder, entry->d_name);
        bool purpose = is_refused_on_purpose(entry->d_name);
        on_purpose += purpose;
        bool right = kind == 'i' || (kind == 'y' && !purpose ? r == DM_OK : r != DM_OK);
        if (!right) {
            printf("(%s: %s) ", entry->d_name, dm_result_name(r));
            CU_FAIL("JSONTestSuite");
        }
    }
    closedir(dir);
    printf("(%u files) ", files);
    CU_ASSERT_TRUE(files > 300);
    CU_ASSERT_EQUAL(on_purpose, COUNT(refused_on_purpose));
}

CU_TestInfo *dm_json_text_suite(void)
{
    static CU_TestInfo tests[] = {
        {"takes JSON", takes_json},
        {"refuses what is not JSON", refuses_what_is_not_json},
        {"refuses NUL, raw and escaped", refuses_nul_raw_and_escaped},
        {"refuses lone surrogates", refuses_lone_surrogates},
        {"refuses invalid UTF-8 everywhere", refuses_invalid_utf8_everywhere},
        {"refuses duplicate names after unescaping", refuses_duplicate_names_after_unescaping},
        {"the detail names the byte", the_detail_names_the_byte},
        {"bounds of bytes and depth", bounds},
        {"objects of any size are compared wholly", objects_of_any_size_are_compared_wholly},
        {"names outside are kept while inner objects close",
         names_outside_are_kept_while_inner_objects_close},
        {"many members cost no quadratic time", many_members_cost_no_quadratic_time},
        {"every cut is judged", every_cut_is_judged},
        {"JSONTestSuite", json_test_suite},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

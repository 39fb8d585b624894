/* lib/base/json.c: types are checked before each read, and nothing is clamped in silence. */
#include "base/json.h"

#include "base/buf.h"
#include "base/json_text.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

static struct dm_json *parse(struct dm_str text)
{
    struct dm_json *doc = NULL;
    struct dm_err err = {0};
    CU_ASSERT_EQUAL(dm_json_parse(text, &err, &doc), DM_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
    return doc;
}

static void members_are_read_by_type(void)
{
    struct dm_arena *arena = dm_arena_new(1024, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_json *doc = parse(DM_STR(
        "{\"s\":\"a\\u00fc\",\"e\":\"\",\"i\":-7,\"d\":2.5,\"t\":true,\"n\":null,\"num\":\"12\"}"));
    struct dm_str s = {NULL, 0};
    int64_t i = 0;
    double d = 0;
    bool b = false;
    CU_ASSERT_TRUE(dm_json_get_string(doc, "s", arena, &s));
    CU_ASSERT_STR(s, "a\xc3\xbc");
    CU_ASSERT_TRUE(dm_json_get_string(doc, "e", arena, &s));
    CU_ASSERT_STR(s, "");
    CU_ASSERT_TRUE(dm_json_get_int(doc, "i", &i));
    CU_ASSERT_EQUAL(i, -7);
    CU_ASSERT_TRUE(dm_json_get_num(doc, "d", &d));
    CU_ASSERT_DOUBLE_EQUAL(d, 2.5, 0.0);
    CU_ASSERT_TRUE(dm_json_get_num(doc, "i", &d));
    CU_ASSERT_DOUBLE_EQUAL(d, -7.0, 0.0);
    CU_ASSERT_TRUE(dm_json_get_bool(doc, "t", &b));
    CU_ASSERT_TRUE(b);
    dm_json_free(doc);
    dm_json_free(NULL);
    dm_arena_free(arena);
}

static void other_types_are_refused(void)
{
    struct dm_arena *arena = dm_arena_new(1024, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_json *doc = parse(DM_STR("{\"s\":\"12\",\"d\":2.5,\"t\":true,\"n\":null}"));
    struct dm_str s = DM_STR("untouched");
    int64_t i = 42;
    double d = 42;
    bool b = true;
    CU_ASSERT_FALSE(dm_json_get_int(doc, "s", &i));
    CU_ASSERT_FALSE(dm_json_get_int(doc, "d", &i));
    CU_ASSERT_FALSE(dm_json_get_int(doc, "t", &i));
    CU_ASSERT_FALSE(dm_json_get_int(doc, "n", &i));
    CU_ASSERT_FALSE(dm_json_get_int(doc, "missing", &i));
    CU_ASSERT_FALSE(dm_json_get_num(doc, "s", &d));
    CU_ASSERT_FALSE(dm_json_get_bool(doc, "n", &b));
    CU_ASSERT_FALSE(dm_json_get_bool(doc, "s", &b));
    CU_ASSERT_FALSE(dm_json_get_string(doc, "d", arena, &s));
    CU_ASSERT_FALSE(dm_json_get_string(doc, "n", arena, &s));
    CU_ASSERT_STR(s, "untouched");
    CU_ASSERT_EQUAL(i, 42);
    dm_json_free(doc);
    static const char *const no_objects[] = {"null", "12", "\"s\"", "[{\"s\":\"a\"}]", "true"};
    for (size_t k = 0; k < sizeof(no_objects) / sizeof(no_objects[0]); k++) {
        doc = parse(dm_str_from(no_objects[k]));
        CU_ASSERT_FALSE(dm_json_get_string(doc, "s", arena, &s));
        dm_json_free(doc);
    }
    dm_arena_free(arena);
}

static void numbers_out_of_range_are_refused(void)
{
    struct dm_json *doc =
        parse(DM_STR("{\"max\":9223372036854775807,\"over\":9223372036854775808,\"huge\":"
                     "99999999999999999999999,"
                     "\"under\":-9223372036854775809,\"inf\":1e999,\"low\":-9223372036854775807}"));
    int64_t i = 42;
    double d = 42;
    CU_ASSERT_TRUE(dm_json_get_int(doc, "max", &i));
    CU_ASSERT_EQUAL(i, INT64_MAX);
    CU_ASSERT_TRUE(dm_json_get_int(doc, "low", &i));
    CU_ASSERT_EQUAL(i, -INT64_MAX);
    CU_ASSERT_FALSE(dm_json_get_int(doc, "over", &i));
    CU_ASSERT_FALSE(dm_json_get_int(doc, "huge", &i));
    CU_ASSERT_FALSE(dm_json_get_int(doc, "under", &i));
    CU_ASSERT_FALSE(dm_json_get_num(doc, "inf", &d));
    CU_ASSERT_EQUAL(i, -INT64_MAX);
    dm_json_free(doc);
}

static void lists_of_strings(void)
{
    struct dm_arena *arena = dm_arena_new(1024, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_json *doc =
        parse(DM_STR("{\"l\":[\"a\",\"\",\"c\"],\"e\":[],\"mixed\":[\"a\",1],\"s\":\"a\"}"));
    struct dm_list list = {NULL, 9};
    CU_ASSERT_FALSE(dm_json_get_strings(doc, "mixed", arena, &list));
    CU_ASSERT_FALSE(dm_json_get_strings(doc, "s", arena, &list));
    CU_ASSERT_FALSE(dm_json_get_strings(doc, "missing", arena, &list));
    CU_ASSERT_EQUAL(list.n, 9);
    CU_ASSERT_TRUE(dm_json_get_strings(doc, "e", arena, &list));
    CU_ASSERT_EQUAL(list.n, 0);
    CU_ASSERT_TRUE(dm_json_get_strings(doc, "l", arena, &list));
    CU_ASSERT_EQUAL_FATAL(list.n, 3);
    const struct dm_str *items = list.items;
    CU_ASSERT_STR(items[0], "a");
    CU_ASSERT_STR(items[1], "");
    CU_ASSERT_STR(items[2], "c");
    dm_json_free(doc);
    /* The copies outlive the document. */
    CU_ASSERT_STR(items[2], "c");
    dm_arena_free(arena);
}

static void objects_are_documents_of_their_own(void)
{
    struct dm_json *doc = parse(DM_STR("{\"o\":{\"n\":7},\"s\":\"o\",\"z\":null}"));
    struct dm_json *object = NULL;
    int64_t n = 0;
    CU_ASSERT_FALSE(dm_json_get_object(doc, "s", &object));
    CU_ASSERT_FALSE(dm_json_get_object(doc, "z", &object));
    CU_ASSERT_FALSE(dm_json_get_object(doc, "missing", &object));
    CU_ASSERT_PTR_NULL(object);
    CU_ASSERT_TRUE_FATAL(dm_json_get_object(doc, "o", &object));
    dm_json_free(doc);
    CU_ASSERT_TRUE(dm_json_get_int(object, "n", &n));
    CU_ASSERT_EQUAL(n, 7);
    dm_json_free(object);
}

static void the_text_check_stands_before(void)
{
    static const char *const refused[] = {"",    "{\"a\":1,\"a\":2}", "\"\\u0000\"", "{a:1}", "'x'",
                                          "[1,]"};
    struct dm_json *doc = NULL;
    struct dm_err err;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_EQUAL(dm_json_parse(dm_str_from(refused[i]), &err, &doc), DM_E_SYNTAX);
    CU_ASSERT_PTR_NULL(doc);
}

static void the_deepest_text_is_parsed(void)
{
    char text[2 * DM_JSON_DEPTH_MAX + 1];
    memset(text, '[', DM_JSON_DEPTH_MAX);
    text[DM_JSON_DEPTH_MAX] = '1';
    memset(text + DM_JSON_DEPTH_MAX + 1, ']', DM_JSON_DEPTH_MAX);
    dm_json_free(parse((struct dm_str){text, sizeof(text)}));
}

static void any_value_can_be_walked(void)
{
    struct dm_json *doc =
        parse(DM_STR("{\"a\":[1,2.5,\"x\"],\"b\":{\"z\":true,\"y\":null,\"w\":false},\"c/d\":-1}"));
    struct dm_json_value root = dm_json_root(doc), value;
    struct dm_json_value list = dm_json_member(root, DM_STR("a"));
    struct dm_json_value inner = dm_json_member(root, DM_STR("b"));
    double number = 0;
    CU_ASSERT_EQUAL(dm_json_kind(root), DM_JSON_KIND_OBJECT);
    CU_ASSERT_EQUAL(dm_json_items(list), 3);
    CU_ASSERT_EQUAL(dm_json_items(root), 0);
    CU_ASSERT_TRUE(dm_json_number_of(dm_json_item(list, 1), &number));
    CU_ASSERT_DOUBLE_EQUAL(number, 2.5, 0.0);
    CU_ASSERT_FALSE(dm_json_number_of(dm_json_item(list, 2), &number));
    CU_ASSERT_STR(dm_json_string_of(dm_json_item(list, 2)), "x");
    CU_ASSERT_PTR_NULL(dm_json_string_of(dm_json_item(list, 0)).p);
    CU_ASSERT_EQUAL(dm_json_kind(dm_json_item(list, 3)), DM_JSON_KIND_NULL);
    CU_ASSERT_EQUAL(dm_json_kind(dm_json_member(list, DM_STR("a"))), DM_JSON_KIND_NULL);
    CU_ASSERT_TRUE(dm_json_is_true(dm_json_member(inner, DM_STR("z"))));
    CU_ASSERT_FALSE(dm_json_is_true(dm_json_member(inner, DM_STR("w"))));
    CU_ASSERT_FALSE(dm_json_is_true(dm_json_member(inner, DM_STR("y"))));
    CU_ASSERT_STR(dm_json_text(inner), "{\"z\":true,\"y\":null,\"w\":false}");
    CU_ASSERT_TRUE(dm_json_same(inner, inner));
    CU_ASSERT_FALSE(dm_json_same(inner, list));
    struct dm_json_cursor cursor = {0};
    struct dm_str name;
    static const char *const names[] = {"a", "b", "c/d"};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(dm_json_next(root, &cursor, &name, &value));
        CU_ASSERT_STR(name, names[i]);
    }
    CU_ASSERT_FALSE(dm_json_next(root, &cursor, &name, &value));
    CU_ASSERT_FALSE(dm_json_next(list, &(struct dm_json_cursor){0}, &name, &value));
    dm_json_free(doc);
}

static void add_line(void *arg, struct dm_str pointer, struct dm_str value)
{
    dm_buf_printf(arg, "%.*s=%.*s;", DM_STR_ARG(pointer), DM_STR_ARG(value));
}

static void every_string_is_visited_with_its_pointer(void)
{
    struct dm_buf lines;
    dm_buf_init(&lines, NULL, 4096);
    struct dm_json *doc =
        parse(DM_STR("{\"a\":\"x\",\"b\":[1,\"y\",[null,\"z\"]],\"c/d~e\":{\"f\":\"\",\"g\":true},"
                     "\"h\":\"\\u00e9\"}"));
    dm_json_each_string(doc, add_line, &lines);
    CU_ASSERT_STR(dm_buf_str(&lines), "/a=x;/b/1=y;/b/2/1=z;/c~1d~0e/f=;/h=\u00e9;");
    dm_json_free(doc);
    dm_buf_reset(&lines);
    doc = parse(DM_STR("\"alone\""));
    dm_json_each_string(doc, add_line, &lines);
    CU_ASSERT_STR(dm_buf_str(&lines), "=alone;");
    dm_json_free(doc);
    dm_buf_done(&lines);
}

static void a_pointer_that_is_too_long_is_cut(void)
{
    char text[400];
    struct dm_buf lines;
    dm_buf_init(&lines, NULL, 4096);
    snprintf(text, sizeof(text), "{\"%0200d\":\"x\",\"b\":\"y\"}", 0);
    struct dm_json *doc = parse(dm_str_from(text));
    dm_json_each_string(doc, add_line, &lines);
    struct dm_str all = dm_buf_str(&lines);
    size_t end = dm_str_find(all, '=', 0);
    CU_ASSERT_TRUE(end > 0 && end <= DM_JSON_POINTER_MAX);
    CU_ASSERT_STR(dm_str_slice(all, end, all.n), "=x;/b=y;");
    dm_json_free(doc);
    dm_buf_done(&lines);
}

CU_TestInfo *dm_json_suite(void)
{
    static CU_TestInfo tests[] = {
        {"members are read by type", members_are_read_by_type},
        {"other types are refused", other_types_are_refused},
        {"numbers out of range are refused", numbers_out_of_range_are_refused},
        {"lists of strings", lists_of_strings},
        {"objects are documents of their own", objects_are_documents_of_their_own},
        {"the text check stands before", the_text_check_stands_before},
        {"the deepest text is parsed", the_deepest_text_is_parsed},
        {"any value can be walked", any_value_can_be_walked},
        {"every string is visited with its pointer", every_string_is_visited_with_its_pointer},
        {"a pointer that is too long is cut", a_pointer_that_is_too_long_is_cut},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

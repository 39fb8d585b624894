/* lib/base/str.c: views, absent against empty, and strict numbers. */
#include "base/str.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static const struct dm_str absent = {NULL, 0};

static void absent_is_not_empty(void)
{
    CU_ASSERT_PTR_NULL(dm_str_from(NULL).p);
    CU_ASSERT_TRUE(dm_str_eq(absent, absent));
    CU_ASSERT_FALSE(dm_str_eq(absent, DM_STR("")));
    CU_ASSERT_FALSE(dm_str_eq(DM_STR(""), absent));
    CU_ASSERT_FALSE(dm_str_eq_nocase(absent, DM_STR("")));
    CU_ASSERT_TRUE(dm_str_eq_c(absent, NULL));
    CU_ASSERT_FALSE(dm_str_starts(absent, DM_STR("")));
    CU_ASSERT_TRUE(dm_str_starts(DM_STR(""), DM_STR("")));
}

static void equality_counts_every_byte(void)
{
    CU_ASSERT_TRUE(dm_str_eq(DM_STR("a\0b"), DM_STR("a\0b")));
    CU_ASSERT_FALSE(dm_str_eq(DM_STR("a\0b"), DM_STR("a\0c")));
    CU_ASSERT_FALSE(dm_str_eq(DM_STR("a"), DM_STR("ab")));
    CU_ASSERT_TRUE(dm_str_eq_nocase(DM_STR("Content-Type"), DM_STR("content-tYPE")));
    CU_ASSERT_FALSE(dm_str_eq_nocase(DM_STR("a"), DM_STR("ab")));
    /* '@' and '`', '[' and '{' differ by the case bit only. */
    CU_ASSERT_FALSE(dm_str_eq_nocase(DM_STR("@["), DM_STR("`{")));
}

static void prefixes(void)
{
    CU_ASSERT_TRUE(dm_str_starts(DM_STR("Bearer x"), DM_STR("Bearer ")));
    CU_ASSERT_FALSE(dm_str_starts(DM_STR("bearer x"), DM_STR("Bearer ")));
    CU_ASSERT_TRUE(dm_str_starts_nocase(DM_STR("bearer x"), DM_STR("Bearer ")));
    CU_ASSERT_FALSE(dm_str_starts(DM_STR("Be"), DM_STR("Bearer ")));
}

static void slices_are_clipped(void)
{
    struct dm_str s = DM_STR("abcdef");
    CU_ASSERT_STR(dm_str_slice(s, 2, 3), "cde");
    CU_ASSERT_STR(dm_str_slice(s, 4, SIZE_MAX), "ef");
    CU_ASSERT_STR(dm_str_slice(s, 9, 1), "");
    CU_ASSERT_PTR_NULL(dm_str_slice(absent, 0, 1).p);
}

static void trim_takes_space_and_tab(void)
{
    CU_ASSERT_STR(dm_str_trim(DM_STR(" \ta b\t ")), "a b");
    CU_ASSERT_STR(dm_str_trim(DM_STR(" \t ")), "");
    CU_ASSERT_STR(dm_str_trim(DM_STR("\na")), "\na");
    CU_ASSERT_PTR_NULL(dm_str_trim(absent).p);
}

static void find_from(void)
{
    CU_ASSERT_EQUAL(dm_str_find(DM_STR("a,b,c"), ',', 0), 1);
    CU_ASSERT_EQUAL(dm_str_find(DM_STR("a,b,c"), ',', 2), 3);
    CU_ASSERT_EQUAL(dm_str_find(DM_STR("a,b,c"), ',', 4), 5);
    CU_ASSERT_EQUAL(dm_str_find(DM_STR("a"), 'a', 99), 1);
    CU_ASSERT_EQUAL(dm_str_find(absent, 'a', 0), 0);
}

static void next_gives_empty_parts_too(void)
{
    struct dm_str rest = DM_STR("a,,b,"), part = absent;
    const char *expected[] = {"a", "", "b", ""};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(dm_str_next(&rest, ',', &part));
        CU_ASSERT_STR(part, expected[i]);
    }
    CU_ASSERT_FALSE(dm_str_next(&rest, ',', &part));
    rest = DM_STR("");
    CU_ASSERT_TRUE(dm_str_next(&rest, ',', &part));
    CU_ASSERT_STR(part, "");
    CU_ASSERT_FALSE(dm_str_next(&rest, ',', &part));
}

static void to_int_takes_the_whole_within_bounds(void)
{
    int64_t v = 0;
    CU_ASSERT_TRUE(dm_str_to_int(DM_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v));
    CU_ASSERT_EQUAL(v, INT64_MIN);
    CU_ASSERT_TRUE(dm_str_to_int(DM_STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v));
    CU_ASSERT_EQUAL(v, INT64_MAX);
    CU_ASSERT_TRUE(dm_str_to_int(DM_STR("10"), 1, 10, &v));
    CU_ASSERT_EQUAL(v, 10);
    static const char *const refused[] = {"",
                                          "-",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "12abc",
                                          "0x1",
                                          "1.0",
                                          "11",
                                          "0",
                                          "-1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "99999999999999999999"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_FALSE(dm_str_to_int(dm_str_from(refused[i]), 1, 10, &v));
    CU_ASSERT_FALSE(dm_str_to_int(DM_STR("9223372036854775808"), INT64_MIN, INT64_MAX, &v));
    CU_ASSERT_FALSE(dm_str_to_int(DM_STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &v));
    CU_ASSERT_FALSE(dm_str_to_int(absent, 1, 10, &v));
    CU_ASSERT_EQUAL(v, 10);
}

static void to_num_takes_json_numbers_only(void)
{
    double v = 0;
    CU_ASSERT_TRUE(dm_str_to_num(DM_STR("-0.5e+1"), &v));
    CU_ASSERT_DOUBLE_EQUAL(v, -5.0, 0.0);
    CU_ASSERT_TRUE(dm_str_to_num(DM_STR("1E-2"), &v));
    CU_ASSERT_DOUBLE_EQUAL(v, 0.01, 0.0);
    /* The view ends within digits that go on. */
    CU_ASSERT_TRUE(dm_str_to_num(dm_str_slice(DM_STR("123456"), 0, 2), &v));
    CU_ASSERT_DOUBLE_EQUAL(v, 12.0, 0.0);
    static const char *const refused[] = {"",    "-",   ".5",  "5.",  "01",    "1e", "1e+", "+1",
                                          "inf", "nan", "0x1", "1,5", "1e999", " 1", "1 "};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_FALSE(dm_str_to_num(dm_str_from(refused[i]), &v));
    CU_ASSERT_FALSE(dm_str_to_num(absent, &v));
    CU_ASSERT_FALSE(dm_str_to_num(DM_STR("1\0"), &v));
    CU_ASSERT_DOUBLE_EQUAL(v, 12.0, 0.0);
}

CU_TestInfo *dm_str_suite(void)
{
    static CU_TestInfo tests[] = {
        {"absent is not empty", absent_is_not_empty},
        {"equality counts every byte", equality_counts_every_byte},
        {"prefixes", prefixes},
        {"slices are clipped", slices_are_clipped},
        {"trim takes space and tab", trim_takes_space_and_tab},
        {"find from a position", find_from},
        {"next gives empty parts too", next_gives_empty_parts_too},
        {"to_int takes the whole within bounds", to_int_takes_the_whole_within_bounds},
        {"to_num takes JSON numbers only", to_num_takes_json_numbers_only},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* lib/base/utf8.c: the boundaries of RFC 3629, and counting. */
#include "base/utf8.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void every_code_point_reads_back(void)
{
    unsigned wrong = 0;
    for (uint32_t point = 1; point <= 0x10ffff; point++) {
        char bytes[4];
        size_t n = dm_utf8_encode(point, bytes);
        bool surrogate = point >= 0xd800 && point <= 0xdfff;
        struct dm_str s = {bytes, n};
        wrong += dm_utf8_valid(s) == surrogate;
        wrong += dm_utf8_count(s) != 1;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void known_encodings(void)
{
    char b[4];
    CU_ASSERT_TRUE(dm_utf8_encode(0x7f, b) == 1 && memcmp(b, "\x7f", 1) == 0);
    CU_ASSERT_TRUE(dm_utf8_encode(0x80, b) == 2 && memcmp(b, "\xc2\x80", 2) == 0);
    CU_ASSERT_TRUE(dm_utf8_encode(0x20ac, b) == 3 && memcmp(b, "\xe2\x82\xac", 3) == 0);
    CU_ASSERT_TRUE(dm_utf8_encode(0x1f600, b) == 4 && memcmp(b, "\xf0\x9f\x98\x80", 4) == 0);
}

static void malformed_bytes_are_invalid(void)
{
    static const char *const bad[] = {
        "\x80",             /* continuation alone */
        "\xc2",             /* cut */
        "\xc2\x41",         /* no continuation */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xe2\x82",         /* cut */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xf4\x90\x80\x80", /* over U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xf0\x9f\x98",
        "\xe2\x82\x41",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(dm_utf8_valid(dm_str_from(bad[i])));
        /* The same behind and before enough ASCII for the wide path. */
        char text[64];
        for (int before = 0; before < 18; before++) {
            int n = snprintf(text, sizeof(text), "%.*s%s%s", before, "abcdefghijklmnopqr", bad[i],
                             "0123456789");
            CU_ASSERT_FALSE(dm_utf8_valid((struct dm_str){text, (size_t)n}));
        }
    }
    CU_ASSERT_TRUE(dm_utf8_valid(DM_STR("")));
    CU_ASSERT_TRUE(dm_utf8_valid((struct dm_str){NULL, 0}));
    CU_ASSERT_TRUE(dm_utf8_valid(DM_STR("gr\xc3\xbc\xc3\x9f dich, \xf0\x9f\x98\x80 0123456789")));
}

static void counts_and_clips_code_points(void)
{
    struct dm_str s = DM_STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z");
    CU_ASSERT_EQUAL(dm_utf8_count(s), 5);
    CU_ASSERT_EQUAL(dm_utf8_clip(s, 0).n, 0);
    CU_ASSERT_STR(dm_utf8_clip(s, 2), "a\xc3\xbc");
    CU_ASSERT_EQUAL(dm_utf8_clip(s, 4).n, 10);
    CU_ASSERT_EQUAL(dm_utf8_clip(s, 5).n, s.n);
    CU_ASSERT_EQUAL(dm_utf8_clip(s, 99).n, s.n);
}

static void controls_are_found(void)
{
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("a\x1b[1m"), true));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("a\x7f"), true));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("\xc2\x80"), true));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("\xc2\x9f"), true));
    CU_ASSERT_FALSE(dm_utf8_has_control(DM_STR("\xc2\xa0\xc3\x80"), false));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("a\0"), true));
    CU_ASSERT_FALSE(dm_utf8_has_control(DM_STR("a\tb\r\nc"), true));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("a\tb"), false));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("a\n"), false));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("a\u2028b"), false));
    CU_ASSERT_TRUE(dm_utf8_has_control(DM_STR("a\u2029"), false));
    CU_ASSERT_FALSE(dm_utf8_has_control(DM_STR("a\u2028\u2029"), true));
    CU_ASSERT_FALSE(dm_utf8_has_control(DM_STR("a\u2027\u202a\xe2"), false));
}

CU_TestInfo *dm_utf8_suite(void)
{
    static CU_TestInfo tests[] = {
        {"every code point reads back", every_code_point_reads_back},
        {"known encodings", known_encodings},
        {"malformed bytes are invalid", malformed_bytes_are_invalid},
        {"counts and clips code points", counts_and_clips_code_points},
        {"controls are found", controls_are_found},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

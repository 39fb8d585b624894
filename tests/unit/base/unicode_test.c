/* What looks and means the same becomes the same bytes; the rest stays as it is. */
#include "base/unicode.h"

#include "base/utf8.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

static struct dm_arena *arena;

static void assert_becomes(const char *from, const char *to)
{
    struct dm_str made = dm_unicode_nfkc(arena, dm_str_from(from));
    CU_ASSERT_STR(made, to);
    CU_ASSERT_TRUE(dm_utf8_valid(made));
    /* What is normal stays so. */
    CU_ASSERT_STR(dm_unicode_nfkc(arena, made), to);
}

static void test_the_same_in_look_and_meaning_is_the_same_in_bytes(void)
{
    static const char *const pairs[][2] = {
        {"\uFB01le", "file"},                 /* a ligature */
        {"\uFF50\uFF41\uFF53\uFF53", "pass"}, /* full width */
        {"A\u030A", "\u00C5"},                /* a ring put on an A */
        {"\u212B", "\u00C5"},                 /* the sign for angstrom */
        {"a\u0323\u0307", "\u1EA1\u0307"},    /* two marks in either order */
        {"a\u0307\u0323", "\u1EA1\u0307"},
        {"\u1112\u1161\u11AB", "\uD55C"}, /* Hangul by letters */
        {"\u2460\u00B2\u00BD", "121\u20442"},
        {"\u00A0\u3000", "  "}, /* blanks of all sorts, none cut off */
        {"\uFDFA", "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064A\u0647 "
                   "\u0648\u0633\u0644\u0645"},
    };
    arena = dm_arena_new(65536, 65536);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_becomes(pairs[i][0], pairs[i][1]);
    dm_arena_free(arena);
}

static void test_other_text_stays_as_it_is(void)
{
    static const char *const texts[] = {
        "",
        " plain ASCII ",
        "n\u00E4ive",
        "\U0001F989",                                       /* an owl */
        "\U0001F469\u200D\U0001F4BB",                       /* joined emoji */
        "\u2764\uFE0F",                                     /* with a variation selector */
        "\U0001F1EB\U0001F1F7",                             /* a flag */
        "\u202Eabc\u202C",                                  /* right to left */
        "\u0435\u0430",                                     /* Cyrillic that looks Latin */
        "\U0010FFFF\uFFFE",                                 /* no characters, but valid */
        "\u0391\u0345\u0301\u0301\u0301\u0301\u0301\u0301", /* marks on marks */
    };
    arena = dm_arena_new(65536, 65536);
    for (size_t i = 0; i + 1 < sizeof(texts) / sizeof(texts[0]); i++)
        assert_becomes(texts[i], texts[i]);
    struct dm_str marks = dm_unicode_nfkc(arena, dm_str_from(texts[10]));
    CU_ASSERT_TRUE(dm_str_eq(dm_unicode_nfkc(arena, marks), marks));
    dm_arena_free(arena);
}

static void test_ascii_costs_no_memory(void)
{
    arena = dm_arena_new(65536, 65536);
    struct dm_str text = DM_STR("correct horse battery staple");
    CU_ASSERT_PTR_EQUAL(dm_unicode_nfkc(arena, text).p, text.p);
    CU_ASSERT_EQUAL(dm_arena_used(arena), 0);
    dm_arena_free(arena);
}

static void test_a_full_arena_gives_nothing(void)
{
    arena = dm_arena_new(64, 64);
    CU_ASSERT_PTR_NULL(
        dm_unicode_nfkc(arena, DM_STR("\uFDFA\uFDFA\uFDFA\uFDFA\uFDFA\uFDFA\uFDFA\uFDFA")).p);
    dm_arena_free(arena);
}

static void test_nfc_makes_the_same_characters_the_same_bytes(void)
{
    static const char *const pairs[][2] = {
        {"e\u0301", "\u00E9"},
        {"\u212B", "\u00C5"},
        {"a\u0307\u0323", "\u1EA1\u0307"},
        {"\u1112\u1161\u11AB", "\uD55C"},
        {"\u0958", "\u0915\u093C"}, /* one that is never composed */
        {"\uFB01le", "\uFB01le"},   /* looks like "file", but is another character */
        {"\uFF50\u00B2", "\uFF50\u00B2"},
        {"\u0416\u4E2D\U0001F989", "\u0416\u4E2D\U0001F989"},
    };
    arena = dm_arena_new(65536, 65536);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CU_ASSERT_STR(dm_unicode_nfc(arena, dm_str_from(pairs[i][0])), pairs[i][1]);
        CU_ASSERT_STR(dm_unicode_nfc(arena, dm_str_from(pairs[i][1])), pairs[i][1]);
    }
    dm_arena_reset(arena);
    struct dm_str latin = DM_STR("Gr\u00FC\u00DFe, \u0141ukasz \u02BC");
    CU_ASSERT_PTR_EQUAL(dm_unicode_nfc(arena, latin).p, latin.p);
    CU_ASSERT_EQUAL(dm_arena_used(arena), 0);
    dm_arena_free(arena);
}

static void test_what_leaves_no_mark_is_blank(void)
{
    static const char *const blank[] = {"",       " ",      "\t\r\n",  "\u00A0\u2003\u3000",
                                        "\u200B", "\uFEFF", "\u202E ", "\u2028\u2029",
                                        "\u3164", "\u2800", "\uFE0F",  "\U000E0041"};
    static const char *const seen[] = {".", " a ", "\u200B-", "\u4E2D", "\U0001F989", "\u0301"};
    for (size_t i = 0; i < sizeof(blank) / sizeof(blank[0]); i++)
        CU_ASSERT_TRUE(dm_unicode_is_blank(dm_str_from(blank[i])));
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        CU_ASSERT_FALSE(dm_unicode_is_blank(dm_str_from(seen[i])));
}

static void test_what_cannot_be_seen_is_found(void)
{
    static const char *const hidden[] = {
        "a\u202Eb",
        "a\u202A",
        "\u2066x\u2069",
        "\u200Fx",
        "\u061Cx",
        "a\u200Bb",
        "\uFEFFa",
        "a\u00ADb",
        "a\u2060b",
        "a\u200Db", /* nothing Latin joins */
        "\u200D",
        "\u0645\u200C",             /* nothing to join to */
        "\u0645\u200C\u200C\u062E", /* once is enough */
        "\u0430\u200C\u0431",
        "a\u115Fb",
        "\u3164",
        "a\u2028b",
        "\uE000",
        "\uFFFE",
        "\U0001FFFF",
        "\U000E0041",
    };
    static const char *const seen[] = {
        "",
        "Ann O'Neill-Smith Jr.",
        "Jos\u00E9 \u0141\u00F3d\u017A",
        "\u05E9\u05DC\u05D5\u05DD",                         /* right to left by itself */
        "\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645", /* Persian, with its joiner */
        "\u0DC1\u0DCA\u200D\u0DBB\u0DD3",                   /* Sinhala */
        "\U0001F469\u200D\U0001F4BB",
        "\u2764\uFE0F\u200D\U0001F525",
        "\uFFFD",
        "\u00A0\u3000",
    };
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        CU_ASSERT_TRUE(dm_unicode_has_hidden(dm_str_from(hidden[i])));
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        CU_ASSERT_FALSE(dm_unicode_has_hidden(dm_str_from(seen[i])));
}

static CU_TestInfo tests[] = {
    {"the same in look and meaning is the same in bytes",
     test_the_same_in_look_and_meaning_is_the_same_in_bytes},
    {"other text stays as it is", test_other_text_stays_as_it_is},
    {"ASCII costs no memory", test_ascii_costs_no_memory},
    {"NFC makes the same characters the same bytes",
     test_nfc_makes_the_same_characters_the_same_bytes},
    {"what leaves no mark is blank", test_what_leaves_no_mark_is_blank},
    {"what cannot be seen is found", test_what_cannot_be_seen_is_found},
    {"a full arena gives nothing", test_a_full_arena_gives_nothing},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_unicode_suite(void)
{
    return tests;
}

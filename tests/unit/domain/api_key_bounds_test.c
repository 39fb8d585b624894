/* lib/domain/api_key_bounds.c: which rows and networks a key is bound to. */
#include "domain/api_key_bounds.h"

#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

static void a_pattern_covers_a_name_or_what_begins_alike(void)
{
    CU_ASSERT_TRUE(dm_api_key_pattern_covers(DM_STR("personality.get"), "personality.get"));
    CU_ASSERT_FALSE(dm_api_key_pattern_covers(DM_STR("personality.get"), "personality.get_all"));
    CU_ASSERT_FALSE(dm_api_key_pattern_covers(DM_STR("personality"), "personality.get"));
    CU_ASSERT_TRUE(dm_api_key_pattern_covers(DM_STR("personality.*"), "personality.get"));
    CU_ASSERT_FALSE(dm_api_key_pattern_covers(DM_STR("personality.*"), "personalities.get"));
    CU_ASSERT_FALSE(dm_api_key_pattern_covers(DM_STR("*"), "personality.get"));
    CU_ASSERT_FALSE(dm_api_key_pattern_covers(DM_STR(""), "personality.get"));
}

static void any_of_the_patterns_will_do(void)
{
    struct dm_str routes = DM_STR("trait.list memory.* personality.get");
    CU_ASSERT_TRUE(dm_api_key_routes_cover(routes, "trait.list"));
    CU_ASSERT_TRUE(dm_api_key_routes_cover(routes, "memory.create"));
    CU_ASSERT_TRUE(dm_api_key_routes_cover(routes, "personality.get"));
    CU_ASSERT_FALSE(dm_api_key_routes_cover(routes, "trait.create"));
}

static void any_of_the_networks_will_do(void)
{
    struct dm_str ranges = DM_STR("192.0.2.0/24 2001:db8::/32");
    CU_ASSERT_TRUE(dm_api_key_ranges_cover(ranges, DM_STR("192.0.2.1")));
    CU_ASSERT_TRUE(dm_api_key_ranges_cover(ranges, DM_STR("::ffff:192.0.2.1")));
    CU_ASSERT_TRUE(dm_api_key_ranges_cover(ranges, DM_STR("2001:db8:1::1")));
    CU_ASSERT_FALSE(dm_api_key_ranges_cover(ranges, DM_STR("192.0.3.1")));
    CU_ASSERT_FALSE(dm_api_key_ranges_cover(ranges, DM_STR("")));
    CU_ASSERT_FALSE(dm_api_key_ranges_cover(ranges, DM_STR("unix:")));
    CU_ASSERT_FALSE(dm_api_key_ranges_cover(ranges, (struct dm_str){NULL, 0}));
}

static void without_bounds_all_is_covered(void)
{
    CU_ASSERT_TRUE(dm_api_key_routes_cover((struct dm_str){NULL, 0}, "personality.get"));
    CU_ASSERT_TRUE(dm_api_key_routes_cover(DM_STR(""), "personality.get"));
    CU_ASSERT_TRUE(dm_api_key_ranges_cover((struct dm_str){NULL, 0}, DM_STR("192.0.2.1")));
    CU_ASSERT_TRUE(dm_api_key_ranges_cover(DM_STR(""), (struct dm_str){NULL, 0}));
}

static void networks_are_kept_in_their_one_form(void)
{
    struct dm_ctx ctx = {.arena = dm_arena_new(4096, 65536)};
    struct dm_str good[] = {DM_STR("192.0.2.1"), DM_STR("2001:DB8::/32")};
    struct dm_str bad[] = {DM_STR("192.0.2.1"), DM_STR("10.0.0.1/8")};
    struct dm_str text = {NULL, 0};
    CU_ASSERT_EQUAL(dm_api_key_ranges_text(&ctx, &(struct dm_list){good, 2}, &text), DM_OK);
    CU_ASSERT_STR(text, "192.0.2.1/32 2001:db8::/32");
    CU_ASSERT_EQUAL(dm_api_key_ranges_text(&ctx, &(struct dm_list){NULL, 0}, &text), DM_OK);
    CU_ASSERT_STR(text, "");
    CU_ASSERT_EQUAL(dm_api_key_ranges_text(&ctx, &(struct dm_list){bad, 2}, &text), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(ctx.err.pointer, "/allowedIpRanges/1");
    CU_ASSERT_STRING_EQUAL(ctx.err.rule, "format");
    dm_arena_free(ctx.arena);
}

/* The longest that a request may hold fits what is kept. */
static void the_longest_lists_fit(void)
{
    struct dm_ctx ctx = {.arena = dm_arena_new(4096, 65536)};
    struct dm_str ranges[DM_API_KEY_RANGES_MAX], words[DM_API_KEY_ROUTES_MAX], text;
    char word[DM_API_KEY_ROUTE_CHARS_MAX];
    memset(word, 'a', sizeof(word));
    for (size_t i = 0; i < DM_API_KEY_RANGES_MAX; i++)
        ranges[i] = DM_STR("2001:0db8:1111:2222:3333:4444:5555:6666/128");
    for (size_t i = 0; i < DM_API_KEY_ROUTES_MAX; i++)
        words[i] = (struct dm_str){word, sizeof(word)};
    CU_ASSERT_EQUAL(
        dm_api_key_ranges_text(&ctx, &(struct dm_list){ranges, DM_API_KEY_RANGES_MAX}, &text),
        DM_OK);
    CU_ASSERT_TRUE(text.n <= DM_API_KEY_RANGES_CHARS);
    CU_ASSERT_EQUAL(
        dm_api_key_words_text(&ctx, &(struct dm_list){words, DM_API_KEY_ROUTES_MAX}, &text), DM_OK);
    CU_ASSERT_TRUE(text.n <= DM_API_KEY_ROUTES_CHARS);
    dm_arena_free(ctx.arena);
}

static void words_read_back(void)
{
    struct dm_ctx ctx = {.arena = dm_arena_new(4096, 65536)};
    struct dm_list words = {NULL, 9};
    CU_ASSERT_EQUAL(dm_api_key_words(&ctx, DM_STR("a b.* c"), &words), DM_OK);
    CU_ASSERT_EQUAL_FATAL(words.n, 3);
    CU_ASSERT_STR(((struct dm_str *)words.items)[1], "b.*");
    CU_ASSERT_EQUAL(dm_api_key_words(&ctx, DM_STR(""), &words), DM_OK);
    CU_ASSERT_EQUAL(words.n, 0);
    dm_arena_free(ctx.arena);
}

CU_TestInfo *dm_api_key_bounds_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a pattern covers a name, or what begins alike",
         a_pattern_covers_a_name_or_what_begins_alike},
        {"any of the patterns will do", any_of_the_patterns_will_do},
        {"any of the networks will do", any_of_the_networks_will_do},
        {"without bounds all is covered", without_bounds_all_is_covered},
        {"networks are kept in their one form", networks_are_kept_in_their_one_form},
        {"the longest lists fit", the_longest_lists_fit},
        {"words read back", words_read_back},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* What a client says of itself is kept only when it is harmless text, and never more of it than fits. */
#include "domain/origin.h"

#include "base/utf8.h"
#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

static void harmless_text_is_kept_as_it_is(void)
{
    struct dm_origin origin = dm_origin_of(DM_STR("Mozilla/5.0 (X11) Köln"), DM_STR("2001:db8::1"));
    CU_ASSERT_STR(origin.user_agent, "Mozilla/5.0 (X11) Köln");
    CU_ASSERT_STR(origin.address, "2001:db8::1");
}

static void what_is_not_clean_text_becomes_absent(void)
{
    static const char *const bad[] = {"", "a\nb", "a\x1b[31mb", "\xff\xfe", "half \xc3"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dm_origin origin = dm_origin_of(dm_str_from(bad[i]), dm_str_from(bad[i]));
        CU_ASSERT_PTR_NULL(origin.user_agent.p);
        CU_ASSERT_PTR_NULL(origin.address.p);
    }
    struct dm_origin none = dm_origin_of((struct dm_str){NULL, 0}, (struct dm_str){NULL, 0});
    CU_ASSERT_PTR_NULL(none.user_agent.p);
    CU_ASSERT_PTR_NULL(none.address.p);
}

static void what_is_too_long_is_cut_between_characters(void)
{
    char text[2 * 300];
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xb6", 2); /* ö */
    struct dm_origin origin =
        dm_origin_of((struct dm_str){text, sizeof(text)}, (struct dm_str){text, sizeof(text)});
    CU_ASSERT_EQUAL(origin.user_agent.n, 2 * 256);
    CU_ASSERT_EQUAL(origin.address.n, 2 * 64);
    CU_ASSERT_TRUE(dm_utf8_valid(origin.user_agent));
}

CU_TestInfo *dm_origin_suite(void)
{
    static CU_TestInfo tests[] = {
        {"harmless text is kept as it is", harmless_text_is_kept_as_it_is},
        {"what is not clean text becomes absent", what_is_not_clean_text_becomes_absent},
        {"what is too long is cut between characters", what_is_too_long_is_cut_between_characters},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

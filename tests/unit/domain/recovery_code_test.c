/* Recovery codes: as they are shown, as they are typed, and whose they are. */
#include "domain/recovery_code.h"

#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

#define ACCOUNT DM_STR("01890a5d-ac96-774b-bcce-b302099a8057")

static const struct dm_settings settings = {
    .password_pepper = {"a pepper of at least thirty-two bytes", 37}};

struct set {
    struct dm_ctx ctx;
    struct dm_str codes[DM_RECOVERY_CODES], hashes[DM_RECOVERY_CODES];
};

static struct set set_open(void)
{
    struct set set = {.ctx = {.arena = dm_arena_new(4096, 1 << 20)}};
    CU_ASSERT_PTR_NOT_NULL_FATAL(set.ctx.arena);
    CU_ASSERT_EQUAL_FATAL(
        dm_recovery_codes_new(&settings, &set.ctx, ACCOUNT, set.codes, set.hashes), DM_OK);
    return set;
}

static void ten_codes_that_differ_in_four_groups(void)
{
    struct set set = set_open();
    for (size_t i = 0; i < DM_RECOVERY_CODES; i++) {
        struct dm_str code = set.codes[i];
        CU_ASSERT_EQUAL(code.n, DM_RECOVERY_CODE_TEXT - 1);
        for (size_t at = 0; at < code.n; at++)
            if (at % 7 == 6)
                CU_ASSERT_EQUAL(code.p[at], '-')
            else
                CU_ASSERT_PTR_NOT_NULL(strchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", code.p[at]));
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_FALSE(dm_str_eq(code, set.codes[k]));
    }
    dm_arena_free(set.ctx.arena);
}

static void what_is_stored_is_found_again_by_the_code_and_does_not_hold_it(void)
{
    struct set set = set_open();
    for (size_t i = 0; i < DM_RECOVERY_CODES; i++) {
        CU_ASSERT_EQUAL(set.hashes[i].n, 64);
        CU_ASSERT_TRUE(dm_str_eq(dm_recovery_code_hash(&settings, &set.ctx, ACCOUNT, set.codes[i]),
                                 set.hashes[i]));
    }
    dm_arena_free(set.ctx.arena);
}

static void the_same_code_is_another_for_another_account_and_another_site(void)
{
    struct set set = set_open();
    const struct dm_settings other = {
        .password_pepper = {"a pepper of at least thirty-two bytes!", 38}};
    CU_ASSERT_FALSE(dm_str_eq(dm_recovery_code_hash(&settings, &set.ctx,
                                                    DM_STR("01890a5d-ac96-774b-bcce-b302099a8058"),
                                                    set.codes[0]),
                              set.hashes[0]));
    CU_ASSERT_FALSE(
        dm_str_eq(dm_recovery_code_hash(&other, &set.ctx, ACCOUNT, set.codes[0]), set.hashes[0]));
    dm_arena_free(set.ctx.arena);
}

static void it_may_be_typed_as_people_type(void)
{
    static const char *const typed[] = {
        "01ABCD-EFGHJK-MNPQRS-TVWXYZ", "01abcd-efghjk-mnpqrs-tvwxyz",
        "01ABCDEFGHJKMNPQRSTVWXYZ",    " 01ABCD EFGHJK MNPQRS TVWXYZ ",
        "oIabcd-efghjk-mnpqrs-tvwxyz", "OLABCD-EFGHJK-MNPQRS-TVWXYZ"};
    struct set set = set_open();
    struct dm_str right =
        dm_recovery_code_hash(&settings, &set.ctx, ACCOUNT, dm_str_from(typed[0]));
    CU_ASSERT_PTR_NOT_NULL_FATAL(right.p);
    for (size_t i = 1; i < sizeof(typed) / sizeof(typed[0]); i++)
        CU_ASSERT_TRUE(dm_str_eq(
            dm_recovery_code_hash(&settings, &set.ctx, ACCOUNT, dm_str_from(typed[i])), right));
    dm_arena_free(set.ctx.arena);
}

static void what_can_be_none_has_no_hash(void)
{
    static const struct dm_str none[] = {
        DM_STR_INIT(""),
        DM_STR_INIT("123456"),
        DM_STR_INIT("01ABCD-EFGHJK-MNPQRS-TVWXY"),
        DM_STR_INIT("01ABCD-EFGHJK-MNPQRS-TVWXYZ0"),
        DM_STR_INIT("01ABCD-EFGHJK-MNPQRS-TVWXYU"),
        DM_STR_INIT("01ABCD-EFGHJK-MNPQRS-TVWXY\0"),
        DM_STR_INIT("01ABCD-EFGHJK-MNPQRS-TVWXY\xc3"),
        {NULL, 0},
    };
    struct set set = set_open();
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        CU_ASSERT_PTR_NULL(dm_recovery_code_hash(&settings, &set.ctx, ACCOUNT, none[i]).p);
    dm_arena_free(set.ctx.arena);
}

CU_TestInfo *dm_recovery_code_suite(void)
{
    static CU_TestInfo tests[] = {
        {"ten codes that differ, in four groups", ten_codes_that_differ_in_four_groups},
        {"what is stored is found again by the code and does not hold it",
         what_is_stored_is_found_again_by_the_code_and_does_not_hold_it},
        {"the same code is another for another account and another site",
         the_same_code_is_another_for_another_account_and_another_site},
        {"it may be typed as people type", it_may_be_typed_as_people_type},
        {"what can be none has no hash", what_can_be_none_has_no_hash},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

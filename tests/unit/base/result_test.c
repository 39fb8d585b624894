/* lib/base/result.c: the words of errors are whole, bounded and never stale. */
#include "base/result.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void set_fills_and_returns_code(void)
{
    struct dm_err err = {0};
    CU_ASSERT_EQUAL(dm_err_set(&err, DM_E_NOTFOUND, "no %s %d", "profile", 7), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(err.code, DM_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(err.detail, "no profile 7");
    CU_ASSERT_EQUAL(dm_err_set(NULL, DM_E_TIMEOUT, "late"), DM_E_TIMEOUT);
}

static void set_clears_what_was_left(void)
{
    struct dm_err err;
    memset(&err, 'x', sizeof(err));
    dm_err_set(&err, DM_E_DENIED, "no");
    CU_ASSERT_STRING_EQUAL(err.pointer, "");
    CU_ASSERT_STRING_EQUAL(err.rule, "");
    CU_ASSERT_EQUAL(err.retry_after_s, 0);
}

static void set_may_quote_the_old_detail(void)
{
    struct dm_err err;
    dm_err_set(&err, DM_E_UNAVAILABLE, "connection refused");
    dm_err_set(&err, DM_E_INTERNAL, "mail: %s", err.detail);
    CU_ASSERT_STRING_EQUAL(err.detail, "mail: connection refused");
}

static void long_words_are_cut(void)
{
    char words[1000];
    memset(words, 'w', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_err_set_field(&err, words, words, "%s", words), DM_E_INVALID);
    CU_ASSERT_EQUAL(strlen(err.detail), sizeof(err.detail) - 1);
    CU_ASSERT_EQUAL(strlen(err.pointer), sizeof(err.pointer) - 1);
    CU_ASSERT_EQUAL(strlen(err.rule), sizeof(err.rule) - 1);
}

static void field_keeps_pointer_and_rule(void)
{
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_err_set_field(&err, "/password", "too_weak", "score %d", 1), DM_E_INVALID);
    CU_ASSERT_EQUAL(err.code, DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(err.pointer, "/password");
    CU_ASSERT_STRING_EQUAL(err.rule, "too_weak");
    CU_ASSERT_STRING_EQUAL(err.detail, "score 1");
    CU_ASSERT_EQUAL(dm_err_set_field(NULL, "/a", "b", "c"), DM_E_INVALID);
}

static void every_code_has_a_name_of_its_own(void)
{
    for (int a = DM_OK; a <= DM_E_INTERNAL; a++) {
        CU_ASSERT_STRING_NOT_EQUAL(dm_result_name((enum dm_result)a), "unknown");
        for (int b = DM_OK; b < a; b++)
            CU_ASSERT_STRING_NOT_EQUAL(dm_result_name((enum dm_result)a),
                                       dm_result_name((enum dm_result)b));
    }
    CU_ASSERT_STRING_EQUAL(dm_result_name((enum dm_result)(DM_E_INTERNAL + 1)), "unknown");
}

CU_TestInfo *dm_result_suite(void)
{
    static CU_TestInfo tests[] = {
        {"set fills and returns the code", set_fills_and_returns_code},
        {"set clears what was left", set_clears_what_was_left},
        {"set may quote the old detail", set_may_quote_the_old_detail},
        {"long words are cut", long_words_are_cut},
        {"a field keeps its pointer and rule", field_keeps_pointer_and_rule},
        {"every code has a name of its own", every_code_has_a_name_of_its_own},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

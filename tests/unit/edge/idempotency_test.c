/* What counts as an Idempotency-Key. */
#include "edge/idempotency.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static void reads_keys_quoted_and_bare(void)
{
    struct dm_str key;
    CU_ASSERT_TRUE(dm_idempotency_key(DM_STR("abc"), &key));
    CU_ASSERT_STR(key, "abc");
    CU_ASSERT_TRUE(dm_idempotency_key(DM_STR("\"a:c~!\""), &key));
    CU_ASSERT_STR(key, "a:c~!");
}

static void keeps_the_bounds(void)
{
    char text[258];
    struct dm_str key;
    memset(text, 'k', sizeof(text));
    CU_ASSERT_TRUE(dm_idempotency_key((struct dm_str){text, 255}, &key));
    CU_ASSERT_EQUAL(key.n, 255);
    CU_ASSERT_FALSE(dm_idempotency_key((struct dm_str){text, 256}, &key));
    text[0] = text[256] = '"';
    CU_ASSERT_TRUE(dm_idempotency_key((struct dm_str){text, 257}, &key));
    CU_ASSERT_EQUAL(key.n, 255);
}

static void refuses_what_is_no_key(void)
{
    static const char *const texts[] = {"",        "\"",   "\"\"", "\"abc",       "abc\"",
                                        "a b",     "a\tb", "a\"b", "\x7f",        "h\xc3\xa9",
                                        "\"a b\"", "\n",   " ",    "\"a\", \"b\""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct dm_str key;
        CU_ASSERT_FALSE(dm_idempotency_key(dm_str_from(texts[i]), &key));
    }
}

CU_TestInfo *dm_idempotency_suite(void)
{
    static CU_TestInfo tests[] = {
        {"reads keys quoted and bare", reads_keys_quoted_and_bare},
        {"keeps the bounds", keeps_the_bounds},
        {"refuses what is no key", refuses_what_is_no_key},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

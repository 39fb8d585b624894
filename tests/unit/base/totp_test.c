/* lib/base/totp.c against the vectors of RFC 4226 and RFC 6238. */
#include "base/totp.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static const struct dm_secret key = {"12345678901234567890", 20};

/* RFC 4226 Appendix D: the values before they are cut to six digits. */
static void values_of_the_first_counters(void)
{
    static const uint32_t known[] = {1284755224, 1094287082, 137359152, 1726969429, 1640338314,
                                     868254676,  1918287922, 82162583,  673399871,  645520489};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        CU_ASSERT_EQUAL(dm_totp_value(key, (int64_t)i), known[i]);
}

/* RFC 6238 Appendix B, SHA-1: codes of eight digits. */
static void values_of_the_known_times(void)
{
    static const struct {
        int64_t at_s;
        uint32_t code;
    } known[] = {{59, 94287082},         {1111111109, 7081804},  {1111111111, 14050471},
                 {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        CU_ASSERT_EQUAL(dm_totp_value(key, dm_totp_step(known[i].at_s * 1000)) % 100000000,
                        known[i].code);
}

static int64_t step_of(const char *code, int64_t at_s)
{
    int64_t step = -1;
    return dm_totp_check(key, dm_str_from(code), at_s * 1000, &step) ? step : -1;
}

/* 081804 is the code of the step that begins at 1111111080 (RFC 6238 Appendix B). */
static void one_step_each_side_fits_and_no_more(void)
{
    const int64_t begin_s = 1111111080, step = begin_s / 30;
    CU_ASSERT_EQUAL(step_of("081804", begin_s), step);
    CU_ASSERT_EQUAL(step_of("081804", begin_s + 29), step);
    CU_ASSERT_EQUAL(step_of("081804", begin_s + 30), step);
    CU_ASSERT_EQUAL(step_of("081804", begin_s + 59), step);
    CU_ASSERT_EQUAL(step_of("081804", begin_s - 1), step);
    CU_ASSERT_EQUAL(step_of("081804", begin_s - 30), step);
    CU_ASSERT_EQUAL(step_of("081804", begin_s + 60), -1);
    CU_ASSERT_EQUAL(step_of("081804", begin_s - 31), -1);
}

static void what_is_not_quite_the_code_does_not_fit(void)
{
    static const char *const wrong[] = {"081805", "181804", "81804", "0818040", "", "08180\t"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CU_ASSERT_EQUAL(step_of(wrong[i], 1111111109), -1);
    int64_t step;
    CU_ASSERT_FALSE(dm_totp_check(key, (struct dm_str){NULL, 0}, 1111111109000, &step));
    CU_ASSERT_FALSE(dm_totp_check((struct dm_secret){"12345678901234567891", 20}, DM_STR("081804"),
                                  1111111109000, &step));
}

CU_TestInfo *dm_totp_suite(void)
{
    static CU_TestInfo tests[] = {
        {"values of the first counters", values_of_the_first_counters},
        {"values of the known times", values_of_the_known_times},
        {"one step each side fits and no more", one_step_each_side_fits_and_no_more},
        {"what is not quite the code does not fit", what_is_not_quite_the_code_does_not_fit},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* lib/base/clock.c: RFC 3339 both ways, the fake clock, and deadlines. */
#include "base/clock.h"

#include <limits.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void formats_known_moments(void)
{
    static const struct {
        int64_t ms;
        const char *text;
    } known[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1769851800123, "2026-01-31T09:30:00.123Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {-62135596800000, "0001-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0001-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[DM_CLOCK_TEXT_MAX];
        dm_clock_format(known[i].ms, text);
        CU_ASSERT_STRING_EQUAL(text, known[i].text);
    }
}

static void days_read_back_as_the_system_says(void)
{
    unsigned wrong = 0;
    for (int64_t day = -719162; day <= 2932896; day += 13) {
        int64_t ms = day * 86400000 + 45296789, back = 0;
        char text[DM_CLOCK_TEXT_MAX], expected[80];
        dm_clock_format(ms, text);
        time_t seconds = (time_t)(day * 86400 + 45296);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT12:34:56.789Z", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday);
        wrong += strcmp(text, expected) != 0;
        wrong += !dm_clock_parse(dm_str_from(text), &back) || back != ms;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void parses_offsets_and_fractions(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } known[] = {
        {"1985-04-12T23:20:50.52Z", 482196050520}, {"1996-12-19T16:39:57-08:00", 851042397000},
        {"1990-12-31T23:59:60Z", 662688000000},    {"1990-12-31T15:59:60-08:00", 662688000000},
        {"1970-01-01t00:00:00.9999999z", 999},     {"1970-01-01T05:45:00+05:45", 0},
        {"1969-12-31T23:59:00-00:01", 0},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int64_t ms = -7;
        CU_ASSERT_TRUE(dm_clock_parse(dm_str_from(known[i].text), &ms));
        CU_ASSERT_EQUAL(ms, known[i].ms);
    }
}

static void refuses_what_is_no_date_time(void)
{
    static const char *const refused[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31 09:30:00Z",
        "2026-01-31T09:30Z",
        "2026-01-31T09:30:00.Z",
        "2026-01-31T09:30:00,5Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2026-01-31T23:59:61Z",
        "2026-01-31T22:59:60Z",
        "2026-01-31T09:30:00+24:00",
        "2026-01-31T09:30:00+01:60",
        "2026-01-31T09:30:00+0100",
        "2026-01-31T09:30:00Z ",
        " 2026-01-31T09:30:00Z",
        "2026-01-31T09:30:00ZZ",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "+2026-01-31T09:30:00Z",
        "2026-1-31T09:30:00Z",
    };
    int64_t ms = 42;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (dm_clock_parse(dm_str_from(refused[i]), &ms))
            CU_FAIL("accepted");
    CU_ASSERT_FALSE(dm_clock_parse((struct dm_str){NULL, 0}, &ms));
    CU_ASSERT_FALSE(dm_clock_parse(DM_STR("2026-01-31\00009:30:00Z"), &ms));
    CU_ASSERT_EQUAL(ms, 42);
}

static void a_fake_wall_clock_stands(void)
{
    dm_clock_fake(1000000);
    CU_ASSERT_EQUAL(dm_clock_wall_ms(), 1000000);
    CU_ASSERT_EQUAL(dm_clock_wall_ms(), 1000000);
    dm_clock_fake(0);
    int64_t system_ms = (int64_t)time(NULL) * 1000;
    CU_ASSERT_TRUE(dm_clock_wall_ms() >= system_ms && dm_clock_wall_ms() < system_ms + 60000);
}

static void deadlines(void)
{
    int64_t now = dm_clock_monotonic_ms();
    CU_ASSERT_TRUE(dm_clock_monotonic_us() >= now * 1000);
    CU_ASSERT_EQUAL(dm_clock_left_ms(now), 0);
    CU_ASSERT_EQUAL(dm_clock_left_ms(now - 1000), 0);
    CU_ASSERT_EQUAL(dm_clock_left_ms(INT64_MIN), 0);
    int left = dm_clock_left_ms(now + 60000);
    CU_ASSERT_TRUE(left > 0 && left <= 60000);
    CU_ASSERT_EQUAL(dm_clock_left_ms(INT64_MAX), INT_MAX);
}

CU_TestInfo *dm_clock_suite(void)
{
    static CU_TestInfo tests[] = {
        {"formats known moments", formats_known_moments},
        {"days read back as the system says", days_read_back_as_the_system_says},
        {"parses offsets and fractions", parses_offsets_and_fractions},
        {"refuses what is no date-time", refuses_what_is_no_date_time},
        {"a fake wall clock stands", a_fake_wall_clock_stands},
        {"deadlines", deadlines},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

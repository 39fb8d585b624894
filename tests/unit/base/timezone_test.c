/* lib/base/timezone.c against the database of the machine that the tests run on. */
#include "base/timezone.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void zones_of_the_database_exist(void)
{
    static const char *const zones[] = {"UTC",        "Europe/Berlin",
                                        "Etc/GMT+5",  "America/Argentina/Buenos_Aires",
                                        "Asia/Tokyo", "America/Port-au-Prince"};
    CU_ASSERT_TRUE_FATAL(dm_timezone_database());
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
        CU_ASSERT_TRUE(dm_timezone_exists(dm_str_from(zones[i])));
}

static void nothing_else_does(void)
{
    static const char *const others[] = {
        "",
        "Europe", /* a folder */
        "Europe/",
        "/Europe/Berlin",
        "Europe//Berlin",
        "Europe/Atlantis",
        "europe/berlin", /* names are to the letter */
        "../zoneinfo/UTC",
        "Europe/../UTC",
        "posix/UTC", /* what lies beside the zones */
        "right/UTC",
        "localtime",
        "zone.tab",
        "tzdata.zi",
        "UTC ",
        "UTC\n",
        "America/Argentina/Buenos_Aires/Buenos_Aires/Buenos_Aires/Buenos_Aires",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_FALSE(dm_timezone_exists(dm_str_from(others[i])));
    CU_ASSERT_FALSE(dm_timezone_exists(DM_STR("UTC\0")));
    CU_ASSERT_FALSE(dm_timezone_exists((struct dm_str){NULL, 0}));
}

CU_TestInfo *dm_timezone_suite(void)
{
    static CU_TestInfo tests[] = {
        {"zones of the database exist", zones_of_the_database_exist},
        {"nothing else does", nothing_else_does},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

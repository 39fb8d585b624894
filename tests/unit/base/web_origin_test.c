/* Which lists of origins are good, and what is in them. */
#include "base/web_origin.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void takes_origins_as_browsers_send_them(void)
{
    static const char *const good[] = {
        "",
        "https://app.example",
        "https://app.example https://admin.example:8443",
        "  https://app.example  ",
        "http://localhost:3000",
        "https://[2001:db8::1]",
        "https://[2001:db8::1]:8443",
        "https://xn--bcher-kva.example",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
        "https://app.example:80",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CU_ASSERT_PTR_NULL(dm_web_origin_list_flaw(dm_str_from(good[i])));
}

static void refuses_what_no_browser_sends(void)
{
    static const char *const bad[] = {
        "*",
        "https://*.example",
        "null",
        "app.example",
        "https://",
        "https:app.example",
        "https://app.example/",
        "https://app.example/path",
        "https://app.example?x",
        "https://user@app.example",
        "https://App.example",
        "HTTPS://app.example",
        "https://app.example:443",
        "http://app.example:80",
        "https://app.example:",
        "https://app.example:0",
        "https://app.example:08443",
        "https://app.example:65536",
        "https://app.example:84x3",
        "https://a:1:2",
        "https://[2001:db8::1",
        "https://app.example,https://admin.example",
        "https://app.example https://admin.example/",
        "https://m\xc3\xbcnchen.example",
        "://app.example",
        "1https://app.example",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_PTR_NOT_NULL(dm_web_origin_list_flaw(dm_str_from(bad[i])));
}

static void finds_exactly_what_is_listed(void)
{
    const struct dm_str list = DM_STR_INIT("https://app.example  https://admin.example:8443");
    CU_ASSERT_TRUE(dm_web_origin_list_has(list, DM_STR("https://app.example")));
    CU_ASSERT_TRUE(dm_web_origin_list_has(list, DM_STR("https://admin.example:8443")));
    static const char *const others[] = {"",
                                         " ",
                                         "null",
                                         "*",
                                         "http://app.example",
                                         "https://app.example:443",
                                         "https://app.example/",
                                         "https://app.example.evil.example",
                                         "https://evil-app.example",
                                         "https://admin.example",
                                         "https://APP.example",
                                         "https://app.example https://admin.example:8443"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_FALSE(dm_web_origin_list_has(list, dm_str_from(others[i])));
    CU_ASSERT_FALSE(dm_web_origin_list_has(list, (struct dm_str){NULL, 0}));
    CU_ASSERT_FALSE(dm_web_origin_list_has(DM_STR(""), DM_STR("https://app.example")));
}

CU_TestInfo *dm_web_origin_suite(void)
{
    static CU_TestInfo tests[] = {
        {"takes origins as browsers send them", takes_origins_as_browsers_send_them},
        {"refuses what no browser sends", refuses_what_no_browser_sends},
        {"finds exactly what is listed", finds_exactly_what_is_listed},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

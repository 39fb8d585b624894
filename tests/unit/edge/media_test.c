/* The judgement of Accept and Content-Type. */
#include "edge/media.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static bool accepted(const char *accept, const char *media)
{
    return dm_media_accepted(dm_str_from(accept), media);
}

static void lets_through_who_accepts_json(void)
{
    CU_ASSERT_TRUE(accepted(NULL, NULL));
    CU_ASSERT_TRUE(accepted("", NULL));
    CU_ASSERT_TRUE(accepted("*/*", NULL));
    CU_ASSERT_TRUE(accepted("application/*", NULL));
    CU_ASSERT_TRUE(accepted("text/html, application/JSON;q=0.5", NULL));
    CU_ASSERT_TRUE(accepted("text/html;q=1, */*;q=0.1", NULL));
    CU_ASSERT_TRUE(accepted("application/problem+json", NULL));
    CU_ASSERT_TRUE(accepted("text/plain", "text/plain; charset=utf-8"));
    CU_ASSERT_TRUE(accepted("text/*", "text/plain"));
}

static void refuses_who_does_not(void)
{
    CU_ASSERT_FALSE(accepted("text/html", NULL));
    CU_ASSERT_FALSE(accepted("text/*", NULL));
    CU_ASSERT_FALSE(accepted("application/json;q=0", NULL));
    CU_ASSERT_FALSE(accepted("*/*; q=0.0", NULL));
    CU_ASSERT_FALSE(accepted("application", NULL));
    CU_ASSERT_FALSE(accepted(",,", NULL));
    CU_ASSERT_FALSE(accepted("image/png", "text/plain"));
}

static bool json(const char *content_type, bool patch)
{
    return dm_media_is_json(dm_str_from(content_type), patch);
}

static void knows_json_bodies(void)
{
    CU_ASSERT_TRUE(json("application/json", false));
    CU_ASSERT_TRUE(json("Application/JSON ; Charset=UTF-8", false));
    CU_ASSERT_TRUE(json("application/json; charset=\"utf-8\"", false));
    CU_ASSERT_TRUE(json("application/merge-patch+json", true));
    CU_ASSERT_TRUE(json("application/json", true));
    CU_ASSERT_FALSE(json(NULL, false));
    CU_ASSERT_FALSE(json("", false));
    CU_ASSERT_FALSE(json("application/merge-patch+json", false));
    CU_ASSERT_FALSE(json("application/json; charset=latin1", false));
    CU_ASSERT_FALSE(json("application/jsonx", false));
    CU_ASSERT_FALSE(json("text/json", false));
}

CU_TestInfo *dm_media_suite(void)
{
    static CU_TestInfo tests[] = {
        {"lets through who accepts JSON", lets_through_who_accepts_json},
        {"refuses who does not", refuses_who_does_not},
        {"knows JSON bodies", knows_json_bodies},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

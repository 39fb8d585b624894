/* What pages of other origins are told: nothing, unless they are listed. */
#include "edge/cors.h"

#include "unit/edge/edge_suites.h"
#include "unit/edge/loopback.h"
#include "unit/unit.h"

#define PAGE "https://app.example"

static enum dm_result serve_text(struct dm_call *call)
{
    dm_buf_add_c(&call->response->body, "here");
    return DM_OK;
}

/* clang-format off */
static const struct dm_route rows[] = {
    {.name = "text.get", .method = DM_GET, .path = "/text", .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .media = "text/plain",
     .status = 200, .summary = "For tests", .serve = serve_text},
    {.name = "text.remove", .method = DM_DELETE, .path = "/text", .auth = DM_AUTH_JWT, .limit = DM_LIMIT_WRITE, .status = 204,
     .summary = "For tests", .serve = serve_text},
};
/* clang-format on */
static const struct dm_routes resource = DM_ROUTES(rows);

static struct dm_loopback lb;

static void begin(const char *origins)
{
    dm_loopback_open(&lb, &resource);
    lb.settings.cors_origins = origins;
    lb.settings.cors_max_age_s = 600;
}

static int ask(enum dm_method method, const char *path, const char *origin, const char *preflight)
{
    return dm_loopback_send(&lb, (struct dm_request){.method = method,
                                                     .path = dm_str_from(path),
                                                     .origin = dm_str_from(origin),
                                                     .preflight_method = dm_str_from(preflight)})
        ->status;
}

static bool has(const char *name)
{
    return dm_loopback_header(&lb, name).p != NULL;
}

static void is_silent_without_a_list(void)
{
    begin("");
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/text", PAGE, NULL), 200);
    CU_ASSERT_FALSE(has("Vary"));
    CU_ASSERT_FALSE(has("Access-Control-Allow-Origin"));
    CU_ASSERT_EQUAL(ask(DM_OPTIONS, "/api/v1/text", PAGE, "DELETE"), 204);
    CU_ASSERT_FALSE(has("Access-Control-Allow-Methods"));
    dm_loopback_close(&lb);
}

static void a_listed_origin_may_read_the_reply(void)
{
    begin("https://other.example " PAGE);
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/text", PAGE, NULL), 200);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Access-Control-Allow-Origin"), PAGE);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Vary"), "Origin");
    CU_ASSERT_TRUE(has("Access-Control-Expose-Headers"));
    CU_ASSERT_FALSE(has("Access-Control-Allow-Credentials"));
    dm_loopback_close(&lb);
}

static void a_listed_origin_may_read_a_refusal(void)
{
    begin(PAGE);
    lb.settings.limits_anonymous = (struct dm_rates){.rate = {{2, 3600}}, .n = 1};
    CU_ASSERT_EQUAL(ask(DM_DELETE, "/api/v1/text", PAGE, NULL), 401);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Access-Control-Allow-Origin"), PAGE);
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/nothing", PAGE, NULL), 404);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Access-Control-Allow-Origin"), PAGE);
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/text", PAGE, NULL), 429);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Access-Control-Allow-Origin"), PAGE);
    /* Preflights do not count, and are answered when nothing else is. */
    CU_ASSERT_EQUAL(ask(DM_OPTIONS, "/api/v1/text", PAGE, "GET"), 204);
    CU_ASSERT_TRUE(has("Access-Control-Allow-Methods"));
    dm_loopback_close(&lb);
}

static void a_foreign_origin_gets_no_field(void)
{
    static const char *const foreign[] = {"https://evil.example", "null",      PAGE ".evil.example",
                                          "http://app.example",   PAGE ":443", NULL};
    begin(PAGE);
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/text", foreign[i], NULL), 200);
        CU_ASSERT_STR(dm_loopback_header(&lb, "Vary"), "Origin");
        CU_ASSERT_FALSE(has("Access-Control-Allow-Origin"));
        CU_ASSERT_FALSE(has("Access-Control-Expose-Headers"));
        CU_ASSERT_EQUAL(ask(DM_OPTIONS, "/api/v1/text", foreign[i], "DELETE"), 204);
        CU_ASSERT_STR(dm_loopback_header(&lb, "Allow"), "GET, DELETE, OPTIONS, HEAD");
        CU_ASSERT_FALSE(has("Access-Control-Allow-Methods"));
    }
    dm_loopback_close(&lb);
}

static void a_preflight_is_answered_from_the_paths_rows(void)
{
    begin(PAGE);
    CU_ASSERT_EQUAL(ask(DM_OPTIONS, "/api/v1/text", PAGE, "DELETE"), 204);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Access-Control-Allow-Origin"), PAGE);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Access-Control-Allow-Methods"),
                  "GET, DELETE, OPTIONS, HEAD");
    CU_ASSERT_STR(dm_loopback_header(&lb, "Access-Control-Max-Age"), "600");
    CU_ASSERT_TRUE(has("Access-Control-Allow-Headers"));
    CU_ASSERT_STR(dm_loopback_header(&lb, "Vary"), "Origin");
    CU_ASSERT_EQUAL(dm_loopback_body(&lb).n, 0);
    /* Without the method it asks for, OPTIONS is only OPTIONS; at an unknown path there is nothing to allow. */
    CU_ASSERT_EQUAL(ask(DM_OPTIONS, "/api/v1/text", PAGE, NULL), 204);
    CU_ASSERT_TRUE(has("Allow"));
    CU_ASSERT_FALSE(has("Access-Control-Allow-Methods"));
    CU_ASSERT_EQUAL(ask(DM_OPTIONS, "/api/v1/nothing", PAGE, "GET"), 404);
    CU_ASSERT_FALSE(has("Access-Control-Allow-Methods"));
    dm_loopback_close(&lb);
}

CU_TestInfo *dm_cors_suite(void)
{
    static CU_TestInfo tests[] = {
        {"is silent without a list", is_silent_without_a_list},
        {"a listed origin may read the reply", a_listed_origin_may_read_the_reply},
        {"a listed origin may read a refusal", a_listed_origin_may_read_a_refusal},
        {"a foreign origin gets no field", a_foreign_origin_gets_no_field},
        {"a preflight is answered from the path's rows",
         a_preflight_is_answered_from_the_paths_rows},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

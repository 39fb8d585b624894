/* The router: which rows it refuses at the start, and which row answers which path. */
#include "edge/route.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

struct thing {
    struct dm_str name;
};
static const struct dm_field thing_fields[] = {
    {.name = "name", .kind = DM_STRING, .offset = offsetof(struct thing, name), .text = "its name"},
};
static const struct dm_shape thing_shape = DM_SHAPE(struct thing, "Thing", thing_fields);

static enum dm_result serve(struct dm_call *call)
{
    (void)call;
    return DM_OK;
}

#define GOOD                                                                                       \
    .name = "thing.get", .method = DM_GET, .path = "/things/{thingId}", .auth = DM_AUTH_USER,      \
    .scope = DM_SCOPE_PERSONALITY_READ, .limit = DM_LIMIT_READ, .response = &thing_shape,          \
    .status = 200, .summary = "Get a thing", .serve = serve

static enum dm_result make(const struct dm_route *rows, size_t n, struct dm_err *err)
{
    const struct dm_routes routes = {rows, n};
    const struct dm_routes *const all[] = {&routes};
    struct dm_router *router = NULL;
    enum dm_result result = dm_router_new(all, 1, err, &router);
    dm_router_free(router);
    return result;
}

static void refuse(struct dm_route row, const char *words)
{
    struct dm_err err = {0};
    CU_ASSERT_EQUAL(make(&row, 1, &err), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, words));
}

static void accepts_a_good_row(void)
{
    struct dm_err err = {0};
    struct dm_route row = {GOOD};
    CU_ASSERT_EQUAL(make(&row, 1, &err), DM_OK);
}

/* Each row is the good one with one flaw; the compiler's word on overriding it is what we want here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
static void refuses_rows_that_leave_access_open(void)
{
    refuse((struct dm_route){GOOD, .auth = DM_AUTH_UNSAID}, "auth unsaid");
    refuse((struct dm_route){GOOD, .limit = DM_LIMIT_UNSAID}, "limit unsaid");
    refuse((struct dm_route){GOOD, .scope = DM_SCOPE_NONE}, "needs a scope");
    refuse((struct dm_route){GOOD, .auth = DM_AUTH_JWT}, "a scope means nothing");
    refuse((struct dm_route){GOOD, .auth = DM_AUTH_ADMIN, .method = DM_DELETE},
           "a key administers nothing");
    refuse((struct dm_route){GOOD, .limit = DM_LIMIT_NONE}, "only a row at the root");
    refuse((struct dm_route){GOOD, .door = (enum dm_door)7}, "door");
}

static void refuses_rows_that_make_no_sense(void)
{
    refuse((struct dm_route){GOOD, .name = NULL}, "no name");
    refuse((struct dm_route){GOOD, .method = DM_METHOD_NONE}, "method");
    refuse((struct dm_route){GOOD, .method = DM_OPTIONS}, "method");
    refuse((struct dm_route){GOOD, .serve = NULL}, "no handler");
    refuse((struct dm_route){GOOD, .summary = NULL}, "no summary");
    refuse((struct dm_route){GOOD, .status = 0}, "status");
    refuse((struct dm_route){GOOD, .status = 204}, "204 has no body");
    refuse((struct dm_route){GOOD, .response = NULL}, "no response");
    refuse((struct dm_route){GOOD, .response = NULL, .response_or = &thing_shape},
           "response_or needs a response");
    refuse((struct dm_route){GOOD, .request = &thing_shape}, "GET takes no body");
    refuse((struct dm_route){GOOD, .merge_patch = true}, "PATCH");
    refuse((struct dm_route){GOOD, .idempotent_key = true}, "POST");
    refuse((struct dm_route){GOOD, .tells_secret = true}, "without idempotent_key");
    refuse((struct dm_route){GOOD, .path = "things"}, "begin with");
    refuse((struct dm_route){GOOD, .path = "/things/"}, "empty segment");
    refuse((struct dm_route){GOOD, .path = "/things/x{thingId}"}, "whole segment");
    refuse((struct dm_route){GOOD, .path = "/{a}/{b}/{c}/{d}"}, "too many");
}

static void refuses_a_defective_shape(void)
{
    static const struct dm_field twice[] = {
        {.name = "a", .kind = DM_STRING, .text = "one"},
        {.name = "a", .kind = DM_STRING, .text = "two"},
    };
    static const struct dm_shape shape = DM_SHAPE(struct thing, "Twice", twice);
    refuse((struct dm_route){GOOD, .response = &shape}, "thing.get");
}

static void refuses_two_of_one_kind(void)
{
    struct dm_err err = {0};
    struct dm_route same_name[] = {{GOOD}, {GOOD, .path = "/others"}};
    CU_ASSERT_EQUAL(make(same_name, 2, &err), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "same name"));
    struct dm_route same_path[] = {{GOOD}, {GOOD, .name = "other", .path = "/things/{otherId}"}};
    CU_ASSERT_EQUAL(make(same_path, 2, &err), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "same method and path"));
}

#define ID "01933f3a-7e2c-7aaa-8bbb-0123456789ab"

static const struct dm_route rows[] = {
    {GOOD},
    {GOOD, .name = "thing.delete", .method = DM_DELETE, .status = 204, .response = NULL},
    {GOOD, .name = "thing.list", .path = "/things"},
    {GOOD, .name = "part.get", .path = "/things/{thingId}/parts/{partId}"},
    {GOOD, .name = "thing.best", .path = "/things/best"},
    {GOOD, .name = "health", .path = "/health", .at_root = true},
};
#pragma GCC diagnostic pop

static const char *find(const struct dm_router *router, enum dm_method method, const char *path,
                        struct dm_match *ret_match)
{
    dm_router_match(router, method, dm_str_from(path), ret_match);
    return ret_match->route ? ret_match->route->name : "";
}

static struct dm_router *make_router(void)
{
    static const struct dm_routes routes = DM_ROUTES(rows);
    static const struct dm_routes *const all[] = {&routes};
    struct dm_err err = {0};
    struct dm_router *router = NULL;
    CU_ASSERT_EQUAL_FATAL(dm_router_new(all, 1, &err, &router), DM_OK);
    return router;
}

static void finds_rows_by_path_and_method(void)
{
    struct dm_router *router = make_router();
    struct dm_match match;
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v1/things", &match), "thing.list");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v1/things/best", &match), "thing.best");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v1/things/" ID, &match), "thing.get");
    CU_ASSERT_STR(match.params[0], ID);
    CU_ASSERT_STRING_EQUAL(find(router, DM_DELETE, "/api/v1/things/" ID, &match), "thing.delete");
    CU_ASSERT_STRING_EQUAL(find(router, DM_HEAD, "/api/v1/things/" ID, &match), "thing.get");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v1/things/" ID "/parts/" ID, &match),
                           "part.get");
    CU_ASSERT_STR(match.params[1], ID);
    CU_ASSERT_STRING_EQUAL(dm_router_path(router, match.index),
                           "/api/v1/things/{thingId}/parts/{partId}");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/health", &match), "health");
    dm_router_free(router);
}

static void tells_what_a_known_path_allows(void)
{
    struct dm_router *router = make_router();
    struct dm_match match;
    CU_ASSERT_STRING_EQUAL(find(router, DM_PUT, "/api/v1/things/" ID, &match), "");
    CU_ASSERT_EQUAL(match.allowed,
                    1u << DM_GET | 1u << DM_HEAD | 1u << DM_DELETE | 1u << DM_OPTIONS);
    CU_ASSERT_STRING_EQUAL(find(router, DM_METHOD_NONE, "/health", &match), "");
    CU_ASSERT_NOT_EQUAL(match.allowed, 0);
    dm_router_free(router);
}

static void knows_no_path_by_another_spelling(void)
{
    static const char *const paths[] = {
        "",
        "/",
        "//",
        "things",
        "/api/v1",
        "/api/v1/",
        "/api/v1/things/",
        "/api/v1//things",
        "/api/v1/./things",
        "/api/v1/x/../things",
        "/api/v1/%74hings",
        "/api/v1/Things",
        "/api/v1/things/no-uuid",
        "/api/v1/things/" ID "0",
        "/api/v1/things/" ID "/",
        "/api/v1/things/" ID "/parts",
        "/api/v1/health",
        "/things",
    };
    struct dm_router *router = make_router();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct dm_match match;
        CU_ASSERT_STRING_EQUAL(find(router, DM_GET, paths[i], &match), "");
        CU_ASSERT_EQUAL(match.allowed, 0);
    }
    dm_router_free(router);
}

CU_TestInfo *dm_route_suite(void)
{
    static CU_TestInfo tests[] = {
        {"accepts a good row", accepts_a_good_row},
        {"refuses rows that leave access open", refuses_rows_that_leave_access_open},
        {"refuses rows that make no sense", refuses_rows_that_make_no_sense},
        {"refuses a defective shape", refuses_a_defective_shape},
        {"refuses two of one kind", refuses_two_of_one_kind},
        {"finds rows by path and method", finds_rows_by_path_and_method},
        {"tells what a known path allows", tells_what_a_known_path_allows},
        {"knows no path by another spelling", knows_no_path_by_another_spelling},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

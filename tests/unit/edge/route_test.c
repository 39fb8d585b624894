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

static const struct dm_version first[] = {{.major = 1, .released_s = 1}};

static enum dm_result make(const struct dm_route *rows, size_t n, struct dm_err *err)
{
    const struct dm_routes routes = {rows, n};
    const struct dm_routes *const all[] = {&routes};
    const struct dm_surface surface = {
        .resources = all, .n_resources = 1, .versions = first, .n_versions = 1};
    struct dm_router *router = NULL;
    enum dm_result result = dm_router_new(&surface, err, &router);
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
    refuse((struct dm_route){GOOD, .since = 2, .until = 1}, "before its first");
    refuse((struct dm_route){GOOD, .at_root = true, .since = 1}, "at the root is of no major");
    refuse((struct dm_route){GOOD, .since = 2}, "no major serves it");
    static const struct dm_deprecation dateless = {.notice = "/n"};
    static const struct dm_deprecation backwards = {.at_s = 2, .sunset_s = 1, .notice = "/n"};
    static const struct dm_deprecation unexplained = {.at_s = 2};
    refuse((struct dm_route){GOOD, .deprecated = &dateless}, "no date");
    refuse((struct dm_route){GOOD, .deprecated = &backwards}, "sunset comes before");
    refuse((struct dm_route){GOOD, .deprecated = &unexplained}, "explained nowhere");
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
/* v2 has a row of its own for one call, drops another, adds a third; all else is the same rows. */
static const struct dm_route two_majors[] = {
    {GOOD, .until = 1},
    {GOOD, .since = 2, .summary = "Get a thing anew"},
    {GOOD, .name = "thing.best", .path = "/things/best", .until = 1},
    {GOOD, .name = "thing.worst", .path = "/things/worst", .since = 2},
    {GOOD, .name = "thing.list", .path = "/things"},
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
    static const struct dm_surface surface = {
        .resources = all, .n_resources = 1, .versions = first, .n_versions = 1};
    struct dm_err err = {0};
    struct dm_router *router = NULL;
    CU_ASSERT_EQUAL_FATAL(dm_router_new(&surface, &err, &router), DM_OK);
    return router;
}

static const struct dm_version majors[] = {
    {.major = 1, .released_s = 1}, {.major = 2, .released_s = 2}, {.major = 3, .retired = true}};
static const struct dm_routes two_routes = DM_ROUTES(two_majors);
static const struct dm_routes *const two_all[] = {&two_routes};
#define SOON                                                                                       \
    {                                                                                              \
        .at_s = 1, .notice = "/n"                                                                  \
    }

static enum dm_result make_two(const struct dm_alias *aliases, size_t n, struct dm_router **ret,
                               struct dm_err *err)
{
    const struct dm_surface surface = {two_all, 1, majors, 3, aliases, n};
    return dm_router_new(&surface, err, ret);
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

static void serves_two_majors_from_one_table(void)
{
    struct dm_router *router = NULL;
    struct dm_match match;
    struct dm_err err = {0};
    CU_ASSERT_EQUAL_FATAL(make_two(NULL, 0, &router, &err), DM_OK);
    CU_ASSERT_EQUAL(dm_router_newest(router)->major, 2);
    CU_ASSERT_EQUAL(dm_router_count(router), 7);
    find(router, DM_GET, "/api/v1/things/" ID, &match);
    CU_ASSERT_PTR_EQUAL(match.route, &two_majors[0]);
    find(router, DM_GET, "/api/v2/things/" ID, &match);
    CU_ASSERT_PTR_EQUAL(match.route, &two_majors[1]);
    CU_ASSERT_EQUAL(dm_router_version(router, match.index)->major, 2);
    CU_ASSERT_STRING_EQUAL(dm_router_path(router, match.index), "/api/v2/things/{thingId}");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v1/things/best", &match), "thing.best");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v2/things/best", &match), "");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v1/things/worst", &match), "");
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v2/things/worst", &match), "thing.worst");
    find(router, DM_GET, "/api/v1/things", &match);
    CU_ASSERT_PTR_EQUAL(match.route, &two_majors[4]);
    find(router, DM_GET, "/api/v2/things", &match);
    CU_ASSERT_PTR_EQUAL(match.route, &two_majors[4]);
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/health", &match), "health");
    CU_ASSERT_PTR_NULL(dm_router_version(router, match.index));
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/api/v3/things", &match), "");
    dm_router_free(router);
}

static void finds_and_fills_a_row_by_name(void)
{
    const struct dm_str params[DM_PATH_PARAMS_MAX] = {DM_STR_INIT(ID)};
    const struct dm_str none[DM_PATH_PARAMS_MAX] = {{NULL, 0}};
    struct dm_arena *arena = dm_arena_new(1024, 4096);
    struct dm_router *router = NULL;
    struct dm_err err = {0};
    CU_ASSERT_EQUAL_FATAL(make_two(NULL, 0, &router, &err), DM_OK);
    size_t index = dm_router_find(router, 2, "thing.get");
    CU_ASSERT_PTR_EQUAL(dm_router_row(router, index), &two_majors[1]);
    CU_ASSERT_STR(dm_router_fill(router, index, params, arena), "/api/v2/things/" ID);
    CU_ASSERT_PTR_NULL(dm_router_fill(router, index, none, arena).p);
    CU_ASSERT_EQUAL(dm_router_find(router, 2, "thing.best"), DM_NO_ROW);
    CU_ASSERT_NOT_EQUAL(dm_router_find(router, 2, "health"), DM_NO_ROW);
    dm_router_free(router);
    dm_arena_free(arena);
}

static void an_alias_leads_to_all_below_its_successor(void)
{
    static const struct dm_alias aliases[] = {{"/old", "/api/v1/things", SOON},
                                              {"/api/older", "/api/v2/things", SOON}};
    struct dm_router *router = NULL;
    struct dm_match match;
    struct dm_err err = {0};
    CU_ASSERT_EQUAL_FATAL(make_two(aliases, 2, &router, &err), DM_OK);
    CU_ASSERT_STRING_EQUAL(find(router, DM_GET, "/old", &match), "thing.list");
    CU_ASSERT_PTR_EQUAL(match.alias, &aliases[0]);
    CU_ASSERT_STRING_EQUAL(dm_router_path(router, match.index), "/api/v1/things");
    find(router, DM_GET, "/old/" ID, &match);
    CU_ASSERT_PTR_EQUAL(match.route, &two_majors[0]);
    CU_ASSERT_STR(match.params[0], ID);
    find(router, DM_GET, "/api/older/" ID, &match);
    CU_ASSERT_PTR_EQUAL(match.route, &two_majors[1]);
    CU_ASSERT_STRING_EQUAL(find(router, DM_POST, "/old", &match), "");
    CU_ASSERT_NOT_EQUAL(match.allowed, 0);
    CU_ASSERT_PTR_EQUAL(match.alias, &aliases[0]);
    static const char *const unknown[] = {"/old/", "/older", "/old/nothing", "/api/v1/old", "/Old"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        CU_ASSERT_STRING_EQUAL(find(router, DM_GET, unknown[i], &match), "");
        CU_ASSERT_EQUAL(match.allowed, 0);
        CU_ASSERT_PTR_NULL(match.alias);
    }
    find(router, DM_GET, "/api/v1/things", &match);
    CU_ASSERT_PTR_NULL(match.alias);
    dm_router_free(router);
}

static void refuses_aliases_that_lead_astray(void)
{
    static const struct {
        struct dm_alias aliases[2];
        const char *words;
    } bad[] = {
        {{{"/old", "/api/v1/nothing", SOON}}, "no row stands"},
        {{{"/old/{id}", "/api/v1/things", SOON}}, "has parameters"},
        {{{"/health", "/api/v1/things", SOON}}, "stands at its path"},
        {{{"/api/v1", "/api/v2", SOON}}, "stands at its path"},
        {{{"/old", "/api/v1/things", {.at_s = 0}}}, "no date"},
        {{{"/old", "/api/v1/things", SOON}, {"/old", "/api/v2/things", SOON}},
         "stands at its path"},
        {{{"/old", "/api/v1/things", SOON}, {"/old/er", "/api/v2/things", SOON}},
         "stands at its path"},
        {{{"/old", "/api/v1/things", SOON}, {"/new", "/old", SOON}}, "no row stands"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dm_router *router = NULL;
        struct dm_err err = {0};
        size_t n = bad[i].aliases[1].path ? 2 : 1;
        CU_ASSERT_EQUAL(make_two(bad[i].aliases, n, &router, &err), DM_E_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, bad[i].words));
    }
}

static void refuses_majors_that_make_no_sense(void)
{
    static const struct dm_version twice[] = {{.major = 1}, {.major = 1}};
    static const struct dm_version gone[] = {{.major = 1, .retired = true}};
    static const struct {
        const struct dm_version *versions;
        size_t n;
    } bad[] = {{twice, 2}, {gone, 1}, {twice, 0}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct dm_surface surface = {two_all, 1, bad[i].versions, bad[i].n, NULL, 0};
        struct dm_router *router = NULL;
        struct dm_err err = {0};
        CU_ASSERT_EQUAL(dm_router_new(&surface, &err, &router), DM_E_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "major"));
    }
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
        {"serves two majors from one table", serves_two_majors_from_one_table},
        {"finds and fills a row by name", finds_and_fills_a_row_by_name},
        {"an alias leads to all below its successor", an_alias_leads_to_all_below_its_successor},
        {"refuses aliases that lead astray", refuses_aliases_that_lead_astray},
        {"refuses majors that make no sense", refuses_majors_that_make_no_sense},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* What is deprecated says so with every answer; majors beside each other, and old paths, on the whole walk. */
#include "edge/deprecation.h"

#include "edge/call.h"
#include "unit/edge/edge_suites.h"
#include "unit/edge/loopback.h"
#include "unit/unit.h"

#define ID "01933f3a-7e2c-7aaa-8bbb-0123456789ab"

struct thing {
    struct dm_str id, name;
};
static const struct dm_field thing_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct thing, id),
     .read_only = true},
    {.name = "name",
     .kind = DM_STRING,
     .offset = offsetof(struct thing, name),
     .required = true,
     .min = 1,
     .max = 20},
};
static const struct dm_shape thing_shape = DM_SHAPE(struct thing, "Thing", thing_fields);

static enum dm_result serve_old(struct dm_call *call)
{
    *(struct thing *)call->out = (struct thing){.id = call->params[0], .name = DM_STR("old")};
    return DM_OK;
}

static enum dm_result serve_new(struct dm_call *call)
{
    *(struct thing *)call->out = (struct thing){.id = call->params[0], .name = DM_STR("new")};
    return DM_OK;
}

static enum dm_result serve_make(struct dm_call *call)
{
    *(struct thing *)call->out = *(struct thing *)call->in;
    dm_call_location(call, DM_STR(ID));
    return DM_OK;
}

/* As a row of old that had its parameter in the body. */
static enum dm_result serve_put(struct dm_call *call)
{
    *(struct thing *)call->out = *(struct thing *)call->in;
    call->params[0] = DM_STR(ID);
    dm_call_location_below(call, "part.make", DM_STR("7"));
    return DM_OK;
}

static const struct dm_deprecation part_end = {.at_s = 1700000000, .notice = "/notice"};
static const struct dm_deprecation put_end = {
    .at_s = 1700000000, .sunset_s = 1800000000, .successor = "part.make", .notice = "/notice"};
static const struct dm_deprecation major_end = {
    .at_s = 1750000000, .sunset_s = 1850000000, .notice = "/majors"};

#define OPEN .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .summary = "For tests"
#define READ .method = DM_GET, OPEN, .response = &thing_shape, .status = 200
#define MAKE                                                                                       \
    .method = DM_POST, OPEN, .request = &thing_shape, .response = &thing_shape, .status = 201

static const struct dm_route table[] = {
    {.name = "thing.get", READ, .path = "/things/{thingId}", .until = 1, .serve = serve_old},
    {.name = "thing.get", READ, .path = "/things/{thingId}", .since = 2, .serve = serve_new},
    {.name = "thing.make", MAKE, .path = "/things", .serve = serve_make},
    {.name = "thing.gone", READ, .path = "/gone", .until = 1, .serve = serve_old},
    {.name = "part.list", READ, .path = "/parts", .deprecated = &part_end, .serve = serve_old},
    {.name = "part.make", MAKE, .path = "/things/{thingId}/parts", .serve = serve_make},
    {.name = "put",
     MAKE,
     .path = "/put",
     .at_root = true,
     .deprecated = &put_end,
     .serve = serve_put},
};
static const struct dm_routes routes = DM_ROUTES(table);
static const struct dm_routes *const all[] = {&routes};
static const struct dm_version majors[] = {
    {.major = 1, .released_s = 1, .deprecated = &major_end},
    {.major = 2, .released_s = 2},
};
static const struct dm_alias aliases[] = {
    {"/old", "/api/v2/things", {.at_s = 1784111777, .sunset_s = 1884111777, .notice = "/notice"}},
};
static const struct dm_surface surface = {all, 1, majors, 2, aliases, 1};

static struct dm_loopback lb;

static void begin(void)
{
    lb.rows = NULL;
    dm_loopback_open_surface(&lb, &surface);
}

static void end(void)
{
    dm_loopback_close(&lb);
}

static int ask(enum dm_method method, const char *path, const char *json)
{
    return dm_loopback_send(&lb, (struct dm_request){.method = method,
                                                     .path = dm_str_from(path),
                                                     .content_type = DM_STR("application/json"),
                                                     .body = dm_str_from(json)})
        ->status;
}

static bool told(const char *deprecation, const char *sunset, const char *link)
{
    return dm_str_eq(dm_loopback_header(&lb, "Deprecation"), dm_str_from(deprecation)) &&
           dm_str_eq(dm_loopback_header(&lb, "Sunset"), dm_str_from(sunset)) &&
           dm_str_eq(dm_loopback_header(&lb, "Link"), dm_str_from(link));
}

static void majors_stand_beside_each_other(void)
{
    begin();
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/things/" ID, NULL), 200);
    CU_ASSERT_STR(dm_loopback_body(&lb), "{\"id\":\"" ID "\",\"name\":\"old\"}");
    CU_ASSERT_STR(dm_loopback_header(&lb, "API-Version"), "1");
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v2/things/" ID, NULL), 200);
    CU_ASSERT_STR(dm_loopback_body(&lb), "{\"id\":\"" ID "\",\"name\":\"new\"}");
    CU_ASSERT_STR(dm_loopback_header(&lb, "API-Version"), "2");
    CU_ASSERT_TRUE(told(NULL, NULL, NULL));
    CU_ASSERT_EQUAL(ask(DM_POST, "/api/v1/things", "{\"name\":\"a\"}"), 201);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Location"), "/api/v1/things/" ID);
    CU_ASSERT_EQUAL(ask(DM_POST, "/api/v2/things", "{\"name\":\"a\"}"), 201);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Location"), "/api/v2/things/" ID);
    CU_ASSERT_EQUAL(ask(DM_GET, "/nowhere", NULL), 404);
    CU_ASSERT_STR(dm_loopback_header(&lb, "API-Version"), "2");
    end();
}

static void an_old_major_names_the_same_call_of_the_newest(void)
{
    begin();
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/things/" ID, NULL), 200);
    CU_ASSERT_TRUE(told("@1750000000", "Wed, 16 Aug 2028 00:53:20 GMT",
                        "</api/v2/things/" ID ">; rel=\"successor-version\", "
                        "</majors>; rel=\"deprecation\""));
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/gone", NULL), 200);
    CU_ASSERT_TRUE(
        told("@1750000000", "Wed, 16 Aug 2028 00:53:20 GMT", "</majors>; rel=\"deprecation\""));
    end();
}

static void a_row_tells_its_own_end(void)
{
    begin();
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v2/parts", NULL), 200);
    CU_ASSERT_TRUE(told("@1700000000", NULL, "</notice>; rel=\"deprecation\""));
    /* Its own word goes before the major's. */
    CU_ASSERT_EQUAL(ask(DM_GET, "/api/v1/parts", NULL), 200);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Deprecation"), "@1700000000");
    end();
}

static void refusals_tell_it_too(void)
{
    begin();
    CU_ASSERT_EQUAL(ask(DM_POST, "/put", "{}"), 422);
    CU_ASSERT_TRUE(
        told("@1700000000", "Fri, 15 Jan 2027 08:00:00 GMT", "</notice>; rel=\"deprecation\""));
    CU_ASSERT_EQUAL(ask(DM_POST, "/old/" ID, "{}"), 405);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Deprecation"), "@1784111777");
    CU_ASSERT_EQUAL(ask(DM_GET, "/old/nothing", NULL), 404);
    CU_ASSERT_TRUE(told(NULL, NULL, NULL));
    end();
}

static void a_successor_is_named_once_its_path_is_known(void)
{
    begin();
    CU_ASSERT_EQUAL(ask(DM_POST, "/put", "{\"name\":\"a\"}"), 201);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Location"), "/api/v2/things/" ID "/parts/7");
    CU_ASSERT_STR(dm_loopback_header(&lb, "Link"), "</api/v2/things/" ID "/parts>; "
                                                   "rel=\"successor-version\", "
                                                   "</notice>; rel=\"deprecation\"");
    end();
}

static void an_alias_answers_as_its_successor(void)
{
    begin();
    CU_ASSERT_EQUAL(ask(DM_GET, "/old/" ID, NULL), 200);
    CU_ASSERT_STR(dm_loopback_body(&lb), "{\"id\":\"" ID "\",\"name\":\"new\"}");
    CU_ASSERT_STR(dm_loopback_header(&lb, "API-Version"), "2");
    CU_ASSERT_TRUE(told("@1784111777", "Fri, 14 Sep 2029 20:22:57 GMT",
                        "</api/v2/things/" ID ">; rel=\"successor-version\", "
                        "</notice>; rel=\"deprecation\""));
    CU_ASSERT_EQUAL(ask(DM_POST, "/old", "{\"name\":\"a\"}"), 201);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Location"), "/api/v2/things/" ID);
    CU_ASSERT_TRUE(dm_str_starts(dm_loopback_header(&lb, "Link"), DM_STR("</api/v2/things>;")));
    end();
}

static void what_is_deprecated_is_counted(void)
{
    struct dm_buf out;
    begin();
    ask(DM_GET, "/old/" ID, NULL);
    ask(DM_GET, "/api/v1/things/" ID, NULL);
    ask(DM_GET, "/api/v2/things/" ID, NULL);
    dm_buf_init(&out, NULL, 1 << 20);
    dm_metrics_print(lb.metrics, &out);
    dm_buf_add_char(&out, '\0');
    static const char *const lines[] = {
        "digitalme_http_deprecated_total{path=\"/old\",method=\"any\"} 1\n",
        "digitalme_http_deprecated_total{path=\"/api/v1/things/{thingId}\",method=\"GET\"} 1\n",
        "digitalme_http_requests_total{route=\"thing.get\",method=\"GET\",status=\"2xx\"} 3\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(out.p, lines[i]));
    dm_buf_done(&out);
    end();
}

CU_TestInfo *dm_deprecation_suite(void)
{
    static CU_TestInfo tests[] = {
        {"majors stand beside each other", majors_stand_beside_each_other},
        {"an old major names the same call of the newest",
         an_old_major_names_the_same_call_of_the_newest},
        {"a row tells its own end", a_row_tells_its_own_end},
        {"refusals tell it too", refusals_tell_it_too},
        {"a successor is named once its path is known",
         a_successor_is_named_once_its_path_is_known},
        {"an alias answers as its successor", an_alias_answers_as_its_successor},
        {"what is deprecated is counted", what_is_deprecated_is_counted},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

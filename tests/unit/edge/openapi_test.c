/* The OpenAPI document: valid JSON, the same each time, and every row and shape in it. */
#include "edge/openapi.h"

#include "base/json_text.h"
#include "edge/page.h"
#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

struct inner {
    struct dm_str word;
};
struct thing {
    struct dm_str id, name;
    struct inner *inner;
    struct dm_list inners;
};

static const struct dm_field inner_fields[] = {
    {.name = "word", .kind = DM_STRING, .offset = offsetof(struct inner, word), .required = true},
};
static const struct dm_shape inner_shape = DM_SHAPE(struct inner, "Inner", inner_fields);
static const struct dm_field thing_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .offset = offsetof(struct thing, id),
     .format = DM_UUID,
     .read_only = true},
    {.name = "name",
     .kind = DM_STRING,
     .offset = offsetof(struct thing, name),
     .required = true,
     .min = 1,
     .max = 9,
     .text = "What it is called",
     .unit = "words"},
    {.name = "inner",
     .kind = DM_OBJECT,
     .offset = offsetof(struct thing, inner),
     .shape = &inner_shape},
    {.name = "inners",
     .kind = DM_ARRAY,
     .offset = offsetof(struct thing, inners),
     .shape = &inner_shape},
};
static const struct dm_shape thing_shape = DM_SHAPE(struct thing, "Thing", thing_fields);
static const struct dm_field page_fields[] = DM_PAGE_FIELDS(&thing_shape);
static const struct dm_shape page_shape = DM_SHAPE(struct dm_page, "ThingPage", page_fields);

static enum dm_result serve(struct dm_call *call)
{
    (void)call;
    return DM_OK;
}

static const struct dm_route rows[] = {
    {.name = "thing.list",
     .method = DM_GET,
     .path = "/things",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &page_shape,
     .status = 200,
     .summary = "List things",
     .serve = serve},
    {.name = "thing.create",
     .method = DM_POST,
     .path = "/things",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &thing_shape,
     .response = &thing_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Create a thing",
     .serve = serve},
    {.name = "thing.get",
     .method = DM_GET,
     .path = "/things/{thingId}",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_READ,
     .response = &thing_shape,
     .status = 200,
     .summary = "Read a thing",
     .serve = serve},
    {.name = "thing.patch",
     .method = DM_PATCH,
     .path = "/things/{thingId}",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .request = &thing_shape,
     .response = &thing_shape,
     .status = 200,
     .merge_patch = true,
     .if_match = true,
     .summary = "Change a thing",
     .serve = serve},
    {.name = "thing.delete",
     .method = DM_DELETE,
     .path = "/things/{thingId}",
     .auth = DM_AUTH_ADMIN,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "Delete a thing",
     .serve = serve},
    {.name = "health.live",
     .method = DM_GET,
     .path = "/health/live",
     .at_root = true,
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_NONE,
     .media = "text/plain; charset=utf-8",
     .status = 200,
     .summary = "Alive?",
     .serve = serve},
};
static const struct dm_routes things = DM_ROUTES(rows);

static struct dm_router *router_of(const struct dm_routes *routes)
{
    struct dm_router *router = NULL;
    struct dm_err err = {0};
    static const struct dm_version first = {.major = 1, .released_s = 1};
    const struct dm_surface surface = {
        .resources = &routes, .n_resources = 1, .versions = &first, .n_versions = 1};
    if (dm_router_new(&surface, &err, &router) != DM_OK)
        fprintf(stderr, "\n%s\n", err.detail);
    CU_ASSERT_PTR_NOT_NULL_FATAL(router);
    return router;
}

/* The document as text that the caller frees with dm_buf_done. */
static struct dm_buf printed(void)
{
    struct dm_router *router = router_of(&things);
    struct dm_buf out;
    dm_buf_init(&out, NULL, 1 << 20);
    CU_ASSERT_EQUAL_FATAL(dm_openapi_print(router, 1, "1.2.3", &out), DM_OK);
    dm_router_free(router);
    return out;
}

static size_t count(const struct dm_buf *text, const char *part)
{
    size_t n = 0;
    const char *at = text->p;
    size_t left = text->n;
    const char *hit;
    while ((hit = memmem(at, left, part, strlen(part))) != NULL) {
        n++;
        left -= (size_t)(hit + 1 - at);
        at = hit + 1;
    }
    return n;
}

static void test_it_is_json_and_always_the_same(void)
{
    struct dm_buf first = printed();
    struct dm_buf second = printed();
    struct dm_err err;
    CU_ASSERT_EQUAL(
        dm_json_text_check(dm_buf_str(&first), (struct dm_json_limits){1 << 20, 20}, &err), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(dm_buf_str(&first), dm_buf_str(&second)));
    dm_buf_done(&first);
    dm_buf_done(&second);
}

static void test_it_is_indented_by_two(void)
{
    struct dm_buf text = printed();
    CU_ASSERT_TRUE(dm_str_starts(
        dm_buf_str(&text), DM_STR("{\n  \"openapi\": \"3.1.0\",\n  \"info\": {\n    \"title\"")));
    CU_ASSERT_EQUAL(text.p[text.n - 1], '\n');
    CU_ASSERT_EQUAL(text.p[text.n - 2], '}');
    CU_ASSERT_EQUAL(count(&text, " \n"), 0);
    /* Empty lists stay in one piece. */
    CU_ASSERT_EQUAL(count(&text, "\"security\": []"), 1);
    dm_buf_done(&text);
}

static void test_every_row_is_there_below_its_path(void)
{
    struct dm_buf text = printed();
    for (size_t i = 0; i < things.n_rows; i++) {
        char id[60];
        snprintf(id, sizeof(id), "\"operationId\": \"%s\"", rows[i].name);
        CU_ASSERT_EQUAL(count(&text, id), 1);
    }
    CU_ASSERT_EQUAL(count(&text, "\n    \"/api/v1/things\": {"), 1);
    CU_ASSERT_EQUAL(count(&text, "\n    \"/api/v1/things/{thingId}\": {"), 1);
    CU_ASSERT_EQUAL(count(&text, "\n    \"/health/live\": {"), 1);
    CU_ASSERT_EQUAL(count(&text, "\n      \"patch\": {"), 1);
    CU_ASSERT_EQUAL(count(&text, "\"name\": \"thingId\""), 3);
    CU_ASSERT_EQUAL(count(&text, "\"name\": \"cursor\""), 1);
    CU_ASSERT_EQUAL(count(&text, "#/components/parameters/IdempotencyKey\""), 1);
    CU_ASSERT_EQUAL(count(&text, "#/components/parameters/IfMatch\""), 1);
    CU_ASSERT_EQUAL(count(&text, "\"application/merge-patch+json\""), 1);
    CU_ASSERT_EQUAL(count(&text, "\"text/plain\""), 1);
    CU_ASSERT_EQUAL(count(&text, "#/components/headers/Location\""), 1);
    dm_buf_done(&text);
}

static void test_a_versioned_entity_is_read_with_its_version(void)
{
    struct dm_buf text = printed();
    CU_ASSERT_EQUAL(count(&text, "#/components/parameters/IfNoneMatch\""), 1);
    CU_ASSERT_EQUAL(count(&text, "\n          \"304\": {"), 1);
    /* Of the reads' 200 and 304, and of the change's 200. */
    CU_ASSERT_EQUAL(count(&text, "#/components/headers/ETag\""), 3);
    dm_buf_done(&text);
}

static void test_the_fields_of_every_answer_are_told(void)
{
    struct dm_buf text = printed();
    size_t answers = count(&text, "#/components/headers/CorrelationId\"");
    CU_ASSERT_TRUE(answers > things.n_rows);
    CU_ASSERT_EQUAL(count(&text, "#/components/headers/ApiVersion\""), answers);
    CU_ASSERT_EQUAL(count(&text, "#/components/headers/InstanceId\""), answers);
    CU_ASSERT_EQUAL(count(&text, "#/components/headers/WwwAuthenticate\""), 1);
    CU_ASSERT_EQUAL(count(&text, "#/components/headers/RateLimitReset\""),
                    count(&text, "#/components/headers/RateLimit\""));
    dm_buf_done(&text);
}

static void test_each_schema_is_there_once(void)
{
    struct dm_buf text = printed();
    static const char *const names[] = {"Inner", "InnerPatch", "Problem",    "ProblemError",
                                        "Thing", "ThingPage",  "ThingWrite", "ThingWritePatch"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char head[60];
        snprintf(head, sizeof(head), "\n      \"%s\": {\n        \"type\"", names[i]);
        CU_ASSERT_EQUAL(count(&text, head), 1);
    }
    CU_ASSERT_EQUAL(count(&text, "\"PageQuery\""), 0);
    CU_ASSERT_EQUAL(count(&text, "What it is called (words)"), 3);
    dm_buf_done(&text);
}

static void test_a_reply_of_two_forms_says_both(void)
{
    struct dm_route row[] = {rows[2]};
    row[0].response_or = &inner_shape;
    const struct dm_routes routes = DM_ROUTES(row);
    struct dm_router *router = router_of(&routes);
    struct dm_buf text;
    dm_buf_init(&text, NULL, 1 << 20);
    CU_ASSERT_EQUAL_FATAL(dm_openapi_print(router, 1, "1", &text), DM_OK);
    CU_ASSERT_EQUAL(count(&text, "\"oneOf\": [\n                    {\n"
                                 "                      \"$ref\": \"#/components/schemas/Thing\"\n"
                                 "                    },\n                    {\n"
                                 "                      \"$ref\": \"#/components/schemas/Inner\"\n"
                                 "                    }\n                  ]"),
                    1);
    CU_ASSERT_EQUAL(count(&text, "\n      \"Inner\": {"), 1);
    dm_buf_done(&text);
    dm_router_free(router);
}

/* A row that v2 has anew, one that only v1 has, one that is deprecated; v1 as a whole is not. */
static void test_each_major_has_its_document(void)
{
    static const struct dm_deprecation end = {.at_s = 1, .sunset_s = 2, .notice = "/notice"};
    static const struct dm_version majors[] = {{.major = 1, .released_s = 1},
                                               {.major = 2, .released_s = 2}};
    static const struct dm_alias aliases[] = {{"/things", "/api/v1/things", {1, 0, NULL, "/n"}}};
    struct dm_route mine[] = {rows[0], rows[0], rows[2], rows[5]};
    mine[0].until = 1;
    mine[0].deprecated = &end;
    mine[1].since = 2;
    mine[1].summary = "List things anew";
    const struct dm_routes routes = DM_ROUTES(mine);
    const struct dm_routes *const all[] = {&routes};
    const struct dm_surface surface = {all, 1, majors, 2, aliases, 1};
    struct dm_router *router = NULL;
    struct dm_err err = {0};
    struct dm_buf one, two;
    CU_ASSERT_EQUAL_FATAL(dm_router_new(&surface, &err, &router), DM_OK);
    dm_buf_init(&one, NULL, 1 << 20);
    dm_buf_init(&two, NULL, 1 << 20);
    CU_ASSERT_EQUAL(dm_openapi_print(router, 1, "1", &one), DM_OK);
    CU_ASSERT_EQUAL(dm_openapi_print(router, 2, "1", &two), DM_OK);
    CU_ASSERT_EQUAL(count(&one, "\"operationId\""), 3);
    CU_ASSERT_EQUAL(count(&two, "\"operationId\""), 3);
    CU_ASSERT_EQUAL(count(&one, "List things anew"), 0);
    CU_ASSERT_EQUAL(count(&two, "List things anew"), 1);
    CU_ASSERT_EQUAL(count(&one, "/api/v2"), 0);
    CU_ASSERT_EQUAL(count(&two, "\n    \"/api/v2/things/{thingId}\": {"), 1);
    CU_ASSERT_EQUAL(count(&two, "\n    \"/health/live\": {"), 1);
    CU_ASSERT_EQUAL(count(&one, "\"deprecated\": true"), 1);
    CU_ASSERT_EQUAL(count(&one, "#/components/headers/Sunset\""), 1);
    CU_ASSERT_EQUAL(count(&two, "\"deprecated\": true"), 0);
    CU_ASSERT_EQUAL(count(&two, "#/components/headers/Deprecation\""), 0);
    CU_ASSERT_EQUAL(count(&one, "\"path\": \"/things\",\n      \"successor\": "
                                "\"/api/v1/things\",\n      \"deprecatedAt\": "
                                "\"1970-01-01T00:00:01.000Z\"\n"),
                    1);
    dm_buf_done(&one);
    dm_buf_done(&two);
    dm_router_free(router);
}

static void test_two_shapes_of_one_name_are_refused(void)
{
    static const struct dm_shape other = DM_SHAPE(struct inner, "Thing", inner_fields);
    struct dm_route pair[] = {rows[0], rows[1]};
    pair[0].response = &other;
    const struct dm_routes routes = DM_ROUTES(pair);
    struct dm_router *router = router_of(&routes);
    struct dm_buf out;
    dm_buf_init(&out, NULL, 1 << 20);
    CU_ASSERT_EQUAL(dm_openapi_print(router, 1, "1", &out), DM_E_INVALID);
    CU_ASSERT_EQUAL(out.n, 0);
    dm_buf_done(&out);
    dm_router_free(router);
}

static void test_a_small_buffer_is_nomem(void)
{
    struct dm_router *router = router_of(&things);
    struct dm_buf out;
    dm_buf_init(&out, NULL, 1000);
    CU_ASSERT_EQUAL(dm_openapi_print(router, 1, "1", &out), DM_E_NOMEM);
    dm_buf_done(&out);
    dm_router_free(router);
}

CU_TestInfo *dm_openapi_suite(void)
{
    static CU_TestInfo tests[] = {
        {"it is JSON and always the same", test_it_is_json_and_always_the_same},
        {"it is indented by two", test_it_is_indented_by_two},
        {"every row is there below its path", test_every_row_is_there_below_its_path},
        {"a versioned entity is read with its version",
         test_a_versioned_entity_is_read_with_its_version},
        {"the fields of every answer are told", test_the_fields_of_every_answer_are_told},
        {"each schema is there once", test_each_schema_is_there_once},
        {"a reply of two forms says both", test_a_reply_of_two_forms_says_both},
        {"each major has its document", test_each_major_has_its_document},
        {"two shapes of one name are refused", test_two_shapes_of_one_name_are_refused},
        {"a small buffer is nomem", test_a_small_buffer_is_nomem},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

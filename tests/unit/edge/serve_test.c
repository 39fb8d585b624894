/* The walk: what each stage lets through and refuses, and what every reply carries. */
#include "edge/serve.h"

#include <unistd.h>

#include "domain/token.h"
#include "edge/call.h"
#include "unit/edge/edge_suites.h"
#include "unit/edge/loopback.h"
#include "unit/unit.h"

#define ID "01933f3a-7e2c-7aaa-8bbb-0123456789ab"
#define UPPER_ID "01933F3A-7E2C-7AAA-8BBB-0123456789AB"

struct thing {
    struct dm_str id, name;
};
static const struct dm_field thing_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct thing, id),
     .read_only = true,
     .text = "its id"},
    {.name = "name",
     .kind = DM_STRING,
     .offset = offsetof(struct thing, name),
     .required = true,
     .min = 1,
     .max = 20,
     .text = "its name"},
};
static const struct dm_shape thing_shape = DM_SHAPE(struct thing, "Thing", thing_fields);

static enum dm_result serve_get(struct dm_call *call)
{
    struct thing *out = call->out;
    *out = (struct thing){.id = call->params[0], .name = DM_STR("lamp")};
    dm_call_etag(call, 7);
    return DM_OK;
}

static enum dm_result serve_make(struct dm_call *call)
{
    struct thing *out = call->out;
    *out = *(struct thing *)call->in;
    out->id = call->new_id;
    dm_call_location(call, out->id);
    return DM_OK;
}

static enum dm_result serve_patch(struct dm_call *call)
{
    const struct thing current = {.id = call->params[0], .name = DM_STR("lamp")};
    struct dm_opt_int version;
    void *merged = NULL;
    enum dm_result result = dm_call_if_match(call, &version);
    if (result == DM_OK && version.set && version.v != 7)
        result = dm_err_set(&call->ctx.err, DM_E_STALE, "changed since");
    if (result == DM_OK)
        result = dm_call_merge(call, &current, &merged);
    if (result == DM_OK)
        *(struct thing *)call->out = *(struct thing *)merged;
    return result;
}

static enum dm_result serve_nothing(struct dm_call *call)
{
    (void)call;
    return DM_OK;
}

static enum dm_result serve_failure(struct dm_call *call)
{
    dm_response_header(call->response, "ETag", DM_STR("\"1\""));
    dm_buf_add_c(&call->response->body, "half a reply");
    return dm_err_set(&call->ctx.err, DM_E_INTERNAL, "relation \"secret\" does not exist");
}

#define OPEN .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .summary = "For tests"
struct other {
    struct dm_opt_bool different;
};
static const struct dm_field other_fields[] = {
    {.name = "different",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct other, different),
     .required = true},
};
static const struct dm_shape other_shape = DM_SHAPE(struct other, "Other", other_fields);

/* Which of the two it answers. */
static bool answers_other;

static enum dm_result serve_either(struct dm_call *call)
{
    if (!answers_other)
        return serve_get(call);
    struct other *out = dm_call_out_or(call);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    out->different = (struct dm_opt_bool){.set = true, .v = true};
    return DM_OK;
}

static const struct dm_route table[] = {
    {.name = "thing.get",
     .method = DM_GET,
     .path = "/things/{thingId}",
     OPEN,
     .response = &thing_shape,
     .status = 200,
     .serve = serve_get},
    {.name = "thing.make",
     .method = DM_POST,
     .path = "/things",
     OPEN,
     .request = &thing_shape,
     .response = &thing_shape,
     .status = 201,
     .idempotent_key = true,
     .serve = serve_make},
    {.name = "thing.patch",
     .method = DM_PATCH,
     .path = "/things/{thingId}",
     OPEN,
     .request = &thing_shape,
     .merge_patch = true,
     .response = &thing_shape,
     .status = 200,
     .serve = serve_patch},
    {.name = "thing.drop",
     .method = DM_DELETE,
     .path = "/things/{thingId}",
     OPEN,
     .status = 204,
     .serve = serve_nothing},
    {.name = "either",
     .method = DM_GET,
     .path = "/either",
     OPEN,
     .response = &thing_shape,
     .response_or = &other_shape,
     .status = 200,
     .serve = serve_either},
    {.name = "failure",
     .method = DM_GET,
     .path = "/failure",
     OPEN,
     .response = &thing_shape,
     .status = 200,
     .serve = serve_failure},
    {.name = "own",
     .method = DM_GET,
     .path = "/own",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_READ,
     .limit = DM_LIMIT_READ,
     .summary = "For tests",
     .status = 202,
     .serve = serve_nothing},
    {.name = "inside",
     .method = DM_GET,
     .path = "/inside",
     .at_root = true,
     .auth = DM_AUTH_LOOPBACK,
     .limit = DM_LIMIT_NONE,
     .summary = "For tests",
     .status = 202,
     .serve = serve_nothing},
};
static const struct dm_routes routes = DM_ROUTES(table);

static struct dm_loopback lb;

static void begin(void)
{
    dm_loopback_open(&lb, &routes);
}

static void end(void)
{
    dm_loopback_close(&lb);
}

static int get(const char *path)
{
    return dm_loopback_send(&lb, (struct dm_request){.method = DM_GET, .path = dm_str_from(path)})
        ->status;
}

static bool body_has(const char *text)
{
    struct dm_str body = dm_loopback_body(&lb);
    return body.n > 0 && memmem(body.p, body.n, text, strlen(text)) != NULL;
}

static int post(const char *json)
{
    struct dm_request request = {.method = DM_POST,
                                 .path = DM_STR("/api/v1/things"),
                                 .content_type = DM_STR("application/json"),
                                 .body = dm_str_from(json)};
    return dm_loopback_send(&lb, request)->status;
}

static void answers_a_read(void)
{
    begin();
    CU_ASSERT_EQUAL(get("/api/v1/things/" UPPER_ID), 200);
    CU_ASSERT_STR(dm_loopback_body(&lb), "{\"id\":\"" ID "\",\"name\":\"lamp\"}");
    CU_ASSERT_STR(dm_loopback_header(&lb, "Content-Type"), "application/json");
    CU_ASSERT_STR(dm_loopback_header(&lb, "Content-Length"), "59");
    CU_ASSERT_STR(dm_loopback_header(&lb, "ETag"), "\"7\"");
    CU_ASSERT_STR(dm_loopback_header(&lb, "API-Version"), "1");
    CU_ASSERT_STR(dm_loopback_header(&lb, "X-Instance-Id"), "here");
    CU_ASSERT_STR(dm_loopback_header(&lb, "Cache-Control"), "no-store");
    CU_ASSERT_EQUAL(dm_loopback_header(&lb, "X-Correlation-Id").n, 36);
    end();
}

static void answers_either_of_two_bodies(void)
{
    begin();
    answers_other = false;
    CU_ASSERT_EQUAL(get("/api/v1/either"), 200);
    CU_ASSERT_TRUE(body_has("\"name\":\"lamp\""));
    answers_other = true;
    CU_ASSERT_EQUAL(get("/api/v1/either"), 200);
    CU_ASSERT_STR(dm_loopback_body(&lb), "{\"different\":true}");
    end();
}

static void answers_a_creation(void)
{
    begin();
    CU_ASSERT_EQUAL(post("{\"name\":\"chair\"}"), 201);
    CU_ASSERT_TRUE(body_has("\"name\":\"chair\""));
    CU_ASSERT_TRUE(dm_str_starts(dm_loopback_header(&lb, "Location"), DM_STR("/api/v1/things/0")));
    end();
}

static void answers_head_as_get_without_body(void)
{
    begin();
    const struct dm_response *response = dm_loopback_send(
        &lb, (struct dm_request){.method = DM_HEAD, .path = DM_STR("/api/v1/things/" ID)});
    CU_ASSERT_EQUAL(response->status, 200);
    CU_ASSERT_EQUAL(response->body.n, 0);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Content-Length"), "59");
    end();
}

static void answers_not_modified(void)
{
    begin();
    struct dm_request request = {.method = DM_GET,
                                 .path = DM_STR("/api/v1/things/" ID),
                                 .if_none_match = DM_STR("\"6\", W/\"7\"")};
    const struct dm_response *response = dm_loopback_send(&lb, request);
    CU_ASSERT_EQUAL(response->status, 304);
    CU_ASSERT_EQUAL(response->body.n, 0);
    request.if_none_match = DM_STR("\"6\"");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 200);
    end();
}

static void keeps_a_sound_correlation_id(void)
{
    begin();
    struct dm_request request = {
        .method = DM_GET, .path = DM_STR("/nowhere"), .correlation_id = DM_STR("a.B-9_z")};
    dm_loopback_send(&lb, request);
    CU_ASSERT_STR(dm_loopback_header(&lb, "X-Correlation-Id"), "a.B-9_z");
    CU_ASSERT_TRUE(body_has("\"correlationId\":\"a.B-9_z\""));
    request.correlation_id = DM_STR("a b");
    dm_loopback_send(&lb, request);
    CU_ASSERT_EQUAL(dm_loopback_header(&lb, "X-Correlation-Id").n, 36);
    end();
}

static void tells_unknown_path_from_unknown_method(void)
{
    begin();
    CU_ASSERT_EQUAL(get("/api/v1/nothing"), 404);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Content-Type"), "application/problem+json");
    CU_ASSERT_EQUAL(get("/api/v1/things"), 405);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Allow"), "POST, OPTIONS");
    struct dm_request options = {.method = DM_OPTIONS, .path = DM_STR("/api/v1/things/" ID)};
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, options)->status, 204);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Allow"), "GET, PATCH, DELETE, OPTIONS, HEAD");
    options.path = DM_STR("/api/v1/nothing");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, options)->status, 404);
    end();
}

static void refuses_bodies_that_are_none(void)
{
    begin();
    CU_ASSERT_EQUAL(post(NULL), 400);
    CU_ASSERT_TRUE(body_has("a JSON body is due"));
    CU_ASSERT_EQUAL(post("{\"name\":"), 400);
    CU_ASSERT_EQUAL(post("{\"name\":\"a\",\"name\":\"b\"}"), 400);
    CU_ASSERT_EQUAL(post("{\"name\":\"\",\"colour\":1}"), 422);
    CU_ASSERT_TRUE(body_has("\"/name\""));
    CU_ASSERT_TRUE(body_has("\"/colour\""));
    end();
}

static void refuses_bodies_by_their_frame(void)
{
    begin();
    struct dm_request request = {
        .method = DM_POST, .path = DM_STR("/api/v1/things"), .body = DM_STR("{\"name\":\"a\"}")};
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 415);
    request.content_type = DM_STR("text/plain");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 415);
    request.content_type = DM_STR("application/json");
    request.body_truncated = true;
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 400);
    request.body_truncated = false;
    request.body = (struct dm_str){NULL, 0};
    request.body_too_big = true;
    request.content_length = 1 << 20;
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 413);
    request = (struct dm_request){
        .method = DM_GET, .path = DM_STR("/api/v1/things/" ID), .body = DM_STR("{}")};
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 400);
    CU_ASSERT_TRUE(body_has("takes no body"));
    end();
}

static void refuses_a_query_that_is_not_asked_for(void)
{
    begin();
    struct dm_request request = {
        .method = DM_GET, .path = DM_STR("/api/v1/things/" ID), .query = DM_STR("x=1")};
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 422);
    request.query = DM_STR("");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 200);
    end();
}

static void refuses_who_accepts_no_json(void)
{
    begin();
    struct dm_request request = {
        .method = DM_GET, .path = DM_STR("/api/v1/things/" ID), .accept = DM_STR("text/html")};
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 406);
    end();
}

static int patch(const char *json, const char *if_match)
{
    struct dm_request request = {.method = DM_PATCH,
                                 .path = DM_STR("/api/v1/things/" ID),
                                 .content_type = DM_STR("application/merge-patch+json"),
                                 .if_match = dm_str_from(if_match),
                                 .body = dm_str_from(json)};
    return dm_loopback_send(&lb, request)->status;
}

static void merges_patches_under_if_match(void)
{
    begin();
    CU_ASSERT_EQUAL(patch("{\"name\":\"desk\"}", NULL), 200);
    CU_ASSERT_TRUE(body_has("\"name\":\"desk\""));
    CU_ASSERT_EQUAL(patch("{}", "\"7\""), 200);
    CU_ASSERT_EQUAL(patch("{}", "*"), 200);
    CU_ASSERT_EQUAL(patch("{}", "\"6\""), 412);
    CU_ASSERT_EQUAL(patch("{}", "W/\"7\""), 412);
    CU_ASSERT_EQUAL(patch("{}", "\"abc\""), 412);
    CU_ASSERT_EQUAL(patch("{}", "7"), 422);
    CU_ASSERT_EQUAL(patch("{\"name\":null}", NULL), 422);
    CU_ASSERT_EQUAL(patch("{", NULL), 400);
    end();
}

static void tells_nothing_of_an_inner_failure(void)
{
    begin();
    CU_ASSERT_EQUAL(get("/api/v1/failure"), 500);
    CU_ASSERT_FALSE(body_has("does not exist"));
    CU_ASSERT_FALSE(body_has("half a reply"));
    CU_ASSERT_PTR_NULL(dm_loopback_header(&lb, "ETag").p);
    end();
}

static void asks_for_a_credential(void)
{
    begin();
    CU_ASSERT_EQUAL(get("/api/v1/own"), 401);
    CU_ASSERT_STR(dm_loopback_header(&lb, "WWW-Authenticate"), "Bearer");
    struct dm_request request = {.method = DM_GET, .path = DM_STR("/api/v1/own")};
    request.authorization = DM_STR("Basic dTpw");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 401);
    CU_ASSERT_STR(dm_loopback_header(&lb, "WWW-Authenticate"), "Bearer");
    request.authorization = DM_STR("bearer no.jwt.atall");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 401);
    CU_ASSERT_STR(dm_loopback_header(&lb, "WWW-Authenticate"), "Bearer error=\"invalid_token\"");
    request.authorization = (struct dm_str){NULL, 0};
    request.api_key = DM_STR("dm_something");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 401);
    CU_ASSERT_STR(dm_loopback_header(&lb, "WWW-Authenticate"), "Bearer error=\"invalid_token\"");
    end();
}

/* The token is good, but whether the session lives can be read nowhere: closed, not open. */
static void stays_closed_without_any_store(void)
{
    begin();
    struct dm_arena *arena = dm_arena_new(4096, 65536);
    struct dm_ctx ctx = {.arena = arena};
    struct dm_principal person = {.credential = DM_CREDENTIAL_SESSION,
                                  .account_id = DM_STR(ID),
                                  .session_id = DM_STR(ID),
                                  .role = DM_ROLE_SUPERADMIN,
                                  .scopes = dm_scope_all()};
    struct dm_str token;
    int64_t expires_at_ms;
    CU_ASSERT_EQUAL_FATAL(dm_token_issue(&lb.domain, &ctx, &person, &token, &expires_at_ms), DM_OK);
    struct dm_request request = {.method = DM_GET,
                                 .path = DM_STR("/api/v1/own"),
                                 .authorization =
                                     dm_arena_printf(arena, "Bearer %.*s", DM_STR_ARG(token))};
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 503);
    CU_ASSERT_PTR_NOT_NULL(dm_loopback_header(&lb, "Retry-After").p);
    dm_arena_free(arena);
    end();
}

static void hides_what_is_for_the_machine_itself(void)
{
    begin();
    CU_ASSERT_EQUAL(get("/inside"), 404);
    struct dm_request request = {.method = DM_GET, .path = DM_STR("/inside")};
    request.remote_address = DM_STR("127.0.0.1");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 202);
    request.remote_address = DM_STR("::1");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 202);
    request.remote_address = DM_STR("::127.0.0.2");
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, request)->status, 404);
    end();
}

static void limits_without_redis(void)
{
    begin();
    lb.settings.limits_anonymous = (struct dm_rates){.rate = {{3, 60}, {100, 3600}}, .n = 2};
    CU_ASSERT_EQUAL(get("/api/v1/things/" ID), 200);
    CU_ASSERT_STR(dm_loopback_header(&lb, "RateLimit-Policy"),
                  "\"minute\";q=3;w=60, \"hour\";q=100;w=3600");
    CU_ASSERT_STR(dm_loopback_header(&lb, "RateLimit"), "\"minute\";r=2;t=20, \"hour\";r=99;t=36");
    CU_ASSERT_STR(dm_loopback_header(&lb, "X-RateLimit-Limit"), "3");
    CU_ASSERT_STR(dm_loopback_header(&lb, "X-RateLimit-Remaining"), "2");
    CU_ASSERT_STR(dm_loopback_header(&lb, "X-RateLimit-Reset"), "20");
    /* What no row serves and what has no credential counts as well. */
    CU_ASSERT_EQUAL(get("/api/v1/nothing"), 404);
    CU_ASSERT_EQUAL(get("/api/v1/own"), 401);
    CU_ASSERT_STR(dm_loopback_header(&lb, "X-RateLimit-Remaining"), "0");
    CU_ASSERT_EQUAL(get("/api/v1/own"), 429);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Retry-After"), "20");
    CU_ASSERT_TRUE(body_has("rate-limited"));
    CU_ASSERT_EQUAL(get("/api/v1/things/" ID), 429);
    struct dm_request other = {.method = DM_GET,
                               .path = DM_STR("/api/v1/things/" ID),
                               .remote_address = DM_STR("192.0.2.2")};
    CU_ASSERT_EQUAL(dm_loopback_send(&lb, other)->status, 200);
    end();
}

/* What the metrics say of the class. */
static bool metric_is(const char *series, int value)
{
    char line[128];
    struct dm_buf text;
    dm_buf_init(&text, NULL, 1 << 20);
    dm_metrics_print(lb.metrics, &text);
    snprintf(line, sizeof(line), "%s %d\n", series, value);
    dm_buf_add_char(&text, '\0');
    bool found = !dm_buf_failed(&text) && strstr(text.p, line) != NULL;
    dm_buf_done(&text);
    return found;
}

static void blocks_who_is_refused_too_often(void)
{
    begin();
    lb.settings.limits_anonymous = (struct dm_rates){.rate = {{1, 1}}, .n = 1};
    lb.settings.limits_block_after = 2;
    lb.settings.limits_block_s = 900;
    CU_ASSERT_EQUAL(get("/api/v1/things/" ID), 200);
    CU_ASSERT_EQUAL(get("/api/v1/things/" ID), 429);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Retry-After"), "1");
    CU_ASSERT_EQUAL(get("/api/v1/things/" ID), 429);
    CU_ASSERT_EQUAL(get("/api/v1/things/" ID), 429);
    CU_ASSERT_STR(dm_loopback_header(&lb, "Retry-After"), "900");
    CU_ASSERT_STR(dm_loopback_header(&lb, "RateLimit"), "\"second\";r=0;t=900");
    CU_ASSERT_TRUE(metric_is("digitalme_limited_total{class=\"read\",outcome=\"refused\"}", 1));
    CU_ASSERT_TRUE(metric_is("digitalme_limited_total{class=\"read\",outcome=\"blocked\"}", 2));
    end();
}

static void a_shadow_lets_all_through_and_counts(void)
{
    begin();
    lb.settings.limits_anonymous = (struct dm_rates){.rate = {{1, 3600}}, .n = 1};
    lb.settings.limits_mode = DM_LIMITS_SHADOW;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(get("/api/v1/things/" ID), 200);
        CU_ASSERT_PTR_NULL(dm_loopback_header(&lb, "RateLimit").p);
    }
    CU_ASSERT_TRUE(metric_is("digitalme_limited_total{class=\"read\",outcome=\"shadowed\"}", 2));
    CU_ASSERT_TRUE(metric_is("digitalme_limited_total{class=\"read\",outcome=\"refused\"}", 0));
    end();
}

static void survives_an_arena_that_is_full(void)
{
    begin();
    for (size_t bytes = 1024; bytes <= 16384; bytes += 512) {
        struct dm_arena *arena = dm_arena_new(1024, bytes);
        struct dm_request request = {.method = DM_POST,
                                     .path = DM_STR("/api/v1/things"),
                                     .content_type = DM_STR("application/json"),
                                     .body = DM_STR("{\"name\":\"chair\"}"),
                                     .content_length = 16};
        struct dm_response response;
        dm_response_init(&response, arena, bytes);
        dm_serve(lb.server, arena, &request, &response);
        CU_ASSERT_TRUE(response.status == 201 || response.status == 503);
        dm_arena_free(arena);
    }
    end();
}

/* Everything that dm_serve writes to standard error while it answers one request. */
static size_t log_of(const struct dm_request *request, char *ret_text, size_t size)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    struct dm_server_options options = *dm_server_options(lb.server);
    options.log = dm_log_open(&(struct dm_log_options){
        .program = "edge_test", .instance_id = "here", .least = DM_INFO, .to_stderr = true});
    options.metrics = dm_metrics_new();
    struct dm_server *server = dm_server_new(&options);
    struct dm_arena *arena = dm_arena_new(16384, 65536);
    struct dm_response response;
    dm_response_init(&response, arena, 65536);
    dup2(fileno(file), STDERR_FILENO);
    dm_serve(server, arena, request, &response);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t n = fread(ret_text, 1, size - 1, file);
    ret_text[n] = '\0';
    fclose(file);
    dm_arena_free(arena);
    dm_server_free(server);
    dm_metrics_free(options.metrics);
    dm_log_close(options.log);
    return n;
}

static void logs_one_line_without_the_callers_words(void)
{
    char text[8192];
    begin();
    struct dm_request request = {.method = DM_POST,
                                 .path = DM_STR("/api/v1/things"),
                                 .query = DM_STR("secret=inquery"),
                                 .authorization = DM_STR("Bearer secretinheader"),
                                 .content_type = DM_STR("application/json"),
                                 .remote_address = DM_STR("192.0.2.9"),
                                 .correlation_id = DM_STR("corr-1"),
                                 .body = DM_STR("{\"name\":\"secretinbody\"}"),
                                 .content_length = 23};
    size_t n = log_of(&request, text, sizeof(text));
    CU_ASSERT_TRUE_FATAL(n > 0);
    CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + n - 1);
    CU_ASSERT_PTR_NULL(strstr(text, "inquery"));
    CU_ASSERT_PTR_NULL(strstr(text, "secretin"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"http.route\":\"/api/v1/things\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"http.response.status_code\":422"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"correlation.id\":\"corr-1\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"client.address\":\"192.0.2.9\""));
    CU_ASSERT_PTR_NULL(strstr(text, "exception.message"));
    request = (struct dm_request){
        .method = DM_GET, .path = DM_STR("/api/v1/failure"), .content_length = -1};
    log_of(&request, text, sizeof(text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "relation \\\"secret\\\" does not exist"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "urn:digitalme:problem:internal"));
    end();
}

static void counts_by_row_and_status(void)
{
    struct dm_buf out;
    begin();
    get("/api/v1/things/" ID);
    get("/api/v1/nothing");
    get("/api/v1/failure");
    dm_buf_init(&out, NULL, 1 << 20);
    dm_metrics_print(lb.metrics, &out);
    dm_buf_add_char(&out, '\0');
    CU_ASSERT_PTR_NOT_NULL(strstr(
        out.p,
        "digitalme_http_requests_total{route=\"thing.get\",method=\"GET\",status=\"2xx\"} 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        out.p,
        "digitalme_http_requests_total{route=\"failure\",method=\"GET\",status=\"5xx\"} 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "digitalme_http_unrouted_total 1\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(out.p, "digitalme_http_request_duration_seconds_count{route=\"thing.get\"} 1\n"));
    dm_buf_done(&out);
    end();
}

CU_TestInfo *dm_serve_suite(void)
{
    static CU_TestInfo tests[] = {
        {"answers a read", answers_a_read},
        {"answers either of two bodies", answers_either_of_two_bodies},
        {"answers a creation", answers_a_creation},
        {"answers HEAD as GET without body", answers_head_as_get_without_body},
        {"answers not modified", answers_not_modified},
        {"keeps a sound correlation id", keeps_a_sound_correlation_id},
        {"tells unknown path from unknown method", tells_unknown_path_from_unknown_method},
        {"refuses bodies that are none", refuses_bodies_that_are_none},
        {"refuses bodies by their frame", refuses_bodies_by_their_frame},
        {"refuses a query that is not asked for", refuses_a_query_that_is_not_asked_for},
        {"refuses who accepts no JSON", refuses_who_accepts_no_json},
        {"merges patches under If-Match", merges_patches_under_if_match},
        {"tells nothing of an inner failure", tells_nothing_of_an_inner_failure},
        {"asks for a credential", asks_for_a_credential},
        {"stays closed without any store", stays_closed_without_any_store},
        {"hides what is for the machine itself", hides_what_is_for_the_machine_itself},
        {"limits without Redis", limits_without_redis},
        {"blocks who is refused too often", blocks_who_is_refused_too_often},
        {"a shadow lets all through and counts", a_shadow_lets_all_through_and_counts},
        {"survives an arena that is full", survives_an_arena_that_is_full},
        {"logs one line without the caller's words", logs_one_line_without_the_callers_words},
        {"counts by row and status", counts_by_row_and_status},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

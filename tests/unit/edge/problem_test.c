/* Problem documents: the right status and type, the caller's errors told, the service's own never. */
#include "edge/problem.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static struct dm_request request;
static struct dm_response response;
static struct dm_call call;

static void begin_in(size_t arena_bytes)
{
    struct dm_arena *arena = dm_arena_new(arena_bytes, arena_bytes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    request = (struct dm_request){.path = DM_STR_INIT("/api/v1/personality")};
    dm_response_init(&response, arena, 65536);
    call = (struct dm_call){.ctx = {.arena = arena, .correlation_id = DM_STR_INIT("c-1")},
                            .request = &request,
                            .response = &response};
}

static void begin(void)
{
    begin_in(65536);
}

static void end(void)
{
    dm_arena_free(call.ctx.arena);
}

static struct dm_str body(void)
{
    return dm_buf_str(&response.body);
}

static bool has(const char *part)
{
    return memmem(body().p, body().n, part, strlen(part)) != NULL;
}

static void test_the_whole_document(void)
{
    begin();
    struct dm_violation second = {.pointer = "/b", .code = "type", .message = "must be a string"};
    struct dm_violation first = {
        .pointer = "/a~1b", .code = "required", .message = "must be given", .next = &second};
    call.violations = &first;
    (void)dm_err_set(&call.ctx.err, DM_E_INVALID, "Some members break a rule.");
    dm_problem_write(&call, DM_PROBLEM_VALIDATION);
    CU_ASSERT_EQUAL(response.status, 422);
    CU_ASSERT_STR(body(),
                  "{\"type\":\"urn:digitalme:problem:validation\",\"title\":\"Invalid request\","
                  "\"status\":422,\"detail\":\"Some members break a rule.\","
                  "\"instance\":\"/api/v1/personality\",\"correlationId\":\"c-1\",\"errors\":["
                  "{\"pointer\":\"/a~1b\",\"code\":\"required\",\"message\":\"must be given\"},"
                  "{\"pointer\":\"/b\",\"code\":\"type\",\"message\":\"must be a string\"}]}");
    CU_ASSERT_STR(dm_response_header_of(&response, "Content-Type"), "application/problem+json");
    CU_ASSERT_STR(dm_response_header_of(&response, "Cache-Control"), "no-store");
    CU_ASSERT_PTR_NULL(dm_response_header_of(&response, "Retry-After").p);
    end();
}

static void test_a_rule_of_the_domain_is_an_error_of_its_member(void)
{
    begin();
    (void)dm_err_set_field(&call.ctx.err, "/password", "too_weak", "is easily guessed");
    dm_problem_write(&call, DM_PROBLEM_VALIDATION);
    CU_ASSERT_TRUE(has("\"errors\":[{\"pointer\":\"/password\",\"code\":\"too_weak\","
                       "\"message\":\"is easily guessed\"}]"));
    CU_ASSERT_TRUE(has("\"detail\":\"Some members break a rule.\""));
    end();
}

static void test_words_for_the_log_stay_there(void)
{
    static const enum dm_result own[] = {DM_E_UNAVAILABLE, DM_E_TIMEOUT, DM_E_NOMEM, DM_E_INTERNAL};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        begin();
        (void)dm_err_set(&call.ctx.err, own[i], "SELECT secret FROM pg at 10.0.0.1");
        dm_problem_write(&call, dm_problem_of(own[i]));
        CU_ASSERT_TRUE(response.status >= 500);
        CU_ASSERT_FALSE(has("SELECT"));
        CU_ASSERT_TRUE(has("\"detail\":\""));
        end();
    }
}

static void test_words_for_the_caller_are_told(void)
{
    static const enum dm_result theirs[] = {DM_E_SYNTAX, DM_E_INVALID,  DM_E_UNAUTHENTICATED,
                                            DM_E_DENIED, DM_E_NOTFOUND, DM_E_CONFLICT,
                                            DM_E_STALE,  DM_E_TOOBIG,   DM_E_LIMITED};
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        begin();
        (void)dm_err_set(&call.ctx.err, theirs[i], "Just so.");
        dm_problem_write(&call, dm_problem_of(theirs[i]));
        CU_ASSERT_TRUE(response.status >= 400 && response.status < 500);
        CU_ASSERT_TRUE(has("\"detail\":\"Just so.\""));
        end();
    }
}

static void test_words_of_another_problem_are_not_told(void)
{
    begin();
    (void)dm_err_set(&call.ctx.err, DM_E_NOTFOUND, "No such session.");
    dm_problem_write(&call, DM_PROBLEM_METHOD);
    CU_ASSERT_EQUAL(response.status, 405);
    CU_ASSERT_FALSE(has("session"));
    end();
}

static void test_retry_after_is_at_least_one(void)
{
    begin();
    dm_problem_write(&call, DM_PROBLEM_UNAVAILABLE);
    CU_ASSERT_STR(dm_response_header_of(&response, "Retry-After"), "1");
    (void)dm_err_set(&call.ctx.err, DM_E_LIMITED, "Too many.");
    call.ctx.err.retry_after_s = 42;
    dm_problem_write(&call, DM_PROBLEM_LIMITED);
    CU_ASSERT_EQUAL(response.status, 429);
    CU_ASSERT_STR(dm_response_header_of(&response, "Retry-After"), "42");
    end();
}

static void test_it_replaces_what_was_written(void)
{
    begin();
    dm_buf_add_c(&response.body, "{\"half\":");
    dm_response_header(&response, "ETag", DM_STR("\"1\""));
    dm_response_header(&response, "Location", DM_STR("/x"));
    dm_response_header(&response, "RateLimit", DM_STR("r"));
    dm_problem_write(&call, DM_PROBLEM_INTERNAL);
    CU_ASSERT_FALSE(has("half"));
    CU_ASSERT_PTR_NULL(dm_response_header_of(&response, "ETag").p);
    CU_ASSERT_PTR_NULL(dm_response_header_of(&response, "Location").p);
    CU_ASSERT_STR(dm_response_header_of(&response, "RateLimit"), "r");
    end();
}

static void test_odd_paths_are_not_told_back(void)
{
    static const struct dm_str odd[] = {
        DM_STR_INIT("/a\r\nb"), DM_STR_INIT("/a b"), DM_STR_INIT("/\xff"), {NULL, 0}};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        begin();
        request.path = odd[i];
        dm_problem_write(&call, DM_PROBLEM_NOT_FOUND);
        CU_ASSERT_FALSE(has("instance"));
        end();
    }
}

static void test_a_full_arena_still_gives_a_document(void)
{
    begin_in(8192);
    while (dm_arena_alloc(call.ctx.arena, 16) != NULL)
        ;
    struct dm_violation bad = {.pointer = "/a", .code = "type"};
    memset(bad.message, 'm', sizeof(bad.message) - 1);
    struct dm_violation list[20];
    for (size_t i = 0; i < 20; i++) {
        list[i] = bad;
        list[i].next = i < 19 ? &list[i + 1] : NULL;
    }
    call.violations = list;
    dm_problem_write(&call, DM_PROBLEM_VALIDATION);
    CU_ASSERT_STR(body(), "{\"type\":\"urn:digitalme:problem:validation\","
                          "\"title\":\"Invalid request\",\"status\":422}");
    CU_ASSERT_FALSE(dm_buf_failed(&response.body));
    call.ctx.err.retry_after_s = 9;
    dm_problem_write(&call, DM_PROBLEM_UNAVAILABLE);
    CU_ASSERT_STR(dm_response_header_of(&response, "Retry-After"), "1");
    end();
}

static void test_statuses_and_types(void)
{
    static const struct {
        enum dm_problem problem;
        int status;
    } table[] = {
        {DM_PROBLEM_SYNTAX, 400},     {DM_PROBLEM_TRUNCATED, 400},
        {DM_PROBLEM_VALIDATION, 422}, {DM_PROBLEM_UNAUTHENTICATED, 401},
        {DM_PROBLEM_FORBIDDEN, 403},  {DM_PROBLEM_NOT_FOUND, 404},
        {DM_PROBLEM_METHOD, 405},     {DM_PROBLEM_NOT_ACCEPTABLE, 406},
        {DM_PROBLEM_CONFLICT, 409},   {DM_PROBLEM_STALE, 412},
        {DM_PROBLEM_TOO_BIG, 413},    {DM_PROBLEM_MEDIA_TYPE, 415},
        {DM_PROBLEM_KEY_REUSED, 422}, {DM_PROBLEM_LIMITED, 429},
        {DM_PROBLEM_INTERNAL, 500},   {DM_PROBLEM_UNAVAILABLE, 503},
        {DM_PROBLEM_TIMEOUT, 504},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CU_ASSERT_EQUAL(dm_problem_status(table[i].problem), table[i].status);
        CU_ASSERT_TRUE(dm_str_starts(dm_str_from(dm_problem_type(table[i].problem)),
                                     DM_STR("urn:digitalme:problem:")));
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(dm_problem_type(table[i].problem),
                                       dm_problem_type(table[k].problem));
    }
}

CU_TestInfo *dm_problem_suite(void)
{
    static CU_TestInfo tests[] = {
        {"the whole document", test_the_whole_document},
        {"a rule of the domain is an error of its member",
         test_a_rule_of_the_domain_is_an_error_of_its_member},
        {"words for the log stay there", test_words_for_the_log_stay_there},
        {"words for the caller are told", test_words_for_the_caller_are_told},
        {"words of another problem are not told", test_words_of_another_problem_are_not_told},
        {"Retry-After is at least one", test_retry_after_is_at_least_one},
        {"it replaces what was written", test_it_replaces_what_was_written},
        {"odd paths are not told back", test_odd_paths_are_not_told_back},
        {"a full arena still gives a document", test_a_full_arena_still_gives_a_document},
        {"statuses and types", test_statuses_and_types},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

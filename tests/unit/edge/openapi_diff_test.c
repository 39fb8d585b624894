/* Each kind of change, both ways: what of it is told, where, and whether it breaks a client. */
#include "edge/openapi_diff.h"

#include <stdarg.h>

#include "base/buf.h"
#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

#define DOCUMENT_BYTES_MAX 65536

/* A line a change: "B request.member-removed old/paths/…", or "h …" for what is harmless. */
static void note(void *arg, const struct dm_openapi_change *change)
{
    struct dm_buf *lines = arg;
    dm_buf_printf(lines, "%s%s %s %s%.*s", lines->n > 0 ? "\n" : "", change->breaking ? "B" : "h",
                  change->rule, change->in_old ? "old" : "new", DM_STR_ARG(change->pointer));
}

static struct dm_json *parse(struct dm_str text)
{
    struct dm_json *doc = NULL;
    struct dm_err err = {0};
    CU_ASSERT_EQUAL(dm_json_parse(text, &err, &doc), DM_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
    return doc;
}

/* The lines of a comparison; the caller ends the buffer. */
static struct dm_buf changes(const char *old_text, const char *new_text)
{
    struct dm_json *old = parse(dm_str_from(old_text)), *new = parse(dm_str_from(new_text));
    struct dm_err err = {0};
    struct dm_buf lines;
    dm_buf_init(&lines, NULL, DOCUMENT_BYTES_MAX);
    CU_ASSERT_EQUAL(dm_openapi_diff(old, new, note, &lines, &err), DM_OK);
    CU_ASSERT_STRING_EQUAL(err.detail, "");
    if (err.detail[0])
        fprintf(stderr, "\n%s\n", err.detail);
    dm_buf_add_char(&lines, '\0');
    dm_json_free(old);
    dm_json_free(new);
    return lines;
}

static void expect(const char *old_text, const char *new_text, const char *lines)
{
    struct dm_buf told = changes(old_text, new_text);
    if (strcmp(told.p, lines) != 0)
        fprintf(stderr, "\n%s\n-> %s\ntold:\n%s\nexpected:\n%s\n", old_text, new_text, told.p,
                lines);
    CU_ASSERT_STRING_EQUAL(told.p, lines);
    dm_buf_done(&told);
}

/* A document with the piece in the place of the one '%' of the frame. */
static char *framed(const char *frame, const char *piece)
{
    const char *at = strchr(frame, '%');
    struct dm_buf text;
    dm_buf_init(&text, NULL, DOCUMENT_BYTES_MAX);
    dm_buf_add(&text, (struct dm_str){frame, (size_t)(at - frame)});
    dm_buf_add_c(&text, piece);
    dm_buf_add_c(&text, at + 1);
    dm_buf_add_char(&text, '\0');
    CU_ASSERT_FALSE_FATAL(dm_buf_failed(&text));
    return text.p;
}

static void expect_framed(const char *frame, const char *old_piece, const char *new_piece,
                          const char *lines)
{
    char *old = framed(frame, old_piece), *new = framed(frame, new_piece);
    expect(old, new, lines);
    free(old);
    free(new);
}

/* Calls. */

#define PATHS "{\"paths\":{%}}"
#define OPERATION "{\"paths\":{\"/a\":{\"get\":{%}}}}"
#define AT "/paths/~1a/get"

static void test_calls_come_and_go(void)
{
    expect_framed(PATHS, "\"/a\":{\"get\":{},\"put\":{}}", "\"/a\":{\"get\":{}}",
                  "B operation-removed old/paths/~1a/put");
    expect_framed(PATHS, "\"/a\":{\"get\":{}}", "\"/a\":{\"get\":{}},\"/b~\":{\"put\":{}}",
                  "h operation-added new/paths/~1b~0/put");
    expect_framed(PATHS, "\"/a/{x}\":{\"get\":{}}", "\"/a/{y}\":{\"get\":{}}", "");
    expect_framed(PATHS, "\"/a/{x}\":{\"get\":{}}", "\"/a/x\":{\"get\":{}}",
                  "B operation-removed old/paths/~1a~1{x}/get\n"
                  "h operation-added new/paths/~1a~1x/get");
    expect_framed(OPERATION, "\"operationId\":\"a.get\"", "\"operationId\":\"a.read\"",
                  "B operation-renamed new" AT "/operationId");
    expect_framed(OPERATION, "\"operationId\":\"a\"", "\"operationId\":\"a\",\"deprecated\":true",
                  "h operation-deprecated new" AT);
}

static void test_old_paths_come_and_go(void)
{
    const char *frame = "{\"paths\":{},\"x-aliases\":[%]}";
    const char *alias = "{\"path\":\"/o\",\"successor\":\"/a\"}";
    expect_framed(frame, alias, "", "B alias-removed old/x-aliases/0");
    expect_framed(frame, "", alias, "h alias-added new/x-aliases/0");
    expect_framed(frame, alias, "{\"path\":\"/o\",\"successor\":\"/b\"}",
                  "B alias-removed old/x-aliases/0\nh alias-added new/x-aliases/0");
}

static void test_who_may_call(void)
{
    const char *frame = "{\"paths\":{\"/a\":{\"get\":{\"security\":[%]}}}}";
    const char *at = "/paths/~1a/get/security";
    char tighter[80], looser[80], both[160];
    snprintf(tighter, sizeof(tighter), "B auth-tighter old%s/0", at);
    snprintf(looser, sizeof(looser), "h auth-looser new%s/0", at);
    snprintf(both, sizeof(both), "%s\n%s", tighter, looser);
    expect_framed(frame, "{\"k\":[\"r\"]}", "{\"k\":[\"r\",\"w\"]}", tighter);
    expect_framed(frame, "{\"k\":[\"r\",\"w\"]}", "{\"k\":[\"r\"]}", looser);
    expect_framed(frame, "{\"k\":[\"r\"]}", "{\"k\":[\"w\"]}", both);
    expect_framed(frame, "{\"k\":[]},{\"b\":[]}", "{\"b\":[]}", tighter);
    expect_framed(frame, "{\"b\":[]}", "{\"k\":[]},{\"b\":[]}", looser);
    snprintf(tighter, sizeof(tighter), "B auth-tighter old%s", at);
    snprintf(looser, sizeof(looser), "h auth-looser new%s", at);
    expect_framed(frame, "", "{\"b\":[]}", tighter);
    expect_framed(frame, "{\"b\":[]}", "", looser);
    expect_framed(frame, "{\"b\":[]}", "{\"b\":[]}", "");
}

static void test_parameters(void)
{
    const char *frame = "{\"paths\":{\"/a\":{\"get\":{\"parameters\":[%]}}},\"components\":{"
                        "\"parameters\":{\"P\":{\"name\":\"If-Match\",\"in\":\"header\"}}}}";
    const char *q = "{\"name\":\"q\",\"in\":\"query\"}";
    const char *due = "{\"name\":\"q\",\"in\":\"query\",\"required\":true}";
    const char *shared = "{\"$ref\":\"#/components/parameters/P\"}";
    expect_framed(frame, q, "", "B parameter-removed old" AT "/parameters/0");
    expect_framed(frame, "", q, "h parameter-added new" AT "/parameters/0");
    expect_framed(frame, "", due, "B parameter-required new" AT "/parameters/0");
    expect_framed(frame, q, due, "B parameter-required new" AT "/parameters/0");
    expect_framed(frame, due, q, "h parameter-optional new" AT "/parameters/0");
    expect_framed(frame, shared, "", "B parameter-removed old" AT "/parameters/0");
    expect_framed(frame, shared, "{\"name\":\"if-match\",\"in\":\"header\"}", "");
    expect_framed(frame, "{\"name\":\"x\",\"in\":\"path\"}", "{\"name\":\"y\",\"in\":\"path\"}",
                  "");
    expect_framed(frame, "{\"name\":\"q\",\"in\":\"query\",\"schema\":{\"maximum\":9}}",
                  "{\"name\":\"q\",\"in\":\"query\",\"schema\":{\"maximum\":8}}",
                  "B request.bound-narrower new" AT "/parameters/0/schema/maximum");
}

static void test_bodies(void)
{
    const char *some = "\"requestBody\":{\"content\":{\"a/b\":{}}}";
    const char *due = "\"requestBody\":{\"required\":true,\"content\":{\"a/b\":{}}}";
    expect_framed(OPERATION, some, "", "B body-removed old" AT "/requestBody");
    expect_framed(OPERATION, some, due, "B body-required new" AT "/requestBody");
    expect_framed(OPERATION, "", due, "B body-required new" AT "/requestBody");
    expect_framed(OPERATION, due, some, "h body-optional new" AT "/requestBody");
    expect_framed(OPERATION, "", some, "h body-optional new" AT "/requestBody");
    expect_framed(OPERATION, some, "\"requestBody\":{\"content\":{\"c/d\":{}}}",
                  "B request.media-removed old" AT "/requestBody/content/a~1b\n"
                  "h request.media-added new" AT "/requestBody/content/c~1d");
}

static void test_replies(void)
{
    const char *frame = "{\"paths\":{\"/a\":{\"get\":{\"responses\":{%}}}},\"components\":{"
                        "\"responses\":{\"R\":{\"headers\":{\"ETag\":{}}}}}}";
    expect_framed(frame, "\"200\":{}", "\"201\":{}",
                  "B status-removed old" AT "/responses/200\nB status-added new" AT
                  "/responses/201");
    expect_framed(frame, "\"404\":{}", "\"409\":{}",
                  "h problem-removed old" AT "/responses/404\nh problem-added new" AT
                  "/responses/409");
    expect_framed(frame, "\"200\":{\"headers\":{\"ETag\":{}}}", "\"200\":{\"headers\":{}}",
                  "B header-removed old" AT "/responses/200/headers/ETag");
    expect_framed(frame, "\"200\":{\"headers\":{}}",
                  "\"200\":{\"$ref\":\"#/components/responses/R\"}",
                  "h header-added new/components/responses/R/headers/ETag");
    expect_framed(frame, "\"200\":{\"content\":{\"a\":{}}}", "\"200\":{\"content\":{\"b\":{}}}",
                  "B reply.media-removed old" AT "/responses/200/content/a\n"
                  "h reply.media-added new" AT "/responses/200/content/b");
}

/* Schemas. */

#define SENT                                                                                       \
    "{\"paths\":{\"/a\":{\"put\":{\"requestBody\":{\"content\":{\"j\":{\"schema\":%}}}}}},"        \
    "\"components\":{\"schemas\":{\"S\":{\"type\":\"string\",\"maxLength\":5},"                    \
    "\"T\":{\"type\":\"string\"}}}}"
#define READ                                                                                       \
    "{\"paths\":{\"/"                                                                              \
    "a\":{\"get\":{\"responses\":{\"200\":{\"content\":{\"j\":{\"schema\":%}}}}}}},"               \
    "\"components\":{\"schemas\":{\"S\":{\"type\":\"string\",\"maxLength\":5},"                    \
    "\"T\":{\"type\":\"string\"}}}}"
#define SENT_AT "/paths/~1a/put/requestBody/content/j/schema"
#define READ_AT "/paths/~1a/get/responses/200/content/j/schema"

/* What a change is called, where below the schema it is told, and in which ways it breaks. */
static const struct {
    const char *old_schema, *new_schema;
    const char *rule, *place;
    bool breaks_sent, breaks_read;
} cases[] = {
    {"{\"type\":\"string\"}", "{\"type\":[\"string\",\"null\"]}", "type-wider", "new/type", false,
     true},
    {"{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}", "type-narrower", "new/type", true,
     false},
    {"{\"type\":\"integer\"}", "{\"type\":\"number\"}", "type-wider", "new/type", false, true},
    {"{}", "{\"type\":\"string\"}", "type-narrower", "new/type", true, false},
    {"{\"properties\":{\"m\":{}}}", "{\"properties\":{}}", "member-removed", "old/properties/m",
     true, true},
    {"{\"properties\":{}}", "{\"properties\":{\"m\":{}}}", "member-added", "new/properties/m",
     false, false},
    {"{\"properties\":{\"m\":{}}}", "{\"properties\":{\"m\":{}},\"required\":[\"m\"]}",
     "member-required", "new/properties/m", true, false},
    {"{\"properties\":{\"m\":{}},\"required\":[\"m\"]}", "{\"properties\":{\"m\":{}}}",
     "member-optional", "new/properties/m", false, true},
    {"{}", "{\"additionalProperties\":false}", "members-closed", "new/additionalProperties", true,
     false},
    {"{\"additionalProperties\":false}", "{}", "members-opened", "old/additionalProperties", false,
     false},
    {"{\"enum\":[\"a\",\"b\"]}", "{\"enum\":[\"a\"]}", "choice-removed", "old/enum/1", true, false},
    {"{\"enum\":[\"a\"]}", "{\"enum\":[\"b\",\"a\"]}", "choice-added", "new/enum/0", false, false},
    {"{}", "{\"enum\":[\"a\"]}", "choice-removed", "new/enum", true, false},
    {"{\"enum\":[\"a\"]}", "{}", "choice-added", "old/enum", false, false},
    {"{\"maxLength\":9}", "{\"maxLength\":8}", "bound-narrower", "new/maxLength", true, false},
    {"{\"maxLength\":9}", "{\"maxLength\":10}", "bound-wider", "new/maxLength", false, false},
    {"{\"maxLength\":9}", "{}", "bound-wider", "old/maxLength", false, false},
    {"{}", "{\"maxItems\":9}", "bound-narrower", "new/maxItems", true, false},
    {"{\"minimum\":1}", "{\"minimum\":2}", "bound-narrower", "new/minimum", true, false},
    {"{\"minimum\":1}", "{\"minimum\":0.5}", "bound-wider", "new/minimum", false, false},
    {"{}", "{\"minLength\":1}", "bound-narrower", "new/minLength", true, false},
    {"{}", "{\"format\":\"uuid\"}", "form-added", "new/format", true, false},
    {"{\"format\":\"uuid\"}", "{}", "form-dropped", "old/format", false, true},
    {"{\"pattern\":\"a\"}", "{\"pattern\":\"b\"}", "form-changed", "new/pattern", true, true},
    {"{\"default\":1}", "{\"default\":2}", "default-changed", "new/default", true, false},
    {"{\"default\":1}", "{}", "default-changed", "old/default", true, false},
    {"{}", "{\"default\":1}", "default-added", "new/default", false, false},
    {"{\"items\":{\"maximum\":2}}", "{\"items\":{\"maximum\":1}}", "bound-narrower",
     "new/items/maximum", true, false},
    {"{\"items\":{}}", "{\"items\":{\"type\":\"string\"}}", "type-narrower", "new/items/type", true,
     false},
    {"{\"additionalProperties\":{\"maximum\":2}}", "{\"additionalProperties\":{\"maximum\":1}}",
     "bound-narrower", "new/additionalProperties/maximum", true, false},
    {"{\"oneOf\":[{\"$ref\":\"#/components/schemas/S\"},{\"type\":\"null\"}]}",
     "{\"$ref\":\"#/components/schemas/S\"}", "alternative-removed", "old/oneOf/1", true, false},
    {"{\"$ref\":\"#/components/schemas/S\"}",
     "{\"oneOf\":[{\"$ref\":\"#/components/schemas/S\"},{\"$ref\":\"#/components/schemas/T\"}]}",
     "alternative-added", "new/oneOf/1", false, true},
};

static void expect_change(const char *frame, const char *prefix, const char *at, size_t i,
                          bool breaks)
{
    char line[300];
    snprintf(line, sizeof(line), "%s %s%s %.3s%s%s", breaks ? "B" : "h", prefix, cases[i].rule,
             cases[i].place, at, cases[i].place + 3);
    expect_framed(frame, cases[i].old_schema, cases[i].new_schema, line);
}

static void test_what_is_sent(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_change(SENT, "request.", SENT_AT, i, cases[i].breaks_sent);
}

static void test_what_is_read(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_change(READ, "reply.", READ_AT, i, cases[i].breaks_read);
}

static void test_a_new_member_that_is_due(void)
{
    const char *with = "{\"properties\":{\"m\":{}},\"required\":[\"m\"]}";
    expect_framed(SENT, "{}", with, "B request.member-required new" SENT_AT "/properties/m");
    expect_framed(READ, "{}", with, "h reply.member-added new" READ_AT "/properties/m");
}

static void test_another_type_breaks_both_ways(void)
{
    expect_framed(SENT, "{\"type\":\"integer\"}", "{\"type\":\"string\"}",
                  "B request.type-narrower new" SENT_AT "/type\nh request.type-wider new" SENT_AT
                  "/type");
    expect_framed(READ, "{\"type\":\"integer\"}", "{\"type\":\"string\"}",
                  "h reply.type-narrower new" READ_AT "/type\nB reply.type-wider new" READ_AT
                  "/type");
}

static void test_a_shared_schema_is_told_once_a_way(void)
{
    const char *frame =
        "{\"paths\":{\"/a\":{"
        "\"put\":{\"requestBody\":{\"content\":{\"j\":{\"schema\":{\"$ref\":\"#/s/S\"}}}},"
        "\"responses\":{\"200\":{\"content\":{\"j\":{\"schema\":{\"$ref\":\"#/s/S\"}}}}}},"
        "\"post\":{\"requestBody\":{\"content\":{\"j\":{\"schema\":{\"$ref\":\"#/s/S\"}}}}}}},"
        "\"s\":{\"S\":{\"properties\":{\"child\":{\"$ref\":\"#/s/S\"},\"m\":{%}}}}}";
    expect_framed(frame, "\"maxLength\":9", "\"maxLength\":8",
                  "B request.bound-narrower new/s/S/properties/m/maxLength\n"
                  "h reply.bound-narrower new/s/S/properties/m/maxLength");
}

static void test_what_is_no_document_is_refused(void)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"{}", "has no paths"},
        {"[]", "has no paths"},
        {"{\"paths\":{\"/a\":{\"get\":{\"parameters\":[{\"$ref\":\"#/none\"}]}}}}",
         "leads nowhere: #/none"},
        {"{\"paths\":{\"/a\":{\"get\":{\"requestBody\":{\"$ref\":\"#/b\"}}}},"
         "\"b\":{\"$ref\":\"#/b\"}}",
         "leads nowhere: #/b"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dm_json *doc = parse(dm_str_from(bad[i].text));
        struct dm_err err = {0};
        struct dm_buf lines;
        dm_buf_init(&lines, NULL, DOCUMENT_BYTES_MAX);
        CU_ASSERT_EQUAL(dm_openapi_diff(doc, doc, note, &lines, &err), DM_E_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, bad[i].words));
        dm_buf_done(&lines);
        dm_json_free(doc);
    }
}

CU_TestInfo *dm_openapi_diff_suite(void)
{
    static CU_TestInfo tests[] = {
        {"calls come and go", test_calls_come_and_go},
        {"old paths come and go", test_old_paths_come_and_go},
        {"who may call", test_who_may_call},
        {"parameters", test_parameters},
        {"bodies", test_bodies},
        {"replies", test_replies},
        {"what is sent", test_what_is_sent},
        {"what is read", test_what_is_read},
        {"a new member that is due", test_a_new_member_that_is_due},
        {"another type breaks both ways", test_another_type_breaks_both_ways},
        {"a shared schema is told once a way", test_a_shared_schema_is_told_once_a_way},
        {"what is no document is refused", test_what_is_no_document_is_refused},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

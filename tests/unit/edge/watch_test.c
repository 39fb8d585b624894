/* Signals of a request are counted by kind and by where they are; nothing is refused because of them. */
#include "edge/watch.h"

#include "base/buf.h"
#include "unit/edge/edge_suites.h"
#include "unit/edge/loopback.h"
#include "unit/unit.h"

struct part {
    struct dm_str label;
};
static const struct dm_field part_fields[] = {
    {.name = "label",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct part, label),
     .max = 200,
     .text = "what it is called"},
};
static const struct dm_shape part_shape = DM_SHAPE(struct part, "Part", part_fields);

struct thing {
    struct dm_str name, note, more;
    struct dm_list parts, words;
};
static const struct dm_field thing_fields[] = {
    {.name = "name",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct thing, name),
     .max = 200,
     .text = "what it is called"},
    {.name = "note",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .offset = offsetof(struct thing, note),
     .max = 200,
     .text = "anything"},
    {.name = "more",
     .kind = DM_JSON_OBJECT,
     .offset = offsetof(struct thing, more),
     .text = "free-form"},
    {.name = "parts",
     .kind = DM_ARRAY,
     .shape = &part_shape,
     .offset = offsetof(struct thing, parts),
     .text = "its parts"},
    {.name = "words", .kind = DM_ARRAY, .offset = offsetof(struct thing, words), .text = "lines"},
};
static const struct dm_shape thing_shape = DM_SHAPE(struct thing, "Thing", thing_fields);

struct asked {
    struct dm_str by;
};
static const struct dm_field asked_fields[] = {
    {.name = "by",
     .kind = DM_STRING,
     .offset = offsetof(struct asked, by),
     .max = 100,
     .text = "whose"},
};
static const struct dm_shape asked_shape = DM_SHAPE(struct asked, "Asked", asked_fields);

static enum dm_result serve_nothing(struct dm_call *call)
{
    (void)call;
    return DM_OK;
}

#define OPEN .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .summary = "For tests"
static const struct dm_route table[] = {
    {.name = "thing.list",
     .method = DM_GET,
     .path = "/things",
     OPEN,
     .query = &asked_shape,
     .status = 204,
     .serve = serve_nothing},
    {.name = "thing.make",
     .method = DM_POST,
     .path = "/things",
     OPEN,
     .request = &thing_shape,
     .status = 204,
     .serve = serve_nothing},
};
static const struct dm_routes rows = DM_ROUTES(table);

static struct dm_loopback lb;

static int64_t counted(const char *type, const char *severity)
{
    char line[160];
    struct dm_buf text;
    int64_t n = -1;
    snprintf(line, sizeof(line), "digitalme_attack_signals_total{type=\"%s\",severity=\"%s\"} ",
             type, severity);
    dm_buf_init(&text, NULL, 1 << 20);
    dm_metrics_print(lb.metrics, &text);
    dm_buf_add_char(&text, '\0');
    const char *at = dm_buf_failed(&text) ? NULL : strstr(text.p, line);
    if (at)
        n = strtoll(at + strlen(line), NULL, 10);
    dm_buf_done(&text);
    return n;
}

static int post(const char *body)
{
    return dm_loopback_send(&lb, (struct dm_request){.method = DM_POST,
                                                     .path = DM_STR("/api/v1/things"),
                                                     .content_type = DM_STR("application/json"),
                                                     .body = dm_str_from(body)})
        ->status;
}

static int get(const char *path, const char *query, const char *agent)
{
    return dm_loopback_send(&lb, (struct dm_request){.method = DM_GET,
                                                     .path = dm_str_from(path),
                                                     .query = dm_str_from(query),
                                                     .user_agent = dm_str_from(agent)})
        ->status;
}

static void test_free_text_is_low_and_never_refused(void)
{
    dm_loopback_open(&lb, &rows);
    CU_ASSERT_EQUAL(post("{\"note\":\"1 UNION SELECT x\"}"), 204);
    CU_ASSERT_EQUAL(counted("sql_injection", "low"), 1);
    CU_ASSERT_EQUAL(post("{\"more\":{\"a\":[{\"b\":\"1 UNION SELECT x\"}]}}"), 204);
    CU_ASSERT_EQUAL(counted("sql_injection", "low"), 2);
    CU_ASSERT_EQUAL(post("{\"words\":[\"a\",\"$(id)\"]}"), 204);
    CU_ASSERT_EQUAL(counted("command_injection", "low"), 1);
    CU_ASSERT_EQUAL(counted("sql_injection", "high"), 0);
    dm_loopback_close(&lb);
}

static void test_a_name_is_high_and_taken_when_its_format_does(void)
{
    dm_loopback_open(&lb, &rows);
    CU_ASSERT_EQUAL(post("{\"name\":\"1 UNION SELECT x\"}"), 204);
    CU_ASSERT_EQUAL(post("{\"parts\":[{\"label\":\"a\"},{\"label\":\"1 UNION SELECT x\"}]}"), 204);
    CU_ASSERT_EQUAL(counted("sql_injection", "high"), 2);
    CU_ASSERT_EQUAL(post("{\"name\":\"\\u003cscript>\"}"), 422);
    CU_ASSERT_EQUAL(counted("cross_site_scripting", "high"), 1);
    dm_loopback_close(&lb);
}

static void test_a_request_counts_once_a_kind_where_it_is_worst(void)
{
    dm_loopback_open(&lb, &rows);
    CU_ASSERT_EQUAL(post("{\"note\":\"<script>; cat /etc/passwd\",\"name\":\"../../etc/passwd\"}"),
                    204);
    CU_ASSERT_EQUAL(counted("path_traversal", "high"), 1);
    CU_ASSERT_EQUAL(counted("path_traversal", "low"), 0);
    CU_ASSERT_EQUAL(counted("cross_site_scripting", "low"), 1);
    CU_ASSERT_EQUAL(counted("command_injection", "low"), 1);
    dm_loopback_close(&lb);
}

static void test_every_part_of_a_request_is_looked_at(void)
{
    dm_loopback_open(&lb, &rows);
    CU_ASSERT_EQUAL(get("/api/v1/things", "by=1%20union+select", NULL), 204);
    CU_ASSERT_EQUAL(get("/api/v1/things", "x=1'%20or%20'1'='1", NULL), 422);
    CU_ASSERT_EQUAL(counted("sql_injection", "high"), 2);
    CU_ASSERT_EQUAL(get("/api/v1/..%2f..%2fetc", NULL, NULL), 404);
    CU_ASSERT_EQUAL(counted("path_traversal", "high"), 1);
    CU_ASSERT_EQUAL(get("/api/v1/things", NULL, "${jndi:ldap://x}"), 204);
    CU_ASSERT_EQUAL(counted("command_injection", "high"), 1);
    CU_ASSERT_EQUAL(post("{\"name\": <script>"), 400);
    CU_ASSERT_EQUAL(post("{\"<script>\":\"x\",\"odd\":\"<script>\"}"), 422);
    CU_ASSERT_EQUAL(post("[\"<script>\"]"), 422);
    CU_ASSERT_EQUAL(counted("cross_site_scripting", "high"), 3);
    dm_loopback_close(&lb);
}

static void test_what_is_ordinary_is_not_counted(void)
{
    static const char *const types[] = {"sql_injection", "cross_site_scripting",
                                        "command_injection", "path_traversal"};
    dm_loopback_open(&lb, &rows);
    CU_ASSERT_EQUAL(post("{\"name\":\"O'Neill\",\"note\":\"a/b, c;\\n\\\"d\\\"\"}"), 204);
    CU_ASSERT_EQUAL(get("/api/v1/things", "by=me", "curl/7.88.1"), 204);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        CU_ASSERT_EQUAL(counted(types[i], "low"), 0);
        CU_ASSERT_EQUAL(counted(types[i], "high"), 0);
    }
    dm_loopback_close(&lb);
}

CU_TestInfo *dm_watch_suite(void)
{
    static CU_TestInfo tests[] = {
        {"free text is low and never refused", test_free_text_is_low_and_never_refused},
        {"a name is high, and taken when its format does",
         test_a_name_is_high_and_taken_when_its_format_does},
        {"a request counts once a kind, where it is worst",
         test_a_request_counts_once_a_kind_where_it_is_worst},
        {"every part of a request is looked at", test_every_part_of_a_request_is_looked_at},
        {"what is ordinary is not counted", test_what_is_ordinary_is_not_counted},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

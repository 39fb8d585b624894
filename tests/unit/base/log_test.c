/* A line is one JSON object whatever goes into it, at most 8 KiB, and never holds a secret. */
#include "base/log.h"

#include <json-c/json.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define CAPTURE_MAX (1024 * 1024)

/* Standard error, caught in a file while a test logs. */
struct capture {
    FILE *file;
    int saved;
    char *text;
};

static void capture_begin(struct capture *capture)
{
    capture->file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(capture->file);
    capture->saved = dup(STDERR_FILENO);
    dup2(fileno(capture->file), STDERR_FILENO);
}

static void capture_end(struct capture *capture)
{
    dup2(capture->saved, STDERR_FILENO);
    close(capture->saved);
    capture->text = calloc(1, CAPTURE_MAX);
    CU_ASSERT_PTR_NOT_NULL_FATAL(capture->text);
    rewind(capture->file);
    size_t n = fread(capture->text, 1, CAPTURE_MAX - 1, capture->file);
    capture->text[n] = '\0';
    fclose(capture->file);
}

static struct dm_log *open_log(enum dm_severity least)
{
    struct dm_log_options options = {
        .program = "digitalme-test", .instance_id = "i-1", .least = least, .to_stderr = true};
    struct dm_log *log = dm_log_open(&options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    return log;
}

/* The one line that was caught. Caller puts it. */
static struct json_object *parse_line(const struct capture *capture)
{
    size_t n = strlen(capture->text);
    CU_ASSERT_TRUE_FATAL(n > 0 && n <= 8192);
    CU_ASSERT_PTR_EQUAL(strchr(capture->text, '\n'), capture->text + n - 1);
    struct json_object *line = json_tokener_parse(capture->text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    return line;
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    CU_ASSERT_TRUE(json_object_object_get_ex(object, name, &value));
    return value;
}

static void assert_text(struct json_object *object, const char *name, const char *expected)
{
    CU_ASSERT_STRING_EQUAL(json_object_get_string(member(object, name)), expected);
}

static void test_a_line_has_the_stated_fields(void)
{
    struct capture capture;
    struct dm_trace trace = {.trace_id = "0af7651916cd43dd8448eb211c80319c",
                             .span_id = "b7ad6b7169203331"};
    struct dm_log *log = open_log(DM_DEBUG);
    const char *method = "GET";
    dm_clock_fake(1767225600123);
    capture_begin(&capture);
    dm_log(log, DM_INFO, &trace, "request", DM_ATTR("http.request.method", method),
           DM_ATTR("http.response.status_code", 200), DM_ATTR("duration", 0.25),
           DM_ATTR("retry", (bool)true), DM_ATTR("account.id", ((struct dm_str){NULL, 0})));
    capture_end(&capture);
    dm_clock_fake(0);
    struct json_object *line = parse_line(&capture);
    assert_text(line, "timestamp", "2026-01-01T00:00:00.123Z");
    assert_text(line, "severity", "INFO");
    assert_text(line, "body", "request");
    assert_text(line, "service.name", "digitalme-test");
    assert_text(line, "service.instance.id", "i-1");
    assert_text(line, "trace_id", trace.trace_id);
    assert_text(line, "span_id", trace.span_id);
    struct json_object *attributes = member(line, "attributes");
    assert_text(attributes, "http.request.method", "GET");
    CU_ASSERT_EQUAL(json_object_get_int(member(attributes, "http.response.status_code")), 200);
    CU_ASSERT_EQUAL(json_object_get_double(member(attributes, "duration")), 0.25);
    CU_ASSERT_TRUE(json_object_get_boolean(member(attributes, "retry")));
    CU_ASSERT_EQUAL(json_object_object_length(attributes), 4);
    json_object_put(line);
    free(capture.text);
    dm_log_close(log);
}

static void test_a_secret_is_redacted(void)
{
    struct capture capture;
    struct dm_secret secret = {"hunter2hunter2", 14};
    struct dm_log *log = open_log(DM_INFO);
    capture_begin(&capture);
    dm_log(log, DM_INFO, NULL, "start", DM_ATTR("smtp.password", secret));
    capture_end(&capture);
    struct json_object *line = parse_line(&capture);
    assert_text(member(line, "attributes"), "smtp.password", "[redacted]");
    CU_ASSERT_PTR_NULL(strstr(capture.text, "hunter2"));
    json_object_put(line);
    free(capture.text);
    dm_log_close(log);
}

static void test_hostile_bytes_stay_in_their_text(void)
{
    struct capture capture;
    struct dm_log *log = open_log(DM_INFO);
    capture_begin(&capture);
    dm_log(log, DM_WARN, NULL, "a\nb\"c\\", DM_ATTR("user", DM_STR("\xff\x00\x1b[31m\r\n")));
    capture_end(&capture);
    struct json_object *line = parse_line(&capture);
    assert_text(line, "body", "a\nb\"c\\");
    CU_ASSERT_EQUAL(memcmp(json_object_get_string(member(member(line, "attributes"), "user")),
                           "\xef\xbf\xbd", 3),
                    0);
    json_object_put(line);
    free(capture.text);
    dm_log_close(log);
}

static void test_a_long_line_loses_only_its_longest_texts(void)
{
    static char long_text[50000];
    struct capture capture;
    struct dm_log *log = open_log(DM_INFO);
    for (size_t i = 0; i + 2 < sizeof(long_text); i += 3)
        memcpy(long_text + i, "\xe2\x82\xac", 3);
    capture_begin(&capture);
    dm_log(log, DM_ERROR, NULL, "upstream",
           DM_ATTR("reply", ((struct dm_str){long_text, sizeof(long_text)})),
           DM_ATTR("short", "kept"));
    capture_end(&capture);
    struct json_object *line = parse_line(&capture);
    struct json_object *attributes = member(line, "attributes");
    assert_text(attributes, "short", "kept");
    CU_ASSERT_TRUE(json_object_get_boolean(member(attributes, "log.truncated")));
    const char *reply = json_object_get_string(member(attributes, "reply"));
    CU_ASSERT_TRUE(strlen(reply) > 1000);
    CU_ASSERT_PTR_NULL(strstr(reply, "\xef\xbf\xbd")); /* cut between characters */
    json_object_put(line);
    free(capture.text);
    dm_log_close(log);
}

static void test_too_many_attributes_are_left_out(void)
{
    static struct dm_log_attr attrs[2000];
    struct capture capture;
    struct dm_log *log = open_log(DM_INFO);
    for (size_t i = 0; i < 2000; i++)
        attrs[i] = dm_log_attr_int("some.attribute", (int64_t)i);
    capture_begin(&capture);
    dm_log_write(log, DM_INFO, NULL, "many", attrs, 2000);
    capture_end(&capture);
    struct json_object *line = parse_line(&capture);
    assert_text(line, "body", "many");
    CU_ASSERT_TRUE(json_object_get_boolean(member(member(line, "attributes"), "log.truncated")));
    json_object_put(line);
    free(capture.text);
    dm_log_close(log);
}

static void test_lines_below_the_least_severity_are_dropped(void)
{
    struct capture capture;
    struct dm_log *log = open_log(DM_WARN);
    capture_begin(&capture);
    dm_log_write(log, DM_INFO, NULL, "not this", NULL, 0);
    dm_log_write(log, DM_WARN, NULL, "this", NULL, 0);
    dm_log_set_least(log, DM_ERROR);
    dm_log_write(log, DM_WARN, NULL, "nor this", NULL, 0);
    capture_end(&capture);
    struct json_object *line = parse_line(&capture);
    assert_text(line, "body", "this");
    assert_text(line, "severity", "WARN");
    json_object_put(line);
    free(capture.text);
    dm_log_close(log);
}

static void test_severities_have_names(void)
{
    CU_ASSERT_EQUAL(dm_log_severity_of(DM_STR("debug")), DM_DEBUG);
    CU_ASSERT_EQUAL(dm_log_severity_of(DM_STR("fatal")), DM_FATAL);
    CU_ASSERT_EQUAL((int)dm_log_severity_of(DM_STR("INFO")), 0);
    CU_ASSERT_EQUAL((int)dm_log_severity_of(DM_STR("")), 0);
}

#define STORM_LINES 200

static void *storm_thread(void *arg)
{
    for (int i = 0; i < STORM_LINES; i++)
        dm_log(arg, DM_INFO, NULL, "storm", DM_ATTR("i", i));
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void)
{
    struct capture capture;
    pthread_t threads[4];
    struct dm_log *log = open_log(DM_INFO);
    capture_begin(&capture);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, storm_thread, log), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    capture_end(&capture);
    int n = 0;
    char *rest = NULL;
    for (char *text = strtok_r(capture.text, "\n", &rest); text;
         text = strtok_r(NULL, "\n", &rest)) {
        struct json_object *line = json_tokener_parse(text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(line);
        assert_text(line, "body", "storm");
        json_object_put(line);
        n++;
    }
    CU_ASSERT_EQUAL(n, 4 * STORM_LINES);
    free(capture.text);
    dm_log_close(log);
}

static CU_TestInfo tests[] = {
    {"a line has the stated fields", test_a_line_has_the_stated_fields},
    {"a secret is redacted", test_a_secret_is_redacted},
    {"hostile bytes stay in their text", test_hostile_bytes_stay_in_their_text},
    {"a long line loses only its longest texts", test_a_long_line_loses_only_its_longest_texts},
    {"too many attributes are left out", test_too_many_attributes_are_left_out},
    {"lines below the least severity are dropped", test_lines_below_the_least_severity_are_dropped},
    {"severities have names", test_severities_have_names},
    {"lines of threads do not mix", test_lines_of_threads_do_not_mix},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_log_suite(void)
{
    return tests;
}

/* Cells count without locks, and print as Prometheus' text format wants them. */
#include "base/metrics.h"

#include <pthread.h>
#include <string.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static const char *const route_label[] = {"route", "status", NULL};
static const struct dm_metric_family requests = {
    .name = "dm_requests_total", .kind = DM_COUNTER, .help = "Requests.", .labels = route_label};
static const struct dm_metric_family in_use = {
    .name = "dm_in_use", .kind = DM_GAUGE, .help = "In use:\nback\\slash."};
static const struct dm_metric_family duration = {
    .name = "dm_duration_seconds", .kind = DM_HISTOGRAM, .help = "Time."};

static void test_families_stay_together_and_labels_are_escaped(void)
{
    const char *const a[] = {"a", "200"};
    const char *const b[] = {"b\"\\\n", "500"};
    struct dm_buf out;
    struct dm_metrics *metrics = dm_metrics_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(metrics);
    struct dm_metric_cell *cell_a = dm_metrics_cell(metrics, &requests, a);
    struct dm_metric_cell *gauge = dm_metrics_cell(metrics, &in_use, NULL);
    struct dm_metric_cell *cell_b = dm_metrics_cell(metrics, &requests, b);
    dm_metric_add(cell_a, 3);
    dm_metric_add(cell_b, 1);
    dm_metric_set(gauge, 7);
    dm_metric_add(gauge, -9);
    dm_buf_init(&out, NULL, 65536);
    dm_metrics_print(metrics, &out);
    CU_ASSERT_STR(dm_buf_str(&out), "# HELP dm_requests_total Requests.\n"
                                    "# TYPE dm_requests_total counter\n"
                                    "dm_requests_total{route=\"a\",status=\"200\"} 3\n"
                                    "dm_requests_total{route=\"b\\\"\\\\\\n\",status=\"500\"} 1\n"
                                    "# HELP dm_in_use In use:\\nback\\\\slash.\n"
                                    "# TYPE dm_in_use gauge\n"
                                    "dm_in_use -2\n");
    dm_buf_done(&out);
    dm_metrics_free(metrics);
}

static void test_a_histogram_is_cumulative_in_seconds(void)
{
    struct dm_buf out;
    struct dm_metrics *metrics = dm_metrics_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(metrics);
    struct dm_metric_cell *cell = dm_metrics_cell(metrics, &duration, NULL);
    dm_metric_observe_us(cell, 1000); /* a bound belongs to its bucket */
    dm_metric_observe_us(cell, 1001);
    dm_metric_observe_us(cell, 20 * 1000 * 1000);
    CU_ASSERT_EQUAL(dm_metric_value(cell), 3);
    dm_buf_init(&out, NULL, 65536);
    dm_metrics_print(metrics, &out);
    dm_buf_add_char(&out, '\0');
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "dm_duration_seconds_bucket{le=\"0.001\"} 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "dm_duration_seconds_bucket{le=\"0.0025\"} 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "dm_duration_seconds_bucket{le=\"10\"} 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "dm_duration_seconds_bucket{le=\"+Inf\"} 3\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "dm_duration_seconds_sum 20.002001\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "dm_duration_seconds_count 3\n"));
    dm_buf_done(&out);
    dm_metrics_free(metrics);
}

static void test_no_cell_does_nothing(void)
{
    dm_metric_add(NULL, 1);
    dm_metric_set(NULL, 1);
    dm_metric_observe_us(NULL, 1);
    CU_PASS("no crash");
}

static void *count_thread(void *arg)
{
    for (int i = 0; i < 10000; i++)
        dm_metric_observe_us(arg, i);
    return NULL;
}

static void test_threads_lose_no_count(void)
{
    pthread_t threads[4];
    struct dm_buf out;
    struct dm_metrics *metrics = dm_metrics_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(metrics);
    struct dm_metric_cell *cell = dm_metrics_cell(metrics, &duration, NULL);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, count_thread, cell), 0);
    dm_buf_init(&out, NULL, 65536);
    dm_metrics_print(metrics, &out); /* while they count */
    dm_buf_done(&out);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(dm_metric_value(cell), 40000);
    dm_metrics_free(metrics);
}

static CU_TestInfo tests[] = {
    {"families stay together and labels are escaped",
     test_families_stay_together_and_labels_are_escaped},
    {"a histogram is cumulative, in seconds", test_a_histogram_is_cumulative_in_seconds},
    {"no cell does nothing", test_no_cell_does_nothing},
    {"threads lose no count", test_threads_lose_no_count},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_metrics_suite(void)
{
    return tests;
}

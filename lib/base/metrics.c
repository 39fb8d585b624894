/*
 * What the programs count while they work, and the text that Prometheus reads. The registry is a
 * list of families, each with a list of its cells; after start-up only the cells' atomics change.
 */
#include "base/metrics.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX_BYTES 4096

/* Upper bounds of a histogram's buckets, as they are printed and in microseconds. */
static const struct {
    const char *le;
    int64_t us;
} buckets[] = {
    {"0.001", 1000},  {"0.0025", 2500}, {"0.005", 5000},  {"0.01", 10000},     {"0.025", 25000},
    {"0.05", 50000},  {"0.1", 100000},  {"0.25", 250000}, {"0.5", 500000},     {"1", 1000000},
    {"2.5", 2500000}, {"5", 5000000},   {"10", 10000000}, {"+Inf", INT64_MAX},
};
#define N_BUCKETS (sizeof(buckets) / sizeof(buckets[0]))

struct dm_metric_cell {
    enum dm_metric_kind kind;
    char *labels; /* name="value",… ; "" without labels */
    struct dm_metric_cell *next;
    atomic_llong value;    /* counter and gauge; a histogram's sum in microseconds */
    atomic_llong counts[]; /* a histogram's, one a bucket, not cumulative */
};

struct family {
    const struct dm_metric_family *row;
    struct dm_metric_cell *cells, **last;
    struct family *next;
};

struct dm_metrics {
    struct family *families, **last;
};

struct dm_metrics *dm_metrics_new(void)
{
    struct dm_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics)
        metrics->last = &metrics->families;
    return metrics;
}

static void free_cells(struct dm_metric_cell *cell)
{
    while (cell) {
        struct dm_metric_cell *next = cell->next;
        free(cell->labels);
        free(cell);
        cell = next;
    }
}

void dm_metrics_free(struct dm_metrics *metrics)
{
    if (!metrics)
        return;
    struct family *family = metrics->families;
    while (family) {
        struct family *next = family->next;
        free_cells(family->cells);
        free(family);
        family = next;
    }
    free(metrics);
}

/* The family's place in the registry, made at its first cell. */
static struct family *find_family(struct dm_metrics *metrics, const struct dm_metric_family *row)
{
    for (struct family *family = metrics->families; family; family = family->next)
        if (family->row == row)
            return family;
    struct family *family = calloc(1, sizeof(*family));
    if (!family)
        return NULL;
    family->row = row;
    family->last = &family->cells;
    *metrics->last = family;
    metrics->last = &family->next;
    return family;
}

/* Backslash and line feed escaped, in label values the quote too. */
static void add_escaped(struct dm_buf *out, const char *text, bool quote)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            dm_buf_add_c(out, "\\n");
            continue;
        }
        if (*text == '\\' || (quote && *text == '"'))
            dm_buf_add_char(out, '\\');
        dm_buf_add_char(out, *text);
    }
}

/* The labels as they will be printed, so that printing only copies. Caller frees. */
static char *print_labels(const struct dm_metric_family *row, const char *const *values)
{
    struct dm_buf out;
    dm_buf_init(&out, NULL, LABELS_MAX_BYTES);
    for (size_t i = 0; row->labels && row->labels[i]; i++) {
        dm_buf_printf(&out, "%s%s=\"", i > 0 ? "," : "", row->labels[i]);
        add_escaped(&out, values[i], true);
        dm_buf_add_char(&out, '"');
    }
    dm_buf_add_char(&out, '\0');
    if (!dm_buf_failed(&out))
        return out.p;
    dm_buf_done(&out);
    return NULL;
}

struct dm_metric_cell *dm_metrics_cell(struct dm_metrics *metrics,
                                       const struct dm_metric_family *family,
                                       const char *const *values)
{
    size_t n_counts = family->kind == DM_HISTOGRAM ? N_BUCKETS : 0;
    struct family *place = find_family(metrics, family);
    struct dm_metric_cell *cell =
        place ? calloc(1, sizeof(*cell) + n_counts * sizeof(cell->counts[0])) : NULL;
    if (!cell)
        return NULL;
    cell->labels = print_labels(family, values);
    if (!cell->labels) {
        free(cell);
        return NULL;
    }
    cell->kind = family->kind;
    atomic_init(&cell->value, 0);
    for (size_t i = 0; i < n_counts; i++)
        atomic_init(&cell->counts[i], 0);
    *place->last = cell;
    place->last = &cell->next;
    return cell;
}

/* Cells stand alone: no other memory is published through them, so relaxed order does. */
static void add(atomic_llong *cell, int64_t v)
{
    atomic_fetch_add_explicit(cell, v, memory_order_relaxed);
}

static int64_t get(const atomic_llong *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

void dm_metric_add(struct dm_metric_cell *cell, int64_t v)
{
    if (!cell)
        return;
    assert(cell->kind == DM_GAUGE || (cell->kind == DM_COUNTER && v >= 0));
    add(&cell->value, v);
}

void dm_metric_set(struct dm_metric_cell *cell, int64_t v)
{
    if (!cell)
        return;
    assert(cell->kind == DM_GAUGE);
    atomic_store_explicit(&cell->value, v, memory_order_relaxed);
}

void dm_metric_observe_us(struct dm_metric_cell *cell, int64_t us)
{
    if (!cell)
        return;
    assert(cell->kind == DM_HISTOGRAM);
    size_t i = 0;
    while (us > buckets[i].us)
        i++;
    add(&cell->counts[i], 1);
    add(&cell->value, us);
}

int64_t dm_metric_value(const struct dm_metric_cell *cell)
{
    if (cell->kind != DM_HISTOGRAM)
        return get(&cell->value);
    int64_t count = 0;
    for (size_t i = 0; i < N_BUCKETS; i++)
        count += get(&cell->counts[i]);
    return count;
}

/* name{labels} or name, then a space. */
static void print_series(const char *name, const char *labels, struct dm_buf *out)
{
    if (labels[0] == '\0')
        dm_buf_printf(out, "%s ", name);
    else
        dm_buf_printf(out, "%s{%s} ", name, labels);
}

static void print_histogram(const char *name, const struct dm_metric_cell *cell, struct dm_buf *out)
{
    char series[256];
    int64_t count = 0;
    for (size_t i = 0; i < N_BUCKETS; i++) {
        count += get(&cell->counts[i]);
        dm_buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %lld\n", name, cell->labels,
                      cell->labels[0] != '\0' ? "," : "", buckets[i].le, (long long)count);
    }
    long long sum_us = get(&cell->value);
    snprintf(series, sizeof(series), "%s_sum", name);
    print_series(series, cell->labels, out);
    dm_buf_printf(out, "%lld.%06lld\n", sum_us / 1000000, sum_us % 1000000);
    snprintf(series, sizeof(series), "%s_count", name);
    print_series(series, cell->labels, out);
    dm_buf_printf(out, "%lld\n", (long long)count);
}

static void print_family(const struct family *family, struct dm_buf *out)
{
    static const char *const kinds[] = {
        [DM_COUNTER] = "counter", [DM_GAUGE] = "gauge", [DM_HISTOGRAM] = "histogram"};
    const struct dm_metric_family *row = family->row;
    dm_buf_printf(out, "# HELP %s ", row->name);
    add_escaped(out, row->help, false);
    dm_buf_printf(out, "\n# TYPE %s %s\n", row->name, kinds[row->kind]);
    for (const struct dm_metric_cell *cell = family->cells; cell; cell = cell->next) {
        if (row->kind == DM_HISTOGRAM) {
            print_histogram(row->name, cell, out);
            continue;
        }
        print_series(row->name, cell->labels, out);
        dm_buf_add_int(out, get(&cell->value));
        dm_buf_add_char(out, '\n');
    }
}

void dm_metrics_print(const struct dm_metrics *metrics, struct dm_buf *out)
{
    for (const struct family *family = metrics->families; family; family = family->next)
        print_family(family, out);
}

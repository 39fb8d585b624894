/*
 * Metrics cells and their text exposition (Prometheus 0.0.4). A family is a static row; its cells are atomics, one a label value, made
 * when the registry is built, so that counting never locks or allocates.
 */
#ifndef DM_BASE_METRICS_H
#define DM_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum dm_metric_kind { DM_COUNTER = 1, DM_GAUGE, DM_HISTOGRAM };

struct dm_metric_family {
    const char *name; /* Prometheus naming: base unit in the name, counters end in _total */
    enum dm_metric_kind kind;
    const char *help;
    const char *const *labels; /* NULL-terminated label names, at most 3 */
};

struct dm_metrics;     /* the registry */
struct dm_metric_cell; /* one series */

/* NULL when out of memory. Caller frees with dm_metrics_free. */
struct dm_metrics *dm_metrics_new(void);
void dm_metrics_free(struct dm_metrics *metrics); /* NULL allowed */
/*
 * A new series; values: one a label of the family, copied. To be called before threads start. NULL when out of memory.
 * Lives as long as the registry.
 */
struct dm_metric_cell *dm_metrics_cell(struct dm_metrics *metrics,
                                       const struct dm_metric_family *family,
                                       const char *const *values);
void dm_metric_add(struct dm_metric_cell *cell,
                   int64_t v); /* counter, gauge; NULL cell does nothing */
void dm_metric_set(struct dm_metric_cell *cell, int64_t v);         /* gauge */
void dm_metric_observe_us(struct dm_metric_cell *cell, int64_t us); /* histogram of seconds */
int64_t dm_metric_value(const struct dm_metric_cell *cell);         /* a histogram's count */
/* Families contiguous, HELP and TYPE once, labels escaped. */
void dm_metrics_print(const struct dm_metrics *metrics, struct dm_buf *out);

#endif

/* The edge's own metrics: a set of cells a row, made once, so that counting a request is a few atomic additions. */
#ifndef DM_EDGE_METER_H
#define DM_EDGE_METER_H

#include "base/metrics.h"
#include "edge/route.h"
#include "edge/signal.h"

struct dm_meter;

/* NULL when out of memory. The cells live as long as the registry. Caller frees with dm_meter_free. */
struct dm_meter *dm_meter_new(struct dm_metrics *metrics, const struct dm_router *router);
void dm_meter_free(struct dm_meter *meter); /* NULL allowed */
/* One request answered by the match's row. */
void dm_meter_request(struct dm_meter *meter, const struct dm_match *match, int status, int64_t us);
void dm_meter_unrouted(struct dm_meter *meter); /* one that no row serves */
void dm_meter_degraded(struct dm_meter *meter); /* one that the gate judged without Redis */
/* One that was over a limit of the class. */
enum dm_limited {
    DM_LIMITED_NOT = 0,
    DM_LIMITED_REFUSED,
    DM_LIMITED_BLOCKED,  /* refused, as all of the caller's are for a while */
    DM_LIMITED_SHADOWED, /* let through, because limits only count */
};
const char *dm_limited_name(enum dm_limited outcome); /* "refused"; NULL: not limited */
void dm_meter_limited(struct dm_meter *meter, enum dm_limit_class class, enum dm_limited outcome);
/* A request with an attack signal. */
void dm_meter_signal(struct dm_meter *meter, enum dm_signal signal,
                     enum dm_signal_severity severity);
void dm_meter_busy(struct dm_meter *meter, enum dm_door door, int64_t change); /* threads at work */

#endif

/* The families of edge metrics and the cells of each row. */
#include "edge/meter.h"

#include "edge/limit.h"

#define STATUS_CLASSES 4 /* 2xx to 5xx */

static const char *const request_labels[] = {"route", "method", "status", NULL};
static const char *const route_labels[] = {"route", NULL};
static const char *const path_labels[] = {"path", "method", NULL};
static const char *const door_labels[] = {"door", NULL};
static const char *const signal_labels[] = {"type", "severity", NULL};
static const char *const limit_labels[] = {"class", "outcome", NULL};

static const struct dm_metric_family requests = {
    .name = "digitalme_http_requests_total",
    .kind = DM_COUNTER,
    .help = "Requests answered, by row and class of status.",
    .labels = request_labels,
};
static const struct dm_metric_family durations = {
    .name = "digitalme_http_request_duration_seconds",
    .kind = DM_HISTOGRAM,
    .help = "Time from the request read to the reply made.",
    .labels = route_labels,
};
static const struct dm_metric_family unrouted = {
    .name = "digitalme_http_unrouted_total",
    .kind = DM_COUNTER,
    .help = "Requests that no row serves: unknown path or method, OPTIONS.",
};
static const struct dm_metric_family deprecated = {
    .name = "digitalme_http_deprecated_total",
    .kind = DM_COUNTER,
    .help =
        "Requests to what is deprecated, by its path: an old one with all below it, or a row's.",
    .labels = path_labels,
};
static const struct dm_metric_family degraded = {
    .name = "digitalme_gate_degraded_total",
    .kind = DM_COUNTER,
    .help = "Requests whose session and limits were judged without Redis.",
};
static const struct dm_metric_family limited = {
    .name = "digitalme_limited_total",
    .kind = DM_COUNTER,
    .help = "Requests over a limit, by its class: refused, refused by a block, or only counted.",
    .labels = limit_labels,
};
static const struct dm_metric_family signals = {
    .name = "digitalme_attack_signals_total",
    .kind = DM_COUNTER,
    .help = "Requests that look like an attack of a type: high where no such text belongs, low in "
            "free text.",
    .labels = signal_labels,
};
static const struct dm_metric_family busy = {
    .name = "digitalme_threads_busy",
    .kind = DM_GAUGE,
    .help = "Threads that hold a request, by door.",
    .labels = door_labels,
};

struct row_cells {
    struct dm_metric_cell *requests[STATUS_CLASSES];
    struct dm_metric_cell *duration;
    struct dm_metric_cell *deprecated; /* NULL: it is not */
};

struct dm_meter {
    const struct dm_surface *surface;
    struct row_cells *rows;
    struct dm_metric_cell **aliases; /* a cell each */
    struct dm_metric_cell *unrouted, *degraded;
    struct dm_metric_cell *limited[DM_LIMIT_LAST + 1][DM_LIMITED_SHADOWED + 1];
    struct dm_metric_cell *signals[DM_SIGNALS][DM_SIGNAL_SEVERITIES];
    struct dm_metric_cell *busy[DM_DOOR_STREAM + 1];
};

/* A row's requests count as one, whichever major they ask. False: the row is the first of its name. */
static bool share_row(struct dm_meter *meter, const struct dm_router *router, size_t index)
{
    const struct dm_route *route = dm_router_row(router, index);
    for (size_t i = 0; i < index; i++) {
        const struct dm_route *other = dm_router_row(router, i);
        if (strcmp(other->name, route->name) == 0 && other->method == route->method) {
            meter->rows[index] = meter->rows[i];
            return true;
        }
    }
    return false;
}

static bool make_row(struct row_cells *cells, struct dm_metrics *metrics,
                     const struct dm_route *route)
{
    static const char *const classes[STATUS_CLASSES] = {"2xx", "3xx", "4xx", "5xx"};
    for (size_t i = 0; i < STATUS_CLASSES; i++) {
        const char *values[] = {route->name, dm_method_name(route->method), classes[i]};
        cells->requests[i] = dm_metrics_cell(metrics, &requests, values);
        if (!cells->requests[i])
            return false;
    }
    cells->duration = dm_metrics_cell(metrics, &durations, (const char *[]){route->name});
    return cells->duration != NULL;
}

static bool make_rows(struct dm_meter *meter, struct dm_metrics *metrics,
                      const struct dm_router *router)
{
    size_t n = dm_router_count(router);
    meter->rows = calloc(n ? n : 1, sizeof(*meter->rows));
    if (!meter->rows)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct row_cells *cells = &meter->rows[i];
        const struct dm_route *row = dm_router_row(router, i);
        if (!share_row(meter, router, i) && !make_row(cells, metrics, row))
            return false;
        cells->deprecated = NULL;
        const char *values[] = {dm_router_path(router, i), dm_method_name(row->method)};
        if (dm_router_deprecation(router, i) &&
            !(cells->deprecated = dm_metrics_cell(metrics, &deprecated, values)))
            return false;
    }
    return true;
}

static bool make_aliases(struct dm_meter *meter, struct dm_metrics *metrics)
{
    size_t n = meter->surface->n_aliases;
    meter->aliases = calloc(n ? n : 1, sizeof(struct dm_metric_cell *));
    if (!meter->aliases)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *values[] = {meter->surface->aliases[i].path, "any"};
        meter->aliases[i] = dm_metrics_cell(metrics, &deprecated, values);
        if (!meter->aliases[i])
            return false;
    }
    return true;
}

/* Every outcome of every class that has limits. */
static bool make_limited(struct dm_meter *meter, struct dm_metrics *metrics)
{
    for (int class = DM_LIMIT_READ; class <= DM_LIMIT_LAST; class ++) {
        for (int outcome = DM_LIMITED_REFUSED; outcome <= DM_LIMITED_SHADOWED; outcome++) {
            const char *values[] = {dm_limit_name((enum dm_limit_class) class),
                                    dm_limited_name((enum dm_limited)outcome)};
            meter->limited[class][outcome] = dm_metrics_cell(metrics, &limited, values);
            if (!meter->limited[class][outcome])
                return false;
        }
    }
    return true;
}

static bool make_signals(struct dm_meter *meter, struct dm_metrics *metrics)
{
    for (int signal = 0; signal < DM_SIGNALS; signal++) {
        for (int level = 0; level < DM_SIGNAL_SEVERITIES; level++) {
            const char *values[] = {dm_signal_name((enum dm_signal)signal),
                                    dm_signal_severity_name((enum dm_signal_severity)level)};
            meter->signals[signal][level] = dm_metrics_cell(metrics, &signals, values);
            if (!meter->signals[signal][level])
                return false;
        }
    }
    return true;
}

static bool make_all(struct dm_meter *meter, struct dm_metrics *metrics,
                     const struct dm_router *router)
{
    meter->surface = dm_router_surface(router);
    if (!make_rows(meter, metrics, router) || !make_aliases(meter, metrics))
        return false;
    meter->unrouted = dm_metrics_cell(metrics, &unrouted, NULL);
    meter->degraded = dm_metrics_cell(metrics, &degraded, NULL);
    meter->busy[DM_DOOR_API] = dm_metrics_cell(metrics, &busy, (const char *[]){"api"});
    meter->busy[DM_DOOR_STREAM] = dm_metrics_cell(metrics, &busy, (const char *[]){"stream"});
    return make_limited(meter, metrics) && make_signals(meter, metrics) && meter->unrouted &&
           meter->degraded && meter->busy[DM_DOOR_API] && meter->busy[DM_DOOR_STREAM];
}

struct dm_meter *dm_meter_new(struct dm_metrics *metrics, const struct dm_router *router)
{
    struct dm_meter *meter = calloc(1, sizeof(*meter));
    if (meter && !make_all(meter, metrics, router)) {
        dm_meter_free(meter);
        return NULL;
    }
    return meter;
}

void dm_meter_free(struct dm_meter *meter)
{
    if (!meter)
        return;
    free(meter->aliases);
    free(meter->rows);
    free(meter);
}

void dm_meter_request(struct dm_meter *meter, const struct dm_match *match, int status, int64_t us)
{
    const struct row_cells *cells = &meter->rows[match->index];
    int class = status / 100 - 2;
    dm_metric_add(cells->requests[class >= 0 && class < STATUS_CLASSES ? class : 3], 1);
    dm_metric_observe_us(cells->duration, us);
    if (cells->deprecated)
        dm_metric_add(cells->deprecated, 1);
    if (match->alias)
        dm_metric_add(meter->aliases[match->alias - meter->surface->aliases], 1);
}

void dm_meter_unrouted(struct dm_meter *meter)
{
    dm_metric_add(meter->unrouted, 1);
}

void dm_meter_degraded(struct dm_meter *meter)
{
    dm_metric_add(meter->degraded, 1);
}

const char *dm_limited_name(enum dm_limited outcome)
{
    static const char *const names[] = {
        [DM_LIMITED_REFUSED] = "refused",
        [DM_LIMITED_BLOCKED] = "blocked",
        [DM_LIMITED_SHADOWED] = "shadowed",
    };
    return names[outcome];
}

void dm_meter_limited(struct dm_meter *meter, enum dm_limit_class class, enum dm_limited outcome)
{
    dm_metric_add(meter->limited[class][outcome], 1);
}

void dm_meter_signal(struct dm_meter *meter, enum dm_signal signal,
                     enum dm_signal_severity severity)
{
    dm_metric_add(meter->signals[signal][severity], 1);
}

void dm_meter_busy(struct dm_meter *meter, enum dm_door door, int64_t change)
{
    dm_metric_add(meter->busy[door], change);
}

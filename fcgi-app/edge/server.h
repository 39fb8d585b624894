/*
 * What all threads of a FastCGI program share, and its life: start the doors, wait for a signal, drain, end. States are RUNNING, DRAINING,
 * STOPPED; a second SIGTERM is immediate.
 */
#ifndef DM_EDGE_SERVER_H
#define DM_EDGE_SERVER_H

#include "base/log.h"
#include "base/metrics.h"
#include "domain/live.h"
#include "edge/route.h"

struct dm_server_options {
    const struct dm_domain *domain; /* the start's; borrowed, as is all below */
    struct dm_live *live;           /* what each request works with */
    const struct dm_router *router;
    struct dm_log *log;
    struct dm_metrics *metrics;
    const char *version;     /* of the program */
    const char *instance_id; /* X-Instance-Id */
    int64_t started_wall_ms;
};

struct dm_server;
struct dm_local_limiter;
struct dm_meter;
struct dm_signals;

/* Metrics cells are made here. NULL when out of memory. Caller frees with dm_server_free. */
struct dm_server *dm_server_new(const struct dm_server_options *options);
void dm_server_free(struct dm_server *server); /* NULL allowed */
const struct dm_server_options *dm_server_options(const struct dm_server *server);
bool dm_server_draining(const struct dm_server *server);
struct dm_local_limiter *dm_server_limiter(const struct dm_server *server);
struct dm_meter *dm_server_meter(const struct dm_server *server);
const struct dm_signals *dm_server_signals(const struct dm_server *server);

/*
 * Open both doors (sockets from systemd by name `api` and `stream`, else unix sockets at settings' paths), start their
 * threads, wait for SIGTERM or SIGINT, drain, join; SIGHUP until then reads the settings again. All signals must be blocked before any thread is made (main does it first).
 * ready is called once when requests are accepted. DM_E_INVALID: a socket cannot be had, words in *err; DM_E_UNAVAILABLE: no more
 * threads or file descriptors to be had. Ends the process itself when requests still run drain_s after the first signal
 * (status DM_EXIT_DRAIN_LATE) and at a second signal (DM_EXIT_AT_ONCE): what those requests use cannot be freed.
 */
#define DM_EXIT_DRAIN_LATE 3
#define DM_EXIT_AT_ONCE 4
DM_MUST_CHECK enum dm_result dm_server_run(struct dm_server *server, void (*ready)(void *),
                                           void *ready_arg, struct dm_err *err);

#endif

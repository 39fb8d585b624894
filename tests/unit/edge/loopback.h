/*
 * dm_serve() without FastCGI: a server of a few rows, on a domain whose PostgreSQL and Redis are addresses where nothing listens, so that
 * what is tested is the edge alone and its degraded ways.
 */
#ifndef DM_TESTS_LOOPBACK_H
#define DM_TESTS_LOOPBACK_H

#include "edge/serve.h"
#include "edge/server.h"

struct dm_loopback {
    struct dm_settings settings;
    struct dm_domain domain;
    struct dm_router *router;
    struct dm_metrics *metrics;
    struct dm_log *log;
    struct dm_live *live;
    struct dm_server *server;
    struct dm_arena *arena;
    char dir[64]; /* a folder of the test's own, with a signing key */
    const struct dm_routes *rows;
    struct dm_response response;
};

/* Failures are fatal assertions of the running test. */
void dm_loopback_open(struct dm_loopback *lb, const struct dm_routes *rows);
/* The same with majors and old paths of the test's own. */
void dm_loopback_open_surface(struct dm_loopback *lb, const struct dm_surface *surface);
void dm_loopback_close(struct dm_loopback *lb);
/* Valid until the next send. Fills in what a request always has: an address, an unsaid length. */
const struct dm_response *dm_loopback_send(struct dm_loopback *lb, struct dm_request request);
/* One header of the last reply; absent when it is not there. */
struct dm_str dm_loopback_header(const struct dm_loopback *lb, const char *name);
struct dm_str dm_loopback_body(const struct dm_loopback *lb);

#endif

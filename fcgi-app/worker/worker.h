/*
 * The worker's threads: each takes one due job at a time from the outbox and runs it; one of them
 * also sweeps what is past its time. Between jobs they sleep until a notification, the next job's
 * time, or the end.
 */
#ifndef DM_WORKER_WORKER_H
#define DM_WORKER_WORKER_H

#include "base/log.h"
#include "domain/live.h"

struct dm_worker;

struct dm_worker_options {
    const struct dm_domain *domain; /* the start's; borrowed, as is all below */
    struct dm_live *live;           /* what each job works with */
    struct dm_log *log;
};

/* Start the threads. NULL when out of memory or threads. Caller frees with dm_worker_free. */
struct dm_worker *dm_worker_new(const struct dm_worker_options *options);
/* Let the jobs in hand end, join the threads. NULL allowed. */
void dm_worker_free(struct dm_worker *worker);

#endif

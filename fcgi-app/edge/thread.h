/* The threads of one door: each takes a connection, answers its request, and takes the next, until the drain. */
#ifndef DM_EDGE_THREAD_H
#define DM_EDGE_THREAD_H

#include "edge/listener.h"
#include "edge/server.h"

struct dm_threads;

struct dm_threads_options {
    const struct dm_server *server; /* borrowed, as is the listener */
    const struct dm_listener *listener;
    enum dm_door door;
    unsigned n;
    size_t stack_bytes;
    int drain_fd; /* eventfd: readable from the drain on */
    int ended_fd; /* eventfd: each thread that ends adds 1 */
};

/* DM_E_UNAVAILABLE: threads, memory or file descriptors are short; then drain_fd has been told, and those begun have ended. */
DM_MUST_CHECK enum dm_result dm_threads_start(const struct dm_threads_options *options,
                                              struct dm_err *err, struct dm_threads **ret_threads);
/* Wait for all of them, after the drain was told, and free. NULL allowed. */
void dm_threads_join(struct dm_threads *threads);

#endif

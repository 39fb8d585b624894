/*
 * The first step of a request's walk: a thread waits for its door's socket or for the drain, takes one connection, and takes the request
 * through fcgi.c and serve.c. What it holds (arena, FastCGI state) is its own, so threads share nothing that is written but counters.
 */
#include "edge/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "edge/fcgi.h"
#include "edge/meter.h"
#include "edge/serve.h"

#define ARENA_BLOCK_BYTES 16384
#define ACCEPT_RETRY_MS 50 /* when accept fails for want of something */

struct worker {
    const struct dm_threads_options *options;
    pthread_t thread;
    bool started;
    int epoll_fd;
    struct dm_arena *arena;
    struct dm_fcgi *fcgi;
};

struct dm_threads {
    struct dm_threads_options options;
    struct worker *workers; /* options.n */
};

/*
 * An epoll each, with EPOLLEXCLUSIVE on the socket that all share: a new connection wakes one thread, where poll() would wake all
 * of them, hundreds, for nothing. The drain event is not exclusive: it wakes all.
 */
static bool watch(struct worker *worker)
{
    struct epoll_event connection = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u32 = 0};
    struct epoll_event drain = {.events = EPOLLIN, .data.u32 = 1};
    int listen_fd = dm_listener_fd(worker->options->listener);
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return worker->epoll_fd >= 0 &&
           epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, listen_fd, &connection) == 0 &&
           epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->options->drain_fd, &drain) == 0;
}

/* Wait for a connection. False when the drain has begun. */
static bool wait_for_work(const struct worker *worker)
{
    struct epoll_event events[2];
    int n = epoll_wait(worker->epoll_fd, events, 2, -1);
    for (int i = 0; i < n; i++)
        if (events[i].data.u32 == 1)
            return false;
    return true;
}

static void answer(struct worker *worker)
{
    const struct dm_server *server = worker->options->server;
    const struct dm_settings *settings = dm_server_options(server)->domain->settings;
    struct dm_request request;
    struct dm_response response;
    dm_meter_busy(dm_server_meter(server), worker->options->door, 1);
    dm_fcgi_read(worker->fcgi, worker->arena, (size_t)settings->request_bytes_max, &request);
    dm_response_init(&response, worker->arena, (size_t)settings->arena_bytes_max);
    dm_serve(server, worker->arena, &request, &response);
    dm_fcgi_write(worker->fcgi, &response);
    dm_fcgi_finish(worker->fcgi);
    dm_response_done(&response);
    dm_arena_reset(worker->arena);
    dm_meter_busy(dm_server_meter(server), worker->options->door, -1);
}

/* Take and answer one connection, if one is there. */
static enum dm_result take(struct worker *worker)
{
    enum dm_result result = dm_fcgi_accept(worker->fcgi);
    if (result == DM_OK)
        answer(worker);
    return result;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct pollfd drain = {.fd = worker->options->drain_fd, .events = POLLIN};
    while (wait_for_work(worker))
        if (take(worker) == DM_E_UNAVAILABLE)
            poll(&drain, 1, ACCEPT_RETRY_MS);
    /* Who waits at a socket of systemd's is served by the successor; at our own, by nobody but us. */
    if (dm_listener_is_own(worker->options->listener))
        while (take(worker) == DM_OK)
            continue;
    eventfd_write(worker->options->ended_fd, 1);
    return NULL;
}

static bool begin_worker(struct worker *worker, const pthread_attr_t *attributes)
{
    const struct dm_threads_options *options = worker->options;
    const struct dm_settings *settings = dm_server_options(options->server)->domain->settings;
    worker->arena = dm_arena_new(ARENA_BLOCK_BYTES, (size_t)settings->arena_bytes_max);
    worker->fcgi = dm_fcgi_new(dm_listener_fd(options->listener));
    if (!worker->arena || !worker->fcgi || !watch(worker))
        return false;
    worker->started = pthread_create(&worker->thread, attributes, work, worker) == 0;
    return worker->started;
}

static bool begin_all(struct dm_threads *threads)
{
    pthread_attr_t attributes;
    bool begun = true;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, threads->options.stack_bytes);
    for (unsigned i = 0; begun && i < threads->options.n; i++)
        begun = begin_worker(&threads->workers[i], &attributes);
    pthread_attr_destroy(&attributes);
    return begun;
}

enum dm_result dm_threads_start(const struct dm_threads_options *options, struct dm_err *err,
                                struct dm_threads **ret_threads)
{
    struct dm_threads *threads = calloc(1, sizeof(*threads));
    if (!threads)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    threads->options = *options;
    threads->workers = calloc(options->n, sizeof(*threads->workers));
    for (unsigned i = 0; threads->workers && i < options->n; i++)
        threads->workers[i] = (struct worker){.options = &threads->options, .epoll_fd = -1};
    if (!threads->workers || !begin_all(threads)) {
        eventfd_write(options->drain_fd, 1);
        dm_threads_join(threads);
        return dm_err_set(err, DM_E_UNAVAILABLE, "cannot start %u threads: %s", options->n,
                          strerror(errno));
    }
    *ret_threads = threads;
    return DM_OK;
}

void dm_threads_join(struct dm_threads *threads)
{
    if (!threads)
        return;
    for (unsigned i = 0; threads->workers && i < threads->options.n; i++) {
        struct worker *worker = &threads->workers[i];
        if (worker->started)
            pthread_join(worker->thread, NULL);
        if (worker->epoll_fd >= 0)
            close(worker->epoll_fd);
        dm_fcgi_free(worker->fcgi);
        dm_arena_free(worker->arena);
    }
    free(threads->workers);
    free(threads);
}

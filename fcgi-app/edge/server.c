/*
 * The program's life once everything is open: two doors, their threads, and one place that takes signals. The main thread does nothing
 * but wait, and read the settings again when it is told to; a drain is told to the threads by an eventfd, and they tell their end by another.
 */
#include "edge/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "domain/gate.h"
#include "domain/startup.h"
#include "edge/fcgi.h"
#include "edge/listener.h"
#include "edge/meter.h"
#include "edge/signal.h"
#include "edge/thread.h"

#define DOORS (DM_DOOR_STREAM + 1)
#define API_STACK_BYTES (512 * 1024)
#define STREAM_STACK_BYTES (256 * 1024)
#define LOCAL_LIMITER_ENTRIES 16384
#define FDS_BESIDES 512 /* for all that is not a request: databases, logs, listening sockets */

enum state { RUNNING, DRAINING, STOPPED };

struct dm_server {
    struct dm_server_options options;
    struct dm_meter *meter;
    struct dm_local_limiter *limiter;
    struct dm_signals *signals;
    atomic_int state; /* enum state; written by the main thread */
};

/* What dm_server_run holds while it runs. */
struct run {
    struct dm_server *server;
    struct dm_listener *listeners[DOORS];
    struct dm_threads *threads[DOORS];
    unsigned n_threads;
    int drain_fd, ended_fd, signal_fd;
};

struct dm_server *dm_server_new(const struct dm_server_options *options)
{
    struct dm_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->options = *options;
    server->meter = dm_meter_new(options->metrics, options->router);
    server->limiter = dm_local_limiter_new(LOCAL_LIMITER_ENTRIES);
    server->signals = dm_signals_new();
    if (!server->meter || !server->limiter || !server->signals) {
        dm_server_free(server);
        return NULL;
    }
    return server;
}

void dm_server_free(struct dm_server *server)
{
    if (!server)
        return;
    dm_signals_free(server->signals);
    dm_local_limiter_free(server->limiter);
    dm_meter_free(server->meter);
    free(server);
}

const struct dm_server_options *dm_server_options(const struct dm_server *server)
{
    return &server->options;
}

bool dm_server_draining(const struct dm_server *server)
{
    return atomic_load(&server->state) != RUNNING;
}

struct dm_local_limiter *dm_server_limiter(const struct dm_server *server)
{
    return server->limiter;
}

struct dm_meter *dm_server_meter(const struct dm_server *server)
{
    return server->meter;
}

const struct dm_signals *dm_server_signals(const struct dm_server *server)
{
    return server->signals;
}

/* Every thread may hold an epoll and a connection; the usual soft limit of 1024 is less than that. */
static enum dm_result reserve_fds(const struct dm_settings *settings, struct dm_err *err)
{
    rlim_t wanted = (rlim_t)(2 * (settings->api_threads + settings->stream_threads) + FDS_BESIDES);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        if (limit.rlim_cur >= wanted)
            return DM_OK;
        limit.rlim_cur = wanted;
        if (limit.rlim_max >= wanted && setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return DM_OK;
    }
    return dm_err_set(err, DM_E_UNAVAILABLE,
                      "these threads need %llu file descriptors, more than the limit allows",
                      (unsigned long long)wanted);
}

static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static enum dm_result open_events(struct run *run, struct dm_err *err)
{
    run->drain_fd = eventfd(0, EFD_CLOEXEC);
    run->ended_fd = eventfd(0, EFD_CLOEXEC);
    run->signal_fd = open_signals();
    if (run->drain_fd < 0 || run->ended_fd < 0 || run->signal_fd < 0)
        return dm_err_set(err, DM_E_UNAVAILABLE, "eventfd: %s", strerror(errno));
    return DM_OK;
}

static enum dm_result open_listeners(struct run *run, struct dm_err *err)
{
    const struct dm_settings *settings = run->server->options.domain->settings;
    const struct dm_listener_options doors[DOORS] = {
        [DM_DOOR_API] = {.name = "api", .path = settings->api_socket},
        [DM_DOOR_STREAM] = {.name = "stream", .path = settings->stream_socket},
    };
    for (size_t i = 0; i < DOORS; i++) {
        struct dm_listener_options options = doors[i];
        options.backlog = (int)settings->socket_backlog;
        enum dm_result result = dm_listener_open(&options, err, &run->listeners[i]);
        if (result != DM_OK)
            return result;
    }
    return DM_OK;
}

static enum dm_result start_threads(struct run *run, struct dm_err *err)
{
    const struct dm_settings *settings = run->server->options.domain->settings;
    for (size_t i = 0; i < DOORS; i++) {
        bool api = i == DM_DOOR_API;
        struct dm_threads_options options = {
            .server = run->server,
            .listener = run->listeners[i],
            .door = (enum dm_door)i,
            .n = (unsigned)(api ? settings->api_threads : settings->stream_threads),
            .stack_bytes = api ? API_STACK_BYTES : STREAM_STACK_BYTES,
            .drain_fd = run->drain_fd,
            .ended_fd = run->ended_fd,
        };
        enum dm_result result = dm_threads_start(&options, err, &run->threads[i]);
        if (result != DM_OK)
            return result;
        run->n_threads += options.n;
    }
    return DM_OK;
}

static enum dm_result open_run(struct run *run, struct dm_err *err)
{
    enum dm_result result = reserve_fds(run->server->options.domain->settings, err);
    if (result == DM_OK)
        result = dm_fcgi_init(err);
    if (result == DM_OK)
        result = open_events(run, err);
    if (result == DM_OK)
        result = open_listeners(run, err);
    return result == DM_OK ? start_threads(run, err) : result;
}

static void begin_drain(struct run *run)
{
    atomic_store(&run->server->state, DRAINING);
    for (size_t i = 0; i < DOORS; i++)
        if (run->listeners[i])
            dm_listener_stop(run->listeners[i]);
    eventfd_write(run->drain_fd, 1);
}

/* Undoes open_run as far as it came. */
static void close_run(struct run *run)
{
    for (size_t i = 0; i < DOORS; i++)
        dm_threads_join(run->threads[i]);
    for (size_t i = 0; i < DOORS; i++)
        dm_listener_close(run->listeners[i]);
    const int fds[] = {run->drain_fd, run->ended_fd, run->signal_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* SIGTERM, SIGINT or SIGHUP; others stay blocked. */
static uint32_t take_signal(const struct run *run)
{
    struct signalfd_siginfo info = {0};
    while (read(run->signal_fd, &info, sizeof(info)) < 0 && errno == EINTR)
        continue;
    return info.ssi_signo;
}

static void serve_until_signal(const struct run *run)
{
    const struct dm_server_options *options = &run->server->options;
    while (take_signal(run) == SIGHUP)
        dm_startup_reload(options->live, options->log);
}

static _Noreturn void leave(const struct run *run, int status, const char *why, unsigned n_left)
{
    dm_log(run->server->options.log, DM_WARN, NULL, why, DM_ATTR("digitalme.threads.left", n_left));
    _exit(status);
}

/* Wait until every thread has ended, the time is up, or a second signal comes. */
static void await_end(const struct run *run)
{
    const struct dm_settings *settings = run->server->options.domain->settings;
    int64_t deadline_ms = dm_clock_monotonic_ms() + settings->drain_s * 1000;
    struct pollfd fds[] = {{.fd = run->ended_fd, .events = POLLIN},
                           {.fd = run->signal_fd, .events = POLLIN}};
    unsigned n_ended = 0;
    while (n_ended < run->n_threads) {
        int left_ms = dm_clock_left_ms(deadline_ms);
        int n = poll(fds, 2, left_ms);
        if (n == 0 && left_ms == 0)
            leave(run, DM_EXIT_DRAIN_LATE, "drain took too long", run->n_threads - n_ended);
        if (n > 0 && fds[1].revents && take_signal(run) != SIGHUP)
            leave(run, DM_EXIT_AT_ONCE, "second signal", run->n_threads - n_ended);
        eventfd_t more;
        if (n > 0 && fds[0].revents && eventfd_read(run->ended_fd, &more) == 0)
            n_ended += (unsigned)more;
    }
}

enum dm_result dm_server_run(struct dm_server *server, void (*ready)(void *), void *ready_arg,
                             struct dm_err *err)
{
    struct run run = {.server = server, .drain_fd = -1, .ended_fd = -1, .signal_fd = -1};
    enum dm_result result = open_run(&run, err);
    if (result == DM_OK) {
        ready(ready_arg);
        serve_until_signal(&run);
        begin_drain(&run);
        await_end(&run);
    } else if (run.drain_fd >= 0) {
        begin_drain(&run);
    }
    close_run(&run);
    atomic_store(&server->state, STOPPED);
    return result;
}

/*
 * What has ended of late, between domain/gate.c, which asks at each request, and PostgreSQL, which
 * is looked at whenever a notification comes, and read whole: what was not heard is not missed.
 */
#include "domain/revocation.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/api_key_store.h"
#include "store/session_store.h"

#define ENDED_MAX 8192 /* more than that at once, and Redis is believed in nothing for a while */
#define LOOK_MS 10000
#define LOOK_AGAIN_MS 5000 /* what has ended long enough ago is forgotten */
#define PAUSE_MS 20        /* between two looks: many may end at once */
#define ARENA_BLOCK_BYTES (64 * 1024)
#define ARENA_MAX_BYTES (16 * 1024 * 1024)

struct ended {
    size_t n;
    char ids[ENDED_MAX][DM_UUID_TEXT]; /* sorted */
};

struct dm_revocations {
    const struct dm_domain *domain;
    struct dm_pg_listener *listener;
    struct dm_arena *arena; /* of the thread */
    int stop_fd;            /* readable once the end has come */
    pthread_t thread;
    atomic_bool hearing;  /* the last look succeeded, and found no more than fits */
    atomic_size_t n;      /* of ended, to be read without the lock */
    pthread_mutex_t lock; /* guards ended; held for a search or a copy */
    struct ended ended;
};

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, DM_UUID_TEXT);
}

bool dm_revocation_trusts_redis(struct dm_revocations *revocations, struct dm_str id)
{
    if (revocations == NULL)
        return true;
    if (!atomic_load(&revocations->hearing) || id.n != DM_UUID_TEXT - 1)
        return false;
    if (atomic_load(&revocations->n) == 0)
        return true;
    char text[DM_UUID_TEXT] = {0};
    memcpy(text, id.p, DM_UUID_TEXT - 1);
    pthread_mutex_lock(&revocations->lock);
    const struct ended *ended = &revocations->ended;
    bool found = bsearch(text, ended->ids, ended->n, DM_UUID_TEXT, compare_ids) != NULL;
    pthread_mutex_unlock(&revocations->lock);
    return !found;
}

/* As long as Redis may vouch for a session that a request read as alive just before its end. */
static int64_t memory_s(const struct dm_settings *settings)
{
    return settings->session_cache_s + settings->stream_deadline_ms / 1000 + 1;
}

/* Ids of both kinds. False when they could not be read, or do not fit. */
static bool read_ended(struct dm_revocations *self, struct dm_list *ret_sessions,
                       struct dm_list *ret_keys)
{
    struct dm_ctx ctx = {.arena = self->arena, .deadline_ms = dm_clock_monotonic_ms() + LOOK_MS};
    int64_t within_s = memory_s(self->domain->settings);
    dm_arena_reset(self->arena);
    return dm_session_store_ended(self->domain->pg, &ctx, within_s, ENDED_MAX + 1, ret_sessions) ==
               DM_OK &&
           dm_api_key_store_changed(self->domain->pg, &ctx, within_s, ENDED_MAX + 1, ret_keys) ==
               DM_OK &&
           ret_sessions->n + ret_keys->n <= ENDED_MAX;
}

static void add_ids(struct ended *ended, const struct dm_list *found)
{
    const struct dm_str *ids = found->items;
    for (size_t i = 0; i < found->n; i++)
        memcpy(ended->ids[ended->n++], ids[i].p, DM_UUID_TEXT);
}

/* False when what has ended could not be read, or does not fit. */
static bool look(struct dm_revocations *self)
{
    struct dm_list sessions, keys;
    if (!read_ended(self, &sessions, &keys))
        return false;
    struct ended *ended = &self->ended;
    pthread_mutex_lock(&self->lock);
    ended->n = 0;
    add_ids(ended, &sessions);
    add_ids(ended, &keys);
    qsort(ended->ids, ended->n, DM_UUID_TEXT, compare_ids);
    pthread_mutex_unlock(&self->lock);
    atomic_store(&self->n, sessions.n + keys.n);
    return true;
}

static bool is_stopping(struct dm_revocations *self)
{
    eventfd_t value;
    return eventfd_read(self->stop_fd, &value) == 0;
}

static void *thread_main(void *arg)
{
    struct dm_revocations *self = arg;
    while (!is_stopping(self)) {
        struct dm_err err;
        enum dm_result result =
            dm_pg_listener_wait(self->listener, LOOK_AGAIN_MS, self->stop_fd, &err);
        bool heard = result == DM_OK || result == DM_E_TIMEOUT;
        /* Connected, and looked since: nothing has gone unheard. */
        bool was_hearing = atomic_load(&self->hearing);
        bool may_rest = result == DM_E_TIMEOUT && was_hearing && atomic_load(&self->n) == 0;
        atomic_store(&self->hearing, heard && (may_rest || look(self)));
        if (result == DM_OK)
            (void)poll(&(struct pollfd){.fd = self->stop_fd, .events = POLLIN}, 1, PAUSE_MS);
    }
    return NULL;
}

struct dm_revocations *dm_revocation_new(const struct dm_domain *domain,
                                         const struct dm_pg_options *pg_options)
{
    struct dm_revocations *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return NULL;
    self->domain = domain;
    self->arena = dm_arena_new(ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    self->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->listener = dm_pg_listener_open(pg_options, DM_SESSION_CHANNEL);
    pthread_mutex_init(&self->lock, NULL);
    if (self->arena != NULL && self->stop_fd >= 0 && self->listener != NULL &&
        pthread_create(&self->thread, NULL, thread_main, self) == 0)
        return self;
    if (self->stop_fd >= 0)
        close(self->stop_fd);
    dm_pg_listener_close(self->listener);
    dm_arena_free(self->arena);
    pthread_mutex_destroy(&self->lock);
    free(self);
    return NULL;
}

void dm_revocation_free(struct dm_revocations *self)
{
    if (self == NULL)
        return;
    (void)eventfd_write(self->stop_fd, 1);
    pthread_join(self->thread, NULL);
    close(self->stop_fd);
    dm_pg_listener_close(self->listener);
    dm_arena_free(self->arena);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

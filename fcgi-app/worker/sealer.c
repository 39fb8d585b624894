/* Seals new audit events every audit.seal_s, writes the chain's head to the log now and then, and removes what is past its time. */
#include "worker/sealer.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "domain/audit_chain.h"

#define ARENA_BLOCK_BYTES (256 * 1024)
#define ARENA_MAX_BYTES (64 * 1024 * 1024)
#define STATEMENT_MS 10000
#define TRIM_EVERY_MS (60 * 60 * 1000)
#define TRIM_AGAIN_MS 1000 /* when there was more to remove than one batch */
/* As far back as the log can tell of a trail that was cut off and given an older head. */
#define TELL_HEAD_EVERY_MS (5 * 60 * 1000)

struct dm_sealer {
    struct dm_worker_options options;
    int stop_fd; /* readable once the end has come */
    pthread_t thread;
    struct dm_audit_head head, told; /* where the chain ends; what the log says of it */
    int64_t next_trim_ms, next_tell_ms;
    bool failing; /* said so in the log already */
};

static struct dm_ctx begin(struct dm_arena *arena)
{
    dm_arena_reset(arena);
    struct dm_ctx ctx = {.arena = arena, .deadline_ms = dm_clock_monotonic_ms() + STATEMENT_MS};
    dm_trace_start(&ctx.trace, (struct dm_str){0});
    return ctx;
}

/* A fault is told once, not every two seconds for as long as it lasts. */
static void tell_failure(struct dm_sealer *self, const struct dm_ctx *ctx, const char *what,
                         enum dm_result result)
{
    bool is_tampering = result == DM_E_STALE;
    if (!self->failing || is_tampering)
        dm_log(self->options.log, is_tampering ? DM_ERROR : DM_WARN, &ctx->trace, what,
               DM_ATTR("error.type", dm_result_name(result)),
               DM_ATTR("error.message", ctx->err.detail));
    self->failing = true;
}

static void seal(struct dm_sealer *self, struct dm_arena *arena)
{
    enum dm_result result = DM_OK;
    int64_t sealed = DM_AUDIT_SEAL_ROWS;
    while (result == DM_OK && sealed == DM_AUDIT_SEAL_ROWS) {
        struct dm_ctx ctx = begin(arena);
        result = dm_audit_seal(self->options.domain, &ctx, &sealed, &self->head);
        if (result == DM_OK)
            self->failing = false;
        else
            tell_failure(self, &ctx, "audit events not sealed", result);
    }
}

/* What the database cannot take back. */
static void tell_head(struct dm_sealer *self)
{
    if (self->head.seq == self->told.seq)
        return;
    dm_log(self->options.log, DM_INFO, NULL, "audit head", DM_ATTR("audit.seq", self->head.seq),
           DM_ATTR("audit.hash", (const char *)self->head.hash));
    self->told = self->head;
    self->next_tell_ms = dm_clock_monotonic_ms() + TELL_HEAD_EVERY_MS;
}

static void trim(struct dm_sealer *self, struct dm_arena *arena)
{
    struct dm_ctx ctx = begin(arena);
    int64_t removed = 0;
    enum dm_result result = dm_audit_trim(self->options.domain, &ctx, &removed);
    self->next_trim_ms = dm_clock_monotonic_ms() + (removed > 0 ? TRIM_AGAIN_MS : TRIM_EVERY_MS);
    if (result != DM_OK)
        tell_failure(self, &ctx, "audit events not removed", result);
    else if (removed > 0)
        dm_log(self->options.log, DM_INFO, &ctx.trace, "audit events removed",
               DM_ATTR("audit.removed", removed));
}

static bool wait_for_end(const struct dm_sealer *self)
{
    struct pollfd end = {.fd = self->stop_fd, .events = POLLIN};
    return poll(&end, 1, (int)self->options.domain->settings->audit_seal_s * 1000) > 0;
}

static void *thread_main(void *arg)
{
    struct dm_sealer *self = arg;
    struct dm_arena *arena = dm_arena_new(ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    bool last = arena == NULL;
    while (!last) {
        last = wait_for_end(self);
        seal(self, arena);
        if (last || dm_clock_monotonic_ms() >= self->next_tell_ms)
            tell_head(self);
        if (!last && dm_clock_monotonic_ms() >= self->next_trim_ms)
            trim(self, arena);
    }
    dm_arena_free(arena);
    return NULL;
}

struct dm_sealer *dm_sealer_new(const struct dm_worker_options *options)
{
    struct dm_sealer *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->options = *options;
    self->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->stop_fd >= 0 && pthread_create(&self->thread, NULL, thread_main, self) == 0)
        return self;
    if (self->stop_fd >= 0)
        close(self->stop_fd);
    free(self);
    return NULL;
}

void dm_sealer_free(struct dm_sealer *sealer)
{
    if (!sealer)
        return;
    (void)eventfd_write(sealer->stop_fd, 1);
    pthread_join(sealer->thread, NULL);
    close(sealer->stop_fd);
    free(sealer);
}

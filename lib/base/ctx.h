/*
 * What one unit of work carries down through every layer: its memory, its deadline, where to put the words of an error,
 * who acts, and its place in a trace. A request makes one, and so does a job.
 */
#ifndef DM_BASE_CTX_H
#define DM_BASE_CTX_H

#include "base/arena.h"
#include "base/result.h"
#include "base/str.h"
#include "base/trace.h"

struct dm_ctx {
    struct dm_arena *arena; /* borrowed; results live here */
    int64_t deadline_ms;    /* monotonic; every outside call ends by then */
    struct dm_err err;      /* set by whoever returns other than DM_OK */
    struct dm_trace trace;
    struct dm_str
        actor_id; /* account id, or absent: goes to created_by, updated_by and the audit trail */
    struct dm_str correlation_id; /* goes to the audit trail */
};

/* DM_E_NOMEM with its words: for the many places where the arena says NULL. */
enum dm_result dm_ctx_nomem(struct dm_ctx *ctx);

#endif

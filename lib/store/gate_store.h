/*
 * The request's one round trip to Redis: is the session alive, and is there room under the caller's limits? One script answers both. Windows are
 * GCRA (generic cell rate algorithm): smooth, exact, one number a window. A refused request counts nowhere but towards a block.
 */
#ifndef DM_STORE_GATE_STORE_H
#define DM_STORE_GATE_STORE_H

#include "base/config.h"
#include "store/kv.h"

enum dm_gate_session {
    DM_GATE_SESSION_UNKNOWN =
        0, /* Redis does not know: ask PostgreSQL, then dm_gate_store_remember */
    DM_GATE_SESSION_ALIVE,
    DM_GATE_SESSION_DEAD,
};

#define DM_GATE_COUNTERS_MAX 2

/* Somebody's use of something, in windows that must all have room. */
struct dm_gate_counter {
    struct dm_str key;            /* "account:<id>:call", "address:…:auth" */
    const struct dm_rates *rates; /* at least one */
    int64_t cost;                 /* units to count; 0: is there room for one? nothing is counted */
};

struct dm_gate_ask {
    struct dm_str session_id; /* absent: no session to check */
    struct dm_gate_counter counters[DM_GATE_COUNTERS_MAX];
    size_t n_counters; /* 0: no limit. The first is the caller's own: refusals are kept with it */
    int64_t
        block_after; /* as many refusals within a minute block the caller; 0: nobody is blocked */
    int64_t block_s;
    int64_t now_ms; /* 0: Redis's own clock, which all processes share */
};

enum dm_gate_verdict {
    DM_GATE_ALLOWED = 1,
    DM_GATE_REFUSED, /* some window has no room: nothing was counted */
    DM_GATE_BLOCKED, /* refused too often: no window was looked at */
};

struct dm_gate_window {
    size_t counter; /* among those asked for */
    struct dm_rate rate;
    int64_t remaining; /* units */
    int64_t reset_s;   /* until it is empty again; of one that refuses, until it would not */
};

struct dm_gate_answer {
    enum dm_gate_session session;
    enum dm_gate_verdict verdict;
    int64_t retry_after_ms; /* unless allowed: at least 1 */
    struct dm_gate_window windows[DM_GATE_COUNTERS_MAX * DM_RATES_MAX];
    size_t n_windows; /* in the order asked for; when blocked, none has anything left */
};

/* One round trip; none when there is nothing to ask. */
DM_MUST_CHECK enum dm_result dm_gate_store_check(struct dm_kv *kv, struct dm_ctx *ctx,
                                                 const struct dm_gate_ask *ask,
                                                 struct dm_gate_answer *ret_answer);
/* Remember for ttl_s that the session is alive, unless Redis meanwhile knows that it is dead. */
DM_MUST_CHECK enum dm_result dm_gate_store_remember(struct dm_kv *kv, struct dm_ctx *ctx,
                                                    struct dm_str session_id, int64_t ttl_s);
/* The sessions are dead, for at least as long as an access token can live. */
DM_MUST_CHECK enum dm_result dm_gate_store_kill(struct dm_kv *kv, struct dm_ctx *ctx,
                                                const struct dm_str *session_ids, size_t n,
                                                int64_t ttl_s);

#endif

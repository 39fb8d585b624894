/*
 * The request's one round trip to Redis: is the session alive, and is there room under the caller's limits? One script answers both. Windows are
 * GCRA (generic cell rate algorithm): smooth, exact, one number a window.
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

struct dm_gate_ask {
    struct dm_str session_id;     /* absent: no session to check */
    struct dm_str limit_key;      /* whose limits: "account:<id>:write", "address:…:auth" */
    const struct dm_rates *rates; /* n 0: no limit */
    int64_t cost;                 /* requests to count, usually 1 */
    int64_t now_ms;               /* wall */
};

/* The window with the least room left decides what is told to the caller. */
struct dm_gate_answer {
    enum dm_gate_session session;
    bool allowed;
    int64_t retry_after_s; /* when not allowed: whole seconds, rounded up, at least 1 */
    int64_t limit, window_s, remaining, reset_s; /* of the tightest window; limit 0: no limit */
};

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

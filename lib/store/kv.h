/*
 * Redis: a bounded pool of connections and the two things we do with it: run a script, ping. The only user of hiredis. What is here can be
 * lost at any time. A breaker stands round it: while Redis is down, callers learn it at once (DM_E_UNAVAILABLE) and go on without.
 */
#ifndef DM_STORE_KV_H
#define DM_STORE_KV_H

#include "base/breaker.h"
#include "base/ctx.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"

struct dm_kv; /* the pool; shared by all threads */

struct dm_kv_options {
    const char *address; /* "unix:/path" or "host:port"; borrowed */
    const char *user;    /* ACL user; NULL: none */
    struct dm_secret password;
    unsigned connections;
    int64_t timeout_ms; /* for connecting and for each round trip */
};

/* A Lua script: a static constant. Sent by its SHA-1 (EVALSHA), loaded when Redis does not know it. */
struct dm_kv_script {
    const char *name;
    const char *lua;
};

/* What a script returned: integers, or one level of array of integers. */
#define DM_KV_INTS_MAX 32
struct dm_kv_ints {
    int64_t v[DM_KV_INTS_MAX];
    size_t n;
};

/* Keys and arguments of one run together. More: DM_E_INTERNAL, and nothing is sent. */
#define DM_KV_WORDS_MAX 29

/* Connections are made on first use. NULL when out of memory. Caller frees with dm_kv_close. */
struct dm_kv *dm_kv_open(const struct dm_kv_options *options);
void dm_kv_close(struct dm_kv *kv); /* NULL allowed */
DM_MUST_CHECK enum dm_result dm_kv_run(struct dm_kv *kv, struct dm_ctx *ctx,
                                       const struct dm_kv_script *script, const struct dm_str *keys,
                                       size_t n_keys, const struct dm_str *args, size_t n_args,
                                       struct dm_kv_ints *ret_ints);
DM_MUST_CHECK enum dm_result dm_kv_ping(struct dm_kv *kv, struct dm_ctx *ctx);
enum dm_breaker_state dm_kv_breaker(const struct dm_kv *kv);

#endif

/*
 * The gate in front of all work: the session and the limits, asked of Redis in one round trip. When Redis does not answer, PostgreSQL
 * tells of the session and a limiter in this process keeps the windows: less exact, since each process counts alone, but never open.
 */
#include "domain/gate.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/secret.h"
#include "store/session_store.h"

#define SHARDS 16
#define WAYS 8 /* entries a bucket: a key has this many places */

/* One counter: for each window its theoretical arrival time (GCRA), in microseconds of the monotonic clock. */
struct entry {
    uint64_t key; /* 0: free */
    int64_t arrival_us[DM_RATES_MAX];
};

struct shard {
    pthread_mutex_t lock; /* guards the shard's buckets; held for a few comparisons */
};

struct dm_local_limiter {
    struct shard shards[SHARDS];
    uint64_t seed; /* so that nobody outside can choose keys that fall together */
    size_t n_buckets;
    struct entry (*buckets)[WAYS];
};

struct dm_local_limiter *dm_local_limiter_new(size_t entries_max)
{
    struct dm_local_limiter *limiter = calloc(1, sizeof(*limiter));
    if (!limiter)
        return NULL;
    limiter->n_buckets = entries_max / WAYS > SHARDS ? entries_max / WAYS : SHARDS;
    limiter->buckets = calloc(limiter->n_buckets, sizeof(*limiter->buckets));
    if (!limiter->buckets) {
        free(limiter);
        return NULL;
    }
    dm_secret_random(&limiter->seed, sizeof(limiter->seed));
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&limiter->shards[i].lock, NULL);
    return limiter;
}

void dm_local_limiter_free(struct dm_local_limiter *limiter)
{
    if (!limiter)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&limiter->shards[i].lock);
    free(limiter->buckets);
    free(limiter);
}

/* FNV-1a from a random seed, then mixed, because buckets are taken from the low bits. */
static uint64_t hash_key(uint64_t seed, struct dm_str key)
{
    uint64_t hash = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (unsigned char)key.p[i]) * 0x100000001b3u;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    return hash ? hash : 1;
}

static int64_t latest_arrival(const struct entry *entry)
{
    int64_t latest = 0;
    for (size_t i = 0; i < DM_RATES_MAX; i++)
        if (entry->arrival_us[i] > latest)
            latest = entry->arrival_us[i];
    return latest;
}

/* The key's entry, or the place of the one in its bucket that forgets least by going. */
static struct entry *find_entry(struct entry bucket[WAYS], uint64_t key)
{
    struct entry *victim = &bucket[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (bucket[i].key == key)
            return &bucket[i];
        if (latest_arrival(&bucket[i]) < latest_arrival(victim))
            victim = &bucket[i];
    }
    *victim = (struct entry){.key = key};
    return victim;
}

static int64_t seconds_up(int64_t us)
{
    return us > 0 ? (us + 999999) / 1000000 : 0;
}

/* What one window says of one more request now; *ret_next_us is its new arrival time if the request goes on. */
static struct dm_gate_answer ask_window(struct dm_rate rate, int64_t arrival_us, int64_t now_us,
                                        int64_t *ret_next_us)
{
    int64_t window_us = rate.seconds * 1000000;
    int64_t interval_us = window_us / rate.count;
    int64_t from_us = arrival_us > now_us ? arrival_us : now_us;
    int64_t room_us = window_us - (from_us + interval_us - now_us);
    *ret_next_us = from_us + interval_us;
    return (struct dm_gate_answer){
        .allowed = room_us >= 0,
        .retry_after_s = seconds_up(-room_us),
        .limit = rate.count,
        .window_s = rate.seconds,
        .remaining = room_us > 0 ? room_us / (interval_us > 0 ? interval_us : 1) : 0,
        .reset_s = seconds_up(room_us >= 0 ? *ret_next_us - now_us : from_us - now_us),
    };
}

/* Is a the one to tell the caller of? A window that refuses goes before one that allows, then the one with less room. */
static bool is_tighter(const struct dm_gate_answer *a, const struct dm_gate_answer *b)
{
    if (a->allowed != b->allowed)
        return !a->allowed;
    if (!a->allowed)
        return a->retry_after_s > b->retry_after_s;
    return a->remaining < b->remaining;
}

/* All windows must have room; only then is the request counted, in all of them. */
static struct dm_gate_answer count_local(struct dm_local_limiter *limiter, struct dm_str key,
                                         const struct dm_rates *rates)
{
    struct dm_gate_answer tightest = {.allowed = true, .remaining = INT64_MAX};
    int64_t next_us[DM_RATES_MAX] = {0};
    uint64_t hash = hash_key(limiter->seed, key);
    size_t bucket = hash % limiter->n_buckets;
    struct shard *shard = &limiter->shards[bucket % SHARDS];
    int64_t now_us = dm_clock_monotonic_us();

    pthread_mutex_lock(&shard->lock);
    struct entry *entry = find_entry(limiter->buckets[bucket], hash);
    for (size_t i = 0; i < rates->n; i++) {
        struct dm_gate_answer answer =
            ask_window(rates->rate[i], entry->arrival_us[i], now_us, &next_us[i]);
        if (is_tighter(&answer, &tightest))
            tightest = answer;
    }
    if (tightest.allowed)
        memcpy(entry->arrival_us, next_us, sizeof(next_us));
    pthread_mutex_unlock(&shard->lock);
    return tightest;
}

/* A host of IPv6 has a whole /64 to choose from, so that is what counts as one caller. */
static struct dm_str caller_network(struct dm_ctx *ctx, struct dm_str address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    if (address.n == 0 || address.n >= sizeof(text))
        return DM_STR("unknown");
    memcpy(text, address.p, address.n);
    text[address.n] = '\0';
    if (inet_pton(AF_INET6, text, &v6) != 1)
        return address;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        inet_ntop(AF_INET, &v6.s6_addr[12], text, sizeof(text));
    } else {
        memset(&v6.s6_addr[8], 0, 8);
        inet_ntop(AF_INET6, &v6, text, sizeof(text));
    }
    return dm_arena_str(ctx->arena, dm_str_from(text));
}

/* Absent when the arena is full. */
static struct dm_str limit_key(struct dm_ctx *ctx, const struct dm_gate_request *request)
{
    const struct dm_principal *principal = request->principal;
    if (principal->credential != DM_CREDENTIAL_NONE && !request->by_address)
        return dm_arena_printf(ctx->arena, "account:%.*s:%s", DM_STR_ARG(principal->account_id),
                               request->limit_class);
    return dm_arena_printf(ctx->arena, "address:%.*s:%s",
                           DM_STR_ARG(caller_network(ctx, request->address)), request->limit_class);
}

/* PostgreSQL's word on a session that Redis knows nothing of. */
static enum dm_result read_session(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   struct dm_str session_id, enum dm_gate_session *ret_session)
{
    bool alive = false;
    enum dm_result result = dm_session_store_alive(domain->pg, ctx, session_id, &alive);
    if (result == DM_OK)
        *ret_session = alive ? DM_GATE_SESSION_ALIVE : DM_GATE_SESSION_DEAD;
    return result;
}

/* Redis will know the next time; if it cannot be told, PostgreSQL is asked again. */
static void remember_session(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct dm_str session_id)
{
    struct dm_err err = ctx->err;
    if (dm_gate_store_remember(domain->kv, ctx, session_id, domain->settings->session_cache_s) !=
        DM_OK)
        ctx->err = err;
}

static enum dm_result judge(const struct dm_domain *domain, struct dm_ctx *ctx,
                            struct dm_str session_id, struct dm_gate_result *gate)
{
    struct dm_gate_answer *answer = &gate->answer;
    /* For a dead session Redis keeps no count, so this comes first. */
    if (answer->session == DM_GATE_SESSION_DEAD)
        return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the session has ended");
    if (!answer->allowed) {
        enum dm_result result = dm_err_set(&ctx->err, DM_E_LIMITED, "too many requests");
        ctx->err.retry_after_s = (int)answer->retry_after_s;
        return result;
    }
    if (!session_id.p)
        return DM_OK;
    if (answer->session == DM_GATE_SESSION_UNKNOWN) {
        enum dm_result result = read_session(domain, ctx, session_id, &answer->session);
        if (result != DM_OK)
            return result;
        if (answer->session == DM_GATE_SESSION_ALIVE && !gate->degraded)
            remember_session(domain, ctx, session_id);
    }
    if (answer->session != DM_GATE_SESSION_ALIVE)
        return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the session has ended");
    return DM_OK;
}

enum dm_result dm_gate_check(const struct dm_domain *domain, struct dm_local_limiter *limiter,
                             struct dm_ctx *ctx, const struct dm_gate_request *request,
                             struct dm_gate_result *ret_result)
{
    struct dm_gate_result gate = {.answer = {.allowed = true}};
    struct dm_str session_id = {NULL, 0};
    if (request->principal->credential == DM_CREDENTIAL_SESSION)
        session_id = request->principal->session_id;
    if (session_id.p || request->rates->n > 0) {
        struct dm_gate_ask ask = {
            .session_id = session_id,
            .limit_key = limit_key(ctx, request),
            .rates = request->rates,
            .cost = 1,
            .now_ms = dm_clock_wall_ms(),
        };
        if (!ask.limit_key.p)
            return dm_ctx_nomem(ctx);
        if (!domain->kv || dm_gate_store_check(domain->kv, ctx, &ask, &gate.answer) != DM_OK) {
            gate.degraded = true;
            gate.answer = (struct dm_gate_answer){.allowed = true};
            if (request->rates->n > 0)
                gate.answer = count_local(limiter, ask.limit_key, request->rates);
        }
    }
    enum dm_result result = judge(domain, ctx, session_id, &gate);
    if (result == DM_OK || result == DM_E_LIMITED || result == DM_E_UNAUTHENTICATED)
        *ret_result = gate;
    return result;
}

void dm_gate_kill(const struct dm_domain *domain, struct dm_ctx *ctx,
                  const struct dm_str *session_ids, size_t n)
{
    if (!domain->kv)
        return;
    struct dm_err err = ctx->err;
    /* As long as a token of the session may still be shown. */
    int64_t ttl_s = domain->settings->token_access_s + DM_JWT_LEEWAY_S;
    if (dm_gate_store_kill(domain->kv, ctx, session_ids, n, ttl_s) != DM_OK)
        ctx->err = err;
}

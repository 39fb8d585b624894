/*
 * The gate in front of all work: the session and the limits, asked of Redis in one round trip. When Redis does not answer, PostgreSQL
 * tells of the session and a limiter in this process keeps the windows: less exact, since each process counts alone, but never open. The same
 * limiter spares Redis those who are blocked.
 */
#include "domain/gate.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/secret.h"
#include "domain/revocation.h"
#include "store/api_key_store.h"
#include "store/session_store.h"

#define SHARDS 16
#define WAYS 8 /* entries a bucket: a key has this many places */
#define MINUTE_US 60000000
#define BELIEVED_US 1000000 /* how long a block is known without asking Redis again */

/* One counter, in microseconds of the monotonic clock: for each window its theoretical arrival time (GCRA). */
struct entry {
    uint64_t key; /* 0: free */
    int64_t arrival_us[DM_RATES_MAX];
    int64_t refused_since_us, n_refused; /* towards a block */
    int64_t blocked_until_us;            /* in the past: not blocked */
    int64_t believed_until_us;           /* Redis need not be asked whether it still is */
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

/* When the entry will have nothing more to say. */
static int64_t end_of(const struct entry *entry)
{
    int64_t latest = entry->blocked_until_us;
    for (size_t i = 0; i < DM_RATES_MAX; i++)
        if (entry->arrival_us[i] > latest)
            latest = entry->arrival_us[i];
    return latest;
}

static struct entry *find_entry(struct entry bucket[WAYS], uint64_t key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (bucket[i].key == key)
            return &bucket[i];
    return NULL;
}

/*
 * The key's entry, if need be at the place of the one in its bucket that forgets least by going; not of
 * `spared`, which the same request needs.
 */
static struct entry *make_entry(struct entry bucket[WAYS], uint64_t key, const struct entry *spared)
{
    struct entry *victim = find_entry(bucket, key);
    if (victim)
        return victim;
    for (size_t i = 0; i < WAYS; i++)
        if (&bucket[i] != spared && (!victim || end_of(&bucket[i]) < end_of(victim)))
            victim = &bucket[i];
    *victim = (struct entry){.key = key};
    return victim;
}

static int64_t seconds_up(int64_t us)
{
    return us > 0 ? (us + 999999) / 1000000 : 0;
}

static int64_t ms_up(int64_t us)
{
    return us > 0 ? (us + 999) / 1000 : 0;
}

/* Where a counter's entry is, and its windows as they will be if the request goes on. */
struct place {
    uint64_t key;
    size_t bucket;
    pthread_mutex_t *lock;
    struct entry *entry;
    int64_t next_us[DM_RATES_MAX];
};

static struct place place_of(struct dm_local_limiter *limiter, struct dm_str key)
{
    uint64_t hash = hash_key(limiter->seed, key);
    size_t bucket = hash % limiter->n_buckets;
    return (struct place){
        .key = hash, .bucket = bucket, .lock = &limiter->shards[bucket % SHARDS].lock};
}

/* All of a request's shards, in one order, so that no two requests wait for each other. */
static void lock_places(const struct place *places, size_t n)
{
    const struct place *first = &places[0], *second = n > 1 ? &places[1] : first;
    pthread_mutex_lock(first->lock < second->lock ? first->lock : second->lock);
    if (first->lock != second->lock)
        pthread_mutex_lock(first->lock < second->lock ? second->lock : first->lock);
}

static void unlock_places(const struct place *places, size_t n)
{
    pthread_mutex_unlock(places[0].lock);
    if (n > 1 && places[1].lock != places[0].lock)
        pthread_mutex_unlock(places[1].lock);
}

_Static_assert(DM_GATE_COUNTERS_MAX == 2, "lock_places knows of two");

/* What one window says of a request now; *ret_next_us is its new arrival time if the request goes on. */
static int64_t ask_window(struct dm_rate rate, int64_t cost, int64_t arrival_us, int64_t now_us,
                          struct dm_gate_window *window, int64_t *ret_next_us)
{
    int64_t window_us = rate.seconds * 1000000;
    int64_t interval_us = window_us / rate.count > 0 ? window_us / rate.count : 1;
    int64_t from_us = arrival_us > now_us ? arrival_us : now_us;
    int64_t need = cost < 1 ? 1 : cost > rate.count ? rate.count : cost;
    int64_t over_us = from_us + need * interval_us - now_us - window_us;
    *ret_next_us = cost > 0 ? from_us + need * interval_us : arrival_us;
    int64_t debt_us = (over_us > 0 ? from_us : *ret_next_us) - now_us;
    window->rate = rate;
    window->remaining = debt_us < window_us ? (window_us - debt_us) / interval_us : 0;
    window->reset_s = seconds_up(over_us > 0 ? over_us : debt_us);
    return over_us;
}

static void say_blocked(const struct dm_gate_ask *ask, int64_t left_us,
                        struct dm_gate_answer *answer)
{
    answer->verdict = DM_GATE_BLOCKED;
    answer->retry_after_ms = ms_up(left_us);
    answer->n_windows = 0;
    for (size_t i = 0; i < ask->n_counters; i++)
        for (size_t j = 0; j < ask->counters[i].rates->n; j++)
            answer->windows[answer->n_windows++] =
                (struct dm_gate_window){.counter = i,
                                        .rate = ask->counters[i].rates->rate[j],
                                        .reset_s = seconds_up(left_us)};
}

static void ask_windows(const struct dm_gate_ask *ask, struct place *places, int64_t now_us,
                        struct dm_gate_answer *answer)
{
    int64_t longest_us = 0;
    for (size_t i = 0; i < ask->n_counters; i++) {
        const struct dm_gate_counter *counter = &ask->counters[i];
        for (size_t j = 0; j < counter->rates->n; j++) {
            struct dm_gate_window *window = &answer->windows[answer->n_windows++];
            window->counter = i;
            int64_t over_us =
                ask_window(counter->rates->rate[j], counter->cost, places[i].entry->arrival_us[j],
                           now_us, window, &places[i].next_us[j]);
            if (over_us > longest_us)
                longest_us = over_us;
        }
    }
    answer->verdict = longest_us > 0 ? DM_GATE_REFUSED : DM_GATE_ALLOWED;
    answer->retry_after_ms = ms_up(longest_us);
}

/* One refusal more; enough of them within a minute, and the caller is blocked. */
static void count_refusal(const struct dm_gate_ask *ask, struct entry *entry, int64_t now_us,
                          struct dm_gate_answer *answer)
{
    if (ask->block_after == 0)
        return;
    if (now_us - entry->refused_since_us >= MINUTE_US || entry->n_refused == 0) {
        entry->refused_since_us = now_us;
        entry->n_refused = 0;
    }
    if (++entry->n_refused < ask->block_after)
        return;
    entry->n_refused = 0;
    entry->blocked_until_us = now_us + ask->block_s * 1000000;
    say_blocked(ask, ask->block_s * 1000000, answer);
}
/* All windows must have room; only then is the request counted, in all of them. At least one counter. */
static void count_local(struct dm_local_limiter *limiter, const struct dm_gate_ask *ask,
                        struct dm_gate_answer *answer)
{
    struct place places[DM_GATE_COUNTERS_MAX] = {0};
    int64_t now_us = dm_clock_monotonic_us();
    for (size_t i = 0; i < ask->n_counters; i++)
        places[i] = place_of(limiter, ask->counters[i].key);
    lock_places(places, ask->n_counters);
    for (size_t i = 0; i < ask->n_counters; i++)
        places[i].entry =
            make_entry(limiter->buckets[places[i].bucket], places[i].key, places[0].entry);
    struct entry *own = places[0].entry;
    if (ask->block_after > 0 && own->blocked_until_us > now_us)
        say_blocked(ask, own->blocked_until_us - now_us, answer);
    else
        ask_windows(ask, places, now_us, answer);
    if (answer->verdict == DM_GATE_REFUSED)
        count_refusal(ask, own, now_us, answer);
    for (size_t i = 0; answer->verdict == DM_GATE_ALLOWED && i < ask->n_counters; i++)
        memcpy(places[i].entry->arrival_us, places[i].next_us, sizeof(places[i].next_us));
    unlock_places(places, ask->n_counters);
}

/* Did Redis say a moment ago that the caller is blocked? */
static bool recall_block(struct dm_local_limiter *limiter, const struct dm_gate_ask *ask,
                         struct dm_gate_answer *answer)
{
    struct place place = place_of(limiter, ask->counters[0].key);
    int64_t now_us = dm_clock_monotonic_us();
    pthread_mutex_lock(place.lock);
    const struct entry *entry = find_entry(limiter->buckets[place.bucket], place.key);
    bool believed = entry && entry->believed_until_us > now_us;
    int64_t left_us = believed ? entry->blocked_until_us - now_us : 0;
    pthread_mutex_unlock(place.lock);
    if (believed)
        say_blocked(ask, left_us, answer);
    return believed;
}

static void remember_block(struct dm_local_limiter *limiter, const struct dm_gate_ask *ask,
                           int64_t left_ms)
{
    struct place place = place_of(limiter, ask->counters[0].key);
    int64_t now_us = dm_clock_monotonic_us(), left_us = left_ms * 1000;
    pthread_mutex_lock(place.lock);
    struct entry *entry = make_entry(limiter->buckets[place.bucket], place.key, NULL);
    entry->blocked_until_us = now_us + left_us;
    entry->believed_until_us = now_us + (left_us < BELIEVED_US ? left_us : BELIEVED_US);
    pthread_mutex_unlock(place.lock);
}

struct dm_str dm_gate_network(struct dm_ctx *ctx, struct dm_str address)
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

static bool is_shadow(const struct dm_domain *domain)
{
    return dm_str_eq_c(dm_str_from(domain->settings->limits_mode), DM_LIMITS_SHADOW);
}

/* Shadows are counted apart: when limits begin to be enforced, nobody is over one yet. Absent when the arena is full. */
static struct dm_str counter_key(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 const struct dm_gate_request *request, const char *name)
{
    const struct dm_principal *principal = request->principal;
    const char *prefix = is_shadow(domain) ? "shadow:" : "";
    if (request->whose.p)
        return dm_arena_printf(ctx->arena, "%s%.*s:%s", prefix, DM_STR_ARG(request->whose), name);
    if (principal->credential != DM_CREDENTIAL_NONE && !request->by_address)
        return dm_arena_printf(ctx->arena, "%saccount:%.*s:%s", prefix,
                               DM_STR_ARG(principal->account_id), name);
    return dm_arena_printf(ctx->arena, "%saddress:%.*s:%s", prefix,
                           DM_STR_ARG(dm_gate_network(ctx, request->address)), name);
}

/* What Redis knows the credential by; absent: there is none. */
static struct dm_str mark_of(const struct dm_principal *principal)
{
    switch (principal->credential) {
    case DM_CREDENTIAL_SESSION:
        return principal->session_id;
    case DM_CREDENTIAL_API_KEY:
        return principal->key_mark;
    case DM_CREDENTIAL_NONE:
        break;
    }
    return (struct dm_str){NULL, 0};
}

static enum dm_result make_ask(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_gate_request *request, struct dm_gate_ask *ret_ask)
{
    struct dm_gate_ask ask = {
        .session_id = mark_of(request->principal),
        .block_after = domain->settings->limits_block_after,
        .block_s = domain->settings->limits_block_s,
    };
    size_t n = 0;
    for (size_t i = 0; i < request->n_limits; i++) {
        const struct dm_gate_limit *limit = &request->limits[i];
        if (limit->rates->n == 0)
            continue;
        struct dm_gate_counter *counter = &ask.counters[n++];
        counter->key = counter_key(domain, ctx, request, limit->name);
        counter->rates = limit->rates;
        counter->cost = limit->cost;
        if (!counter->key.p)
            return dm_ctx_nomem(ctx);
    }
    ask.n_counters = n;
    *ret_ask = ask;
    return DM_OK;
}

/* PostgreSQL's word on a credential that Redis knows nothing of. */
static enum dm_result read_credential(const struct dm_domain *domain, struct dm_ctx *ctx,
                                      const struct dm_principal *principal,
                                      enum dm_gate_session *ret_session)
{
    bool alive = false;
    enum dm_result result =
        principal->credential == DM_CREDENTIAL_API_KEY
            ? dm_api_key_store_alive(domain->pg, ctx, principal->key_mark, &alive)
            : dm_session_store_alive(domain->pg, ctx, principal->session_id, &alive);
    if (result == DM_OK)
        *ret_session = alive ? DM_GATE_SESSION_ALIVE : DM_GATE_SESSION_DEAD;
    return result;
}

/* Redis will know the next time; if it cannot be told, PostgreSQL is asked again. */
static void remember_credential(const struct dm_domain *domain, struct dm_ctx *ctx,
                                struct dm_str mark)
{
    struct dm_err err = ctx->err;
    if (dm_gate_store_remember(domain->kv, ctx, mark, domain->settings->session_cache_s) != DM_OK)
        ctx->err = err;
}

static enum dm_result refuse_ended(struct dm_ctx *ctx, const struct dm_principal *principal)
{
    return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED,
                      principal->credential == DM_CREDENTIAL_API_KEY ? "the API key is over"
                                                                     : "the session has ended");
}

static enum dm_result judge(const struct dm_domain *domain, struct dm_ctx *ctx,
                            const struct dm_principal *principal, struct dm_gate_result *gate)
{
    struct dm_str mark = mark_of(principal);
    struct dm_gate_answer *answer = &gate->answer;
    /* For a dead session Redis keeps no count, so this comes first. */
    if (answer->session == DM_GATE_SESSION_DEAD)
        return refuse_ended(ctx, principal);
    if (answer->verdict != DM_GATE_ALLOWED && !gate->shadow) {
        enum dm_result result = dm_err_set(&ctx->err, DM_E_LIMITED, "too many requests");
        ctx->err.retry_after_s = (int)((answer->retry_after_ms + 999) / 1000);
        return result;
    }
    if (!mark.p)
        return DM_OK;
    bool is_key = principal->credential == DM_CREDENTIAL_API_KEY;
    bool trusted = dm_revocation_trusts_redis(domain->revocations,
                                              is_key ? principal->key_id : principal->session_id);
    if (answer->session == DM_GATE_SESSION_UNKNOWN || !trusted) {
        bool misled = answer->session == DM_GATE_SESSION_ALIVE;
        enum dm_result result = read_credential(domain, ctx, principal, &answer->session);
        if (result != DM_OK)
            return result;
        if (answer->session == DM_GATE_SESSION_ALIVE && trusted && !gate->degraded)
            remember_credential(domain, ctx, mark);
        if (answer->session == DM_GATE_SESSION_DEAD && misled)
            dm_gate_kill(domain, ctx, &mark, 1);
    }
    return answer->session == DM_GATE_SESSION_ALIVE ? DM_OK : refuse_ended(ctx, principal);
}

/* Of Redis, or of this process's limiter when it does not answer. */
static struct dm_gate_result ask_limiter(const struct dm_domain *domain,
                                         struct dm_local_limiter *limiter, struct dm_ctx *ctx,
                                         const struct dm_gate_ask *ask)
{
    struct dm_gate_result gate = {.answer = {.verdict = DM_GATE_ALLOWED},
                                  .shadow = is_shadow(domain)};
    bool remembers = ask->n_counters > 0 && ask->block_after > 0 && !gate.shadow;
    if (remembers && recall_block(limiter, ask, &gate.answer))
        return gate;
    gate.degraded = !domain->kv || dm_gate_store_check(domain->kv, ctx, ask, &gate.answer) != DM_OK;
    if (gate.degraded && ask->n_counters > 0)
        count_local(limiter, ask, &gate.answer);
    if (remembers && gate.answer.verdict == DM_GATE_BLOCKED)
        remember_block(limiter, ask, gate.answer.retry_after_ms);
    return gate;
}

enum dm_result dm_gate_check(const struct dm_domain *domain, struct dm_local_limiter *limiter,
                             struct dm_ctx *ctx, const struct dm_gate_request *request,
                             struct dm_gate_result *ret_result)
{
    struct dm_gate_result gate = {.answer = {.verdict = DM_GATE_ALLOWED}};
    struct dm_gate_ask ask;
    enum dm_result result = make_ask(domain, ctx, request, &ask);
    if (result != DM_OK)
        return result;
    if (ask.session_id.p || ask.n_counters > 0)
        gate = ask_limiter(domain, limiter, ctx, &ask);
    result = judge(domain, ctx, request->principal, &gate);
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

/*
 * Every script's way to Redis. Contexts of hiredis 0.14 are blocking with a timeout of their own,
 * and dead after any error: then the context is freed and the next user connects anew. The programs
 * ignore SIGPIPE, which hiredis does not prevent.
 */
#include "store/kv.h"

#include <assert.h>
#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "base/pool.h"

#define FAILURES_TO_OPEN 3
#define OPEN_MS 500
#define SCRIPTS_MAX 8                   /* as many as the stores have, with room */
#define WORDS_MAX (3 + DM_KV_WORDS_MAX) /* of one command */
#define SHA1_HEX 40

struct loaded {
    const struct dm_kv_script *script;
    char sha1[SHA1_HEX + 1];
};

struct conn {
    redisContext *redis; /* NULL: not connected */
    int64_t timeout_ms;  /* as set on the context */
    size_t n_loaded;
    struct loaded loaded[SCRIPTS_MAX]; /* in the order of first use */
};

struct dm_kv {
    struct dm_kv_options options;
    char *password; /* copy, or NULL */
    struct dm_breaker breaker;
    struct dm_pool *pool;
    struct conn conns[];
};

/* One command, word by word. */
struct words {
    const char *p[WORDS_MAX];
    size_t n[WORDS_MAX];
    int count;
};

static void add_word(struct words *words, struct dm_str word)
{
    assert(words->count < WORDS_MAX);
    words->p[words->count] = word.p ? word.p : "";
    words->n[words->count] = word.n;
    words->count++;
}

/* Connections */

static enum dm_result unavailable(struct dm_err *err, const char *what, const char *why)
{
    enum dm_result r = dm_err_set(err, DM_E_UNAVAILABLE, "%s: %s", what, why);
    err->retry_after_s = 1;
    return r;
}

static void drop(struct conn *conn)
{
    if (conn->redis)
        redisFree(conn->redis);
    *conn = (struct conn){0};
}

static struct timeval to_timeval(int64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

/* "unix:/path", "host:port" or "[v6]:port". NULL when it is neither, or out of memory. */
static redisContext *connect_to(struct dm_ctx *ctx, struct dm_str address, struct timeval timeout)
{
    const struct dm_str prefix = DM_STR("unix:");
    if (dm_str_starts(address, prefix))
        return redisConnectUnixWithTimeout(address.p + prefix.n, timeout);
    size_t colon = address.n;
    while (colon > 0 && address.p[colon - 1] != ':')
        colon--;
    int64_t port = 0;
    if (colon == 0 || !dm_str_to_int(dm_str_slice(address, colon, address.n), 1, UINT16_MAX, &port))
        return NULL;
    struct dm_str host = dm_str_slice(address, 0, colon - 1);
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = dm_str_slice(host, 1, host.n - 2);
    const char *name = dm_arena_cstr(ctx->arena, host);
    return name ? redisConnectWithTimeout(name, (int)port, timeout) : NULL;
}

static enum dm_result authenticate(struct dm_kv *kv, struct conn *conn, struct dm_ctx *ctx)
{
    struct words words = {0};
    add_word(&words, DM_STR("AUTH"));
    if (kv->options.user)
        add_word(&words, dm_str_from(kv->options.user));
    add_word(&words, (struct dm_str){kv->password, kv->options.password.n});
    redisReply *reply = redisCommandArgv(conn->redis, words.count, words.p, words.n);
    enum dm_result r = DM_OK;
    if (!reply)
        r = unavailable(&ctx->err, "AUTH", conn->redis->errstr);
    else if (reply->type == REDIS_REPLY_ERROR)
        r = unavailable(&ctx->err, "AUTH", reply->str);
    freeReplyObject(reply);
    return r;
}

static enum dm_result open_conn(struct dm_kv *kv, struct conn *conn, struct dm_ctx *ctx,
                                int64_t timeout_ms)
{
    struct dm_str address = dm_str_from(kv->options.address);
    conn->redis = connect_to(ctx, address, to_timeval(timeout_ms));
    enum dm_result r = DM_OK;
    if (!conn->redis)
        r = unavailable(&ctx->err, "cannot connect to Redis", "no memory, or not an address");
    else if (conn->redis->err)
        r = unavailable(&ctx->err, "cannot connect to Redis", conn->redis->errstr);
    else if (redisSetTimeout(conn->redis, to_timeval(timeout_ms)) != REDIS_OK)
        r = unavailable(&ctx->err, "cannot connect to Redis", "no timeout can be set");
    else if (kv->password)
        r = authenticate(kv, conn, ctx);
    conn->timeout_ms = timeout_ms;
    if (r != DM_OK)
        drop(conn);
    return r;
}

/* Commands */

/* Of the errors that Redis answers, those that pass: it is there, but cannot serve now. */
static bool is_passing(const char *error)
{
    static const char *const codes[] = {"LOADING ",    "BUSY ",    "READONLY ",   "OOM ",
                                        "MASTERDOWN ", "MISCONF ", "CLUSTERDOWN "};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strncmp(error, codes[i], strlen(codes[i])) == 0)
            return true;
    return false;
}

/*
 * One round trip. On DM_OK the caller frees *ret_reply; it may be an error that is_passing() is not
 * true of.
 */
static enum dm_result talk(struct conn *conn, struct dm_ctx *ctx, const char *what,
                           struct words *words, redisReply **ret_reply)
{
    redisReply *reply = redisCommandArgv(conn->redis, words->count, words->p, words->n);
    if (!reply) {
        enum dm_result r = unavailable(&ctx->err, what, conn->redis->errstr);
        drop(conn);
        return r;
    }
    if (reply->type == REDIS_REPLY_ERROR && is_passing(reply->str)) {
        enum dm_result r = unavailable(&ctx->err, what, reply->str);
        freeReplyObject(reply);
        drop(conn); /* the address may lead to another server by now */
        return r;
    }
    *ret_reply = reply;
    return DM_OK;
}

static enum dm_result refused(struct dm_ctx *ctx, const char *what, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return dm_err_set(&ctx->err, DM_E_INTERNAL, "%s: %s", what, reply->str);
    return dm_err_set(&ctx->err, DM_E_INTERNAL, "%s: answer of type %d", what, reply->type);
}

static enum dm_result load(struct conn *conn, struct dm_ctx *ctx, struct loaded *slot)
{
    struct words words = {0};
    add_word(&words, DM_STR("SCRIPT"));
    add_word(&words, DM_STR("LOAD"));
    add_word(&words, dm_str_from(slot->script->lua));
    redisReply *reply = NULL;
    const char *name = slot->script->name;
    enum dm_result r = talk(conn, ctx, name, &words, &reply);
    if (r != DM_OK)
        return r;
    if (reply->type == REDIS_REPLY_STRING && reply->len == SHA1_HEX)
        memcpy(slot->sha1, reply->str, SHA1_HEX + 1);
    else
        r = refused(ctx, name, reply);
    freeReplyObject(reply);
    return r;
}

/* The script's slot, with sha1 "" when this connection has not loaded it. */
static struct loaded *find_slot(struct conn *conn, const struct dm_kv_script *script)
{
    for (size_t i = 0; i < conn->n_loaded; i++)
        if (conn->loaded[i].script == script)
            return &conn->loaded[i];
    assert(conn->n_loaded < SCRIPTS_MAX);
    struct loaded *slot = &conn->loaded[conn->n_loaded++];
    slot->script = script;
    return slot;
}

static enum dm_result read_ints(struct dm_ctx *ctx, const char *name, const redisReply *reply,
                                struct dm_kv_ints *ret_ints)
{
    struct dm_kv_ints ints = {0};
    if (reply->type == REDIS_REPLY_INTEGER) {
        ints.v[ints.n++] = reply->integer;
    } else if (reply->type == REDIS_REPLY_ARRAY && reply->elements <= DM_KV_INTS_MAX) {
        for (size_t i = 0; i < reply->elements; i++) {
            if (reply->element[i]->type != REDIS_REPLY_INTEGER)
                return refused(ctx, name, reply->element[i]);
            ints.v[ints.n++] = reply->element[i]->integer;
        }
    } else {
        return refused(ctx, name, reply);
    }
    *ret_ints = ints;
    return DM_OK;
}

/*
 * What dm_kv_run() was asked; the words' place 1 is left for the script's SHA-1. script NULL: no
 * script, a PING.
 */
struct ask {
    const struct dm_kv_script *script;
    struct words words;
    struct dm_kv_ints ints;
};

static enum dm_result run_script(struct conn *conn, struct dm_ctx *ctx, struct ask *ask)
{
    const char *name = ask->script->name;
    struct loaded *slot = find_slot(conn, ask->script);
    redisReply *reply = NULL;
    for (int i = 0; i < 2; i++) {
        enum dm_result r = slot->sha1[0] ? DM_OK : load(conn, ctx, slot);
        if (r != DM_OK)
            return r;
        ask->words.p[1] = slot->sha1;
        r = talk(conn, ctx, name, &ask->words, &reply);
        if (r != DM_OK)
            return r;
        if (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOSCRIPT", 8) != 0)
            break;
        freeReplyObject(reply); /* the scripts were flushed since */
        reply = NULL;
        slot->sha1[0] = '\0';
    }
    if (!reply)
        return unavailable(&ctx->err, name, "Redis does not keep scripts");
    enum dm_result r = read_ints(ctx, name, reply, &ask->ints);
    freeReplyObject(reply);
    return r;
}

static enum dm_result run_ping(struct conn *conn, struct dm_ctx *ctx, struct ask *ask)
{
    redisReply *reply = NULL;
    enum dm_result r = talk(conn, ctx, "PING", &ask->words, &reply);
    if (r != DM_OK)
        return r;
    if (reply->type != REDIS_REPLY_STATUS)
        r = refused(ctx, "PING", reply);
    freeReplyObject(reply);
    return r;
}

/* On one connection, made when there is none. */
static enum dm_result run_once(struct dm_kv *kv, struct conn *conn, struct dm_ctx *ctx,
                               struct ask *ask)
{
    int64_t timeout_ms = dm_clock_left_ms(ctx->deadline_ms);
    if (timeout_ms == 0)
        return dm_err_set(&ctx->err, DM_E_TIMEOUT, "the deadline passed at Redis");
    if (timeout_ms > kv->options.timeout_ms)
        timeout_ms = kv->options.timeout_ms;
    if (!conn->redis) {
        enum dm_result r = open_conn(kv, conn, ctx, timeout_ms);
        if (r != DM_OK)
            return r;
    }
    /* Two system calls, spared while the deadline is far. */
    if (timeout_ms != conn->timeout_ms) {
        if (redisSetTimeout(conn->redis, to_timeval(timeout_ms)) != REDIS_OK) {
            drop(conn);
            return unavailable(&ctx->err, "Redis", "no timeout can be set");
        }
        conn->timeout_ms = timeout_ms;
    }
    return ask->script ? run_script(conn, ctx, ask) : run_ping(conn, ctx, ask);
}

static enum dm_result breaker_open(struct dm_kv *kv, struct dm_ctx *ctx)
{
    enum dm_result r = unavailable(&ctx->err, "Redis is down", "not asked again for a while");
    ctx->err.retry_after_s = dm_breaker_retry_after_s(&kv->breaker);
    return r;
}

static enum dm_result run(struct dm_kv *kv, struct dm_ctx *ctx, struct ask *ask)
{
    /* Asked before the wait for the pool: while Redis hangs, its connections are all out. */
    if (dm_breaker_state(&kv->breaker) == DM_BREAKER_OPEN)
        return breaker_open(kv, ctx);
    if (dm_clock_left_ms(ctx->deadline_ms) == 0)
        return dm_err_set(&ctx->err, DM_E_TIMEOUT, "the deadline passed before Redis was asked");
    void *item = NULL;
    enum dm_result r = dm_pool_take(kv->pool, ctx->deadline_ms, &ctx->err, &item);
    if (r != DM_OK)
        return r;
    struct conn *conn = item;
    if (dm_breaker_allow(&kv->breaker)) {
        bool was_open = conn->redis != NULL;
        int64_t start_ms = dm_clock_monotonic_ms();
        r = run_once(kv, conn, ctx, ask);
        /*
         * Redis may have closed it since; a script that ran twice has counted a request twice, no
         * harm. Not after a wait.
         */
        if (r == DM_E_UNAVAILABLE && was_open &&
            dm_clock_monotonic_ms() - start_ms < kv->options.timeout_ms)
            r = run_once(kv, conn, ctx, ask);
        if (r == DM_OK || r == DM_E_INTERNAL)
            dm_breaker_success(&kv->breaker);
        else
            dm_breaker_failure(&kv->breaker);
    } else {
        r = breaker_open(kv, ctx);
    }
    dm_pool_give(kv->pool, conn);
    return r;
}

enum dm_result dm_kv_run(struct dm_kv *kv, struct dm_ctx *ctx, const struct dm_kv_script *script,
                         const struct dm_str *keys, size_t n_keys, const struct dm_str *args,
                         size_t n_args, struct dm_kv_ints *ret_ints)
{
    if (n_keys > DM_KV_WORDS_MAX || n_args > DM_KV_WORDS_MAX - n_keys)
        return dm_err_set(&ctx->err, DM_E_INTERNAL, "%s: too many words", script->name);
    char count[24];
    snprintf(count, sizeof(count), "%zu", n_keys);
    struct ask ask = {.script = script};
    add_word(&ask.words, DM_STR("EVALSHA"));
    add_word(&ask.words, (struct dm_str){NULL, SHA1_HEX});
    add_word(&ask.words, dm_str_from(count));
    for (size_t i = 0; i < n_keys; i++)
        add_word(&ask.words, keys[i]);
    for (size_t i = 0; i < n_args; i++)
        add_word(&ask.words, args[i]);
    enum dm_result r = run(kv, ctx, &ask);
    if (r == DM_OK)
        *ret_ints = ask.ints;
    return r;
}

enum dm_result dm_kv_ping(struct dm_kv *kv, struct dm_ctx *ctx)
{
    struct ask ask = {.script = NULL};
    add_word(&ask.words, DM_STR("PING"));
    return run(kv, ctx, &ask);
}

/* The pool's life */

struct dm_kv *dm_kv_open(const struct dm_kv_options *options)
{
    struct dm_kv *kv = calloc(1, sizeof(*kv) + options->connections * sizeof(kv->conns[0]));
    void **items = calloc(options->connections, sizeof(*items));
    if (!kv || !items)
        goto fail;
    kv->options = *options;
    dm_breaker_init(&kv->breaker, FAILURES_TO_OPEN, OPEN_MS);
    for (unsigned i = 0; i < options->connections; i++)
        items[i] = &kv->conns[i];
    kv->pool = dm_pool_new(items, options->connections, options->timeout_ms);
    if (!kv->pool)
        goto fail;
    if (options->password.p) {
        kv->password = calloc(1, options->password.n + 1);
        if (!kv->password)
            goto fail;
        memcpy(kv->password, options->password.p, options->password.n);
    }
    free(items);
    return kv;

fail:
    if (kv)
        dm_pool_free(kv->pool);
    free(items);
    free(kv);
    return NULL;
}

void dm_kv_close(struct dm_kv *kv)
{
    if (!kv)
        return;
    for (unsigned i = 0; i < kv->options.connections; i++)
        drop(&kv->conns[i]);
    dm_pool_free(kv->pool);
    if (kv->password)
        dm_secret_wipe(kv->password, kv->options.password.n);
    free(kv->password);
    free(kv);
}

enum dm_breaker_state dm_kv_breaker(const struct dm_kv *kv)
{
    return dm_breaker_state(&kv->breaker);
}

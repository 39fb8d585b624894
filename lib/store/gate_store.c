/*
 * The gate's three scripts. The first is on every request's path, so it is one EVALSHA that reads
 * two keys and writes at most one.
 */
#include "store/gate_store.h"

#include <assert.h>
#include <endian.h>

#include "base/buf.h"

#define MARKED_AT_ONCE 64 /* sessions in one round trip */
#define PACKED_MAX (2 + 2 * DM_RATES_MAX)

/*
 * GCRA, kept exact in whole numbers: a window's debt is how far its theoretical arrival time lies
 * after the last request, in 1/count of a millisecond, so that one request adds seconds * 1000 and
 * each millisecond that passes takes count away. A window has room while its debt stays within
 * count requests. The value holds the last request's time and the debts, as doubles, which are
 * exact up to 2^53; it ends when the last debt is paid.
 *
 * KEYS: session or '', limits. ARGV: as packed doubles now_ms, cost, then count and seconds of each window.
 * Returns session state, allowed, retry_after_ms, and of the tightest window count, seconds,
 * remaining, reset_ms.
 */
static const struct dm_kv_script check_script = {
    .name = "gate_check",
    .lua = "local got = redis.call('MGET', KEYS[1], KEYS[2])\n"
           "local session, old = got[1], got[2]\n"
           "if session == '0' then return {2, 0, 0, 0, 0, 0, 0} end\n"
           "local state = session and 1 or 0\n"
           "local n = (#ARGV[1] / 8 - 2) / 2\n"
           "if n == 0 then return {state, 1, 0, 0, 0, 0, 0} end\n"
           "local ask = {struct.unpack('<' .. string.rep('d', 2 + 2 * n), ARGV[1])}\n"
           "local now, cost = ask[1], ask[2]\n"
           "local format = '<' .. string.rep('d', n + 1)\n"
           "local last = old and {struct.unpack(format, old)} or {now}\n"
           "local elapsed = math.max(0, now - last[1])\n"
           "local new = {math.max(now, last[1])}\n"
           "local allowed, retry, ttl = 1, 0, 1\n"
           "local tight, least = 1, math.huge\n"
           "for i = 1, n do\n"
           "  local count, each = ask[1 + 2 * i], ask[2 + 2 * i] * 1000\n"
           "  local debt = math.max(0, (last[i + 1] or 0) - elapsed * count)\n"
           "  local over = debt + cost * each - count * each\n"
           "  if over > 0 then\n"
           "    allowed = 0\n"
           "    retry = math.max(retry, math.ceil(over / count))\n"
           "  end\n"
           "  if -over / each < least then tight, least = i, -over / each end\n"
           "  new[i + 1] = debt\n"
           "end\n"
           "if allowed == 1 then\n"
           "  for i = 1, n do\n"
           "    new[i + 1] = new[i + 1] + cost * ask[2 + 2 * i] * 1000\n"
           "    ttl = math.max(ttl, math.ceil(new[i + 1] / ask[1 + 2 * i]))\n"
           "  end\n"
           "  redis.call('SET', KEYS[2], struct.pack(format, unpack(new)), 'PX', ttl)\n"
           "end\n"
           "local count, seconds = ask[1 + 2 * tight], ask[2 + 2 * tight]\n"
           "local debt = new[tight + 1]\n"
           "return {state, allowed, retry, count, seconds,\n"
           "  math.floor(count - debt / (seconds * 1000)), math.ceil(debt / count)}\n",
};

static const struct dm_kv_script remember_script = {
    .name = "gate_remember",
    .lua = "return redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) and 1 or 0",
};

static const struct dm_kv_script kill_script = {
    .name = "gate_kill",
    .lua = "for _, key in ipairs(KEYS) do redis.call('SET', key, '0', 'EX', ARGV[1]) end\n"
           "return #KEYS",
};

static struct dm_str session_key(struct dm_ctx *ctx, struct dm_str session_id)
{
    return dm_arena_printf(ctx->arena, "dm:session:%.*s", DM_STR_ARG(session_id));
}

/* Names the windows too: a counter means nothing under other rates. */
static struct dm_str limit_key(struct dm_ctx *ctx, const struct dm_gate_ask *ask)
{
    struct dm_buf key;
    dm_buf_init(&key, ctx->arena, 1024);
    dm_buf_add_c(&key, "dm:limit:");
    dm_buf_add(&key, ask->limit_key);
    for (size_t i = 0; i < ask->rates->n; i++) {
        dm_buf_add_char(&key, ':');
        dm_buf_add_int(&key, ask->rates->rate[i].count);
        dm_buf_add_char(&key, '/');
        dm_buf_add_int(&key, ask->rates->rate[i].seconds);
    }
    return dm_buf_failed(&key) ? (struct dm_str){NULL, 0} : dm_buf_str(&key);
}

/* Numbers as the check script takes them: doubles in little-endian order, exact up to 2^53. */
struct packed {
    char bytes[PACKED_MAX * sizeof(uint64_t)];
    size_t n; /* bytes used */
};

static void pack(struct packed *packed, int64_t v)
{
    double number = (double)v;
    uint64_t bits;
    assert(packed->n < sizeof(packed->bytes));
    memcpy(&bits, &number, sizeof(bits));
    bits = htole64(bits);
    memcpy(packed->bytes + packed->n, &bits, sizeof(bits));
    packed->n += sizeof(bits);
}

static int64_t to_seconds_up(int64_t ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

static void read_answer(const struct dm_kv_ints *ints, struct dm_gate_answer *ret_answer)
{
    enum { STATE, ALLOWED, RETRY_MS, LIMIT, WINDOW_S, REMAINING, RESET_MS };
    *ret_answer = (struct dm_gate_answer){
        .session = (enum dm_gate_session)ints->v[STATE],
        .allowed = ints->v[ALLOWED] == 1,
        .retry_after_s = to_seconds_up(ints->v[RETRY_MS]),
        .limit = ints->v[LIMIT],
        .window_s = ints->v[WINDOW_S],
        .remaining = ints->v[REMAINING],
        .reset_s = to_seconds_up(ints->v[RESET_MS]),
    };
}

enum dm_result dm_gate_store_check(struct dm_kv *kv, struct dm_ctx *ctx,
                                   const struct dm_gate_ask *ask, struct dm_gate_answer *ret_answer)
{
    if (!ask->session_id.p && ask->rates->n == 0) {
        *ret_answer = (struct dm_gate_answer){.allowed = true};
        return DM_OK;
    }
    const struct dm_str keys[] = {
        ask->session_id.p ? session_key(ctx, ask->session_id) : DM_STR(""),
        limit_key(ctx, ask),
    };
    if (!keys[0].p || !keys[1].p)
        return dm_ctx_nomem(ctx);
    struct packed numbers = {.n = 0};
    pack(&numbers, ask->now_ms);
    pack(&numbers, ask->cost);
    for (size_t i = 0; i < ask->rates->n; i++) {
        pack(&numbers, ask->rates->rate[i].count);
        pack(&numbers, ask->rates->rate[i].seconds);
    }
    const struct dm_str arg = {numbers.bytes, numbers.n};
    struct dm_kv_ints ints;
    enum dm_result r = dm_kv_run(kv, ctx, &check_script, keys, 2, &arg, 1, &ints);
    if (r == DM_OK)
        read_answer(&ints, ret_answer);
    return r;
}

static enum dm_result mark(struct dm_kv *kv, struct dm_ctx *ctx, const struct dm_kv_script *script,
                           const struct dm_str *session_ids, size_t n, int64_t ttl_s)
{
    struct dm_str keys[MARKED_AT_ONCE];
    struct dm_str ttl = dm_arena_printf(ctx->arena, "%lld", (long long)ttl_s);
    for (size_t i = 0; i < n; i++) {
        keys[i] = session_key(ctx, session_ids[i]);
        if (!keys[i].p)
            return dm_ctx_nomem(ctx);
    }
    if (!ttl.p)
        return dm_ctx_nomem(ctx);
    struct dm_kv_ints ints;
    return dm_kv_run(kv, ctx, script, keys, n, &ttl, 1, &ints);
}

enum dm_result dm_gate_store_remember(struct dm_kv *kv, struct dm_ctx *ctx,
                                      struct dm_str session_id, int64_t ttl_s)
{
    return mark(kv, ctx, &remember_script, &session_id, 1, ttl_s);
}

enum dm_result dm_gate_store_kill(struct dm_kv *kv, struct dm_ctx *ctx,
                                  const struct dm_str *session_ids, size_t n, int64_t ttl_s)
{
    enum dm_result result = DM_OK;
    for (size_t done = 0; done < n && result == DM_OK; done += MARKED_AT_ONCE) {
        size_t now = n - done < MARKED_AT_ONCE ? n - done : MARKED_AT_ONCE;
        result = mark(kv, ctx, &kill_script, session_ids + done, now, ttl_s);
    }
    return result;
}

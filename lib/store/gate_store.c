/*
 * The gate's three scripts. The first is on every request's path, so it is one EVALSHA that reads
 * two keys and writes at most one.
 */
#include "store/gate_store.h"

#include <assert.h>
#include <endian.h>

#include "base/buf.h"

#define MARKED_AT_ONCE (DM_KV_WORDS_MAX - 1) /* sessions in one round trip, beside their time */
#define ASK_NUMBERS 3 /* of the ask, and of each counter besides its rates: see check_script */
#define COUNTER_NUMBERS 2
#define PACKED_MAX (ASK_NUMBERS + DM_GATE_COUNTERS_MAX * (COUNTER_NUMBERS + 2 * DM_RATES_MAX))

/*
 * GCRA, kept exact in whole numbers: a window's debt is how far its theoretical arrival time lies
 * after the last request, in 1/count of a millisecond, so that one request adds seconds * 1000 and
 * each millisecond that passes takes count away. A window has room while its debt stays within
 * count requests. What costs more than a window holds needs all of it.
 *
 * A counter's value is four numbers and its debts, as doubles, which are exact up to 2^53: the last
 * request's time, since when and how many refusals are counted, the end of the block. It ends when
 * it says nothing any more.
 *
 * KEYS: session or '', counters. ARGV: as packed doubles now_ms (0: Redis's), block_after, block_ms, then of each
 * counter cost, number of windows, count and seconds of each. Returns session state, verdict,
 * retry_after_ms, and of each window remaining and reset_ms; of a blocked caller's, nothing.
 */
static const struct dm_kv_script check_script = {
    .name = "gate_check",
    .lua =
        "local got = redis.call('MGET', unpack(KEYS))\n"
        "if got[1] == '0' then return {2, 0, 0} end\n"
        "local state, verdict, retry = got[1] and 1 or 0, 1, 0\n"
        "local ask = {struct.unpack('<' .. string.rep('d', #ARGV[1] / 8), ARGV[1])}\n"
        "local now, block_after, block = ask[1], ask[2], ask[3]\n"
        "if now == 0 then\n"
        "  local time = redis.call('TIME')\n"
        "  now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
        "end\n"
        "local windows, counters, at = {}, {}, 3\n"
        "for k = 2, #KEYS do\n"
        "  local cost, n = ask[at + 1], ask[at + 2]\n"
        "  local format = '<' .. string.rep('d', 4 + n)\n"
        "  local value = got[k] and {struct.unpack(format, got[k])} or {now, now, 0, 0}\n"
        "  if k == 2 and block_after > 0 and value[4] > now then\n"
        "    return {state, 3, value[4] - now}\n"
        "  end\n"
        "  local elapsed = math.max(0, now - value[1])\n"
        "  value[1] = math.max(now, value[1])\n"
        "  counters[k] = {value = value, cost = cost, format = format, n = n}\n"
        "  for i = 1, n do\n"
        "    local count, each = ask[at + 1 + 2 * i], ask[at + 2 + 2 * i] * 1000\n"
        "    local debt = math.max(0, (got[k] and value[4 + i] or 0) - elapsed * count)\n"
        "    local over = debt + (math.min(math.max(cost, 1), count) - count) * each\n"
        "    if over > 0 then\n"
        "      verdict = 2\n"
        "      retry = math.max(retry, math.ceil(over / count))\n"
        "    end\n"
        "    value[4 + i] = debt\n"
        "    windows[#windows + 1] = {k = k, i = i, count = count, each = each, over = over}\n"
        "  end\n"
        "  at = at + 2 + 2 * n\n"
        "end\n"
        "if verdict == 2 and block_after > 0 then\n"
        "  local value = counters[2].value\n"
        "  if now - value[2] >= 60000 then value[2], value[3] = now, 0 end\n"
        "  value[3] = value[3] + 1\n"
        "  if value[3] >= block_after then\n"
        "    value[3], value[4] = 0, now + block\n"
        "    verdict, retry = 3, block\n"
        "  end\n"
        "  counters[2].ttl = math.max(value[2] + 60000, value[4]) - now\n"
        "end\n"
        "local answer = {state, verdict, retry}\n"
        "for _, window in ipairs(windows) do\n"
        "  local counter = counters[window.k]\n"
        "  local debt = counter.value[4 + window.i]\n"
        "  if verdict == 1 and counter.cost > 0 then\n"
        "    debt = debt + math.min(counter.cost, window.count) * window.each\n"
        "    counter.value[4 + window.i] = debt\n"
        "    counter.ttl = counter.ttl or 1\n"
        "  end\n"
        "  local wait = math.ceil(debt / window.count)\n"
        "  if counter.ttl then counter.ttl = math.max(counter.ttl, wait) end\n"
        "  if window.over > 0 then wait = math.ceil(window.over / window.count) end\n"
        "  answer[#answer + 1] = math.floor(window.count - debt / window.each)\n"
        "  answer[#answer + 1] = wait\n"
        "end\n"
        "for k, counter in pairs(counters) do\n"
        "  if counter.ttl then\n"
        "    local value = struct.pack(counter.format, unpack(counter.value, 1, 4 + counter.n))\n"
        "    redis.call('SET', KEYS[k], value, 'PX', counter.ttl)\n"
        "  end\n"
        "end\n"
        "return answer\n",
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
static struct dm_str counter_key(struct dm_ctx *ctx, const struct dm_gate_counter *counter)
{
    struct dm_buf key;
    dm_buf_init(&key, ctx->arena, 1024);
    dm_buf_add_c(&key, "dm:limit:");
    dm_buf_add(&key, counter->key);
    for (size_t i = 0; i < counter->rates->n; i++) {
        dm_buf_add_char(&key, ':');
        dm_buf_add_int(&key, counter->rates->rate[i].count);
        dm_buf_add_char(&key, '/');
        dm_buf_add_int(&key, counter->rates->rate[i].seconds);
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

static void pack_ask(struct packed *packed, const struct dm_gate_ask *ask)
{
    pack(packed, ask->now_ms);
    pack(packed, ask->block_after);
    pack(packed, ask->block_s * 1000);
    for (size_t i = 0; i < ask->n_counters; i++) {
        const struct dm_gate_counter *counter = &ask->counters[i];
        pack(packed, counter->cost);
        pack(packed, (int64_t)counter->rates->n);
        for (size_t j = 0; j < counter->rates->n; j++) {
            pack(packed, counter->rates->rate[j].count);
            pack(packed, counter->rates->rate[j].seconds);
        }
    }
}

static int64_t to_seconds_up(int64_t ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

enum { STATE, VERDICT, RETRY_MS, WINDOWS }; /* places in what the script returns */

static void read_windows(const struct dm_gate_ask *ask, const struct dm_kv_ints *ints,
                         struct dm_gate_answer *answer)
{
    for (size_t i = 0; i < ask->n_counters; i++) {
        const struct dm_rates *rates = ask->counters[i].rates;
        for (size_t j = 0; j < rates->n; j++) {
            size_t at = WINDOWS + 2 * answer->n_windows;
            bool blocked = answer->verdict == DM_GATE_BLOCKED;
            answer->windows[answer->n_windows++] = (struct dm_gate_window){
                .counter = i,
                .rate = rates->rate[j],
                .remaining = blocked ? 0 : ints->v[at],
                .reset_s = to_seconds_up(blocked ? answer->retry_after_ms : ints->v[at + 1]),
            };
        }
    }
}

static void read_answer(const struct dm_gate_ask *ask, const struct dm_kv_ints *ints,
                        struct dm_gate_answer *ret_answer)
{
    struct dm_gate_answer answer = {
        .session = (enum dm_gate_session)ints->v[STATE],
        .verdict = (enum dm_gate_verdict)ints->v[VERDICT],
        .retry_after_ms = ints->v[RETRY_MS],
    };
    /* Of a dead session nothing was counted. */
    if (answer.session == DM_GATE_SESSION_DEAD)
        answer.verdict = DM_GATE_REFUSED;
    else
        read_windows(ask, ints, &answer);
    *ret_answer = answer;
}

enum dm_result dm_gate_store_check(struct dm_kv *kv, struct dm_ctx *ctx,
                                   const struct dm_gate_ask *ask, struct dm_gate_answer *ret_answer)
{
    if (!ask->session_id.p && ask->n_counters == 0) {
        *ret_answer = (struct dm_gate_answer){.verdict = DM_GATE_ALLOWED};
        return DM_OK;
    }
    struct dm_str keys[1 + DM_GATE_COUNTERS_MAX];
    keys[0] = ask->session_id.p ? session_key(ctx, ask->session_id) : DM_STR("");
    bool good = keys[0].p != NULL;
    for (size_t i = 0; i < ask->n_counters; i++) {
        keys[1 + i] = counter_key(ctx, &ask->counters[i]);
        good = good && keys[1 + i].p;
    }
    if (!good)
        return dm_ctx_nomem(ctx);
    struct packed numbers = {.n = 0};
    pack_ask(&numbers, ask);
    const struct dm_str arg = {numbers.bytes, numbers.n};
    struct dm_kv_ints ints;
    enum dm_result r = dm_kv_run(kv, ctx, &check_script, keys, 1 + ask->n_counters, &arg, 1, &ints);
    if (r == DM_OK)
        read_answer(ask, &ints, ret_answer);
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

/*
 * The limiting stage's table: limit class and role to the settings' windows and costs; the fields that tell the caller how much is
 * left; what is counted and noted of those who are over.
 */
#include "edge/limit.h"

#include "domain/settings.h"
#include "edge/meter.h"
#include "edge/server.h"

#define NONE SIZE_MAX

/*
 * What most calls count against is the caller's own: the windows of its role, at the class's cost. Dear ones count in windows of
 * their class besides, one each. auth counts there alone, by address; refresh only looks whether there is room, since whose session it
 * is, the handler finds out.
 */
static const struct {
    const char *name;
    size_t own_cost;     /* in struct dm_settings; NONE: not in the caller's own windows */
    size_t class_rates;  /* NONE: the class has no windows */
    size_t class_cost;   /* NONE: one */
    const char *counter; /* of the class's windows */
    bool by_address, looks;
} classes[] = {
#define AT(member) offsetof(struct dm_settings, member)
    [DM_LIMIT_NONE] = {"none", NONE, NONE, NONE, NULL, false, false},
    [DM_LIMIT_READ] = {"read", AT(limits_cost_read), NONE, NONE, NULL, false, false},
    [DM_LIMIT_WRITE] = {"write", AT(limits_cost_write), NONE, NONE, NULL, false, false},
    [DM_LIMIT_AUTH] = {"auth", NONE, AT(limits_auth), AT(limits_cost_auth), "auth", true, false},
    [DM_LIMIT_REFRESH] = {"refresh", NONE, AT(limits_auth), NONE, "auth", true, true},
    [DM_LIMIT_SESSION] = {"session", NONE, AT(limits_refresh), NONE, "refresh", false, false},
    [DM_LIMIT_MODEL] = {"model", AT(limits_cost_model), AT(limits_model), NONE, "model", false,
                        false},
    [DM_LIMIT_EXPORT] = {"export", AT(limits_cost_export), AT(limits_export), NONE, "export", false,
                         false},
};

static const size_t roles[] = {
    [DM_ROLE_NONE] = AT(limits_anonymous),
    [DM_ROLE_USER] = AT(limits_user),
    [DM_ROLE_ADMIN] = AT(limits_admin),
    [DM_ROLE_SUPERADMIN] = AT(limits_superadmin),
};

#define OWN "call" /* the counter of the caller's own windows */

static const struct dm_rates *rates_at(const struct dm_settings *settings, size_t offset)
{
    return (const struct dm_rates *)(const void *)((const char *)settings + offset);
}

static int64_t cost_at(const struct dm_settings *settings, size_t offset)
{
    return offset == NONE ? 1 : *(const int64_t *)(const void *)((const char *)settings + offset);
}

/* A counter without windows would be no counter. */
static void add(struct dm_limit *limit, const char *name, const struct dm_rates *rates,
                int64_t cost)
{
    if (rates->n > 0)
        limit->counters[limit->n++] =
            (struct dm_gate_limit){.name = name, .rates = rates, .cost = cost};
}

const char *dm_limit_name(enum dm_limit_class class)
{
    return classes[class].name;
}

struct dm_limit dm_limit_of(const struct dm_settings *settings, enum dm_limit_class class,
                            enum dm_role role)
{
    struct dm_limit limit = {.by_address = classes[class].by_address};
    if (classes[class].own_cost != NONE)
        add(&limit, OWN, rates_at(settings, roles[role]),
            cost_at(settings, classes[class].own_cost));
    if (classes[class].class_rates != NONE)
        add(&limit, classes[class].counter, rates_at(settings, classes[class].class_rates),
            classes[class].looks ? 0 : cost_at(settings, classes[class].class_cost));
    return limit;
}

/* "minute", "auth-hour", "model-2s": a name of the policy, the same in both fields. */
static void add_name(struct dm_buf *out, const char *counter, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } names[] = {{1, "second"}, {60, "minute"}, {3600, "hour"}, {86400, "day"}};
    dm_buf_add_char(out, '"');
    if (!dm_str_eq_c(dm_str_from(counter), OWN)) {
        dm_buf_add_c(out, counter);
        dm_buf_add_char(out, '-');
    }
    size_t i = 0;
    while (i < sizeof(names) / sizeof(names[0]) && names[i].seconds != seconds)
        i++;
    if (i < sizeof(names) / sizeof(names[0])) {
        dm_buf_add_c(out, names[i].name);
    } else {
        dm_buf_add_int(out, seconds);
        dm_buf_add_char(out, 's');
    }
    dm_buf_add_char(out, '"');
}

/* ;NAME=VALUE, a parameter (RFC 9651 §3.1.2). */
static void add_parameter(struct dm_buf *out, char name, int64_t value)
{
    dm_buf_add_char(out, ';');
    dm_buf_add_char(out, name);
    dm_buf_add_char(out, '=');
    dm_buf_add_int(out, value);
}

/* Is a the one to tell older clients of? The one with less left, then the one that waits longer. */
static bool is_tighter(const struct dm_gate_window *a, const struct dm_gate_window *b)
{
    return a->remaining != b->remaining ? a->remaining < b->remaining : a->reset_s > b->reset_s;
}

void dm_limit_headers(struct dm_response *response, struct dm_ctx *ctx,
                      const struct dm_limit *limit, const struct dm_gate_answer *answer)
{
    const struct dm_gate_window *tightest = NULL;
    struct dm_buf policy, left;
    dm_buf_init(&policy, ctx->arena, 1024);
    dm_buf_init(&left, ctx->arena, 1024);
    for (size_t i = 0; i < answer->n_windows; i++) {
        const struct dm_gate_window *window = &answer->windows[i];
        const char *counter = limit->counters[window->counter].name;
        dm_buf_add_c(&policy, i > 0 ? ", " : "");
        dm_buf_add_c(&left, i > 0 ? ", " : "");
        add_name(&policy, counter, window->rate.seconds);
        add_name(&left, counter, window->rate.seconds);
        add_parameter(&policy, 'q', window->rate.count);
        add_parameter(&policy, 'w', window->rate.seconds);
        add_parameter(&left, 'r', window->remaining);
        add_parameter(&left, 't', window->reset_s);
        if (!tightest || is_tighter(window, tightest))
            tightest = window;
    }
    if (!tightest || dm_buf_failed(&policy) || dm_buf_failed(&left))
        return;
    dm_response_header(response, "RateLimit-Policy", dm_buf_str(&policy));
    dm_response_header(response, "RateLimit", dm_buf_str(&left));
    dm_response_header_int(response, ctx, "X-RateLimit-Limit", tightest->rate.count);
    dm_response_header_int(response, ctx, "X-RateLimit-Remaining", tightest->remaining);
    dm_response_header_int(response, ctx, "X-RateLimit-Reset", tightest->reset_s);
}

/* What the figures of a call will say of it, when it is over a limit. */
static enum dm_limited outcome_of(enum dm_result result, const struct dm_gate_answer *answer)
{
    if ((result != DM_OK && result != DM_E_LIMITED) || answer->verdict == DM_GATE_ALLOWED)
        return DM_LIMITED_NOT;
    if (result == DM_OK)
        return DM_LIMITED_SHADOWED;
    return answer->verdict == DM_GATE_BLOCKED ? DM_LIMITED_BLOCKED : DM_LIMITED_REFUSED;
}

/* Metrics, what the log will say, and the fields: a shadow shows none, and a look is of interest only when it finds no room. */
static void note(struct dm_call *call, enum dm_limit_class class, const struct dm_limit *limit,
                 enum dm_result result, const struct dm_gate_result *gate)
{
    struct dm_meter *meter = dm_server_meter(call->server);
    enum dm_limited outcome = outcome_of(result, &gate->answer);
    if (gate->degraded)
        dm_meter_degraded(meter);
    if (outcome != DM_LIMITED_NOT) {
        dm_meter_limited(meter, class, outcome);
        call->limited = outcome;
        call->limit_class = class;
    }
    if (!gate->shadow && (result == DM_E_LIMITED || !classes[class].looks))
        dm_limit_headers(call->response, &call->ctx, limit, &gate->answer);
}

static enum dm_result count(struct dm_call *call, enum dm_limit_class class,
                            const struct dm_principal *principal, struct dm_str whose)
{
    struct dm_limit limit = dm_limit_of(call->domain->settings, class, principal->role);
    struct dm_gate_request request = {
        .principal = principal,
        .address = call->request->remote_address,
        .by_address = limit.by_address,
        .whose = whose,
        .n_limits = limit.n,
    };
    memcpy(request.limits, limit.counters, sizeof(request.limits));
    /* The gate may try Redis and fail; words that were left before are still to be told. */
    struct dm_err err = call->ctx.err;
    struct dm_gate_result gate = {.answer = {.verdict = DM_GATE_ALLOWED}};
    enum dm_result result =
        dm_gate_check(call->domain, dm_server_limiter(call->server), &call->ctx, &request, &gate);
    if (result == DM_OK)
        call->ctx.err = err;
    note(call, class, &limit, result, &gate);
    return result;
}

enum dm_result dm_limit_call(struct dm_call *call)
{
    const struct dm_str nobody = {NULL, 0};
    return count(call, call->route ? call->route->limit : DM_LIMIT_READ, &call->principal, nobody);
}

enum dm_result dm_limit_session(struct dm_call *call, struct dm_str family_hash)
{
    static const struct dm_principal anonymous = {0};
    struct dm_str whose = dm_arena_printf(call->ctx.arena, "session:%.*s", DM_STR_ARG(family_hash));
    return whose.p ? count(call, DM_LIMIT_SESSION, &anonymous, whose) : dm_ctx_nomem(&call->ctx);
}

enum dm_result dm_limit_guess(struct dm_call *call)
{
    static const struct dm_principal anonymous = {0};
    const struct dm_str nobody = {NULL, 0};
    return count(call, DM_LIMIT_AUTH, &anonymous, nobody);
}

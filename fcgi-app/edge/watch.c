/*
 * A text has a place: which part of the request, and the name that it has there. Names come from the row's shapes alone, so that a line of
 * the log holds nothing that a client has made up. Where the shape has free text a signal is low: a message may be about anything.
 */
#include "edge/watch.h"

#include "base/format.h"
#include "base/json.h"
#include "edge/server.h"
#include "edge/signal.h"

/* Stands for what the row's shape does not know. */
#define UNKNOWN "?"

/* Where a kind of signal was found; the first of the highest severity. */
struct finding {
    bool found;
    enum dm_signal_severity severity;
    const char *part;                                      /* static: "body" */
    char field[DM_JSON_POINTER_MAX + sizeof("/" UNKNOWN)]; /* "/name" */
};

struct watch {
    const struct dm_signals *signals;
    struct dm_call *call;
    struct finding findings[DM_SIGNALS];
};

static void find(struct watch *w, enum dm_signal signal, const struct finding *at)
{
    struct finding *finding = &w->findings[signal];
    if (!finding->found || finding->severity < at->severity)
        *finding = *at;
}

static void note(struct watch *w, unsigned signals, const struct finding *at)
{
    for (int signal = 0; signal < DM_SIGNALS; signal++)
        if (signals & 1u << signal)
            find(w, (enum dm_signal)signal, at);
}

static struct finding finding_at(enum dm_signal_severity severity, const char *part,
                                 struct dm_str field)
{
    struct finding at = {.found = true, .severity = severity, .part = part};
    snprintf(at.field, sizeof(at.field), "%.*s", DM_STR_ARG(field));
    return at;
}

/* People write here what they like. */
static bool is_free(const struct dm_field *field)
{
    if (field->kind == DM_JSON_OBJECT)
        return field->shape == NULL;
    bool strings =
        field->kind == DM_STRING || field->kind == DM_ARRAY || field->kind == DM_JSON_ARRAY;
    return strings && field->shape == NULL &&
           (field->format == DM_TEXT || field->format == DM_LINE || field->format == DM_PASSWORD);
}

/* Bytes of pointer before rest, which is what dm_str_next has left of it. */
static size_t bytes_before(struct dm_str pointer, struct dm_str rest)
{
    return rest.p ? (size_t)(rest.p - pointer.p) - 1 : pointer.n;
}

/* The field that a pointer leads to, NULL when the shape knows none; *ret_known: bytes of the pointer that it knows. */
static const struct dm_field *field_of(const struct dm_shape *shape, struct dm_str pointer,
                                       size_t *ret_known)
{
    const struct dm_field *field = NULL;
    struct dm_str rest = pointer, name;
    int64_t index;
    *ret_known = 0;
    if (!dm_str_next(&rest, '/', &name))
        return NULL;
    while (shape && dm_str_next(&rest, '/', &name)) {
        field = dm_shape_field(shape, name);
        if (!field)
            return NULL;
        shape = field->shape;
        *ret_known = bytes_before(pointer, rest);
        bool items = field->kind == DM_ARRAY || field->kind == DM_JSON_ARRAY;
        if (!items || !dm_str_next(&rest, '/', &name))
            continue;
        if (!dm_str_to_int(name, 0, INT32_MAX, &index))
            return NULL;
        *ret_known = bytes_before(pointer, rest);
    }
    return field;
}

static void watch_string(void *arg, struct dm_str pointer, struct dm_str value)
{
    struct watch *w = arg;
    unsigned signals = dm_signals_of(w->signals, value);
    if (signals == 0)
        return;
    size_t known;
    const struct dm_field *field = field_of(w->call->route->request, pointer, &known);
    struct finding at = finding_at(field && is_free(field) ? DM_SIGNAL_LOW : DM_SIGNAL_HIGH, "body",
                                   dm_str_slice(pointer, 0, known));
    if (!field)
        memcpy(at.field + known, "/" UNKNOWN, sizeof("/" UNKNOWN));
    note(w, signals, &at);
}

/* What cannot be read as JSON was refused, and is looked at as it stands. */
static void watch_body(struct watch *w)
{
    const struct dm_call *call = w->call;
    struct dm_str body = call->request->body;
    struct dm_json *doc;
    struct dm_err err = {0};
    if (body.n == 0 || !dm_signals_suspect(w->signals, body))
        return;
    if (call->route && call->route->request && dm_json_parse(body, &err, &doc) == DM_OK) {
        dm_json_each_string(doc, watch_string, w);
        dm_json_free(doc);
        return;
    }
    struct finding at = finding_at(DM_SIGNAL_HIGH, "body", DM_STR(""));
    note(w, dm_signals_of(w->signals, body), &at);
}

/* One "name=value". */
static void watch_parameter(struct watch *w, struct dm_str part)
{
    struct dm_str value = part, name = {NULL, 0};
    struct dm_arena *arena = w->call->ctx.arena;
    const struct dm_shape *shape = w->call->route ? w->call->route->query : NULL;
    unsigned signals = dm_signals_of(w->signals, part);
    if (dm_format_url_decode(arena, part, &value))
        signals |= dm_signals_of(w->signals, value);
    if (signals == 0 || !dm_str_next(&part, '=', &name))
        return;
    bool known = shape && dm_shape_field(shape, name);
    struct finding at = finding_at(DM_SIGNAL_HIGH, "query", known ? name : DM_STR(UNKNOWN));
    note(w, signals, &at);
}

static void watch_query(struct watch *w)
{
    struct dm_str query = w->call->request->query, part;
    while (dm_str_next(&query, '&', &part))
        watch_parameter(w, part);
}

static void watch_rest(struct watch *w)
{
    const struct dm_request *request = w->call->request;
    struct finding path = finding_at(DM_SIGNAL_HIGH, "path", DM_STR(""));
    struct finding agent = finding_at(DM_SIGNAL_HIGH, "header", DM_STR("User-Agent"));
    note(w, dm_signals_of(w->signals, request->path), &path);
    note(w, dm_signals_of(w->signals, request->user_agent), &agent);
}

static void tell(const struct dm_call *call, enum dm_signal signal, const struct finding *finding)
{
    const struct dm_server_options *options = dm_server_options(call->server);
    bool high = finding->severity == DM_SIGNAL_HIGH;
    const char *field = finding->field[0] ? finding->field : NULL;
    dm_meter_signal(dm_server_meter(call->server), signal, finding->severity);
    dm_log(options->log, high ? DM_WARN : DM_INFO, &call->ctx.trace, "attack signal",
           DM_ATTR("digitalme.signal.type", dm_signal_name(signal)),
           DM_ATTR("digitalme.signal.severity", dm_signal_severity_name(finding->severity)),
           DM_ATTR("digitalme.signal.part", finding->part),
           DM_ATTR("digitalme.signal.field", field),
           DM_ATTR("http.response.status_code", call->response->status),
           DM_ATTR("enduser.id", call->principal.account_id),
           DM_ATTR("correlation.id", call->ctx.correlation_id),
           DM_ATTR("client.address", call->request->remote_address));
}

void dm_watch(struct dm_call *call)
{
    struct watch w = {.signals = dm_server_signals(call->server), .call = call};
    watch_rest(&w);
    watch_query(&w);
    watch_body(&w);
    for (int signal = 0; signal < DM_SIGNALS; signal++)
        if (w.findings[signal].found)
            tell(call, (enum dm_signal)signal, &w.findings[signal]);
}

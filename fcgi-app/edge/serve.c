/*
 * The walk of one request, and the heart of the edge: dm_serve() reads from top to bottom as what happens to a request. Each stage
 * either lets it pass or names the problem that ends its way; whatever happens, the reply is complete and logged once.
 */
#include "edge/serve.h"

#include "base/clock.h"
#include "base/format.h"
#include "base/id.h"
#include "domain/api_key_check.h"
#include "edge/auth.h"
#include "edge/call.h"
#include "edge/cors.h"
#include "edge/deprecation.h"
#include "edge/idempotency.h"
#include "edge/limit.h"
#include "edge/media.h"
#include "edge/meter.h"
#include "edge/problem.h"
#include "edge/watch.h"

#define CORRELATION_BYTES_MAX 128

struct walk {
    struct dm_call call;
    struct dm_match match;
    enum dm_result
        identified; /* of authenticate: told after the limits, so that guessing is limited too */
    struct dm_idempotency idempotency;
    bool replayed; /* the reply is a stored one */
    int64_t started_us;
};

static void correlate(struct walk *w)
{
    struct dm_call *call = &w->call;
    const struct dm_server_options *options = dm_server_options(call->server);
    struct dm_str given = call->request->correlation_id;
    dm_trace_start(&call->ctx.trace, call->request->traceparent);
    call->ctx.correlation_id =
        dm_format_is_token(given, CORRELATION_BYTES_MAX) ? given : dm_id_new(call->ctx.arena);
    dm_response_header(call->response, "X-Correlation-Id", call->ctx.correlation_id);
    dm_response_header(call->response, "X-Instance-Id", dm_str_from(options->instance_id));
}

/* Ids are one text, so that they compare byte for byte further down. */
static struct dm_str lower_uuid(struct dm_arena *arena, struct dm_str id)
{
    char *text = dm_arena_cstr(arena, id);
    for (size_t i = 0; text && i < id.n; i++)
        if (text[i] >= 'A' && text[i] <= 'F')
            text[i] = (char)(text[i] - 'A' + 'a');
    return (struct dm_str){text, text ? id.n : 0};
}

/* The path as its row has it: an old one is written anew. */
static struct dm_str path_of(struct walk *w)
{
    struct dm_str path = w->call.request->path;
    const struct dm_alias *alias = w->match.alias;
    if (!alias)
        return path;
    struct dm_str below = dm_str_slice(path, strlen(alias->path), path.n);
    return dm_arena_printf(w->call.ctx.arena, "%s%.*s", alias->successor, DM_STR_ARG(below));
}

/* Which major answers; the newest where none is asked. */
static void state_version(struct walk *w)
{
    const struct dm_router *router = dm_server_options(w->call.server)->router;
    const struct dm_version *version = NULL;
    if (w->match.route)
        version = dm_router_version(router, w->match.index);
    if (!version)
        version = dm_router_newest(router);
    dm_response_header_int(w->call.response, &w->call.ctx, "API-Version", version->major);
}

static enum dm_problem find_route(struct walk *w)
{
    struct dm_call *call = &w->call;
    const struct dm_settings *settings = call->domain->settings;
    const struct dm_server_options *options = dm_server_options(call->server);
    dm_router_match(options->router, call->request->method, call->request->path, &w->match);
    state_version(w);
    call->match = &w->match;
    call->route = w->match.route;
    call->path = path_of(w);
    if (w->match.alias && !call->path.p)
        return dm_problem_of(dm_ctx_nomem(&call->ctx));
    if (!call->route)
        return DM_PROBLEM_NONE; /* refused after the limits */
    for (size_t i = 0; i < DM_PATH_PARAMS_MAX && w->match.params[i].p; i++) {
        call->params[i] = lower_uuid(call->ctx.arena, w->match.params[i]);
        if (!call->params[i].p)
            return dm_problem_of(dm_ctx_nomem(&call->ctx));
    }
    if (call->route->door == DM_DOOR_STREAM)
        call->ctx.deadline_ms = w->started_us / 1000 + settings->stream_deadline_ms;
    return DM_PROBLEM_NONE;
}

static void authenticate(struct walk *w)
{
    w->identified = dm_auth_identify(&w->call);
}

static enum dm_problem limit(struct walk *w)
{
    enum dm_result result = dm_limit_call(&w->call);
    if (result == DM_E_UNAUTHENTICATED && dm_auth_renew(&w->call, &w->identified))
        result = dm_limit_call(&w->call);
    if (result == DM_E_UNAUTHENTICATED)
        dm_auth_challenge(&w->call, result);
    return dm_problem_of(result);
}

/* As in Allow (RFC 9110 §10.2.1), in the order of enum dm_method. Absent for an unknown path, and when the arena is full. */
static struct dm_str method_names(const struct walk *w)
{
    struct dm_buf names;
    dm_buf_init(&names, w->call.ctx.arena, 64);
    for (int method = DM_GET; method <= DM_HEAD; method++) {
        if (!(w->match.allowed & 1u << method))
            continue;
        dm_buf_add_c(&names, names.n > 0 ? ", " : "");
        dm_buf_add_c(&names, dm_method_name((enum dm_method)method));
    }
    return names.n > 0 && !dm_buf_failed(&names) ? dm_buf_str(&names) : (struct dm_str){NULL, 0};
}

/* A preflight is answered here, and counts for no limit: the browser asks, not the caller. */
static bool cors(struct walk *w)
{
    bool preflight = w->call.request->method == DM_OPTIONS;
    return dm_cors(&w->call, preflight ? method_names(w) : (struct dm_str){NULL, 0});
}

/* What no row serves: an unknown path, a method that this path does not know, or OPTIONS. */
static enum dm_problem answer_unrouted(struct walk *w)
{
    if (w->match.allowed == 0)
        return DM_PROBLEM_NOT_FOUND;
    dm_response_header(w->call.response, "Allow", method_names(w));
    if (w->call.request->method != DM_OPTIONS)
        return DM_PROBLEM_METHOD;
    w->call.response->status = 204;
    return DM_PROBLEM_NONE;
}

static enum dm_problem authorise(struct walk *w)
{
    enum dm_result result = w->identified;
    if (result == DM_OK)
        result = dm_auth_permit(&w->call);
    if (result != DM_OK)
        dm_auth_challenge(&w->call, result);
    return dm_problem_of(result);
}

static enum dm_problem negotiate(struct walk *w)
{
    return dm_media_accepted(w->call.request->accept, w->call.route->media)
               ? DM_PROBLEM_NONE
               : DM_PROBLEM_NOT_ACCEPTABLE;
}

static enum dm_problem decode_query(struct dm_call *call)
{
    static const struct dm_shape no_query = {.name = "NoQuery", .size = 1};
    struct dm_str query = call->request->query;
    if (!call->route->query && query.n == 0)
        return DM_PROBLEM_NONE;
    return dm_problem_of(dm_shape_decode_query(call->route->query ? call->route->query : &no_query,
                                               &call->ctx, query.p ? query : DM_STR(""),
                                               &call->query, &call->violations));
}

static enum dm_problem check_body(struct dm_call *call)
{
    const struct dm_request *request = call->request;
    if (!call->route->request)
        return request->content_length > 0 ? dm_problem_of(dm_err_set(&call->ctx.err, DM_E_SYNTAX,
                                                                      "this call takes no body"))
                                           : DM_PROBLEM_NONE;
    if (request->body_too_big)
        return DM_PROBLEM_TOO_BIG;
    if (request->body_truncated)
        return DM_PROBLEM_TRUNCATED;
    if (request->body.n == 0)
        return dm_problem_of(dm_err_set(&call->ctx.err, DM_E_SYNTAX, "a JSON body is due"));
    if (!dm_media_is_json(request->content_type, call->route->merge_patch))
        return DM_PROBLEM_MEDIA_TYPE;
    return DM_PROBLEM_NONE;
}

static enum dm_problem decode(struct walk *w)
{
    struct dm_call *call = &w->call;
    enum dm_problem problem = decode_query(call);
    if (problem == DM_PROBLEM_NONE)
        problem = check_body(call);
    if (problem != DM_PROBLEM_NONE || !call->route->request || call->route->merge_patch)
        return problem;
    return dm_problem_of(dm_shape_decode(call->route->request, &call->ctx, call->request->body,
                                         &call->in, &call->violations));
}

static enum dm_problem claim_key(struct walk *w)
{
    struct dm_call *call = &w->call;
    if (call->route->method != DM_GET) {
        call->new_id = dm_id_new(call->ctx.arena);
        if (!call->new_id.p)
            return dm_problem_of(dm_ctx_nomem(&call->ctx));
    }
    return dm_idempotency_begin(call, &w->idempotency, &w->replayed);
}

/* If-None-Match (RFC 9110 §13.1.2): the caller has this very version. */
static bool is_known_version(const struct dm_call *call)
{
    struct dm_str etag = dm_response_header_of(call->response, "ETag");
    struct dm_str list = call->request->if_none_match, tag;
    if (call->route->method != DM_GET || !etag.p)
        return false;
    while (dm_str_next(&list, ',', &tag)) {
        tag = dm_str_trim(tag);
        if (dm_str_starts(tag, DM_STR("W/")))
            tag = dm_str_slice(tag, 2, tag.n);
        if (dm_str_eq(tag, etag) || dm_str_eq_c(tag, "*"))
            return true;
    }
    return false;
}

static enum dm_result encode(struct dm_call *call)
{
    struct dm_response *response = call->response;
    const struct dm_route *route = call->route;
    if (is_known_version(call)) {
        dm_buf_reset(&response->body);
        response->status = 304;
        return DM_OK;
    }
    if (response->status == 0)
        response->status = route->status;
    if (call->out_shape && !dm_response_header_of(response, "Content-Type").p) {
        struct dm_json_writer writer;
        dm_json_writer_init(&writer, &response->body);
        dm_shape_encode(call->out_shape, call->out, &writer);
        dm_response_header(response, "Content-Type", DM_STR("application/json"));
    } else if (route->media && !dm_response_header_of(response, "Content-Type").p) {
        dm_response_header(response, "Content-Type", dm_str_from(route->media));
    }
    return dm_buf_failed(&response->body) ? dm_ctx_nomem(&call->ctx) : DM_OK;
}

static enum dm_problem handle(struct walk *w)
{
    struct dm_call *call = &w->call;
    if (w->replayed)
        return DM_PROBLEM_NONE;
    call->out_shape = call->route->response;
    if (call->out_shape) {
        call->out = dm_arena_alloc(call->ctx.arena, call->out_shape->size);
        if (!call->out)
            return dm_problem_of(dm_ctx_nomem(&call->ctx));
    }
    enum dm_result result = call->route->serve(call);
    if (result == DM_OK)
        result = encode(call);
    dm_idempotency_end(call, &w->idempotency, result);
    if (result == DM_E_UNAUTHENTICATED)
        dm_auth_challenge(call, result);
    return dm_problem_of(result);
}

/* The reply as it will be sent: every reply has these fields, whoever made it. */
static void complete(struct walk *w, enum dm_problem problem)
{
    struct dm_response *response = w->call.response;
    if (problem != DM_PROBLEM_NONE) {
        dm_response_clear_body(response);
        dm_problem_write(&w->call, problem);
    }
    dm_deprecation_tell(&w->call);
    if (!dm_response_header_of(response, "Cache-Control").p)
        dm_response_header(response, "Cache-Control", DM_STR("no-store"));
    if (response->status != 204 && response->status != 304)
        dm_response_header_int(response, &w->call.ctx, "Content-Length",
                               dm_response_length(response));
    if (w->call.request->method == DM_HEAD)
        dm_response_clear_body(response);
}

/* The flood of somebody who is blocked would be one of the log too; metrics count it. */
static enum dm_severity severity_of(const struct dm_call *call)
{
    if (call->limited == DM_LIMITED_BLOCKED)
        return DM_DEBUG;
    if (call->response->status == 500)
        return DM_ERROR;
    return call->response->status > 500 ? DM_WARN : DM_INFO;
}

/* One line a request. Never a header, a query or a body: they may hold what is the caller's alone. */
static void log_request(const struct walk *w, enum dm_problem problem, int64_t us)
{
    const struct dm_call *call = &w->call;
    const struct dm_server_options *options = dm_server_options(call->server);
    const char *method = dm_method_name(call->request->method);
    const struct dm_str absent = {NULL, 0};
    bool failed = call->response->status >= 500 && problem != DM_PROBLEM_NONE;
    struct dm_str route = absent;
    if (call->route)
        route = dm_str_from(dm_router_path(options->router, w->match.index));
    const char *limited = dm_limited_name(call->limited);
    dm_log(options->log, severity_of(call), &call->ctx.trace, "request",
           DM_ATTR("http.request.method", method[0] ? method : "_OTHER"),
           DM_ATTR("http.route", route),
           DM_ATTR("digitalme.alias", call->match->alias ? call->match->alias->path : NULL),
           DM_ATTR("http.response.status_code", call->response->status),
           DM_ATTR("http.server.request.duration", (double)us / 1e6),
           DM_ATTR("enduser.id", call->principal.account_id),
           DM_ATTR("correlation.id", call->ctx.correlation_id),
           DM_ATTR("client.address", call->request->remote_address),
           DM_ATTR("digitalme.limit.outcome", limited),
           DM_ATTR("digitalme.limit.class", limited ? dm_limit_name(call->limit_class) : NULL),
           DM_ATTR("error.type",
                   problem != DM_PROBLEM_NONE ? dm_str_from(dm_problem_type(problem)) : absent),
           DM_ATTR("exception.message", failed ? dm_str_from(call->ctx.err.detail) : absent));
}

static void count_request(struct walk *w, int64_t us)
{
    struct dm_meter *meter = dm_server_meter(w->call.server);
    if (w->call.principal.credential == DM_CREDENTIAL_API_KEY)
        dm_api_key_count(w->call.domain, &w->call.ctx, w->call.principal.key_id);
    if (w->call.route)
        dm_meter_request(meter, &w->match, w->call.response->status, us);
    else
        dm_meter_unrouted(meter);
}

static struct walk begin(const struct dm_server *server, struct dm_arena *arena,
                         const struct dm_request *request, struct dm_response *response)
{
    const struct dm_domain *domain = dm_live_take(dm_server_options(server)->live);
    int64_t now_us = dm_clock_monotonic_us();
    return (struct walk){
        .started_us = now_us,
        .call = {.ctx = {.arena = arena,
                         .deadline_ms = now_us / 1000 + domain->settings->api_deadline_ms},
                 .server = server,
                 .domain = domain,
                 .request = request,
                 .response = response},
    };
}

/* The stages that a request may fail at, in their order: what can be refused cheaply is refused first. */
static enum dm_problem pass_stages(struct walk *w)
{
    enum dm_problem problem = find_route(w);
    if (problem != DM_PROBLEM_NONE)
        return problem;
    if (cors(w))
        return DM_PROBLEM_NONE;
    authenticate(w);
    if ((problem = limit(w)) != DM_PROBLEM_NONE)
        return problem;
    if (!w->call.route)
        return answer_unrouted(w);
    if ((problem = authorise(w)) != DM_PROBLEM_NONE)
        return problem;
    if ((problem = negotiate(w)) != DM_PROBLEM_NONE)
        return problem;
    if ((problem = decode(w)) != DM_PROBLEM_NONE)
        return problem;
    if ((problem = claim_key(w)) != DM_PROBLEM_NONE)
        return problem;
    return handle(w);
}

void dm_serve(const struct dm_server *server, struct dm_arena *arena,
              const struct dm_request *request, struct dm_response *response)
{
    struct walk w = begin(server, arena, request, response);
    correlate(&w);
    enum dm_problem problem = pass_stages(&w);
    complete(&w, problem);
    if (w.call.limited != DM_LIMITED_BLOCKED)
        dm_watch(&w.call);
    int64_t us = dm_clock_monotonic_us() - w.started_us;
    log_request(&w, problem, us);
    count_request(&w, us);
    dm_live_give(dm_server_options(server)->live, w.call.domain);
}

/*
 * What went wrong, told as RFC 9457 says: the one table from result to problem to status and type.
 * Words of an error reach the caller only when the error is the caller's doing; for the rest a
 * fixed sentence stands.
 */
#include "edge/problem.h"

#include "base/json_write.h"

#define TYPE(name) "urn:digitalme:problem:" name
/* A path longer than this is not told back. */
#define INSTANCE_BYTES_MAX 512

struct row {
    int status;
    const char *type;
    const char *title;
    const char *detail; /* when there are no words for the caller */
};

static const struct row rows[] = {
    [DM_PROBLEM_NONE] = {500, TYPE("internal"), "Internal error",
                         "The service could not answer this request."},
    [DM_PROBLEM_SYNTAX] = {400, TYPE("syntax"), "Unreadable request",
                           "The request is not what it says it is."},
    [DM_PROBLEM_TRUNCATED] = {400, TYPE("truncated"), "Truncated request",
                              "The body ended before its announced length."},
    [DM_PROBLEM_VALIDATION] = {422, TYPE("validation"), "Invalid request",
                               "Some members break a rule."},
    [DM_PROBLEM_UNAUTHENTICATED] = {401, TYPE("unauthenticated"), "Authentication required",
                                    "Give a valid credential."},
    [DM_PROBLEM_FORBIDDEN] = {403, TYPE("forbidden"), "Not allowed",
                              "This credential does not allow that."},
    [DM_PROBLEM_NOT_FOUND] = {404, TYPE("not-found"), "Not found", "There is no such resource."},
    [DM_PROBLEM_METHOD] = {405, TYPE("method-not-allowed"), "Method not allowed",
                           "This resource does not know that method; see Allow."},
    [DM_PROBLEM_NOT_ACCEPTABLE] = {406, TYPE("not-acceptable"), "Not acceptable",
                                   "No media type that you accept can be given."},
    [DM_PROBLEM_CONFLICT] = {409, TYPE("conflict"), "Conflict",
                             "The request clashes with what is."},
    [DM_PROBLEM_STALE] = {412, TYPE("stale"), "Precondition failed",
                          "The resource has changed since you read it."},
    [DM_PROBLEM_TOO_BIG] = {413, TYPE("too-big"), "Request too big",
                            "The request is longer or deeper than allowed."},
    [DM_PROBLEM_MEDIA_TYPE] = {415, TYPE("media-type"), "Unsupported media type",
                               "The body's Content-Type is none that this resource reads."},
    [DM_PROBLEM_KEY_REUSED] = {422, TYPE("idempotency-key-reused"), "Idempotency key reused",
                               "This Idempotency-Key came with another request before."},
    [DM_PROBLEM_LIMITED] = {429, TYPE("rate-limited"), "Too many requests",
                            "Wait as long as Retry-After says."},
    [DM_PROBLEM_INTERNAL] = {500, TYPE("internal"), "Internal error",
                             "The service could not answer this request."},
    [DM_PROBLEM_UNAVAILABLE] = {503, TYPE("unavailable"), "Unavailable",
                                "The service cannot answer now; try again later."},
    [DM_PROBLEM_TIMEOUT] = {504, TYPE("timeout"), "Timeout",
                            "The answer took too long; try again later."},
};

static const struct row *row_of(enum dm_problem problem)
{
    size_t i = (size_t)problem;
    return &rows[i < sizeof(rows) / sizeof(rows[0]) ? i : DM_PROBLEM_INTERNAL];
}

int dm_problem_status(enum dm_problem problem)
{
    return row_of(problem)->status;
}

const char *dm_problem_type(enum dm_problem problem)
{
    return row_of(problem)->type;
}

enum dm_problem dm_problem_of(enum dm_result result)
{
    switch (result) {
    case DM_OK:
        return DM_PROBLEM_NONE;
    case DM_E_SYNTAX:
        return DM_PROBLEM_SYNTAX;
    case DM_E_INVALID:
        return DM_PROBLEM_VALIDATION;
    case DM_E_UNAUTHENTICATED:
        return DM_PROBLEM_UNAUTHENTICATED;
    case DM_E_DENIED:
        return DM_PROBLEM_FORBIDDEN;
    case DM_E_NOTFOUND:
        return DM_PROBLEM_NOT_FOUND;
    case DM_E_CONFLICT:
        return DM_PROBLEM_CONFLICT;
    case DM_E_STALE:
        return DM_PROBLEM_STALE;
    case DM_E_TOOBIG:
        return DM_PROBLEM_TOO_BIG;
    case DM_E_LIMITED:
        return DM_PROBLEM_LIMITED;
    case DM_E_UNAVAILABLE:
    case DM_E_NOMEM:
        return DM_PROBLEM_UNAVAILABLE;
    case DM_E_TIMEOUT:
        return DM_PROBLEM_TIMEOUT;
    case DM_E_INTERNAL:
        break;
    }
    return DM_PROBLEM_INTERNAL;
}

static void name_string(struct dm_json_writer *w, const char *name, struct dm_str value)
{
    dm_json_name(w, name);
    dm_json_string(w, value);
}

/* The words at hand belong to this problem as a whole, and are the caller's to see. */
static bool is_told(const struct dm_err *err, const struct row *row)
{
    return err->code >= DM_E_SYNTAX && err->code <= DM_E_LIMITED && err->detail[0] != '\0' &&
           err->rule[0] == '\0' && row_of(dm_problem_of(err->code))->status == row->status;
}

/* The path as it was sent, if it is a plain one (RFC 3986: visible ASCII). */
static bool is_plain(struct dm_str path)
{
    if (path.n == 0 || path.n > INSTANCE_BYTES_MAX)
        return false;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] <= ' ' || path.p[i] > '~')
            return false;
    return true;
}

static void write_error(struct dm_json_writer *w, const char *pointer, const char *code,
                        const char *message)
{
    dm_json_object_begin(w);
    name_string(w, "pointer", dm_str_from(pointer));
    name_string(w, "code", dm_str_from(code));
    name_string(w, "message", dm_str_from(message));
    dm_json_object_end(w);
}

/* From the shapes, or the one that a rule of the domain has named. */
static void write_errors(struct dm_json_writer *w, const struct dm_call *call)
{
    const struct dm_err *err = &call->ctx.err;
    bool named = err->code == DM_E_INVALID && err->rule[0] != '\0';
    if (call->violations == NULL && !named)
        return;
    dm_json_name(w, "errors");
    dm_json_array_begin(w);
    for (const struct dm_violation *v = call->violations; v != NULL; v = v->next)
        write_error(w, v->pointer, v->code, v->message);
    if (named)
        write_error(w, err->pointer, err->rule, err->detail);
    dm_json_array_end(w);
}

static void begin_document(struct dm_json_writer *w, const struct row *row)
{
    dm_json_object_begin(w);
    name_string(w, "type", dm_str_from(row->type));
    name_string(w, "title", dm_str_from(row->title));
    dm_json_name(w, "status");
    dm_json_int(w, row->status);
}

static void write_document(struct dm_call *call, enum dm_problem problem, const struct row *row)
{
    struct dm_buf *body = &call->response->body;
    struct dm_json_writer w;
    dm_buf_reset(body);
    dm_json_writer_init(&w, body);
    begin_document(&w, row);
    name_string(&w, "detail",
                dm_str_from(is_told(&call->ctx.err, row) ? call->ctx.err.detail : row->detail));
    if (call->request != NULL && is_plain(call->request->path))
        name_string(&w, "instance", call->request->path);
    if (call->ctx.correlation_id.p != NULL)
        name_string(&w, "correlationId", call->ctx.correlation_id);
    if (problem == DM_PROBLEM_VALIDATION)
        write_errors(&w, call);
    dm_json_object_end(&w);
    if (!dm_buf_failed(body))
        return;
    /* No memory for all of it: what remains fits the body's first bytes. */
    dm_buf_reset(body);
    dm_json_writer_init(&w, body);
    begin_document(&w, row);
    dm_json_object_end(&w);
}

void dm_problem_write(struct dm_call *call, enum dm_problem problem)
{
    const struct row *row = row_of(problem);
    struct dm_response *response = call->response;
    write_document(call, problem, row);
    response->status = row->status;
    dm_response_header(response, "Content-Type", DM_STR("application/problem+json"));
    dm_response_header(response, "Cache-Control", DM_STR("no-store"));
    /* These speak of the entity, which this is not. */
    dm_response_header(response, "ETag", (struct dm_str){NULL, 0});
    dm_response_header(response, "Location", (struct dm_str){NULL, 0});
    if (problem != DM_PROBLEM_LIMITED && problem != DM_PROBLEM_UNAVAILABLE)
        return;
    /* In place already when there is no memory for a longer wait. */
    dm_response_header(response, "Retry-After", DM_STR("1"));
    if (call->ctx.err.retry_after_s > 1)
        dm_response_header_int(response, &call->ctx, "Retry-After", call->ctx.err.retry_after_s);
}

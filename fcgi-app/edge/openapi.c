/*
 * Prints the contract from the rows themselves, so that it cannot say other than what the walk
 * does: paths in the order of the rows, schemas by name. Made compact first and then indented, so
 * that the committed copy diffs line by line.
 */
#include "edge/openapi.h"

#include "base/json_write.h"
#include "edge/problem.h"
#include "edge/response.h"
#include "edge/shape_internal.h"

#define DOCUMENT_BYTES_MAX (8u << 20)
#define ARENA_BLOCK_BYTES (64u << 10)
#define ARENA_BYTES_MAX (4u << 20)
#define INDENT 2

/* A schema among the components. */
struct entry {
    char *name;
    const struct dm_shape *shape;
    enum dm_form form;
};

struct printer {
    const struct dm_router *router;
    int major;
    struct dm_arena *arena;
    struct dm_json_writer w;
    struct entry *entries;
    size_t n_entries, cap_entries;
    enum dm_result result;
};

/* The problems a row's description tells of, by status; all others are under `default`. */
static const struct response {
    enum dm_problem problem;
    const char *name; /* among components/responses */
    const char *text;
    const char *header; /* among response_headers; NULL: none of its own */
} responses[] = {
    {DM_PROBLEM_SYNTAX, "BadRequest",
     "The body is not JSON in UTF-8, was cut off, or none is taken here; or two credentials", NULL},
    {DM_PROBLEM_UNAUTHENTICATED, "Unauthorized", "No credential, or one that does not count",
     "WwwAuthenticate"},
    {DM_PROBLEM_FORBIDDEN, "Forbidden", "The credential does not allow this", NULL},
    {DM_PROBLEM_NOT_FOUND, "NotFound", "Absent, or not yours", NULL},
    {DM_PROBLEM_NOT_ACCEPTABLE, "NotAcceptable", "Accept takes nothing that this call gives", NULL},
    {DM_PROBLEM_CONFLICT, "Conflict",
     "Clashes with what is, or the first request with this Idempotency-Key is still running", NULL},
    {DM_PROBLEM_STALE, "PreconditionFailed", "The entity is no longer the one of If-Match", NULL},
    {DM_PROBLEM_TOO_BIG, "ContentTooLarge", "The body is too long or too deep", NULL},
    {DM_PROBLEM_MEDIA_TYPE, "UnsupportedMediaType", "The body's Content-Type is not read here",
     NULL},
    {DM_PROBLEM_VALIDATION, "UnprocessableContent",
     "Well-formed but invalid; errors names each bad member of body or query", NULL},
    {DM_PROBLEM_LIMITED, "TooManyRequests", "Over the limit of requests", "RetryAfter"},
    {DM_PROBLEM_UNAVAILABLE, "ServiceUnavailable", "Cannot answer now", "RetryAfter"},
};
#define N_RESPONSES (sizeof(responses) / sizeof(responses[0]))

/* Request headers that rows share. */
static const struct header_parameter {
    const char *key; /* among components/parameters */
    const char *name;
    const char *text;
} header_parameters[] = {
    {"CorrelationId", "X-Correlation-Id",
     "1 to 128 of A-Z a-z 0-9 . _ -: comes back with the answer and goes to the log"},
    {"IdempotencyKey", "Idempotency-Key",
     "1 to 255 visible ASCII characters: the same key and body within 24 h give the first answer "
     "again"},
    {"IfMatch", "If-Match", "The entity's ETag: 412 when it has changed since"},
    {"IfNoneMatch", "If-None-Match", "The entity's ETag: 304 when it has not changed since"},
};

/* Response headers that rows share. */
static const struct header_parameter response_headers[] = {
    {"ApiVersion", "API-Version", "The major version that answered"},
    {"CorrelationId", "X-Correlation-Id", "The request's own, or a new one"},
    {"Deprecation", "Deprecation", "Since when this call is deprecated (RFC 9745)"},
    {"ETag", "ETag", "The version of the entity, for If-Match and If-None-Match"},
    {"IdempotencyReplayed", "Idempotency-Replayed", "true: this is the stored answer"},
    {"InstanceId", "X-Instance-Id", "The process that answered"},
    {"Link", "Link", "What to call instead, and where its end is told of (RFC 8288)"},
    {"Location", "Location", "The path of what was created"},
    {"RateLimit", "RateLimit", "What is left of the limit (IETF RateLimit fields)"},
    {"RateLimitPolicy", "RateLimit-Policy", "The limits that apply (IETF RateLimit fields)"},
    {"RateLimitLimit", "X-RateLimit-Limit", "The limit, for older clients"},
    {"RateLimitRemaining", "X-RateLimit-Remaining", "What is left of it"},
    {"RateLimitReset", "X-RateLimit-Reset", "Seconds until it is whole again"},
    {"RetryAfter", "Retry-After", "Seconds to wait"},
    {"Sunset", "Sunset", "Until when this call will answer (RFC 8594)"},
    {"WwwAuthenticate", "WWW-Authenticate", "The challenge (RFC 6750)"},
};

static void name_string(struct dm_json_writer *w, const char *name, const char *value)
{
    dm_json_name(w, name);
    dm_json_string(w, dm_str_from(value));
}

static void name_object(struct dm_json_writer *w, const char *name)
{
    dm_json_name(w, name);
    dm_json_object_begin(w);
}

static void name_array(struct dm_json_writer *w, const char *name)
{
    dm_json_name(w, name);
    dm_json_array_begin(w);
}

/* {"$ref": "#/components/KIND/NAME"} */
static void write_ref(struct dm_json_writer *w, const char *kind, const char *name,
                      const char *suffix)
{
    char ref[200];
    snprintf(ref, sizeof(ref), "#/components/%s/%s%s", kind, name, suffix);
    dm_json_object_begin(w);
    name_string(w, "$ref", ref);
    dm_json_object_end(w);
}

/* Schemas. */

/* NULL: there is no more memory. */
static struct entry *entry_new(struct printer *p)
{
    if (p->n_entries == p->cap_entries) {
        size_t cap = p->cap_entries == 0 ? 64 : p->cap_entries * 2;
        struct entry *entries = dm_arena_array(p->arena, cap, sizeof(*entries));
        if (entries == NULL)
            return NULL;
        if (p->n_entries > 0)
            memcpy(entries, p->entries, p->n_entries * sizeof(*entries));
        p->entries = entries;
        p->cap_entries = cap;
    }
    return &p->entries[p->n_entries++];
}

static struct entry *entry_named(struct printer *p, struct dm_str name)
{
    for (size_t i = 0; i < p->n_entries; i++)
        if (dm_str_eq_c(name, p->entries[i].name))
            return &p->entries[i];
    return NULL;
}

/* The entry of a shape in a form, new or told anew; NULL: all is told already, or p->result says why not. What goes both ways under one name is
 * told as it is in a reply. */
static struct entry *entry_of(struct printer *p, const struct dm_shape *shape, enum dm_form form)
{
    struct dm_str name =
        dm_arena_printf(p->arena, "%s%s", shape->name, dm_form_suffix(shape, form));
    struct entry *entry = name.p != NULL ? entry_named(p, name) : NULL;
    bool taken = dm_str_eq_c(name, "Problem") || dm_str_eq_c(name, "ProblemError");
    if (taken || (entry != NULL && entry->shape != shape)) {
        p->result = DM_E_INVALID;
        return NULL;
    }
    if (entry != NULL && (entry->form == form || entry->form == DM_FORM_REPLY))
        return NULL;
    if (entry != NULL) {
        entry->form = DM_FORM_REPLY;
        return entry;
    }
    entry = name.p != NULL ? entry_new(p) : NULL;
    if (entry == NULL)
        p->result = DM_E_NOMEM;
    else
        *entry = (struct entry){(char *)name.p, shape, form};
    return entry;
}

/* shape and all it refers to. */
static void collect(struct printer *p, const struct dm_shape *shape, enum dm_form form)
{
    if (entry_of(p, shape, form) == NULL)
        return;
    for (size_t i = 0; i < shape->n_fields && p->result == DM_OK; i++) {
        const struct dm_field *field = &shape->fields[i];
        if (field->shape != NULL && (form == DM_FORM_REPLY || !field->read_only))
            collect(p, field->shape, dm_form_below(field, form));
    }
}

static enum dm_form request_form(const struct dm_route *row)
{
    return row->merge_patch ? DM_FORM_PATCH : DM_FORM_REQUEST;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Is the row one of the major's, or of the root's? */
static bool is_told(const struct printer *p, size_t index)
{
    const struct dm_version *version = dm_router_version(p->router, index);
    return version == NULL || version->major == p->major;
}

static void collect_all(struct printer *p)
{
    for (size_t i = 0; i < dm_router_count(p->router) && p->result == DM_OK; i++) {
        if (!is_told(p, i))
            continue;
        const struct dm_route *row = dm_router_row(p->router, i);
        if (row->request != NULL)
            collect(p, row->request, request_form(row));
        if (row->response != NULL && p->result == DM_OK)
            collect(p, row->response, DM_FORM_REPLY);
        if (row->response_or != NULL && p->result == DM_OK)
            collect(p, row->response_or, DM_FORM_REPLY);
    }
    if (p->n_entries > 1)
        qsort(p->entries, p->n_entries, sizeof(*p->entries), compare_entries);
}

/* RFC 9457 §3.1, with our members. */
static const char problem_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"type\":{\"type\":\"string\",\"format\":\"uri\",\"description\":\"Stable code of the kind of "
    "problem\"},"
    "\"title\":{\"type\":\"string\"},"
    "\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
    "\"detail\":{\"type\":\"string\"},"
    "\"instance\":{\"type\":\"string\",\"description\":\"The request's path\"},"
    "\"correlationId\":{\"type\":\"string\"},"
    "\"errors\":{\"type\":\"array\",\"maxItems\":51,\"items\":{\"$ref\":"
    "\"#/components/schemas/ProblemError\"}}},"
    "\"required\":[\"type\",\"title\",\"status\"],\"additionalProperties\":false}";
static const char problem_error_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"pointer\":{\"type\":\"string\",\"description\":\"JSON Pointer (RFC 6901) of the bad "
    "member\"},"
    "\"code\":{\"type\":\"string\"},"
    "\"message\":{\"type\":\"string\"}},"
    "\"required\":[\"pointer\",\"code\",\"message\"],\"additionalProperties\":false}";

static void write_schemas(struct printer *p)
{
    struct dm_json_writer *w = &p->w;
    name_object(w, "schemas");
    dm_json_name(w, "Problem");
    dm_json_raw(w, dm_str_from(problem_schema));
    dm_json_name(w, "ProblemError");
    dm_json_raw(w, dm_str_from(problem_error_schema));
    for (size_t i = 0; i < p->n_entries; i++) {
        const struct entry *entry = &p->entries[i];
        dm_json_name(w, entry->name);
        dm_form_schema(entry->shape, entry->form, w);
    }
    dm_json_object_end(w);
}

/* Components besides schemas. */

static void write_parameters(struct dm_json_writer *w)
{
    name_object(w, "parameters");
    for (size_t i = 0; i < sizeof(header_parameters) / sizeof(header_parameters[0]); i++) {
        const struct header_parameter *header = &header_parameters[i];
        name_object(w, header->key);
        name_string(w, "name", header->name);
        name_string(w, "in", "header");
        name_string(w, "description", header->text);
        name_object(w, "schema");
        name_string(w, "type", "string");
        dm_json_object_end(w);
        dm_json_object_end(w);
    }
    dm_json_object_end(w);
}

static void write_headers(struct dm_json_writer *w)
{
    name_object(w, "headers");
    for (size_t i = 0; i < sizeof(response_headers) / sizeof(response_headers[0]); i++) {
        const struct header_parameter *header = &response_headers[i];
        name_object(w, header->key);
        name_string(w, "description", header->text);
        name_object(w, "schema");
        name_string(w, "type", "string");
        dm_json_object_end(w);
        dm_json_object_end(w);
    }
    dm_json_object_end(w);
}

/* key: among response_headers. */
static void write_header_ref(struct dm_json_writer *w, const char *key)
{
    for (size_t i = 0; i < sizeof(response_headers) / sizeof(response_headers[0]); i++) {
        if (strcmp(response_headers[i].key, key) != 0)
            continue;
        dm_json_name(w, response_headers[i].name);
        write_ref(w, "headers", key, "");
    }
}

/* What every answer carries. */
static void write_common_headers(struct dm_json_writer *w)
{
    write_header_ref(w, "CorrelationId");
    write_header_ref(w, "ApiVersion");
    write_header_ref(w, "InstanceId");
}

static void write_rate_headers(struct dm_json_writer *w)
{
    write_header_ref(w, "RateLimit");
    write_header_ref(w, "RateLimitPolicy");
    write_header_ref(w, "RateLimitLimit");
    write_header_ref(w, "RateLimitRemaining");
    write_header_ref(w, "RateLimitReset");
}

/* header: among response_headers; NULL: none of its own. */
static void write_problem_response(struct dm_json_writer *w, const char *name, const char *text,
                                   const char *header)
{
    name_object(w, name);
    name_string(w, "description", text);
    name_object(w, "headers");
    write_common_headers(w);
    if (header != NULL)
        write_header_ref(w, header);
    dm_json_object_end(w);
    name_object(w, "content");
    name_object(w, "application/problem+json");
    dm_json_name(w, "schema");
    write_ref(w, "schemas", "Problem", "");
    dm_json_object_end(w);
    dm_json_object_end(w);
    dm_json_object_end(w);
}

static void write_responses(struct dm_json_writer *w)
{
    name_object(w, "responses");
    for (size_t i = 0; i < N_RESPONSES; i++)
        write_problem_response(w, responses[i].name, responses[i].text, responses[i].header);
    write_problem_response(w, "Problem", "Any other problem", NULL);
    dm_json_object_end(w);
}

static void write_security_schemes(struct dm_json_writer *w)
{
    name_object(w, "securitySchemes");
    name_object(w, "bearer");
    name_string(w, "type", "http");
    name_string(w, "scheme", "bearer");
    name_string(w, "bearerFormat", "JWT");
    name_string(w, "description",
                "An access token from log-in. Where apiKey is listed too, an API key may stand in "
                "its place. Listed with it: the scope or the role that is asked for");
    dm_json_object_end(w);
    name_object(w, "apiKey");
    name_string(w, "type", "apiKey");
    name_string(w, "in", "header");
    name_string(w, "name", "X-API-Key");
    name_string(w, "description",
                "An API key (dk_live_…). Listed with it: the scope that the key must have");
    dm_json_object_end(w);
    dm_json_object_end(w);
}

/* One row. */

/* {"bearer": [role]}: the role or scope that is asked for, if any (OpenAPI 3.1 §4.8.30). */
static void write_requirement(struct dm_json_writer *w, const char *scheme, const char *role)
{
    dm_json_object_begin(w);
    name_array(w, scheme);
    if (role != NULL)
        dm_json_string(w, dm_str_from(role));
    dm_json_array_end(w);
    dm_json_object_end(w);
}

/* For the rows that a key opens. */
static void write_key_requirement(struct dm_json_writer *w, const struct dm_route *row)
{
    if (row->scope != DM_SCOPE_NONE)
        write_requirement(w, "apiKey", dm_scope_name(row->scope));
}

static void write_security(struct dm_json_writer *w, const struct dm_route *row)
{
    name_array(w, "security");
    switch (row->auth) {
    case DM_AUTH_USER:
        write_requirement(w, "bearer", dm_scope_name(row->scope));
        write_key_requirement(w, row);
        break;
    case DM_AUTH_JWT:
        write_requirement(w, "bearer", NULL);
        break;
    case DM_AUTH_ADMIN:
        write_requirement(w, "bearer", dm_role_name(DM_ROLE_ADMIN));
        write_key_requirement(w, row);
        break;
    case DM_AUTH_SUPERADMIN:
        write_requirement(w, "bearer", dm_role_name(DM_ROLE_SUPERADMIN));
        write_key_requirement(w, row);
        break;
    case DM_AUTH_UNSAID:
    case DM_AUTH_NONE:
    case DM_AUTH_LOOPBACK:
        break;
    }
    dm_json_array_end(w);
}

static void write_path_parameter(struct dm_json_writer *w, struct dm_str name)
{
    dm_json_object_begin(w);
    dm_json_name(w, "name");
    dm_json_string(w, name);
    name_string(w, "in", "path");
    dm_json_name(w, "required");
    dm_json_bool(w, true);
    name_object(w, "schema");
    name_string(w, "type", "string");
    name_string(w, "format", "uuid");
    dm_json_object_end(w);
    dm_json_object_end(w);
}

static void write_path_parameters(struct dm_json_writer *w, const char *path)
{
    struct dm_str rest = dm_str_from(path);
    struct dm_str part;
    while (dm_str_next(&rest, '/', &part))
        if (part.n > 2 && part.p[0] == '{')
            write_path_parameter(w, dm_str_slice(part, 1, part.n - 2));
}

static void write_query_parameters(struct dm_json_writer *w, const struct dm_shape *query)
{
    for (size_t i = 0; query != NULL && i < query->n_fields; i++) {
        const struct dm_field *field = &query->fields[i];
        dm_json_object_begin(w);
        name_string(w, "name", field->name);
        name_string(w, "in", "query");
        dm_field_description(field, w);
        dm_json_name(w, "required");
        dm_json_bool(w, field->required);
        dm_json_name(w, "schema");
        dm_field_schema(field, w);
        dm_json_object_end(w);
    }
}

/* A row, and what it owes to others. */
struct operation {
    const struct dm_route *row;
    const struct dm_deprecation *deprecation; /* NULL: none */
    bool versioned; /* a row of this path minds If-Match: so the others tell the ETag */
};

static void write_row_parameters(struct dm_json_writer *w, const struct operation *operation)
{
    const struct dm_route *row = operation->row;
    name_array(w, "parameters");
    write_path_parameters(w, row->path);
    write_query_parameters(w, row->query);
    write_ref(w, "parameters", "CorrelationId", "");
    if (row->idempotent_key)
        write_ref(w, "parameters", "IdempotencyKey", "");
    if (row->if_match)
        write_ref(w, "parameters", "IfMatch", "");
    if (operation->versioned && row->method == DM_GET)
        write_ref(w, "parameters", "IfNoneMatch", "");
    dm_json_array_end(w);
}

static void write_content(struct dm_json_writer *w, const char *media, const struct dm_shape *shape,
                          enum dm_form form)
{
    name_object(w, media);
    dm_json_name(w, "schema");
    write_ref(w, "schemas", shape->name, dm_form_suffix(shape, form));
    dm_json_object_end(w);
}

/* The reply's body, or one of the two. */
static void write_reply(struct dm_json_writer *w, const struct dm_route *row)
{
    if (row->response_or == NULL) {
        write_content(w, "application/json", row->response, DM_FORM_REPLY);
        return;
    }
    name_object(w, "application/json");
    name_object(w, "schema");
    name_array(w, "oneOf");
    write_ref(w, "schemas", row->response->name, "");
    write_ref(w, "schemas", row->response_or->name, "");
    dm_json_array_end(w);
    dm_json_object_end(w);
    dm_json_object_end(w);
}

static void write_request_body(struct dm_json_writer *w, const struct dm_route *row)
{
    if (row->request == NULL)
        return;
    name_object(w, "requestBody");
    dm_json_name(w, "required");
    dm_json_bool(w, true);
    name_object(w, "content");
    enum dm_form form = request_form(row);
    if (row->merge_patch)
        write_content(w, "application/merge-patch+json", row->request, form);
    write_content(w, "application/json", row->request, form);
    dm_json_object_end(w);
    dm_json_object_end(w);
}

/* A body that the handler writes itself: a JSON document or text. */
static void write_media(struct dm_json_writer *w, const struct dm_route *row)
{
    /* The media type without its parameters. */
    char media[100];
    int n = (int)strcspn(row->media, "; ");
    snprintf(media, sizeof(media), "%.*s", n, row->media);
    if (row->response != NULL) {
        write_content(w, media, row->response, DM_FORM_REPLY);
        return;
    }
    name_object(w, media);
    name_object(w, "schema");
    name_string(w, "type", strstr(media, "json") != NULL ? "object" : "string");
    dm_json_object_end(w);
    dm_json_object_end(w);
}

static void write_deprecation_headers(struct dm_json_writer *w,
                                      const struct dm_deprecation *deprecation)
{
    if (deprecation == NULL)
        return;
    write_header_ref(w, "Deprecation");
    if (deprecation->sunset_s != 0)
        write_header_ref(w, "Sunset");
    write_header_ref(w, "Link");
}

static void write_own_headers(struct dm_json_writer *w, const struct operation *operation,
                              int status)
{
    const struct dm_route *row = operation->row;
    name_object(w, "headers");
    write_common_headers(w);
    write_deprecation_headers(w, operation->deprecation);
    if (operation->versioned && row->status != 204)
        write_header_ref(w, "ETag");
    if (row->idempotent_key)
        write_header_ref(w, "IdempotencyReplayed");
    if (row->status == 201)
        write_header_ref(w, "Location");
    if (row->limit != DM_LIMIT_NONE)
        write_rate_headers(w);
    if (status == row->status_unwell)
        write_header_ref(w, "RetryAfter");
    dm_json_object_end(w);
}

/* The row's own answer under one of its statuses. */
static void write_own(struct dm_json_writer *w, const struct operation *operation, int status)
{
    const struct dm_route *row = operation->row;
    char text[12];
    snprintf(text, sizeof(text), "%d", status);
    name_object(w, text);
    name_string(w, "description", dm_response_reason(status));
    write_own_headers(w, operation, status);
    if (status != 304 && (row->media != NULL || row->response != NULL)) {
        name_object(w, "content");
        if (row->media != NULL)
            write_media(w, row);
        else
            write_reply(w, row);
        dm_json_object_end(w);
    }
    dm_json_object_end(w);
}

/* Does the body say what it is about? */
static bool names_an_id(const struct dm_shape *request)
{
    for (size_t i = 0; request != NULL && i < request->n_fields; i++)
        if (request->fields[i].format == DM_UUID && !request->fields[i].read_only)
            return true;
    return false;
}

static bool can_occur(const struct dm_route *row, enum dm_problem problem)
{
    bool open = row->auth == DM_AUTH_NONE || row->auth == DM_AUTH_LOOPBACK;
    switch (problem) {
    case DM_PROBLEM_TOO_BIG:
    case DM_PROBLEM_MEDIA_TYPE:
        return row->request != NULL;
    case DM_PROBLEM_UNAUTHENTICATED:
        /* Log-in and its kin take credentials in the body. */
        return !open || row->limit == DM_LIMIT_AUTH || row->limit == DM_LIMIT_REFRESH;
    case DM_PROBLEM_FORBIDDEN:
        return !open;
    case DM_PROBLEM_NOT_FOUND:
        return row->auth == DM_AUTH_LOOPBACK || strchr(row->path, '{') != NULL ||
               names_an_id(row->request);
    case DM_PROBLEM_CONFLICT:
        return row->idempotent_key || (row->request != NULL && row->limit == DM_LIMIT_WRITE);
    case DM_PROBLEM_STALE:
        return row->if_match;
    case DM_PROBLEM_LIMITED:
        return row->limit != DM_LIMIT_NONE;
    default:
        return true;
    }
}

static void write_row_responses(struct dm_json_writer *w, const struct operation *operation)
{
    const struct dm_route *row = operation->row;
    name_object(w, "responses");
    write_own(w, operation, row->status);
    if (row->status_unwell != 0)
        write_own(w, operation, row->status_unwell);
    if (operation->versioned && row->method == DM_GET)
        write_own(w, operation, 304);
    for (size_t i = 0; i < N_RESPONSES; i++) {
        int status = dm_problem_status(responses[i].problem);
        if (!can_occur(row, responses[i].problem) || status == row->status ||
            status == row->status_unwell)
            continue;
        char text[12];
        snprintf(text, sizeof(text), "%d", status);
        dm_json_name(w, text);
        write_ref(w, "responses", responses[i].name, "");
    }
    dm_json_name(w, "default");
    write_ref(w, "responses", "Problem", "");
    dm_json_object_end(w);
}

static void write_operation(struct dm_json_writer *w, const struct operation *operation)
{
    const struct dm_route *row = operation->row;
    char method[12] = "";
    const char *name = dm_method_name(row->method);
    for (size_t i = 0; i < sizeof(method) - 1 && name[i] != '\0'; i++)
        method[i] = (char)(name[i] + ('a' - 'A'));
    name_object(w, method);
    name_array(w, "tags");
    dm_json_string(w, (struct dm_str){row->name, strcspn(row->name, ".")});
    dm_json_array_end(w);
    if (row->summary != NULL)
        name_string(w, "summary", row->summary);
    name_string(w, "operationId", row->name);
    if (operation->deprecation != NULL) {
        dm_json_name(w, "deprecated");
        dm_json_bool(w, true);
    }
    write_security(w, row);
    write_row_parameters(w, operation);
    write_request_body(w, row);
    write_row_responses(w, operation);
    dm_json_object_end(w);
}

static bool same_path(const struct printer *p, size_t a, size_t b)
{
    return strcmp(dm_router_path(p->router, a), dm_router_path(p->router, b)) == 0;
}

/* All rows of the path that begins at row first. */
static void write_path(struct printer *p, size_t first)
{
    bool versioned = false;
    size_t n = dm_router_count(p->router);
    for (size_t i = first; i < n; i++)
        versioned |= same_path(p, i, first) && dm_router_row(p->router, i)->if_match;
    name_object(&p->w, dm_router_path(p->router, first));
    for (size_t i = first; i < n; i++)
        if (same_path(p, i, first))
            write_operation(&p->w,
                            &(struct operation){dm_router_row(p->router, i),
                                                dm_router_deprecation(p->router, i), versioned});
    dm_json_object_end(&p->w);
}

/* Each path once, where its first row stands. */
static void write_paths(struct printer *p)
{
    name_object(&p->w, "paths");
    for (size_t i = 0; i < dm_router_count(p->router); i++) {
        size_t first = 0;
        if (!is_told(p, i))
            continue;
        while (!same_path(p, first, i))
            first++;
        if (first == i)
            write_path(p, i);
    }
    dm_json_object_end(&p->w);
}

static void write_aliases(struct dm_json_writer *w, const struct dm_surface *surface)
{
    name_array(w, "x-aliases");
    for (size_t i = 0; i < surface->n_aliases; i++) {
        const struct dm_alias *alias = &surface->aliases[i];
        dm_json_object_begin(w);
        name_string(w, "path", alias->path);
        name_string(w, "successor", alias->successor);
        dm_json_name(w, "deprecatedAt");
        dm_json_time(w, alias->deprecated.at_s * 1000);
        if (alias->deprecated.sunset_s != 0) {
            dm_json_name(w, "sunsetAt");
            dm_json_time(w, alias->deprecated.sunset_s * 1000);
        }
        dm_json_object_end(w);
    }
    dm_json_array_end(w);
}

static void write_head(struct dm_json_writer *w, const char *program_version)
{
    name_string(w, "openapi", "3.1.0");
    name_object(w, "info");
    name_string(w, "title", "DigitalMe");
    name_string(w, "version", program_version);
    name_string(w, "description",
                "Digital selves: profiles, and conversations with them. Problems are RFC 9457; "
                "lists are read page by page with limit and cursor. x-aliases: old paths that "
                "answer, with all below them, as their successors do.");
    dm_json_object_end(w);
    name_array(w, "servers");
    dm_json_object_begin(w);
    name_string(w, "url", "/");
    dm_json_object_end(w);
    dm_json_array_end(w);
}

static void write_document(struct printer *p, const char *program_version)
{
    struct dm_json_writer *w = &p->w;
    dm_json_object_begin(w);
    write_head(w, program_version);
    write_aliases(w, dm_router_surface(p->router));
    write_paths(p);
    name_object(w, "components");
    write_schemas(p);
    write_parameters(w);
    write_headers(w);
    write_responses(w);
    write_security_schemes(w);
    dm_json_object_end(w);
    dm_json_object_end(w);
}

/* Indentation. */

static void new_line(struct dm_buf *out, size_t depth)
{
    dm_buf_add_char(out, '\n');
    for (size_t i = 0; i < depth * INDENT; i++)
        dm_buf_add_char(out, ' ');
}

/* Position after the string that begins at from. */
static size_t end_of_string(struct dm_str json, size_t from)
{
    size_t i = from + 1;
    while (json.p[i] != '"')
        i += json.p[i] == '\\' ? 2 : 1;
    return i + 1;
}

/* json: compact and valid. */
static void indent(struct dm_str json, struct dm_buf *out)
{
    size_t depth = 0;
    size_t next;
    for (size_t i = 0; i < json.n; i = next) {
        char c = json.p[i];
        next = c == '"' ? end_of_string(json, i) : i + 1;
        bool opens = c == '{' || c == '[';
        bool closes = c == '}' || c == ']';
        bool empty = i > 0 && closes && (json.p[i - 1] == '{' || json.p[i - 1] == '[');
        if (closes) {
            depth--;
            if (!empty)
                new_line(out, depth);
        }
        dm_buf_add(out, dm_str_slice(json, i, next - i));
        if (opens)
            depth++;
        if (c == ':')
            dm_buf_add_char(out, ' ');
        if (c == ',' || (opens && json.p[next] != '}' && json.p[next] != ']'))
            new_line(out, depth);
    }
    dm_buf_add_char(out, '\n');
}

enum dm_result dm_openapi_print(const struct dm_router *router, int major,
                                const char *program_version, struct dm_buf *out)
{
    struct printer p = {.router = router,
                        .major = major,
                        .arena = dm_arena_new(ARENA_BLOCK_BYTES, ARENA_BYTES_MAX)};
    if (p.arena == NULL)
        return DM_E_NOMEM;
    struct dm_buf compact;
    dm_buf_init(&compact, NULL, DOCUMENT_BYTES_MAX);
    dm_json_writer_init(&p.w, &compact);
    collect_all(&p);
    if (p.result == DM_OK) {
        write_document(&p, program_version);
        if (dm_buf_failed(&compact))
            p.result = DM_E_NOMEM;
        else
            indent(dm_buf_str(&compact), out);
    }
    if (p.result == DM_OK && dm_buf_failed(out))
        p.result = DM_E_NOMEM;
    dm_buf_done(&compact);
    dm_arena_free(p.arena);
    return p.result;
}

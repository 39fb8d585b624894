/* One row as an operation: who may call it, what it takes, all that it may answer. */
#include "edge/openapi_internal.h"
#include "edge/response.h"

/* {"bearer": [role]}: the role or scope that is asked for, if any (OpenAPI 3.1 §4.8.30). */
static void write_requirement(struct dm_json_writer *w, const char *scheme, const char *role)
{
    dm_json_object_begin(w);
    dm_json_name_array(w, scheme);
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
    dm_json_name_array(w, "security");
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
    dm_json_name_string(w, "in", "path");
    dm_json_name(w, "required");
    dm_json_bool(w, true);
    dm_json_name_object(w, "schema");
    dm_json_name_string(w, "type", "string");
    dm_json_name_string(w, "format", "uuid");
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
        dm_json_name_string(w, "name", field->name);
        dm_json_name_string(w, "in", "query");
        dm_field_description(field, w);
        dm_json_name(w, "required");
        dm_json_bool(w, field->required);
        dm_json_name(w, "schema");
        dm_field_schema(field, w);
        dm_json_object_end(w);
    }
}

static void write_row_parameters(struct dm_json_writer *w,
                                 const struct dm_openapi_operation *operation)
{
    const struct dm_route *row = operation->row;
    dm_json_name_array(w, "parameters");
    write_path_parameters(w, row->path);
    write_query_parameters(w, row->query);
    dm_openapi_ref(w, "parameters", "CorrelationId", "");
    if (row->idempotent_key)
        dm_openapi_ref(w, "parameters", "IdempotencyKey", "");
    if (row->if_match)
        dm_openapi_ref(w, "parameters", "IfMatch", "");
    if (operation->versioned && row->method == DM_GET)
        dm_openapi_ref(w, "parameters", "IfNoneMatch", "");
    dm_json_array_end(w);
}

static void write_content(struct dm_json_writer *w, const char *media, const struct dm_shape *shape,
                          enum dm_form form)
{
    dm_json_name_object(w, media);
    dm_json_name(w, "schema");
    dm_openapi_ref(w, "schemas", shape->name, dm_form_suffix(shape, form));
    dm_json_object_end(w);
}

/* The reply's body, or one of the two. */
static void write_reply(struct dm_json_writer *w, const struct dm_route *row)
{
    if (row->response_or == NULL) {
        write_content(w, "application/json", row->response, DM_FORM_REPLY);
        return;
    }
    dm_json_name_object(w, "application/json");
    dm_json_name_object(w, "schema");
    dm_json_name_array(w, "oneOf");
    dm_openapi_ref(w, "schemas", row->response->name, "");
    dm_openapi_ref(w, "schemas", row->response_or->name, "");
    dm_json_array_end(w);
    dm_json_object_end(w);
    dm_json_object_end(w);
}

enum dm_form dm_openapi_request_form(const struct dm_route *row)
{
    return row->merge_patch ? DM_FORM_PATCH : DM_FORM_REQUEST;
}

static void write_request_body(struct dm_json_writer *w, const struct dm_route *row)
{
    if (row->request == NULL)
        return;
    dm_json_name_object(w, "requestBody");
    dm_json_name(w, "required");
    dm_json_bool(w, true);
    dm_json_name_object(w, "content");
    enum dm_form form = dm_openapi_request_form(row);
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
    dm_json_name_object(w, media);
    dm_json_name_object(w, "schema");
    dm_json_name_string(w, "type", strstr(media, "json") != NULL ? "object" : "string");
    dm_json_object_end(w);
    dm_json_object_end(w);
}

static void write_deprecation_headers(struct dm_json_writer *w,
                                      const struct dm_deprecation *deprecation)
{
    if (deprecation == NULL)
        return;
    dm_openapi_header_ref(w, "Deprecation");
    if (deprecation->sunset_s != 0)
        dm_openapi_header_ref(w, "Sunset");
    dm_openapi_header_ref(w, "Link");
}

static void write_rate_headers(struct dm_json_writer *w)
{
    dm_openapi_header_ref(w, "RateLimit");
    dm_openapi_header_ref(w, "RateLimitPolicy");
    dm_openapi_header_ref(w, "RateLimitLimit");
    dm_openapi_header_ref(w, "RateLimitRemaining");
    dm_openapi_header_ref(w, "RateLimitReset");
}

static void write_own_headers(struct dm_json_writer *w,
                              const struct dm_openapi_operation *operation, int status)
{
    const struct dm_route *row = operation->row;
    dm_json_name_object(w, "headers");
    dm_openapi_common_headers(w);
    write_deprecation_headers(w, operation->deprecation);
    if (operation->versioned && row->status != 204)
        dm_openapi_header_ref(w, "ETag");
    if (row->idempotent_key)
        dm_openapi_header_ref(w, "IdempotencyReplayed");
    if (row->status == 201)
        dm_openapi_header_ref(w, "Location");
    if (row->limit != DM_LIMIT_NONE)
        write_rate_headers(w);
    if (status == row->status_unwell)
        dm_openapi_header_ref(w, "RetryAfter");
    dm_json_object_end(w);
}

/* The row's own answer under one of its statuses. */
static void write_own(struct dm_json_writer *w, const struct dm_openapi_operation *operation,
                      int status)
{
    const struct dm_route *row = operation->row;
    char text[12];
    snprintf(text, sizeof(text), "%d", status);
    dm_json_name_object(w, text);
    dm_json_name_string(w, "description", dm_response_reason(status));
    write_own_headers(w, operation, status);
    if (status != 304 && (row->media != NULL || row->response != NULL)) {
        dm_json_name_object(w, "content");
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

static void write_row_responses(struct dm_json_writer *w,
                                const struct dm_openapi_operation *operation)
{
    const struct dm_route *row = operation->row;
    dm_json_name_object(w, "responses");
    write_own(w, operation, row->status);
    if (row->status_unwell != 0)
        write_own(w, operation, row->status_unwell);
    if (operation->versioned && row->method == DM_GET)
        write_own(w, operation, 304);
    for (size_t i = 0; i < DM_OPENAPI_RESPONSES; i++) {
        int status = dm_problem_status(dm_openapi_responses[i].problem);
        if (!can_occur(row, dm_openapi_responses[i].problem) || status == row->status ||
            status == row->status_unwell)
            continue;
        char text[12];
        snprintf(text, sizeof(text), "%d", status);
        dm_json_name(w, text);
        dm_openapi_ref(w, "responses", dm_openapi_responses[i].name, "");
    }
    dm_json_name(w, "default");
    dm_openapi_ref(w, "responses", "Problem", "");
    dm_json_object_end(w);
}

void dm_openapi_operation(struct dm_json_writer *w, const struct dm_openapi_operation *operation)
{
    const struct dm_route *row = operation->row;
    char method[12] = "";
    const char *name = dm_method_name(row->method);
    for (size_t i = 0; i < sizeof(method) - 1 && name[i] != '\0'; i++)
        method[i] = (char)(name[i] + ('a' - 'A'));
    dm_json_name_object(w, method);
    dm_json_name_array(w, "tags");
    dm_json_string(w, (struct dm_str){row->name, strcspn(row->name, ".")});
    dm_json_array_end(w);
    if (row->summary != NULL)
        dm_json_name_string(w, "summary", row->summary);
    dm_json_name_string(w, "operationId", row->name);
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

/* The document's components that are no schemas: headers, parameters, problems and credentials, which rows refer to. */
#include "edge/openapi_internal.h"

const struct dm_openapi_response dm_openapi_responses[DM_OPENAPI_RESPONSES] = {
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

void dm_openapi_ref(struct dm_json_writer *w, const char *kind, const char *name,
                    const char *suffix)
{
    char ref[200];
    snprintf(ref, sizeof(ref), "#/components/%s/%s%s", kind, name, suffix);
    dm_json_object_begin(w);
    dm_json_name_string(w, "$ref", ref);
    dm_json_object_end(w);
}

static void write_parameters(struct dm_json_writer *w)
{
    dm_json_name_object(w, "parameters");
    for (size_t i = 0; i < sizeof(header_parameters) / sizeof(header_parameters[0]); i++) {
        const struct header_parameter *header = &header_parameters[i];
        dm_json_name_object(w, header->key);
        dm_json_name_string(w, "name", header->name);
        dm_json_name_string(w, "in", "header");
        dm_json_name_string(w, "description", header->text);
        dm_json_name_object(w, "schema");
        dm_json_name_string(w, "type", "string");
        dm_json_object_end(w);
        dm_json_object_end(w);
    }
    dm_json_object_end(w);
}

static void write_headers(struct dm_json_writer *w)
{
    dm_json_name_object(w, "headers");
    for (size_t i = 0; i < sizeof(response_headers) / sizeof(response_headers[0]); i++) {
        const struct header_parameter *header = &response_headers[i];
        dm_json_name_object(w, header->key);
        dm_json_name_string(w, "description", header->text);
        dm_json_name_object(w, "schema");
        dm_json_name_string(w, "type", "string");
        dm_json_object_end(w);
        dm_json_object_end(w);
    }
    dm_json_object_end(w);
}

void dm_openapi_header_ref(struct dm_json_writer *w, const char *key)
{
    for (size_t i = 0; i < sizeof(response_headers) / sizeof(response_headers[0]); i++) {
        if (strcmp(response_headers[i].key, key) != 0)
            continue;
        dm_json_name(w, response_headers[i].name);
        dm_openapi_ref(w, "headers", key, "");
    }
}

void dm_openapi_common_headers(struct dm_json_writer *w)
{
    dm_openapi_header_ref(w, "CorrelationId");
    dm_openapi_header_ref(w, "ApiVersion");
    dm_openapi_header_ref(w, "InstanceId");
}

/* header: among response_headers; NULL: none of its own. */
static void write_problem_response(struct dm_json_writer *w, const char *name, const char *text,
                                   const char *header)
{
    dm_json_name_object(w, name);
    dm_json_name_string(w, "description", text);
    dm_json_name_object(w, "headers");
    dm_openapi_common_headers(w);
    if (header != NULL)
        dm_openapi_header_ref(w, header);
    dm_json_object_end(w);
    dm_json_name_object(w, "content");
    dm_json_name_object(w, "application/problem+json");
    dm_json_name(w, "schema");
    dm_openapi_ref(w, "schemas", "Problem", "");
    dm_json_object_end(w);
    dm_json_object_end(w);
    dm_json_object_end(w);
}

static void write_responses(struct dm_json_writer *w)
{
    dm_json_name_object(w, "responses");
    for (size_t i = 0; i < DM_OPENAPI_RESPONSES; i++)
        write_problem_response(w, dm_openapi_responses[i].name, dm_openapi_responses[i].text,
                               dm_openapi_responses[i].header);
    write_problem_response(w, "Problem", "Any other problem", NULL);
    dm_json_object_end(w);
}

static void write_security_schemes(struct dm_json_writer *w)
{
    dm_json_name_object(w, "securitySchemes");
    dm_json_name_object(w, "bearer");
    dm_json_name_string(w, "type", "http");
    dm_json_name_string(w, "scheme", "bearer");
    dm_json_name_string(w, "bearerFormat", "JWT");
    dm_json_name_string(
        w, "description",
        "An access token from log-in. Where apiKey is listed too, an API key may stand in "
        "its place. Listed with it: the scope or the role that is asked for");
    dm_json_object_end(w);
    dm_json_name_object(w, "apiKey");
    dm_json_name_string(w, "type", "apiKey");
    dm_json_name_string(w, "in", "header");
    dm_json_name_string(w, "name", "X-API-Key");
    dm_json_name_string(w, "description",
                        "An API key (dk_live_…). Listed with it: the scope that the key must have");
    dm_json_object_end(w);
    dm_json_object_end(w);
}

void dm_openapi_components(struct dm_json_writer *w)
{
    write_parameters(w);
    write_headers(w);
    write_responses(w);
    write_security_schemes(w);
}

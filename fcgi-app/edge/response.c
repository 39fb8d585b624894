/*
 * A reply while it is made. Headers are set by everyone on the walk and the last word wins; nothing
 * here can put a line of its own into the proxy's stream.
 */
#include "edge/response.h"

#include <sys/stat.h>

/* Taken at once, so that a problem document finds room when the arena is full. */
#define BODY_FIRST_BYTES 1024

void dm_response_init(struct dm_response *response, struct dm_arena *arena, size_t body_bytes_max)
{
    *response = (struct dm_response){0};
    dm_buf_init(&response->body, arena, body_bytes_max);
    size_t n = body_bytes_max < BODY_FIRST_BYTES ? body_bytes_max : BODY_FIRST_BYTES;
    response->body.p = dm_arena_alloc(arena, n);
    response->body.cap = response->body.p != NULL ? n : 0;
}

void dm_response_done(struct dm_response *response)
{
    if (response->file != NULL)
        fclose(response->file);
    response->file = NULL;
}

FILE *dm_response_file(struct dm_response *response)
{
    dm_response_done(response);
    response->file = tmpfile();
    return response->file;
}

int64_t dm_response_length(const struct dm_response *response)
{
    struct stat info;
    if (response->file == NULL)
        return (int64_t)response->body.n;
    return fflush(response->file) == 0 && fstat(fileno(response->file), &info) == 0 ? info.st_size
                                                                                    : 0;
}

void dm_response_clear_body(struct dm_response *response)
{
    dm_response_done(response);
    dm_buf_reset(&response->body);
}

static bool breaks_line(struct dm_str value)
{
    return dm_str_find(value, '\r', 0) < value.n || dm_str_find(value, '\n', 0) < value.n ||
           dm_str_find(value, '\0', 0) < value.n;
}

/* Names are compared without case (RFC 9110 §5.1). n_headers when it is not there. */
static size_t find(const struct dm_response *response, const char *name)
{
    size_t i = 0;
    while (i < response->n_headers &&
           !dm_str_eq_nocase(dm_str_from(response->headers[i].name), dm_str_from(name)))
        i++;
    return i;
}

void dm_response_header(struct dm_response *response, const char *name, struct dm_str value)
{
    size_t at = find(response, name);
    bool there = at < response->n_headers;
    if (value.p != NULL && !breaks_line(value)) {
        if (at < DM_RESPONSE_HEADERS_MAX)
            response->headers[at] = (struct dm_header){name, value};
        if (!there && at < DM_RESPONSE_HEADERS_MAX)
            response->n_headers++;
    } else if (there) {
        response->headers[at] = response->headers[--response->n_headers];
    }
}

void dm_response_header_int(struct dm_response *response, struct dm_ctx *ctx, const char *name,
                            int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)value);
    struct dm_str kept = dm_arena_str(ctx->arena, (struct dm_str){text, (size_t)n});
    if (kept.p != NULL)
        dm_response_header(response, name, kept);
}

struct dm_str dm_response_header_of(const struct dm_response *response, const char *name)
{
    size_t at = find(response, name);
    return at < response->n_headers ? response->headers[at].value : (struct dm_str){NULL, 0};
}

void dm_response_reset(struct dm_response *response)
{
    dm_response_clear_body(response);
    response->n_headers = 0;
    response->status = 0;
}

const char *dm_response_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

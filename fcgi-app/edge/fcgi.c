/* Between libfcgi and the edge: parameters become a struct dm_request, a struct dm_response becomes the CGI reply (RFC 3875 §6). */
#include "edge/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#define FILE_PIECE_BYTES 16384
#define IO_TIMEOUT_S 30 /* a proxy that stands still gives its thread back */

struct dm_fcgi {
    FCGX_Request request;
};

/* The parameters that the product reads; the proxy passes no others. Sorted. */
static const struct {
    const char *name;
    size_t offset; /* of a struct dm_str in struct dm_request; or one of the three below */
} params[] = {
#define METHOD SIZE_MAX
#define URI (SIZE_MAX - 1)
#define LENGTH (SIZE_MAX - 2)
    {"CONTENT_LENGTH", LENGTH},
    {"CONTENT_TYPE", offsetof(struct dm_request, content_type)},
    {"HTTP_ACCEPT", offsetof(struct dm_request, accept)},
    {"HTTP_ACCESS_CONTROL_REQUEST_METHOD", offsetof(struct dm_request, preflight_method)},
    {"HTTP_AUTHORIZATION", offsetof(struct dm_request, authorization)},
    {"HTTP_IDEMPOTENCY_KEY", offsetof(struct dm_request, idempotency_key)},
    {"HTTP_IF_MATCH", offsetof(struct dm_request, if_match)},
    {"HTTP_IF_NONE_MATCH", offsetof(struct dm_request, if_none_match)},
    {"HTTP_ORIGIN", offsetof(struct dm_request, origin)},
    {"HTTP_TRACEPARENT", offsetof(struct dm_request, traceparent)},
    {"HTTP_USER_AGENT", offsetof(struct dm_request, user_agent)},
    {"HTTP_X_API_KEY", offsetof(struct dm_request, api_key)},
    {"HTTP_X_CORRELATION_ID", offsetof(struct dm_request, correlation_id)},
    {"QUERY_STRING", offsetof(struct dm_request, query)},
    {"REMOTE_ADDR", offsetof(struct dm_request, remote_address)},
    {"REQUEST_METHOD", METHOD},
    {"REQUEST_URI", URI},
};

enum dm_result dm_fcgi_init(struct dm_err *err)
{
    if (FCGX_Init() != 0)
        return dm_err_set(err, DM_E_INTERNAL, "libfcgi does not start");
    /* It has put a handler of its own there. */
    signal(SIGPIPE, SIG_IGN);
    return DM_OK;
}

struct dm_fcgi *dm_fcgi_new(int listen_fd)
{
    struct dm_fcgi *fcgi = calloc(1, sizeof(*fcgi));
    if (fcgi)
        FCGX_InitRequest(&fcgi->request, listen_fd, FCGI_FAIL_ACCEPT_ON_INTR);
    return fcgi;
}

void dm_fcgi_free(struct dm_fcgi *fcgi)
{
    free(fcgi);
}

enum dm_result dm_fcgi_accept(struct dm_fcgi *fcgi)
{
    int status = FCGX_Accept_r(&fcgi->request);
    if (status == -EAGAIN || status == -EINTR)
        return DM_E_NOTFOUND;
    if (status < 0)
        return DM_E_UNAVAILABLE;
    const struct timeval timeout = {.tv_sec = IO_TIMEOUT_S};
    setsockopt(fcgi->request.ipcFd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fcgi->request.ipcFd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    return DM_OK;
}

static void take_uri(struct dm_request *request, struct dm_str uri)
{
    request->path = dm_str_slice(uri, 0, dm_str_find(uri, '?', 0));
}

static void take_param(struct dm_request *request, size_t offset, struct dm_str value)
{
    if (offset == METHOD)
        request->method = dm_method_of(value);
    else if (offset == URI)
        take_uri(request, value);
    else if (offset == LENGTH)
        (void)dm_str_to_int(value, 0, INT64_MAX, &request->content_length);
    else
        *(struct dm_str *)(void *)((char *)request + offset) = value;
}

/* One pass over what was sent. A parameter without a value is one that was not sent. */
static void take_params(char *const *envp, struct dm_request *request)
{
    for (; *envp; envp++) {
        const char *equals = strchr(*envp, '=');
        if (!equals || equals[1] == '\0')
            continue;
        struct dm_str name = {*envp, (size_t)(equals - *envp)};
        for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
            if (dm_str_eq_c(name, params[i].name))
                take_param(request, params[i].offset, dm_str_from(equals + 1));
    }
}

static void read_body(struct dm_fcgi *fcgi, struct dm_arena *arena, size_t body_bytes_max,
                      struct dm_request *request)
{
    if (request->content_length <= 0)
        return;
    char *body = NULL;
    if ((uint64_t)request->content_length <= body_bytes_max)
        body = dm_arena_alloc(arena, (size_t)request->content_length);
    if (!body) {
        request->body_too_big = true;
        return;
    }
    int n = FCGX_GetStr(body, (int)request->content_length, fcgi->request.in);
    request->body = (struct dm_str){body, n > 0 ? (size_t)n : 0};
    request->body_truncated = n < request->content_length;
}

void dm_fcgi_read(struct dm_fcgi *fcgi, struct dm_arena *arena, size_t body_bytes_max,
                  struct dm_request *ret_request)
{
    *ret_request = (struct dm_request){.content_length = -1};
    take_params(fcgi->request.envp, ret_request);
    read_body(fcgi, arena, body_bytes_max, ret_request);
}

static void put(struct dm_fcgi *fcgi, struct dm_str s)
{
    if (s.n > 0)
        FCGX_PutStr(s.p, (int)s.n, fcgi->request.out);
}

static void put_file(struct dm_fcgi *fcgi, FILE *file)
{
    char piece[FILE_PIECE_BYTES];
    size_t n;
    rewind(file);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0 &&
           FCGX_PutStr(piece, (int)n, fcgi->request.out) == (int)n)
        continue;
}

void dm_fcgi_write(struct dm_fcgi *fcgi, const struct dm_response *response)
{
    char status[64];
    snprintf(status, sizeof(status), "Status: %d %s\r\n", response->status,
             dm_response_reason(response->status));
    put(fcgi, dm_str_from(status));
    for (size_t i = 0; i < response->n_headers; i++) {
        put(fcgi, dm_str_from(response->headers[i].name));
        put(fcgi, DM_STR(": "));
        put(fcgi, response->headers[i].value);
        put(fcgi, DM_STR("\r\n"));
    }
    put(fcgi, DM_STR("\r\n"));
    put(fcgi, dm_buf_str(&response->body));
    if (response->file != NULL)
        put_file(fcgi, response->file);
}

void dm_fcgi_finish(struct dm_fcgi *fcgi)
{
    FCGX_Finish_r(&fcgi->request);
}

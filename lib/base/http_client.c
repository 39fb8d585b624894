/*
 * Where calls to other people's servers leave the machine. libcurl reads the URL, resolves, connects and speaks; what is allowed is
 * judged here: the URL and the fields before, each address when it is about to be connected to, each byte as it comes.
 */
#include "base/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cidr.h"
#include "base/clock.h"
#include "base/secret.h"

#define HOST_SHOWN 100 /* bytes of a host's name in an error */

struct dm_http_client {
    char *user_agent;
    char *ca_file;
    bool loopback;
};

/* One request under way, known to libcurl's callbacks. */
struct transfer {
    const struct dm_http_client *client;
    struct dm_ctx *ctx;
    const struct dm_http_request *request;
    CURL *curl;
    const char *host;       /* for the words of errors */
    bool plain;             /* http, not https */
    bool allowed, refused;  /* an address of the name was */
    bool in_header;         /* between a status line and the empty line */
    enum dm_result stopped; /* why a callback ended the transfer; DM_OK: none did */
    int64_t heard_ms;
    size_t header_bytes, body_bytes;
    struct dm_http_field fields[DM_HTTP_FIELDS_MAX];
    size_t n_fields;
    struct dm_buf body;
};

static bool copy_text(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return !text || *ret;
}

struct dm_http_client *dm_http_client_new(const struct dm_http_client_options *options,
                                          struct dm_err *err)
{
    /* Counted, and safe in threads (libcurl 7.84). */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        dm_err_set(err, DM_E_INTERNAL, "libcurl could not be initialised");
        return NULL;
    }
    struct dm_http_client *client = calloc(1, sizeof(*client));
    if (client && copy_text(options->user_agent, &client->user_agent) &&
        copy_text(options->ca_file, &client->ca_file)) {
        client->loopback = options->loopback;
        return client;
    }
    dm_err_set(err, DM_E_NOMEM, "no memory for an HTTP client");
    if (client)
        dm_http_client_free(client);
    else
        curl_global_cleanup();
    return NULL;
}

void dm_http_client_free(struct dm_http_client *client)
{
    if (!client)
        return;
    free(client->user_agent);
    free(client->ca_file);
    free(client);
    curl_global_cleanup();
}

/* The request as it was asked for. */

static bool is_visible(struct dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0;
}

/* RFC 9110 §5.6.2 */
static bool is_token(struct dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("\"(),/:;<=>?@[\\]{}", s.p[i]))
            return false;
    return is_visible(s);
}

/* Blanks only within. */
static bool is_value(struct dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] == ' ' && (i == 0 || i + 1 == s.n)) || s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return s.n > 0;
}

/* What libcurl says of the connection and of the body, and what would have it unpack something. */
static bool is_ours(struct dm_str name)
{
    static const char *const ours[] = {
        "accept-encoding",   "connection",       "content-length",
        "content-type",      "expect",           "host",
        "keep-alive",        "proxy-connection", "te",
        "trailer",           "upgrade",          "user-agent",
        "transfer-encoding", "cookie",           "proxy-authorization",
    };
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (dm_str_eq_nocase(name, dm_str_from(ours[i])))
            return true;
    return false;
}

static enum dm_result check_fields(struct dm_ctx *ctx, const struct dm_http_request *request)
{
    size_t n = 0;
    if (request->body.p && !is_value(dm_str_from(request->content_type)))
        return dm_err_set(&ctx->err, DM_E_INVALID, "http: a body has a content_type");
    for (size_t i = 0; i < request->n_fields; i++) {
        const struct dm_http_field *field = &request->fields[i];
        if (!is_token(field->name) || is_ours(field->name) || !is_value(field->value))
            return dm_err_set(&ctx->err, DM_E_INVALID, "http: field %zu cannot be sent", i);
        n += field->name.n + field->value.n + 4;
        if (n > DM_HTTP_REQUEST_FIELDS_MAX)
            return dm_err_set(&ctx->err, DM_E_INVALID, "http: the fields are longer than %d bytes",
                              DM_HTTP_REQUEST_FIELDS_MAX);
    }
    return DM_OK;
}

/* Values may be credentials. */
static void free_lines(struct curl_slist *lines)
{
    for (struct curl_slist *line = lines; line; line = line->next)
        dm_secret_wipe(line->data, strlen(line->data));
    curl_slist_free_all(lines);
}

/* With one line more. NULL when out of memory: then all are freed. */
static struct curl_slist *add_line(struct curl_slist *lines, struct dm_str name,
                                   struct dm_str value)
{
    size_t size = name.n + value.n + sizeof(": ");
    char *line = malloc(size);
    struct curl_slist *longer = NULL;
    if (line) {
        snprintf(line, size, "%.*s: %.*s", DM_STR_ARG(name), DM_STR_ARG(value));
        longer = curl_slist_append(lines, line);
        dm_secret_wipe(line, size);
        free(line);
    }
    if (!longer)
        free_lines(lines);
    return longer;
}

/* NULL when out of memory. */
static struct curl_slist *field_lines(const struct dm_http_request *request)
{
    /* No "Expect: 100-continue", which many servers do not know. */
    struct curl_slist *lines = curl_slist_append(NULL, "Expect:");
    if (lines && request->body.p)
        lines = add_line(lines, DM_STR("Content-Type"), dm_str_from(request->content_type));
    for (size_t i = 0; lines && i < request->n_fields; i++)
        lines = add_line(lines, request->fields[i].name, request->fields[i].value);
    return lines;
}

/* libcurl's own reading of it, which is the one that is connected to. */
static enum dm_result read_url(struct transfer *transfer, CURLU *url)
{
    struct dm_ctx *ctx = transfer->ctx;
    struct dm_str text = transfer->request->url;
    char *scheme = NULL, *host = NULL;
    if (!is_visible(text) || text.n > DM_HTTP_URL_MAX)
        return dm_err_set(&ctx->err, DM_E_INVALID, "http: a URL is 1 to %d visible characters",
                          DM_HTTP_URL_MAX);
    const char *copy = dm_arena_cstr(ctx->arena, text);
    if (!copy)
        return dm_ctx_nomem(ctx);
    bool read = curl_url_set(url, CURLUPART_URL, copy, CURLU_DISALLOW_USER) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    transfer->plain = read && strcmp(scheme, "http") == 0;
    bool fit =
        read && (strcmp(scheme, "https") == 0 || (transfer->plain && transfer->client->loopback));
    if (fit)
        transfer->host = dm_arena_cstr(ctx->arena, dm_str_slice(dm_str_from(host), 0, HOST_SHOWN));
    curl_free(scheme);
    curl_free(host);
    if (!fit)
        return dm_err_set(&ctx->err, DM_E_INVALID, "http: a URL is https://HOST…, without a user");
    return transfer->host ? DM_OK : dm_ctx_nomem(ctx);
}

/* The way there. */

static bool read_address(const struct curl_sockaddr *to, struct dm_address *ret)
{
    struct dm_address address = {.v6 = to->family == AF_INET6};
    const struct sockaddr *socket_address = &to->addr;
    if (to->family == AF_INET)
        memcpy(address.bytes, &((const struct sockaddr_in *)socket_address)->sin_addr, 4);
    else if (to->family == AF_INET6)
        /* As it is: a mapped one stays one, and is none of the public internet. */
        memcpy(address.bytes, &((const struct sockaddr_in6 *)socket_address)->sin6_addr, 16);
    else
        return false;
    *ret = address;
    return true;
}

/* The address is what connect(2) will be given, whatever the name meant a moment ago. */
static bool may_connect(const struct transfer *transfer, const struct curl_sockaddr *to)
{
    struct dm_address address;
    if (!read_address(to, &address))
        return false;
    if (transfer->client->loopback && dm_address_is_loopback(&address))
        return true;
    return !transfer->plain && dm_address_is_public(&address);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *transfer = arg;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(transfer, to)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    transfer->allowed = true;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* The response as it comes. */

static bool stop(struct transfer *transfer, enum dm_result result)
{
    transfer->stopped = result;
    return false;
}

static bool keep_field(struct transfer *transfer, struct dm_str line)
{
    size_t colon = dm_str_find(line, ':', 0);
    /* A folded line (RFC 9112 §5.2) and one without a name are no field. */
    if (colon == line.n || !is_token(dm_str_slice(line, 0, colon)) ||
        transfer->n_fields == DM_HTTP_FIELDS_MAX)
        return true;
    struct dm_str value = dm_str_trim(dm_str_slice(line, colon + 1, line.n));
    struct dm_http_field *field = &transfer->fields[transfer->n_fields++];
    field->name = dm_arena_str(transfer->ctx->arena, dm_str_slice(line, 0, colon));
    field->value = dm_arena_str(transfer->ctx->arena, value);
    return (field->name.p && field->value.p) || stop(transfer, dm_ctx_nomem(transfer->ctx));
}

/* One line with its end. Interim responses have header sections of their own; fields after the body only count. */
static bool take_line(struct transfer *transfer, struct dm_str line)
{
    transfer->header_bytes += line.n;
    transfer->heard_ms = dm_clock_monotonic_ms();
    if (transfer->header_bytes > DM_HTTP_HEADER_MAX)
        return stop(transfer, dm_err_set(&transfer->ctx->err, DM_E_TOOBIG,
                                         "http: %s: the header is longer than %d bytes",
                                         transfer->host, DM_HTTP_HEADER_MAX));
    while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    if (transfer->body_bytes > 0)
        return true;
    if (dm_str_starts(line, DM_STR("HTTP/"))) {
        transfer->in_header = true;
        transfer->n_fields = 0;
        return true;
    }
    if (line.n == 0)
        transfer->in_header = false;
    return !transfer->in_header || keep_field(transfer, line);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    return take_line(arg, (struct dm_str){line, size * n}) ? size * n : 0;
}

static int status_of(const struct transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static bool goes_to_sink(const struct transfer *transfer)
{
    return transfer->request->sink && status_of(transfer) / 100 == 2;
}

static bool take_part(struct transfer *transfer, struct dm_str part)
{
    const struct dm_http_request *request = transfer->request;
    struct dm_err *err = &transfer->ctx->err;
    transfer->heard_ms = dm_clock_monotonic_ms();
    if (part.n > request->body_max_bytes - transfer->body_bytes)
        return stop(transfer,
                    dm_err_set(err, DM_E_TOOBIG, "http: %s: the body is longer than %zu bytes",
                               transfer->host, request->body_max_bytes));
    transfer->body_bytes += part.n;
    if (goes_to_sink(transfer)) {
        enum dm_result result = request->sink(request->sink_arg, part);
        /* Its time is not the server's silence. */
        transfer->heard_ms = dm_clock_monotonic_ms();
        return result == DM_OK || stop(transfer, result);
    }
    dm_buf_add(&transfer->body, part);
    return !dm_buf_failed(&transfer->body) || stop(transfer, dm_ctx_nomem(transfer->ctx));
}

static size_t on_body(char *part, size_t size, size_t n, void *arg)
{
    return take_part(arg, (struct dm_str){part, size * n}) ? size * n : 0;
}

/* All that libcurl is told. */

static void set_safety(CURL *curl, const struct dm_http_client *client)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, client->loopback ? "https,http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (client->ca_file) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    /* Nothing from the environment or the home directory. */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* A name server that keeps silent costs the thread that asks it, not us. */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
}

static void set_request(CURL *curl, struct transfer *transfer, CURLU *url, struct curl_slist *lines)
{
    const struct dm_http_request *request = transfer->request;
    curl_easy_setopt(curl, CURLOPT_CURLU, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, transfer->client->user_agent);
    if (request->body.p) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
    }
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->body_max_bytes);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
}

static enum dm_result failed(struct transfer *transfer, CURLcode code)
{
    struct dm_err *err = &transfer->ctx->err;
    const char *host = transfer->host;
    if (transfer->stopped != DM_OK)
        return transfer->stopped;
    if (code == CURLE_COULDNT_CONNECT && transfer->refused && !transfer->allowed)
        return dm_err_set(err, DM_E_DENIED, "http: %s is no host of the public internet", host);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return dm_err_set(err, DM_E_TIMEOUT, "http: %s: no answer in time", host);
    case CURLE_FILESIZE_EXCEEDED:
        return dm_err_set(err, DM_E_TOOBIG, "http: %s: the body is longer than %zu bytes", host,
                          transfer->request->body_max_bytes);
    case CURLE_OUT_OF_MEMORY:
        return dm_err_set(err, DM_E_NOMEM, "http: %s: no memory", host);
    default:
        return dm_err_set(err, DM_E_UNAVAILABLE, "http: %s: %s", host, curl_easy_strerror(code));
    }
}

/* Readable or hung up, whichever poll(2) makes of it. */
static bool has_spoken(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return fd > 0 && poll(&one, 1, 0) > 0;
}

/* Until time is up, in all or for the server to say something. */
static int left_ms(const struct transfer *transfer)
{
    int all = dm_clock_left_ms(transfer->ctx->deadline_ms);
    int silence = dm_clock_left_ms(transfer->heard_ms + transfer->request->silence_ms);
    return silence < all ? silence : all;
}

/* Until the transfer has ended, as *ret_code says, or time is up. */
static enum dm_result await(CURLM *multi, const struct transfer *transfer, CURLcode *ret_code)
{
    struct dm_err *err = &transfer->ctx->err;
    struct curl_waitfd stop_fd = {.fd = transfer->request->stop_fd, .events = CURL_WAIT_POLLIN};
    CURLMcode code = CURLM_OK;
    int running = 1, n_left;
    while (code == CURLM_OK && running > 0) {
        if (has_spoken(stop_fd.fd))
            return dm_err_set(err, DM_E_TIMEOUT, "http: %s: stopped", transfer->host);
        if (left_ms(transfer) == 0)
            return dm_err_set(err, DM_E_TIMEOUT, "http: %s: no answer in time", transfer->host);
        code = curl_multi_perform(multi, &running);
        if (code == CURLM_OK && running > 0)
            code =
                curl_multi_poll(multi, &stop_fd, stop_fd.fd > 0 ? 1 : 0, left_ms(transfer), NULL);
    }
    const CURLMsg *message = code == CURLM_OK ? curl_multi_info_read(multi, &n_left) : NULL;
    if (!message)
        return dm_err_set(err, DM_E_INTERNAL, "http: %s", curl_multi_strerror(code));
    *ret_code = message->data.result;
    return DM_OK;
}

/* A connection of its own for each call: none is used again with another's credential. */
static enum dm_result transfer_on(CURLM *multi, struct transfer *transfer)
{
    CURLcode code = CURLE_OK;
    if (curl_multi_add_handle(multi, transfer->curl) != CURLM_OK)
        return dm_ctx_nomem(transfer->ctx);
    enum dm_result result = await(multi, transfer, &code);
    if (result == DM_OK && code != CURLE_OK)
        result = failed(transfer, code);
    curl_multi_remove_handle(multi, transfer->curl);
    return result;
}

static enum dm_result respond(struct transfer *transfer, struct dm_http_response *ret_response)
{
    struct dm_ctx *ctx = transfer->ctx;
    struct dm_http_field *fields =
        dm_arena_array(ctx->arena, transfer->n_fields, sizeof(transfer->fields[0]));
    if (!fields)
        return dm_ctx_nomem(ctx);
    memcpy(fields, transfer->fields, transfer->n_fields * sizeof(fields[0]));
    *ret_response = (struct dm_http_response){
        .status = status_of(transfer),
        .fields = fields,
        .n_fields = transfer->n_fields,
    };
    if (!goes_to_sink(transfer))
        ret_response->body = transfer->body.n > 0 ? dm_buf_str(&transfer->body) : DM_STR("");
    return DM_OK;
}

enum dm_result dm_http_client_call(const struct dm_http_client *client, struct dm_ctx *ctx,
                                   const struct dm_http_request *request,
                                   struct dm_http_response *ret_response)
{
    enum dm_result result = check_fields(ctx, request);
    if (result != DM_OK)
        return result;
    struct transfer transfer = {
        .client = client,
        .ctx = ctx,
        .request = request,
        .host = "",
        .heard_ms = dm_clock_monotonic_ms(),
    };
    dm_buf_init(&transfer.body, ctx->arena, request->body_max_bytes);
    struct curl_slist *lines = field_lines(request);
    CURLU *url = curl_url();
    CURLM *multi = curl_multi_init();
    transfer.curl = curl_easy_init();
    if (!lines || !url || !multi || !transfer.curl)
        result = dm_ctx_nomem(ctx);
    if (result == DM_OK)
        result = read_url(&transfer, url);
    if (result == DM_OK) {
        set_safety(transfer.curl, client);
        set_request(transfer.curl, &transfer, url, lines);
        result = transfer_on(multi, &transfer);
    }
    if (result == DM_OK)
        result = respond(&transfer, ret_response);
    curl_easy_cleanup(transfer.curl);
    curl_multi_cleanup(multi);
    curl_url_cleanup(url);
    free_lines(lines);
    return result;
}

struct dm_str dm_http_client_field(const struct dm_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->n_fields; i++)
        if (dm_str_eq_nocase(response->fields[i].name, dm_str_from(name)))
            return response->fields[i].value;
    return (struct dm_str){NULL, 0};
}

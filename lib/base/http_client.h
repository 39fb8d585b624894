/*
 * The one HTTP client (RFC 9110, HTTP/1.1) for calls that leave the machine: to webhooks, to models. Whoever chose the URL, it goes
 * nowhere but to the public internet by verified TLS 1.2 or newer: each address is judged at the moment of connecting to it, so that no answer of
 * a name server comes in between. It follows no redirect, keeps no cookie and no connection, unpacks nothing, and takes nothing from the
 * environment or the home directory: no proxy, no netrc. Time and size are bounded.
 */
#ifndef DM_BASE_HTTP_CLIENT_H
#define DM_BASE_HTTP_CLIENT_H

#include <stdbool.h>

#include "base/ctx.h"
#include "base/result.h"
#include "base/str.h"

#define DM_HTTP_URL_MAX 2048             /* bytes */
#define DM_HTTP_REQUEST_FIELDS_MAX 16384 /* bytes, of all of a request's fields together */
#define DM_HTTP_HEADER_MAX 32768         /* bytes, of a response's header sections together */
#define DM_HTTP_FIELDS_MAX 64            /* of a response are kept */

struct dm_http_client;

struct dm_http_client_options {
    const char *user_agent;
    const char *ca_file; /* trust these authorities and no others; NULL: the system's */
    bool loopback;       /* also https and http to this machine itself */
};

struct dm_http_field {
    struct dm_str name, value;
};

/*
 * Called with each part of the body of a 2xx, valid during the call. Anything but DM_OK ends the transfer; dm_http_client_call returns it, with
 * ctx->err as the sink left it.
 */
typedef enum dm_result (*dm_http_sink)(void *arg, struct dm_str part);

struct dm_http_request {
    struct dm_str url; /* absolute, in ASCII, without user and password */
    /* Names are tokens, values visible ASCII and single blanks; what belongs to the connection or to the body is not theirs to say. */
    const struct dm_http_field *fields;
    size_t n_fields;
    struct dm_str body;       /* absent: GET, else POST */
    const char *content_type; /* of the body */
    size_t body_max_bytes;    /* of the response: 1 at least */
    int connect_ms;           /* until there is a connection, TLS included: 1 at least */
    int silence_ms; /* the longest time without a whole header line or a part of the body: 1 at least */
    dm_http_sink sink; /* NULL: the body of a 2xx is kept as others are */
    void *sink_arg;
    int stop_fd; /* readable or hung up: stop at once (an eventfd, the connection of who asks); 0: none */
};

/* Lives in the arena. */
struct dm_http_response {
    int status;
    const struct dm_http_field *fields; /* the first DM_HTTP_FIELDS_MAX, as they came */
    size_t n_fields;
    struct dm_str body; /* absent when it went into the sink */
};

/* NULL and *err when out of memory. Caller frees with dm_http_client_free. Any number of threads may call at once. */
struct dm_http_client *dm_http_client_new(const struct dm_http_client_options *options,
                                          struct dm_err *err);
void dm_http_client_free(struct dm_http_client *client); /* NULL allowed */

/*
 * One request, answered by ctx->deadline_ms at the latest; any status is an answer, a redirect too. SIGPIPE is ignored by the program. DM_E_INVALID: the
 * URL or a field is not what it must be, nothing was sent; DM_E_DENIED: the name has no address that may be connected to;
 * DM_E_UNAVAILABLE: no connection, no trust, no HTTP; DM_E_TIMEOUT: time is up, or stop_fd spoke; DM_E_TOOBIG: the response is over its
 * bounds. What the sink was given before stays given.
 */
DM_MUST_CHECK enum dm_result dm_http_client_call(const struct dm_http_client *client,
                                                 struct dm_ctx *ctx,
                                                 const struct dm_http_request *request,
                                                 struct dm_http_response *ret_response);

/* The first field of that name, in any case; absent when there is none. */
struct dm_str dm_http_client_field(const struct dm_http_response *response, const char *name);

#endif

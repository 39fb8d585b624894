/* A request as the edge sees it: what came from the proxy, in the request's arena, nothing judged yet. */
#ifndef DM_EDGE_REQUEST_H
#define DM_EDGE_REQUEST_H

#include "base/str.h"

enum dm_method {
    DM_METHOD_NONE = 0, /* not one we know */
    DM_GET,
    DM_POST,
    DM_PUT,
    DM_PATCH,
    DM_DELETE,
    DM_OPTIONS,
    DM_HEAD, /* answered as GET without a body */
};

/* The only headers the product reads: the proxy passes no others. Absent when not sent. */
struct dm_request {
    enum dm_method method;
    struct dm_str path;           /* as sent, without the query; still percent-encoded */
    struct dm_str query;          /* without '?'; absent when there is none */
    struct dm_str remote_address; /* the proxy's word, numeric */
    struct dm_str accept, authorization, content_type, idempotency_key, if_match, if_none_match,
        traceparent, user_agent, correlation_id, api_key, origin;
    struct dm_str preflight_method; /* Access-Control-Request-Method */
    int64_t content_length;         /* -1: not given */
    struct dm_str body; /* absent: none; shorter than content_length: the client went away */
    bool body_too_big;  /* over the bound; body was not read */
    bool body_truncated;
};

const char *dm_method_name(enum dm_method method); /* "GET" */
enum dm_method dm_method_of(struct dm_str name);

#endif

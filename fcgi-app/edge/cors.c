/*
 * The CORS stage. An origin that is not listed gets no field at all, and so its page no answer; our own pages and programs send none or are
 * not bound by it. Credentials are never allowed: the API knows no cookie, and a page shows its token by itself.
 */
#include "edge/cors.h"

#include "base/web_origin.h"

/* What a page may send: the fields that the program reads (see fcgi.c), less those that browsers send by themselves. */
#define REQUEST_HEADERS                                                                            \
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Traceparent, " \
    "X-API-Key, X-Correlation-Id"
/* What a page may read of a reply, besides what Fetch always shows. */
#define EXPOSED_HEADERS                                                                            \
    "API-Version, Deprecation, ETag, Idempotency-Replayed, Link, Location, RateLimit, "            \
    "RateLimit-Policy, Retry-After, Sunset, WWW-Authenticate, X-Correlation-Id, X-Instance-Id, "   \
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"

bool dm_cors(struct dm_call *call, struct dm_str methods)
{
    struct dm_response *response = call->response;
    const struct dm_request *request = call->request;
    struct dm_str origins = dm_str_from(call->domain->settings->cors_origins);
    if (origins.n == 0)
        return false;
    dm_response_header(response, "Vary", DM_STR("Origin"));
    if (!dm_web_origin_list_has(origins, request->origin))
        return false;
    dm_response_header(response, "Access-Control-Allow-Origin", request->origin);
    if (request->method != DM_OPTIONS || !request->preflight_method.p || !methods.p) {
        dm_response_header(response, "Access-Control-Expose-Headers", DM_STR(EXPOSED_HEADERS));
        return false;
    }
    dm_response_header(response, "Access-Control-Allow-Methods", methods);
    dm_response_header(response, "Access-Control-Allow-Headers", DM_STR(REQUEST_HEADERS));
    dm_response_header_int(response, &call->ctx, "Access-Control-Max-Age",
                           call->domain->settings->cors_max_age_s);
    response->status = 204;
    return true;
}

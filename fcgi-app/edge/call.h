/* What a handler gets: one request on its walk. */
#ifndef DM_EDGE_CALL_H
#define DM_EDGE_CALL_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"
#include "edge/meter.h"
#include "edge/request.h"
#include "edge/response.h"
#include "edge/route.h"
#include "edge/shape.h"
#include "store/owned.h"

struct dm_server;

struct dm_call {
    struct dm_ctx ctx;
    const struct dm_server *server;
    const struct dm_domain *domain;
    const struct dm_route *route; /* match->route */
    const struct dm_match *match;
    const struct dm_request *request;
    struct dm_str path; /* the request's, or what it stands for when that is an old one */
    struct dm_response *response;
    struct dm_principal principal;
    struct dm_str params[DM_PATH_PARAMS_MAX]; /* path parameters in order: lower-case UUIDs */
    void *query;                              /* struct of route->query, or NULL */
    void *in;  /* struct of route->request, or NULL; with merge_patch NULL: use dm_call_merge */
    void *out; /* struct of route->response, zeroed: the handler fills it */
    const struct dm_shape *out_shape; /* what out is a struct of; NULL without a response */
    struct dm_str
        new_id; /* UUIDv7 for what this call creates; the same again when an Idempotency-Key is retried */
    struct dm_violation *violations; /* set with DM_E_INVALID */
    enum dm_limited limited;         /* over a limit of limit_class */
    enum dm_limit_class limit_class;
};

/* What the path's first parameter names, as the caller's own. Borrowed from call. */
struct dm_owned dm_call_owned(const struct dm_call *call);
/*
 * For PATCH: current (a struct of route->request) merged with the body, checked as a whole; lives in the arena.
 */
DM_MUST_CHECK enum dm_result dm_call_merge(struct dm_call *call, const void *current,
                                           void **ret_merged);
/*
 * This reply's body is the row's other one: a zeroed struct of route->response_or, which is call->out from now on. NULL when the arena is
 * full.
 */
void *dm_call_out_or(struct dm_call *call);
/* Set ETag from the entity's version: "\"7\"". */
void dm_call_etag(struct dm_call *call, int64_t version);
/*
 * The version that If-Match asks for: *ret unset when the header is absent or "*". DM_E_STALE when it is an entity tag that none of ours can
 * equal (RFC 9110 §13.1.1), DM_E_INVALID when it is no entity tag.
 */
DM_MUST_CHECK enum dm_result dm_call_if_match(struct dm_call *call, struct dm_opt_int *ret_version);
/* Set Location of what was added to the collection that the call's path names: that path, and the id below it. */
void dm_call_location(struct dm_call *call, struct dm_str id);
/* The same of another row's collection in the newest major, whose parameters are in call->params. */
void dm_call_location_below(struct dm_call *call, const char *row_name, struct dm_str id);

#endif

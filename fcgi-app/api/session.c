/* Sessions over HTTP as their owner sees them: where am I logged in, end one, end the others. The
 * rules are in domain/session.c. */
#include "domain/session.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

static const struct dm_field session_fields[] = {
    DM_ID_FIELD(struct dm_session_item),
    {.name = "device",
     .kind = DM_STRING,
     .required = true,
     .offset = offsetof(struct dm_session_item, device),
     .text = "what the client is, for people: Firefox on Windows"},
    {.name = "userAgent",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_session_item, user_agent),
     .text = "what it said of itself at log-in, cut to 256 characters"},
    {.name = "address",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_session_item, address),
     .text = "where the log-in came from"},
    DM_CREATED_AT_FIELD(struct dm_session_item),
    {.name = "lastUsedAt",
     .kind = DM_TIME,
     .required = true,
     .offset = offsetof(struct dm_session_item, last_used_at),
     .text = "when it was last refreshed"},
    {.name = "expiresAt",
     .kind = DM_TIME,
     .required = true,
     .offset = offsetof(struct dm_session_item, expires_at),
     .text = "when it ends, unless it is refreshed before"},
    {.name = "current",
     .kind = DM_BOOLEAN,
     .required = true,
     .offset = offsetof(struct dm_session_item, current),
     .text = "whether it is the one that asks"},
};
static const struct dm_shape session_shape =
    DM_SHAPE(struct dm_session_item, "OpenSession", session_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&session_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "OpenSessionList", list_fields);

static enum dm_result session_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_session_list(call->domain, &call->ctx, &call->principal, slice, &page->items, &more);
    return dm_page_end(call, r, more);
}

static enum dm_result session_end(struct dm_call *call)
{
    return dm_session_end(call->domain, &call->ctx, &call->principal, call->params[0]);
}

static enum dm_result session_end_others(struct dm_call *call)
{
    return dm_session_end_others(call->domain, &call->ctx, &call->principal);
}

static enum dm_result session_logout_all(struct dm_call *call)
{
    return dm_session_logout_all(call->domain, &call->ctx, &call->principal);
}

static const struct dm_route rows[] = {
    {.name = "session.list",
     .method = DM_GET,
     .path = "/auth/sessions",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "Where am I logged in? Oldest first",
     .serve = session_list},
    {.name = "session.end_others",
     .method = DM_DELETE,
     .path = "/auth/sessions",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "End all own sessions but this one, everywhere at once",
     .serve = session_end_others},
    {.name = "session.end",
     .method = DM_DELETE,
     .path = "/auth/sessions/{sessionId}",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "End one own session, everywhere at once",
     .serve = session_end},
    {.name = "session.logout_all",
     .method = DM_POST,
     .path = "/auth/logout-all",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "End all own sessions, everywhere at once",
     .serve = session_logout_all},
};
const struct dm_routes dm_session_routes = DM_ROUTES(rows);

/* The audit trail over HTTP: administrators read it. The rules are in domain/audit.c. */
#include "domain/audit.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

/* What a filter may name: the one list of actions. */
#define NAME_OF(action, entity, text) action,
static const char *const actions[] = {DM_AUDIT_ACTIONS(NAME_OF) NULL};

struct query {
    struct dm_page_query page;
    struct dm_audit_query filter;
};
static const struct dm_field query_fields[] = {
    DM_PAGE_QUERY_FIELDS,
    {.name = "actorId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct query, filter.actor_id),
     .text = "account that acted"},
    {.name = "action",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = actions,
     .offset = offsetof(struct query, filter.action),
     .text = "what was done"},
    {.name = "entity",
     .kind = DM_STRING,
     .min = 1,
     .max = 64,
     .offset = offsetof(struct query, filter.entity),
     .text = "kind of what it was done to"},
    {.name = "entityId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct query, filter.entity_id),
     .text = "what it was done to"},
    {.name = "from",
     .kind = DM_TIME,
     .offset = offsetof(struct query, filter.from),
     .text = "not before"},
    {.name = "to", .kind = DM_TIME, .offset = offsetof(struct query, filter.to), .text = "before"},
};
static const struct dm_shape query_shape = DM_SHAPE(struct query, "AuditQuery", query_fields);

static const struct dm_field event_fields[] = {
    DM_ID_FIELD(struct dm_audit_item),
    {.name = "action",
     .kind = DM_STRING,
     .required = true,
     .offset = offsetof(struct dm_audit_item, action),
     .text = "what was done"},
    {.name = "entity",
     .kind = DM_STRING,
     .required = true,
     .offset = offsetof(struct dm_audit_item, entity),
     .text = "kind of what it was done to"},
    {.name = "entityId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct dm_audit_item, entity_id),
     .text = "what it was done to"},
    {.name = "actorId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct dm_audit_item, actor_id),
     .text =
         "account that acted; none when it was nobody who had logged in, or the program itself"},
    {.name = "detail",
     .kind = DM_JSON_OBJECT,
     .offset = offsetof(struct dm_audit_item, detail),
     .text = "more about it, by action"},
    {.name = "correlationId",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_audit_item, correlation_id),
     .text = "of the request"},
    {.name = "traceId",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_audit_item, trace_id),
     .text = "of the trace it is part of"},
    {.name = "seq",
     .kind = DM_INTEGER,
     .offset = offsetof(struct dm_audit_item, seq),
     .text = "its place in the sealed trail; not there in the first seconds"},
    DM_CREATED_AT_FIELD(struct dm_audit_item),
};
static const struct dm_shape event_shape =
    DM_SHAPE(struct dm_audit_item, "AuditEvent", event_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&event_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "AuditEventList", list_fields);

static enum dm_result event_list(struct dm_call *call)
{
    const struct query *query = call->query;
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_audit_list(call->domain, &call->ctx, &query->filter, slice, &page->items, &more);
    return dm_page_end(call, r, more);
}

static const struct dm_route rows[] = {
    {.name = "admin.audit_events",
     .method = DM_GET,
     .path = "/admin/audit-events",
     .auth = DM_AUTH_ADMIN,
     .scope = DM_SCOPE_ADMIN_READ,
     .limit = DM_LIMIT_READ,
     .query = &query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "The audit trail, newest first",
     .serve = event_list},
};
const struct dm_routes dm_audit_routes = DM_ROUTES(rows);

/* Patterns over HTTP: how a self behaves at certain times. */
#include "domain/pattern.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

/* Checks stored JSON: its struct is never read. What hours are is domain/pattern.c's to say. */
struct conditions {
    struct dm_str hours, zone;
    struct dm_list days;
};
static const struct dm_field conditions_fields[] = {
    {.name = "hours",
     .kind = DM_STRING,
     .offset = offsetof(struct conditions, hours),
     .min = 5,
     .max = 5,
     .text = "from-to in whole hours, the end not included: 09-17, 22-06"},
    {.name = "days",
     .kind = DM_ARRAY,
     .format = DM_CHOICE,
     .choices = days,
     .offset = offsetof(struct conditions, days),
     .min = 1,
     .max = 7,
     .text = "on which it holds"},
    {.name = "timezone",
     .kind = DM_STRING,
     .format = DM_TIMEZONE,
     .offset = offsetof(struct conditions, zone),
     .min = 1,
     .max = 64,
     .text = "name in the IANA time zone database, such as Europe/Berlin"},
};
static const struct dm_shape conditions_shape =
    DM_SHAPE(struct conditions, "PatternConditions", conditions_fields);

static const struct dm_field pattern_fields[] = {
    DM_ID_FIELD(struct dm_pattern),
    DM_PROFILE_ID_FIELD(struct dm_pattern),
    {.name = "name",
     .kind = DM_STRING,
     .format = DM_NAME,
     .required = true,
     .offset = offsetof(struct dm_pattern, content.name),
     .min = 1,
     .max = 200,
     .text = "the pattern in a word or two"},
    {.name = "trigger",
     .kind = DM_STRING,
     .required = true,
     .offset = offsetof(struct dm_pattern, content.trigger),
     .min = 1,
     .max = 100,
     .text = "what sets it off"},
    {.name = "conditions",
     .kind = DM_JSON_OBJECT,
     .offset = offsetof(struct dm_pattern, content.conditions),
     .shape = &conditions_shape,
     .initial = "{}",
     .text = "when it holds"},
    {.name = "modifications",
     .kind = DM_JSON_OBJECT,
     .offset = offsetof(struct dm_pattern, content.modifications),
     .initial = "{}",
     .text = "free-form: what changes then"},
    {.name = "priority",
     .kind = DM_INTEGER,
     .offset = offsetof(struct dm_pattern, content.priority),
     .min = 1,
     .max = 10,
     .initial = "5",
     .text = "the higher wins"},
    {.name = "isActive",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct dm_pattern, content.is_active),
     .initial = "true",
     .text = "whether it is in use"},
    DM_CREATED_AT_FIELD(struct dm_pattern),
    DM_UPDATED_AT_FIELD(struct dm_pattern),
};
/* Bounded as a whole, so that a page of a hundred fits a request's memory. */
static const struct dm_shape pattern_shape = {
    .name = "Pattern",
    .size = sizeof(struct dm_pattern),
    .fields = pattern_fields,
    .n_fields = sizeof(pattern_fields) / sizeof(pattern_fields[0]),
    .max_bytes = 16384,
};
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&pattern_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "PatternList", list_fields);

static enum dm_result pattern_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_pattern_list(call->domain, &call->ctx, dm_call_owned(call), slice, &page->items, &more);
    return dm_page_end(call, r, more);
}

static enum dm_result pattern_create(struct dm_call *call)
{
    const struct dm_pattern *in = call->in;
    struct dm_pattern *out = call->out;
    enum dm_result r = dm_pattern_create(call->domain, &call->ctx, dm_call_owned(call),
                                         call->new_id, &in->content, out);
    if (r == DM_OK)
        dm_call_location(call, out->id);
    return r;
}

static const struct dm_route routes[] = {
    {.name = "pattern.list",
     .method = DM_GET,
     .path = "/personality/{profileId}/patterns",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "List the patterns of a profile, oldest first",
     .serve = pattern_list},
    {.name = "pattern.create",
     .method = DM_POST,
     .path = "/personality/{profileId}/patterns",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &pattern_shape,
     .response = &pattern_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Add a pattern to a profile",
     .serve = pattern_create},
};
const struct dm_routes dm_pattern_routes = DM_ROUTES(routes);

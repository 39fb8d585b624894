/* Patterns over HTTP: how a self behaves at certain times. */
#include "domain/pattern.h"

#include "api/api.h"
#include "edge/call.h"
#include "edge/page.h"

/* Checks stored JSON: its struct is never read. The rules of its texts are domain/pattern.c's. */
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
     .offset = offsetof(struct conditions, days),
     .min = 1,
     .max = 7,
     .item_max = 3,
     .text = "mon, tue, wed, thu, fri, sat, sun"},
    {.name = "timezone",
     .kind = DM_STRING,
     .offset = offsetof(struct conditions, zone),
     .min = 1,
     .max = 64,
     .text = "IANA name, such as Europe/Berlin"},
};
static const struct dm_shape conditions_shape =
    DM_SHAPE(struct conditions, "PatternConditions", conditions_fields);

/* In a reply what has an initial value is always there. */
#define CONTENT(in_reply)                                                                          \
    {.name = "name",                                                                               \
     .kind = DM_STRING,                                                                            \
     .required = true,                                                                             \
     .offset = offsetof(struct dm_pattern_write, name),                                            \
     .min = 1,                                                                                     \
     .max = 200,                                                                                   \
     .text = "the pattern in a word or two"},                                                      \
        {.name = "trigger",                                                                        \
         .kind = DM_STRING,                                                                        \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_pattern_write, trigger),                                     \
         .min = 1,                                                                                 \
         .max = 100,                                                                               \
         .text = "what sets it off"},                                                              \
        {.name = "conditions",                                                                     \
         .kind = DM_JSON_OBJECT,                                                                   \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_pattern_write, conditions),                                  \
         .shape = &conditions_shape,                                                               \
         .initial = "{}",                                                                          \
         .text = "when it holds"},                                                                 \
        {.name = "modifications",                                                                  \
         .kind = DM_JSON_OBJECT,                                                                   \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_pattern_write, modifications),                               \
         .initial = "{}",                                                                          \
         .text = "free-form: what changes then"},                                                  \
        {.name = "priority",                                                                       \
         .kind = DM_INTEGER,                                                                       \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_pattern_write, priority),                                    \
         .min = 1,                                                                                 \
         .max = 10,                                                                                \
         .initial = "5",                                                                           \
         .text = "the higher wins"},                                                               \
    {                                                                                              \
        .name = "isActive", .kind = DM_BOOLEAN, .required = (in_reply),                            \
        .offset = offsetof(struct dm_pattern_write, is_active), .initial = "true",                 \
        .text = "whether it is in use"                                                             \
    }

_Static_assert(offsetof(struct dm_pattern, content) == 0, "CONTENT describes both structs");

static const struct dm_field write_fields[] = {CONTENT(false)};
/* Bounded as a whole, so that a page of a hundred fits a request's memory. */
static const struct dm_shape write_shape = {
    .name = "PatternWrite",
    .size = sizeof(struct dm_pattern_write),
    .fields = write_fields,
    .n_fields = sizeof(write_fields) / sizeof(write_fields[0]),
    .max_bytes = 16384,
};

static const struct dm_field pattern_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_pattern, id),
     .text = "UUIDv7"},
    {.name = "profileId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_pattern, profile_id),
     .text = "whose it is"},
    CONTENT(true),
    {.name = "createdAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_pattern, created_at),
     .text = "when it was created"},
    {.name = "updatedAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_pattern, updated_at),
     .text = "when it was last written"},
};
static const struct dm_shape pattern_shape = DM_SHAPE(struct dm_pattern, "Pattern", pattern_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&pattern_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "PatternList", list_fields);

static enum dm_result pattern_list(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->params[0]};
    struct dm_slice slice;
    enum dm_result r = dm_page_after(call, &slice.after_id, &slice.limit);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more;
    r = dm_pattern_list(call->domain, &call->ctx, profile, slice, &page->items, &more);
    if (r == DM_OK && more) {
        const struct dm_pattern *items = page->items.items;
        page->next_cursor = dm_page_cursor(call, items[page->items.n - 1].id);
    }
    return r;
}

static enum dm_result pattern_create(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->params[0]};
    struct dm_pattern *out = call->out;
    enum dm_result r =
        dm_pattern_create(call->domain, &call->ctx, profile, call->new_id, call->in, out);
    if (r != DM_OK)
        return r;
    struct dm_str collection =
        dm_arena_printf(call->ctx.arena, "/personality/%.*s/patterns", DM_STR_ARG(profile.id));
    if (collection.p == NULL)
        return dm_ctx_nomem(&call->ctx);
    dm_call_location(call, collection.p, out->id);
    return DM_OK;
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
     .request = &write_shape,
     .response = &pattern_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Add a pattern to a profile",
     .serve = pattern_create},
};
const struct dm_routes dm_pattern_routes = DM_ROUTES(routes);

/* Memories over HTTP: facts, events and writing samples that replies draw on. */
#include "domain/memory.h"

#include "api/api.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const kinds[] = {"fact", "sample", "event", NULL};

/* In a reply what has an initial value is always there. */
#define CONTENT(in_reply)                                                                          \
    {.name = "kind",                                                                               \
     .kind = DM_STRING,                                                                            \
     .required = true,                                                                             \
     .offset = offsetof(struct dm_memory_write, kind),                                             \
     .format = DM_CHOICE,                                                                          \
     .choices = kinds,                                                                             \
     .text = "a fact, something that happened, or a sample of the own writing"},                   \
        {.name = "text",                                                                           \
         .kind = DM_STRING,                                                                        \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_memory_write, text),                                         \
         .format = DM_TEXT,                                                                        \
         .min = 1,                                                                                 \
         .max = 4000,                                                                              \
         .text = "best in the first person: replies quote it"},                                    \
        {.name = "source",                                                                         \
         .kind = DM_STRING,                                                                        \
         .required = false,                                                                        \
         .offset = offsetof(struct dm_memory_write, source),                                       \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .text = "where it is known from"},                                                        \
        {.name = "occurredAt",                                                                     \
         .kind = DM_TIME,                                                                          \
         .required = false,                                                                        \
         .offset = offsetof(struct dm_memory_write, occurred_at),                                  \
         .text = "when it happened"},                                                              \
    {                                                                                              \
        .name = "importance", .kind = DM_NUMBER, .required = (in_reply),                           \
        .offset = offsetof(struct dm_memory_write, importance), .min = 0, .max = 1,                \
        .initial = "0.5", .text = "decides between memories that fit alike"                        \
    }

_Static_assert(offsetof(struct dm_memory, content) == 0, "CONTENT describes both structs");

static const struct dm_field write_fields[] = {CONTENT(false)};
static const struct dm_shape write_shape =
    DM_SHAPE(struct dm_memory_write, "MemoryWrite", write_fields);

static const struct dm_field memory_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_memory, id),
     .text = "UUIDv7"},
    {.name = "profileId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_memory, profile_id),
     .text = "whose it is"},
    CONTENT(true),
    {.name = "createdAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_memory, created_at),
     .text = "when it was created"},
    {.name = "updatedAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_memory, updated_at),
     .text = "when it was last written"},
};
static const struct dm_shape memory_shape = DM_SHAPE(struct dm_memory, "Memory", memory_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&memory_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "MemoryList", list_fields);

static enum dm_result memory_list(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->params[0]};
    struct dm_slice slice;
    enum dm_result r = dm_page_after(call, &slice.after_id, &slice.limit);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more;
    r = dm_memory_list(call->domain, &call->ctx, profile, slice, &page->items, &more);
    if (r == DM_OK && more) {
        const struct dm_memory *items = page->items.items;
        page->next_cursor = dm_page_cursor(call, items[page->items.n - 1].id);
    }
    return r;
}

static enum dm_result memory_create(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->params[0]};
    struct dm_memory *out = call->out;
    enum dm_result r =
        dm_memory_create(call->domain, &call->ctx, profile, call->new_id, call->in, out);
    if (r != DM_OK)
        return r;
    struct dm_str collection =
        dm_arena_printf(call->ctx.arena, "/personality/%.*s/memories", DM_STR_ARG(profile.id));
    if (collection.p == NULL)
        return dm_ctx_nomem(&call->ctx);
    dm_call_location(call, collection.p, out->id);
    return DM_OK;
}

static const struct dm_route routes[] = {
    {.name = "memory.list",
     .method = DM_GET,
     .path = "/personality/{profileId}/memories",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "List the memories of a profile, oldest first",
     .serve = memory_list},
    {.name = "memory.create",
     .method = DM_POST,
     .path = "/personality/{profileId}/memories",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &write_shape,
     .response = &memory_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Add a memory to a profile",
     .serve = memory_create},
};
const struct dm_routes dm_memory_routes = DM_ROUTES(routes);

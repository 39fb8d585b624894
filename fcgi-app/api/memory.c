/* Memories over HTTP: facts, events and writing samples that replies draw on. */
#include "domain/memory.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const kinds[] = {"fact", "sample", "event", NULL};

static const struct dm_field memory_fields[] = {
    DM_ID_FIELD(struct dm_memory),
    DM_PROFILE_ID_FIELD(struct dm_memory),
    {.name = "kind",
     .kind = DM_STRING,
     .required = true,
     .offset = offsetof(struct dm_memory, content.kind),
     .format = DM_CHOICE,
     .choices = kinds,
     .text = "a fact, something that happened, or a sample of the own writing"},
    {.name = "text",
     .kind = DM_STRING,
     .required = true,
     .offset = offsetof(struct dm_memory, content.text),
     .format = DM_TEXT,
     .min = 1,
     .max = 4000,
     .text = "best in the first person: replies quote it"},
    {.name = "source",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_memory, content.source),
     .min = 1,
     .max = 200,
     .text = "where it is known from"},
    {.name = "occurredAt",
     .kind = DM_TIME,
     .offset = offsetof(struct dm_memory, content.occurred_at),
     .text = "when it happened"},
    {.name = "importance",
     .kind = DM_NUMBER,
     .offset = offsetof(struct dm_memory, content.importance),
     .min = 0,
     .max = 1,
     .initial = "0.5",
     .text = "decides between memories that fit alike"},
    DM_CREATED_AT_FIELD(struct dm_memory),
    DM_UPDATED_AT_FIELD(struct dm_memory),
};
static const struct dm_shape memory_shape = DM_SHAPE(struct dm_memory, "Memory", memory_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&memory_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "MemoryList", list_fields);

static enum dm_result memory_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_memory_list(call->domain, &call->ctx, dm_call_owned(call), slice, &page->items, &more);
    return dm_page_end(call, r, more);
}

static enum dm_result memory_create(struct dm_call *call)
{
    const struct dm_memory *in = call->in;
    struct dm_memory *out = call->out;
    enum dm_result r = dm_memory_create(call->domain, &call->ctx, dm_call_owned(call), call->new_id,
                                        &in->content, out);
    if (r == DM_OK)
        dm_call_location(call, out->id);
    return r;
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
     .request = &memory_shape,
     .response = &memory_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Add a memory to a profile",
     .serve = memory_create},
};
const struct dm_routes dm_memory_routes = DM_ROUTES(routes);

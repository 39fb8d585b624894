/* Traits over HTTP: what a self is like. */
#include "domain/trait.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const impact_levels[] = {"low", "medium", "high", NULL};

static const struct dm_field trait_fields[] = {
    DM_ID_FIELD(struct dm_trait),
    DM_PROFILE_ID_FIELD(struct dm_trait),
    {.name = "category",
     .kind = DM_STRING,
     .format = DM_NAME,
     .required = true,
     .offset = offsetof(struct dm_trait, content.category),
     .min = 1,
     .max = 100,
     .text = "which side of the self it belongs to"},
    {.name = "name",
     .kind = DM_STRING,
     .format = DM_NAME,
     .required = true,
     .offset = offsetof(struct dm_trait, content.name),
     .min = 1,
     .max = 200,
     .text = "the trait in a word or two"},
    {.name = "description",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_trait, content.description),
     .format = DM_TEXT,
     .max = 1000,
     .initial = "\"\"",
     .text = "what it means in this self"},
    {.name = "weight",
     .kind = DM_NUMBER,
     .offset = offsetof(struct dm_trait, content.weight),
     .min = 0,
     .max = 10,
     .initial = "1",
     .text = "how strongly it shows"},
    {.name = "confidence",
     .kind = DM_NUMBER,
     .offset = offsetof(struct dm_trait, content.confidence),
     .min = 0,
     .max = 1,
     .initial = "0.5",
     .text = "how sure the author is of it"},
    {.name = "contextTags",
     .kind = DM_JSON_ARRAY,
     .offset = offsetof(struct dm_trait, content.context_tags),
     .max = 50,
     .item_max = 100,
     .initial = "[]",
     .text = "where it shows"},
    {.name = "exampleExpressions",
     .kind = DM_JSON_ARRAY,
     .offset = offsetof(struct dm_trait, content.example_expressions),
     .max = 50,
     .item_max = 500,
     .initial = "[]",
     .text = "how it sounds"},
    {.name = "impactLevel",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_trait, content.impact_level),
     .format = DM_CHOICE,
     .choices = impact_levels,
     .initial = "\"medium\"",
     .text = "how much it changes what the self says"},
    {.name = "source",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_trait, content.source),
     .min = 1,
     .max = 200,
     .text = "where it is known from"},
    {.name = "isActive",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct dm_trait, content.is_active),
     .initial = "true",
     .text = "whether replies draw on it"},
    DM_CREATED_AT_FIELD(struct dm_trait),
    DM_UPDATED_AT_FIELD(struct dm_trait),
};
/* Bounded as a whole, so that a page of a hundred fits a request's memory. */
static const struct dm_shape trait_shape = {
    .name = "Trait",
    .size = sizeof(struct dm_trait),
    .fields = trait_fields,
    .n_fields = sizeof(trait_fields) / sizeof(trait_fields[0]),
    .max_bytes = 16384,
};
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&trait_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "TraitList", list_fields);

static enum dm_result trait_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_trait_list(call->domain, &call->ctx, dm_call_owned(call), slice, &page->items, &more);
    return dm_page_end(call, r, more);
}

static enum dm_result trait_create(struct dm_call *call)
{
    const struct dm_trait *in = call->in;
    struct dm_trait *out = call->out;
    enum dm_result r = dm_trait_create(call->domain, &call->ctx, dm_call_owned(call), call->new_id,
                                       &in->content, out);
    if (r == DM_OK)
        dm_call_location(call, out->id);
    return r;
}

static const struct dm_route routes[] = {
    {.name = "trait.list",
     .method = DM_GET,
     .path = "/personality/{profileId}/traits",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "List the traits of a profile, oldest first",
     .serve = trait_list},
    {.name = "trait.create",
     .method = DM_POST,
     .path = "/personality/{profileId}/traits",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &trait_shape,
     .response = &trait_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Add a trait to a profile",
     .serve = trait_create},
};
const struct dm_routes dm_trait_routes = DM_ROUTES(routes);

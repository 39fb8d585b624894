/* Traits over HTTP: what a self is like. */
#include "domain/trait.h"

#include "api/api.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const impact_levels[] = {"low", "medium", "high", NULL};

/* In a reply what has an initial value is always there. */
#define CONTENT(in_reply)                                                                          \
    {.name = "category",                                                                           \
     .kind = DM_STRING,                                                                            \
     .required = true,                                                                             \
     .offset = offsetof(struct dm_trait_write, category),                                          \
     .min = 1,                                                                                     \
     .max = 100,                                                                                   \
     .text = "which side of the self it belongs to"},                                              \
        {.name = "name",                                                                           \
         .kind = DM_STRING,                                                                        \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_trait_write, name),                                          \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .text = "the trait in a word or two"},                                                    \
        {.name = "description",                                                                    \
         .kind = DM_STRING,                                                                        \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_trait_write, description),                                   \
         .format = DM_TEXT,                                                                        \
         .max = 1000,                                                                              \
         .initial = "\"\"",                                                                        \
         .text = "what it means in this self"},                                                    \
        {.name = "weight",                                                                         \
         .kind = DM_NUMBER,                                                                        \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_trait_write, weight),                                        \
         .min = 0,                                                                                 \
         .max = 10,                                                                                \
         .initial = "1",                                                                           \
         .text = "how strongly it shows"},                                                         \
        {.name = "confidence",                                                                     \
         .kind = DM_NUMBER,                                                                        \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_trait_write, confidence),                                    \
         .min = 0,                                                                                 \
         .max = 1,                                                                                 \
         .initial = "0.5",                                                                         \
         .text = "how sure the author is of it"},                                                  \
        {.name = "contextTags",                                                                    \
         .kind = DM_JSON_ARRAY,                                                                    \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_trait_write, context_tags),                                  \
         .max = 50,                                                                                \
         .item_max = 100,                                                                          \
         .initial = "[]",                                                                          \
         .text = "where it shows"},                                                                \
        {.name = "exampleExpressions",                                                             \
         .kind = DM_JSON_ARRAY,                                                                    \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_trait_write, example_expressions),                           \
         .max = 50,                                                                                \
         .item_max = 500,                                                                          \
         .initial = "[]",                                                                          \
         .text = "how it sounds"},                                                                 \
        {.name = "impactLevel",                                                                    \
         .kind = DM_STRING,                                                                        \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_trait_write, impact_level),                                  \
         .format = DM_CHOICE,                                                                      \
         .choices = impact_levels,                                                                 \
         .initial = "\"medium\"",                                                                  \
         .text = "how much it changes what the self says"},                                        \
        {.name = "source",                                                                         \
         .kind = DM_STRING,                                                                        \
         .required = false,                                                                        \
         .offset = offsetof(struct dm_trait_write, source),                                        \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .text = "where it is known from"},                                                        \
    {                                                                                              \
        .name = "isActive", .kind = DM_BOOLEAN, .required = (in_reply),                            \
        .offset = offsetof(struct dm_trait_write, is_active), .initial = "true",                   \
        .text = "whether replies draw on it"                                                       \
    }

_Static_assert(offsetof(struct dm_trait, content) == 0, "CONTENT describes both structs");

static const struct dm_field write_fields[] = {CONTENT(false)};
/* Bounded as a whole, so that a page of a hundred fits a request's memory. */
static const struct dm_shape write_shape = {
    .name = "TraitWrite",
    .size = sizeof(struct dm_trait_write),
    .fields = write_fields,
    .n_fields = sizeof(write_fields) / sizeof(write_fields[0]),
    .max_bytes = 16384,
};

static const struct dm_field trait_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_trait, id),
     .text = "UUIDv7"},
    {.name = "profileId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_trait, profile_id),
     .text = "whose it is"},
    CONTENT(true),
    {.name = "createdAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_trait, created_at),
     .text = "when it was created"},
    {.name = "updatedAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_trait, updated_at),
     .text = "when it was last written"},
};
static const struct dm_shape trait_shape = DM_SHAPE(struct dm_trait, "Trait", trait_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&trait_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "TraitList", list_fields);

static enum dm_result trait_list(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->params[0]};
    struct dm_slice slice;
    enum dm_result r = dm_page_after(call, &slice.after_id, &slice.limit);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more;
    r = dm_trait_list(call->domain, &call->ctx, profile, slice, &page->items, &more);
    if (r == DM_OK && more) {
        const struct dm_trait *items = page->items.items;
        page->next_cursor = dm_page_cursor(call, items[page->items.n - 1].id);
    }
    return r;
}

static enum dm_result trait_create(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->params[0]};
    struct dm_trait *out = call->out;
    enum dm_result r =
        dm_trait_create(call->domain, &call->ctx, profile, call->new_id, call->in, out);
    if (r != DM_OK)
        return r;
    struct dm_str collection =
        dm_arena_printf(call->ctx.arena, "/personality/%.*s/traits", DM_STR_ARG(profile.id));
    if (collection.p == NULL)
        return dm_ctx_nomem(&call->ctx);
    dm_call_location(call, collection.p, out->id);
    return DM_OK;
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
     .request = &write_shape,
     .response = &trait_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Add a trait to a profile",
     .serve = trait_create},
};
const struct dm_routes dm_trait_routes = DM_ROUTES(routes);

/*
 * Profiles over HTTP: list, create, read, replace, patch, delete. What a client writes and what it reads back share one list of members;
 * the version is the entity tag, and JSON members go from the database to the client as they are.
 */
#include "domain/profile.h"

#include "api/api.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const visibilities[] = {"private", "link", "public", NULL};

/* Shapes that only check stored JSON: their structs are never read. */
struct dialogue {
    struct dm_str user, reply;
};
static const struct dm_field dialogue_fields[] = {
    {.name = "user",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .required = true,
     .offset = offsetof(struct dialogue, user),
     .min = 1,
     .max = 1000,
     .text = "what somebody says to the self"},
    {.name = "reply",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .required = true,
     .offset = offsetof(struct dialogue, reply),
     .min = 1,
     .max = 2000,
     .text = "what the self answers, in its own words"},
};
static const struct dm_shape dialogue_shape =
    DM_SHAPE(struct dialogue, "ExampleDialogue", dialogue_fields);

struct big_five {
    struct dm_opt_num openness, conscientiousness, extraversion, agreeableness, neuroticism;
};
#define BIG_FIVE(member)                                                                           \
    {                                                                                              \
        .name = #member, .kind = DM_NUMBER, .required = true,                                      \
        .offset = offsetof(struct big_five, member), .min = 0, .max = 1, .text = "0 low to 1 high" \
    }
static const struct dm_field big_five_fields[] = {
    BIG_FIVE(openness),      BIG_FIVE(conscientiousness), BIG_FIVE(extraversion),
    BIG_FIVE(agreeableness), BIG_FIVE(neuroticism),
};
static const struct dm_shape big_five_shape = DM_SHAPE(struct big_five, "BigFive", big_five_fields);

/* In a reply what has an initial value is always there. */
#define CONTENT(in_reply)                                                                          \
    {.name = "name",                                                                               \
     .kind = DM_STRING,                                                                            \
     .required = true,                                                                             \
     .offset = offsetof(struct dm_profile_write, name),                                            \
     .min = 1,                                                                                     \
     .max = 100,                                                                                   \
     .text = "what the self is called"},                                                           \
        {.name = "description",                                                                    \
         .kind = DM_STRING,                                                                        \
         .format = DM_TEXT,                                                                        \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_profile_write, description),                                 \
         .max = 5000,                                                                              \
         .initial = "\"\"",                                                                        \
         .text = "who the self is"},                                                               \
        {.name = "age",                                                                            \
         .kind = DM_INTEGER,                                                                       \
         .offset = offsetof(struct dm_profile_write, age),                                         \
         .min = 0,                                                                                 \
         .max = 150,                                                                               \
         .unit = "years",                                                                          \
         .text = "age"},                                                                           \
        {.name = "profession",                                                                     \
         .kind = DM_STRING,                                                                        \
         .offset = offsetof(struct dm_profile_write, profession),                                  \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .text = "what the self does for a living"},                                               \
        {.name = "location",                                                                       \
         .kind = DM_STRING,                                                                        \
         .offset = offsetof(struct dm_profile_write, location),                                    \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .text = "where the self lives"},                                                          \
        {.name = "language",                                                                       \
         .kind = DM_STRING,                                                                        \
         .format = DM_LANGUAGE,                                                                    \
         .offset = offsetof(struct dm_profile_write, language),                                    \
         .min = 1,                                                                                 \
         .max = 35,                                                                                \
         .text = "BCP 47 tag of the language that the profile is written in: decides how it is "   \
                 "searched"},                                                                      \
        {.name = "coreValues",                                                                     \
         .kind = DM_JSON_ARRAY,                                                                    \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_profile_write, core_values),                                 \
         .max = 50,                                                                                \
         .item_max = 200,                                                                          \
         .initial = "[]",                                                                          \
         .text = "what matters to the self"},                                                      \
        {.name = "communicationStyle",                                                             \
         .kind = DM_JSON_OBJECT,                                                                   \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_profile_write, communication_style),                         \
         .initial = "{}",                                                                          \
         .text =                                                                                   \
             "free-form. The built-in responder reads these members, each a line or an array of "  \
             "lines to choose from: whenUnsure (said when nothing known fits), greeting, "         \
             "farewell, thanks (said to such words), opener and closing (sentences put before "    \
             "and after an answer)"},                                                              \
        {.name = "technicalPreferences",                                                           \
         .kind = DM_JSON_OBJECT,                                                                   \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_profile_write, technical_preferences),                       \
         .initial = "{}",                                                                          \
         .text = "free-form"},                                                                     \
        {.name = "bigFive",                                                                        \
         .kind = DM_JSON_OBJECT,                                                                   \
         .shape = &big_five_shape,                                                                 \
         .offset = offsetof(struct dm_profile_write, big_five),                                    \
         .text = "the five factors of personality"},                                               \
        {.name = "exampleDialogues",                                                               \
         .kind = DM_JSON_ARRAY,                                                                    \
         .shape = &dialogue_shape,                                                                 \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_profile_write, example_dialogues),                           \
         .max = 200,                                                                               \
         .initial = "[]",                                                                          \
         .text = "how the self answers: replies draw on them"},                                    \
        {.name = "visibility",                                                                     \
         .kind = DM_STRING,                                                                        \
         .format = DM_CHOICE,                                                                      \
         .choices = visibilities,                                                                  \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_profile_write, visibility),                                  \
         .initial = "\"private\"",                                                                 \
         .text = "who may talk with the self"},                                                    \
        {.name = "isActive",                                                                       \
         .kind = DM_BOOLEAN,                                                                       \
         .required = (in_reply),                                                                   \
         .offset = offsetof(struct dm_profile_write, is_active),                                   \
         .initial = "true",                                                                        \
         .text = "whether the self is in use"},                                                    \
    {                                                                                              \
        .name = "changeReason", .kind = DM_STRING,                                                 \
        .offset = offsetof(struct dm_profile_write, change_reason), .min = 1, .max = 500,          \
        .text = "why this version was written"                                                     \
    }

_Static_assert(offsetof(struct dm_profile, content) == 0, "CONTENT describes both structs");

static const struct dm_field write_fields[] = {CONTENT(false)};
static const struct dm_shape write_shape = {
    .name = "ProfileWrite",
    .size = sizeof(struct dm_profile_write),
    .fields = write_fields,
    .n_fields = sizeof(write_fields) / sizeof(write_fields[0]),
    .max_bytes = 102400,
    .max_depth = 10,
};

static const struct dm_field profile_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_profile, id),
     .text = "UUIDv7"},
    CONTENT(true),
    {.name = "accuracyScore",
     .kind = DM_NUMBER,
     .read_only = true,
     .offset = offsetof(struct dm_profile, accuracy_score),
     .min = 0,
     .max = 1,
     .text = "how close replies come to the person, once measured"},
    {.name = "version",
     .kind = DM_INTEGER,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_profile, version),
     .min = 1,
     .max = 2147483647,
     .text = "goes up by one with each write; the entity tag"},
    {.name = "createdAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_profile, created_at),
     .text = "when it was created"},
    {.name = "updatedAt",
     .kind = DM_TIME,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_profile, updated_at),
     .text = "when it was last written"},
    {.name = "createdBy",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_profile, created_by),
     .text = "account that created it"},
    {.name = "updatedBy",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .read_only = true,
     .offset = offsetof(struct dm_profile, updated_by),
     .text = "account that wrote it last"},
};
static const struct dm_shape profile_shape = DM_SHAPE(struct dm_profile, "Profile", profile_fields);

static const struct dm_field summary_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .offset = offsetof(struct dm_profile_summary, id),
     .text = "UUIDv7"},
    {.name = "name",
     .kind = DM_STRING,
     .required = true,
     .offset = offsetof(struct dm_profile_summary, name),
     .text = "what the self is called"},
    {.name = "profession",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_profile_summary, profession),
     .text = "what the self does for a living"},
    {.name = "location",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_profile_summary, location),
     .text = "where the self lives"},
    {.name = "language",
     .kind = DM_STRING,
     .format = DM_LANGUAGE,
     .offset = offsetof(struct dm_profile_summary, language),
     .text = "BCP 47 tag"},
    {.name = "visibility",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = visibilities,
     .required = true,
     .offset = offsetof(struct dm_profile_summary, visibility),
     .text = "who may talk with the self"},
    {.name = "isActive",
     .kind = DM_BOOLEAN,
     .required = true,
     .offset = offsetof(struct dm_profile_summary, is_active),
     .text = "whether the self is in use"},
    {.name = "version",
     .kind = DM_INTEGER,
     .required = true,
     .offset = offsetof(struct dm_profile_summary, version),
     .text = "of the profile"},
    {.name = "createdAt",
     .kind = DM_TIME,
     .required = true,
     .offset = offsetof(struct dm_profile_summary, created_at),
     .text = "when it was created"},
    {.name = "updatedAt",
     .kind = DM_TIME,
     .required = true,
     .offset = offsetof(struct dm_profile_summary, updated_at),
     .text = "when it was last written"},
};
static const struct dm_shape summary_shape =
    DM_SHAPE(struct dm_profile_summary, "ProfileSummary", summary_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&summary_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "ProfileList", list_fields);

static struct dm_owned named(const struct dm_call *call)
{
    return (struct dm_owned){call->principal.account_id, call->params[0]};
}

static enum dm_result profile_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_after(call, &slice.after_id, &slice.limit);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more;
    r = dm_profile_list(call->domain, &call->ctx, call->principal.account_id, slice, &page->items,
                        &more);
    if (r == DM_OK && more) {
        const struct dm_profile_summary *items = page->items.items;
        page->next_cursor = dm_page_cursor(call, items[page->items.n - 1].id);
    }
    return r;
}

static enum dm_result profile_create(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->new_id};
    struct dm_profile *out = call->out;
    enum dm_result r = dm_profile_create(call->domain, &call->ctx, profile, call->in, out);
    if (r != DM_OK)
        return r;
    dm_call_location(call, "/personality", out->id);
    dm_call_etag(call, out->version.v);
    return DM_OK;
}

static enum dm_result profile_get(struct dm_call *call)
{
    struct dm_profile *out = call->out;
    enum dm_result r = dm_profile_get(call->domain, &call->ctx, named(call), out);
    if (r == DM_OK)
        dm_call_etag(call, out->version.v);
    return r;
}

static enum dm_result profile_put(struct dm_call *call)
{
    struct dm_opt_int version;
    enum dm_result r = dm_call_if_match(call, &version);
    if (r != DM_OK)
        return r;
    struct dm_profile *out = call->out;
    r = dm_profile_replace(call->domain, &call->ctx, named(call), version, call->in, out);
    if (r == DM_OK)
        dm_call_etag(call, out->version.v);
    return r;
}

/* Without If-Match the version just read stands in for it: a patch never undoes what it has not seen. */
static enum dm_result profile_patch(struct dm_call *call)
{
    struct dm_opt_int version;
    enum dm_result r = dm_call_if_match(call, &version);
    if (r != DM_OK)
        return r;
    struct dm_profile current;
    r = dm_profile_get(call->domain, &call->ctx, named(call), &current);
    if (r != DM_OK)
        return r;
    if (!version.set)
        version = current.version;
    /* The reason of the last write is not this one's. */
    current.content.change_reason = (struct dm_str){NULL, 0};
    void *merged;
    r = dm_call_merge(call, &current.content, &merged);
    if (r != DM_OK)
        return r;
    struct dm_profile *out = call->out;
    r = dm_profile_replace(call->domain, &call->ctx, named(call), version, merged, out);
    if (r == DM_OK)
        dm_call_etag(call, out->version.v);
    return r;
}

static enum dm_result profile_delete(struct dm_call *call)
{
    struct dm_opt_int version;
    enum dm_result r = dm_call_if_match(call, &version);
    if (r != DM_OK)
        return r;
    return dm_profile_delete(call->domain, &call->ctx, named(call), version);
}

static const struct dm_route routes[] = {
    {.name = "personality.list",
     .method = DM_GET,
     .path = "/personality",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "List own profiles, oldest first",
     .serve = profile_list},
    {.name = "personality.create",
     .method = DM_POST,
     .path = "/personality",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &write_shape,
     .response = &profile_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Create a profile",
     .serve = profile_create},
    {.name = "personality.get",
     .method = DM_GET,
     .path = "/personality/{profileId}",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_READ,
     .limit = DM_LIMIT_READ,
     .response = &profile_shape,
     .status = 200,
     .summary = "Read a profile",
     .serve = profile_get},
    {.name = "personality.replace",
     .method = DM_PUT,
     .path = "/personality/{profileId}",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &write_shape,
     .response = &profile_shape,
     .status = 200,
     .if_match = true,
     .summary = "Replace a profile",
     .serve = profile_put},
    {.name = "personality.patch",
     .method = DM_PATCH,
     .path = "/personality/{profileId}",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &write_shape,
     .merge_patch = true,
     .response = &profile_shape,
     .status = 200,
     .if_match = true,
     .summary = "Change members of a profile (RFC 7396)",
     .serve = profile_patch},
    {.name = "personality.delete",
     .method = DM_DELETE,
     .path = "/personality/{profileId}",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_PERSONALITY_WRITE,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .if_match = true,
     .summary = "Delete a profile and all that hangs on it",
     .serve = profile_delete},
};
const struct dm_routes dm_personality_routes = DM_ROUTES(routes);

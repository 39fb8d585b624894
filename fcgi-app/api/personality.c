/*
 * Profiles over HTTP: list, create, read, replace, patch, delete. The version is the entity tag, and JSON members go from the database to the client as they are.
 */
#include "domain/profile.h"

#include "api/api.h"
#include "api/fields.h"
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

static const struct dm_field profile_fields[] = {
    DM_ID_FIELD(struct dm_profile),
    {.name = "name",
     .kind = DM_STRING,
     .format = DM_NAME,
     .required = true,
     .offset = offsetof(struct dm_profile, content.name),
     .min = 1,
     .max = 100,
     .text = "what the self is called"},
    {.name = "description",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .offset = offsetof(struct dm_profile, content.description),
     .max = 5000,
     .initial = "\"\"",
     .text = "who the self is"},
    {.name = "age",
     .kind = DM_INTEGER,
     .offset = offsetof(struct dm_profile, content.age),
     .min = 0,
     .max = 150,
     .unit = "years",
     .text = "age"},
    {.name = "profession",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct dm_profile, content.profession),
     .min = 1,
     .max = 200,
     .text = "what the self does for a living"},
    {.name = "location",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct dm_profile, content.location),
     .min = 1,
     .max = 200,
     .text = "where the self lives"},
    {.name = "language",
     .kind = DM_STRING,
     .format = DM_LANGUAGE,
     .offset = offsetof(struct dm_profile, content.language),
     .min = 1,
     .max = 35,
     .text = "BCP 47 tag of the language that the profile is written in: decides how it is "
             "searched"},
    {.name = "coreValues",
     .kind = DM_JSON_ARRAY,
     .offset = offsetof(struct dm_profile, content.core_values),
     .max = 50,
     .item_max = 200,
     .initial = "[]",
     .text = "what matters to the self"},
    {.name = "communicationStyle",
     .kind = DM_JSON_OBJECT,
     .offset = offsetof(struct dm_profile, content.communication_style),
     .initial = "{}",
     .text = "free-form. The built-in responder reads these members, each a line or an array of "
             "lines to choose from: whenUnsure (said when nothing known fits), greeting, "
             "farewell, thanks (said to such words), opener and closing (sentences put before "
             "and after an answer)"},
    {.name = "technicalPreferences",
     .kind = DM_JSON_OBJECT,
     .offset = offsetof(struct dm_profile, content.technical_preferences),
     .initial = "{}",
     .text = "free-form"},
    {.name = "bigFive",
     .kind = DM_JSON_OBJECT,
     .shape = &big_five_shape,
     .offset = offsetof(struct dm_profile, content.big_five),
     .text = "the five factors of personality"},
    {.name = "exampleDialogues",
     .kind = DM_JSON_ARRAY,
     .shape = &dialogue_shape,
     .offset = offsetof(struct dm_profile, content.example_dialogues),
     .max = 200,
     .initial = "[]",
     .text = "how the self answers: replies draw on them"},
    {.name = "visibility",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = visibilities,
     .offset = offsetof(struct dm_profile, content.visibility),
     .initial = "\"private\"",
     .text = "who may talk with the self"},
    {.name = "isActive",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct dm_profile, content.is_active),
     .initial = "true",
     .text = "whether the self is in use"},
    {.name = "changeReason",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_profile, content.change_reason),
     .min = 1,
     .max = 500,
     .text = "why this version was written"},
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
    DM_CREATED_AT_FIELD(struct dm_profile),
    DM_UPDATED_AT_FIELD(struct dm_profile),
    DM_CREATED_BY_FIELD(struct dm_profile),
    DM_UPDATED_BY_FIELD(struct dm_profile),
};
static const struct dm_shape profile_shape = {
    .name = "Profile",
    .size = sizeof(struct dm_profile),
    .fields = profile_fields,
    .n_fields = sizeof(profile_fields) / sizeof(profile_fields[0]),
    .max_bytes = 102400,
};

static const struct dm_field summary_fields[] = {
    DM_ID_FIELD(struct dm_profile_summary),
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
    DM_CREATED_AT_FIELD(struct dm_profile_summary),
    DM_UPDATED_AT_FIELD(struct dm_profile_summary),
};
static const struct dm_shape summary_shape =
    DM_SHAPE(struct dm_profile_summary, "ProfileSummary", summary_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&summary_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "ProfileList", list_fields);

static enum dm_result profile_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_profile_list(call->domain, &call->ctx, call->principal.account_id, slice, &page->items,
                        &more);
    return dm_page_end(call, r, more);
}

static enum dm_result profile_create(struct dm_call *call)
{
    const struct dm_owned profile = {call->principal.account_id, call->new_id};
    const struct dm_profile *in = call->in;
    struct dm_profile *out = call->out;
    enum dm_result r = dm_profile_create(call->domain, &call->ctx, profile, &in->content, out);
    if (r != DM_OK)
        return r;
    dm_call_location(call, out->id);
    dm_call_etag(call, out->version.v);
    return DM_OK;
}

static enum dm_result profile_get(struct dm_call *call)
{
    struct dm_profile *out = call->out;
    enum dm_result r = dm_profile_get(call->domain, &call->ctx, dm_call_owned(call), out);
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
    const struct dm_profile *in = call->in;
    struct dm_profile *out = call->out;
    r = dm_profile_replace(call->domain, &call->ctx, dm_call_owned(call), version, &in->content,
                           out);
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
    r = dm_profile_get(call->domain, &call->ctx, dm_call_owned(call), &current);
    if (r != DM_OK)
        return r;
    if (!version.set)
        version = current.version;
    /* The reason of the last write is not this one's. */
    current.content.change_reason = (struct dm_str){NULL, 0};
    void *merged;
    r = dm_call_merge(call, &current, &merged);
    if (r != DM_OK)
        return r;
    const struct dm_profile *in = merged;
    struct dm_profile *out = call->out;
    r = dm_profile_replace(call->domain, &call->ctx, dm_call_owned(call), version, &in->content,
                           out);
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
    return dm_profile_delete(call->domain, &call->ctx, dm_call_owned(call), version);
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
     .request = &profile_shape,
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
     .request = &profile_shape,
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
     .request = &profile_shape,
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

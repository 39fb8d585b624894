/*
 * API keys over HTTP: one's own, everyone's for administrators, and the report of a key found where it must not be. Only a person's
 * session manages keys; the rules are in domain/api_key.c.
 */
#include "domain/api_key.h"

#include "api/api.h"
#include "api/fields.h"
#include "domain/api_key_bounds.h"
#include "edge/call.h"
#include "edge/page.h"
#include "edge/server.h"

/* In the order of enum dm_scope. */
static const char *const scopes[] = {"personality:read",
                                     "personality:write",
                                     "conversation:read",
                                     "conversation:write",
                                     "usage:read",
                                     "admin:read",
                                     NULL};
static const char *const revoke_reasons[] = {"owner", "admin", "leak", NULL};

#define AT(member) .offset = offsetof(struct dm_api_key, member)

/* What owner and administrator see alike. */
#define COMMON_FIELDS                                                                              \
    DM_ID_FIELD(struct dm_api_key),                                                                \
        {.name = "name",                                                                           \
         .kind = DM_STRING,                                                                        \
         .format = DM_NAME,                                                                        \
         AT(content.name),                                                                         \
         .required = true,                                                                         \
         .min = 1,                                                                                 \
         .max = 100,                                                                               \
         .text = "what it is for"},                                                                \
        {.name = "scopes",                                                                         \
         .kind = DM_ARRAY,                                                                         \
         AT(content.scopes),                                                                       \
         .format = DM_CHOICE,                                                                      \
         .choices = scopes,                                                                        \
         .required = true,                                                                         \
         .min = 1,                                                                                 \
         .max = 6,                                                                                 \
         .text = "what it may do, as far as its owner may"},                                       \
        {.name = "allowedRoutes",                                                                  \
         .kind = DM_ARRAY,                                                                         \
         AT(content.routes),                                                                       \
         .max = DM_API_KEY_ROUTES_MAX,                                                             \
         .item_max = DM_API_KEY_ROUTE_CHARS_MAX,                                                   \
         .text = "calls it may make, by operationId or its beginning: \"personality.get\", "       \
                 "\"personality.*\"; none: all that its scopes open"},                             \
        {.name = "allowedIpRanges",                                                                \
         .kind = DM_ARRAY,                                                                         \
         AT(content.ranges),                                                                       \
         .max = DM_API_KEY_RANGES_MAX,                                                             \
         .item_max = 50,                                                                           \
         .text = "networks it may be used from, in CIDR: \"192.0.2.0/24\", \"2001:db8::/32\"; "    \
                 "none: anywhere"},                                                                \
        {.name = "expiresAt",                                                                      \
         .kind = DM_TIME,                                                                          \
         AT(content.expires_at),                                                                   \
         .text = "when it ends: at most two years after its creation; one year when left out"},    \
        {.name = "previousKeyUntil",                                                               \
         .kind = DM_TIME,                                                                          \
         AT(previous_until),                                                                       \
         .read_only = true,                                                                        \
         .text = "the key before the last roll is good until then"},                               \
        {.name = "lastUsedAt",                                                                     \
         .kind = DM_TIME,                                                                          \
         AT(last_used_at),                                                                         \
         .read_only = true,                                                                        \
         .nullable = true,                                                                         \
         .required = true,                                                                         \
         .text = "its last use, to the minute; null: never used"},                                 \
        {.name = "requestCount",                                                                   \
         .kind = DM_INTEGER,                                                                       \
         AT(requests),                                                                             \
         .read_only = true,                                                                        \
         .required = true,                                                                         \
         .unit = "requests",                                                                       \
         .text = "how often it was used, to the minute"},                                          \
        DM_CREATED_AT_FIELD(struct dm_api_key), DM_UPDATED_AT_FIELD(struct dm_api_key)

static const struct dm_field key_fields[] = {
    COMMON_FIELDS,
    {.name = "key",
     .kind = DM_STRING,
     AT(text),
     .read_only = true,
     .text = "the key itself: shown once, when it is created or rolled"},
};
static const struct dm_shape key_shape = DM_SHAPE(struct dm_api_key, "ApiKey", key_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&key_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "ApiKeyList", list_fields);

static const struct dm_field admin_fields[] = {
    COMMON_FIELDS,
    {.name = "accountId",
     .kind = DM_STRING,
     .format = DM_UUID,
     AT(account_id),
     .read_only = true,
     .required = true,
     .text = "whose it is"},
    {.name = "revokedAt",
     .kind = DM_TIME,
     AT(revoked_at),
     .read_only = true,
     .text = "when it was revoked"},
    {.name = "revokeReason",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = revoke_reasons,
     AT(revoke_reason),
     .read_only = true,
     .text = "by whom, or after the report of a leak"},
};
static const struct dm_shape admin_shape = DM_SHAPE(struct dm_api_key, "AdminApiKey", admin_fields);
static const struct dm_field admin_list_fields[] = DM_PAGE_FIELDS(&admin_shape);
static const struct dm_shape admin_list_shape =
    DM_SHAPE(struct dm_page, "AdminApiKeyList", admin_list_fields);

struct roll_in {
    struct dm_opt_int overlap_s;
};
static const struct dm_field roll_fields[] = {
    {.name = "overlapS",
     .kind = DM_INTEGER,
     .offset = offsetof(struct roll_in, overlap_s),
     .min = 0,
     .max = DM_API_KEY_OVERLAP_MAX_S,
     .initial = "86400",
     .unit = "seconds",
     .text = "how long the key before it stays good"},
};
static const struct dm_shape roll_shape = DM_SHAPE(struct roll_in, "ApiKeyRoll", roll_fields);

struct leak_in {
    struct dm_str key, url;
};
static const struct dm_field leak_fields[] = {
    {.name = "key",
     .kind = DM_STRING,
     .offset = offsetof(struct leak_in, key),
     .required = true,
     .min = 1,
     .max = 512,
     .text = "the key that was found"},
    {.name = "url",
     .kind = DM_STRING,
     .format = DM_URI,
     .offset = offsetof(struct leak_in, url),
     .min = 1,
     .max = 2048,
     .text = "where; its host is told to the owner"},
};
static const struct dm_shape leak_shape = DM_SHAPE(struct leak_in, "ApiKeyLeak", leak_fields);

/* Does the pattern cover a row that a key can open at all? Only behind a '.' may it end in '*'. */
static bool names_a_row(const struct dm_router *router, struct dm_str pattern)
{
    bool open_end = pattern.n > 0 && pattern.p[pattern.n - 1] == '*';
    if (open_end && (pattern.n < 3 || pattern.p[pattern.n - 2] != '.'))
        return false;
    for (size_t i = 0; i < dm_router_count(router); i++) {
        const struct dm_route *row = dm_router_row(router, i);
        if (row->scope != DM_SCOPE_NONE && dm_api_key_pattern_covers(pattern, row->name))
            return true;
    }
    return false;
}

/* What only the rows can tell of a request. */
static enum dm_result check_routes(struct dm_call *call, const struct dm_api_key_write *write)
{
    const struct dm_router *router = dm_server_options(call->server)->router;
    const struct dm_str *pattern = write->routes.items;
    for (size_t i = 0; i < write->routes.n; i++) {
        char pointer[40];
        snprintf(pointer, sizeof(pointer), "/allowedRoutes/%zu", i);
        if (!names_a_row(router, pattern[i]))
            return dm_err_set_field(&call->ctx.err, pointer, "unknown",
                                    "names no call that an API key can make");
    }
    return DM_OK;
}

static enum dm_result key_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_api_key_list(call->domain, &call->ctx, call->principal.account_id, slice, &page->items,
                        &more);
    return dm_page_end(call, r, more);
}

static enum dm_result key_create(struct dm_call *call)
{
    const struct dm_owned key = {call->principal.account_id, call->new_id};
    const struct dm_api_key *in = call->in;
    struct dm_api_key *out = call->out;
    enum dm_result r = check_routes(call, &in->content);
    if (r == DM_OK)
        r = dm_api_key_create(call->domain, &call->ctx, key, &in->content, out);
    if (r != DM_OK)
        return r;
    if (out->text.p == NULL)
        dm_response_header(call->response, "Idempotency-Replayed", DM_STR("true"));
    dm_call_location(call, out->id);
    dm_call_etag(call, out->version);
    return DM_OK;
}

static enum dm_result key_get(struct dm_call *call)
{
    struct dm_api_key *out = call->out;
    enum dm_result r = dm_api_key_get(call->domain, &call->ctx, dm_call_owned(call), out);
    if (r == DM_OK)
        dm_call_etag(call, out->version);
    return r;
}

/* Without If-Match the version just read stands in for it: a patch never undoes what it has not seen. */
static enum dm_result key_patch(struct dm_call *call)
{
    struct dm_opt_int version;
    struct dm_api_key current;
    void *merged;
    enum dm_result r = dm_call_if_match(call, &version);
    if (r == DM_OK)
        r = dm_api_key_get(call->domain, &call->ctx, dm_call_owned(call), &current);
    if (r == DM_OK)
        r = dm_call_merge(call, &current, &merged);
    if (r != DM_OK)
        return r;
    if (!version.set)
        version = (struct dm_opt_int){true, current.version};
    const struct dm_api_key *in = merged;
    struct dm_api_key *out = call->out;
    r = check_routes(call, &in->content);
    if (r == DM_OK)
        r = dm_api_key_replace(call->domain, &call->ctx, dm_call_owned(call), version, &in->content,
                               out);
    if (r == DM_OK)
        dm_call_etag(call, out->version);
    return r;
}

static enum dm_result key_roll(struct dm_call *call)
{
    const struct roll_in *in = call->in;
    struct dm_api_key *out = call->out;
    enum dm_result r =
        dm_api_key_roll(call->domain, &call->ctx, dm_call_owned(call), in->overlap_s.v, out);
    if (r == DM_OK)
        dm_call_etag(call, out->version);
    return r;
}

static enum dm_result key_revoke(struct dm_call *call)
{
    struct dm_opt_int version;
    enum dm_result r = dm_call_if_match(call, &version);
    if (r != DM_OK)
        return r;
    return dm_api_key_revoke(call->domain, &call->ctx, dm_call_owned(call), version);
}

static enum dm_result key_leak(struct dm_call *call)
{
    const struct leak_in *in = call->in;
    return dm_api_key_report_leak(call->domain, &call->ctx, in->key, in->url);
}

static enum dm_result admin_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_api_key_list_all(call->domain, &call->ctx, slice, &page->items, &more);
    return dm_page_end(call, r, more);
}

static enum dm_result admin_revoke(struct dm_call *call)
{
    return dm_api_key_revoke_any(call->domain, &call->ctx, call->params[0]);
}

static const struct dm_route rows[] = {
    {.name = "api_key.list",
     .method = DM_GET,
     .path = "/api-keys",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "List own API keys, oldest first",
     .serve = key_list},
    {.name = "api_key.create",
     .method = DM_POST,
     .path = "/api-keys",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .request = &key_shape,
     .response = &key_shape,
     .status = 201,
     .idempotent_key = true,
     .tells_secret = true,
     .summary = "Create an API key; the reply is the only one that shows it",
     .serve = key_create},
    {.name = "api_key.get",
     .method = DM_GET,
     .path = "/api-keys/{keyId}",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_READ,
     .response = &key_shape,
     .status = 200,
     .summary = "Read an API key's terms and its use",
     .serve = key_get},
    {.name = "api_key.patch",
     .method = DM_PATCH,
     .path = "/api-keys/{keyId}",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .request = &key_shape,
     .merge_patch = true,
     .response = &key_shape,
     .status = 200,
     .if_match = true,
     .summary = "Change an API key's terms (RFC 7396), everywhere at once",
     .serve = key_patch},
    {.name = "api_key.revoke",
     .method = DM_DELETE,
     .path = "/api-keys/{keyId}",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .if_match = true,
     .summary = "Revoke an API key, everywhere at once",
     .serve = key_revoke},
    {.name = "api_key.roll",
     .method = DM_POST,
     .path = "/api-keys/{keyId}/roll",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .request = &roll_shape,
     .response = &key_shape,
     .status = 200,
     .summary = "Give an API key a new secret, the one before it staying good for a while",
     .serve = key_roll},
    {.name = "api_key.report_leak",
     .method = DM_POST,
     .path = "/api-keys/leak-report",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .request = &leak_shape,
     .status = 202,
     .summary = "Report an API key found in public: if it is one of ours, it is revoked",
     .serve = key_leak},
    {.name = "admin.api_key_list",
     .method = DM_GET,
     .path = "/admin/api-keys",
     .auth = DM_AUTH_ADMIN,
     .scope = DM_SCOPE_ADMIN_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &admin_list_shape,
     .status = 200,
     .summary = "List all API keys, revoked ones too, oldest first",
     .serve = admin_list},
    {.name = "admin.api_key_revoke",
     .method = DM_DELETE,
     .path = "/admin/api-keys/{keyId}",
     .auth = DM_AUTH_ADMIN,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "Revoke anyone's API key, everywhere at once",
     .serve = admin_revoke},
};
const struct dm_routes dm_api_key_routes = DM_ROUTES(rows);

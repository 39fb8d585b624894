/* What the site tells about itself: its keys, its versions, its contract, its metrics. */
#include "api/api.h"
#include "base/clock.h"
#include "edge/call.h"
#include "edge/openapi.h"
#include "edge/server.h"

#define JWKS_MAX_AGE_S 300

struct links_out {
    struct dm_str openapi, deprecation, successor;
};
struct version_out {
    struct dm_str version, status, path;
    struct dm_opt_time released_at, deprecated_at, sunset_at;
    struct links_out *links;
};
struct deprecation_out {
    struct dm_str method, path, successor;
    struct dm_opt_time deprecated_at, sunset_at;
};
struct versions_out {
    struct dm_list items, deprecations;
};

static const char *const version_statuses[] = {"current", "deprecated", "retired", NULL};

static const struct dm_field links_fields[] = {
    {.name = "openapi",
     .kind = DM_STRING,
     .offset = offsetof(struct links_out, openapi),
     .text = "its contract"},
    {.name = "deprecation",
     .kind = DM_STRING,
     .offset = offsetof(struct links_out, deprecation),
     .text = "where its end is told of"},
    {.name = "successor",
     .kind = DM_STRING,
     .offset = offsetof(struct links_out, successor),
     .text = "where the routes of the newest major begin"},
};
static const struct dm_shape links_shape = DM_SHAPE(struct links_out, "VersionLinks", links_fields);

/* Of a major, and of anything else. */
#define DEPRECATED_AT_FIELD(type)                                                                  \
    {                                                                                              \
        .name = "deprecatedAt", .kind = DM_TIME, .offset = offsetof(type, deprecated_at),          \
        .text = "since when, or from when on, nobody should use it any more"                       \
    }
#define SUNSET_AT_FIELD(type)                                                                      \
    {                                                                                              \
        .name = "sunsetAt", .kind = DM_TIME, .offset = offsetof(type, sunset_at),                  \
        .text = "until when it answers"                                                            \
    }

static const struct dm_field version_fields[] = {
    {.name = "version",
     .kind = DM_STRING,
     .offset = offsetof(struct version_out, version),
     .required = true,
     .text = "the major, as in API-Version"},
    {.name = "status",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = version_statuses,
     .offset = offsetof(struct version_out, status),
     .required = true,
     .text = "where in its life it is"},
    {.name = "path",
     .kind = DM_STRING,
     .offset = offsetof(struct version_out, path),
     .required = true,
     .text = "where its routes begin"},
    {.name = "releasedAt",
     .kind = DM_TIME,
     .offset = offsetof(struct version_out, released_at),
     .required = true,
     .text = "its first day"},
    DEPRECATED_AT_FIELD(struct version_out),
    SUNSET_AT_FIELD(struct version_out),
    {.name = "links",
     .kind = DM_OBJECT,
     .shape = &links_shape,
     .offset = offsetof(struct version_out, links),
     .required = true,
     .text = "where to go on"},
};
static const struct dm_shape version_shape =
    DM_SHAPE(struct version_out, "Version", version_fields);

static const struct dm_field deprecation_fields[] = {
    {.name = "method",
     .kind = DM_STRING,
     .offset = offsetof(struct deprecation_out, method),
     .text = "absent: all"},
    {.name = "path",
     .kind = DM_STRING,
     .offset = offsetof(struct deprecation_out, path),
     .required = true,
     .text = "ends in \"/*\" when all below it is meant too"},
    {.name = "successor",
     .kind = DM_STRING,
     .offset = offsetof(struct deprecation_out, successor),
     .text = "the path to use instead"},
    DEPRECATED_AT_FIELD(struct deprecation_out),
    SUNSET_AT_FIELD(struct deprecation_out),
};
static const struct dm_shape deprecation_shape =
    DM_SHAPE(struct deprecation_out, "Deprecation", deprecation_fields);

static const struct dm_field versions_fields[] = {
    {.name = "items",
     .kind = DM_ARRAY,
     .offset = offsetof(struct versions_out, items),
     .required = true,
     .shape = &version_shape,
     .text = "newest first"},
    {.name = "deprecations",
     .kind = DM_ARRAY,
     .offset = offsetof(struct versions_out, deprecations),
     .required = true,
     .shape = &deprecation_shape,
     .text = "what else still answers, but not for ever"},
};
static const struct dm_shape versions_shape =
    DM_SHAPE(struct versions_out, "VersionList", versions_fields);

static struct dm_opt_time time_of(int64_t at_s)
{
    return (struct dm_opt_time){.set = at_s != 0, .ms = at_s * 1000};
}

static const char *status_of(const struct dm_version *version, int64_t now_s)
{
    const struct dm_deprecation *deprecated = version->deprecated;
    if (version->retired)
        return "retired";
    return deprecated != NULL && deprecated->at_s <= now_s ? "deprecated" : "current";
}

/* False: the arena is full. */
static bool tell_version(struct dm_arena *arena, const struct dm_version *version,
                         const struct dm_version *newest, struct version_out *out)
{
    const struct dm_deprecation *deprecated = version->deprecated;
    struct links_out *links = dm_arena_alloc(arena, sizeof(*links));
    *out = (struct version_out){
        .version = dm_arena_printf(arena, "%d", version->major),
        .status = dm_str_from(status_of(version, dm_clock_wall_ms() / 1000)),
        .path = dm_arena_printf(arena, DM_MAJOR_BASE, version->major),
        .released_at = time_of(version->released_s),
        .deprecated_at = time_of(deprecated != NULL ? deprecated->at_s : 0),
        .sunset_at = time_of(deprecated != NULL ? deprecated->sunset_s : 0),
        .links = links,
    };
    if (links == NULL || out->version.p == NULL || out->path.p == NULL)
        return false;
    if (!version->retired)
        links->openapi = dm_arena_printf(arena, DM_MAJOR_BASE "/openapi.json", version->major);
    if (deprecated != NULL)
        links->deprecation = dm_str_from(deprecated->notice);
    if (version != newest)
        links->successor = dm_arena_printf(arena, DM_MAJOR_BASE, newest->major);
    return true;
}

static bool tell_versions(struct dm_arena *arena, const struct dm_router *router,
                          struct dm_list *ret_list)
{
    const struct dm_surface *surface = dm_router_surface(router);
    size_t n = surface->n_versions;
    struct version_out *items = dm_arena_array(arena, n, sizeof(*items));
    bool good = items != NULL;
    for (size_t i = 0; i < n && good; i++)
        good =
            tell_version(arena, &surface->versions[n - 1 - i], dm_router_newest(router), &items[i]);
    *ret_list = (struct dm_list){items, n};
    return good;
}

static struct deprecation_out tell_alias(struct dm_arena *arena, const struct dm_alias *alias)
{
    return (struct deprecation_out){
        .path = dm_arena_printf(arena, "%s/*", alias->path),
        .successor = dm_arena_printf(arena, "%s/*", alias->successor),
        .deprecated_at = time_of(alias->deprecated.at_s),
        .sunset_at = time_of(alias->deprecated.sunset_s),
    };
}

static struct deprecation_out tell_row(const struct dm_router *router, size_t index)
{
    const struct dm_deprecation *deprecated = dm_router_row(router, index)->deprecated;
    size_t successor = DM_NO_ROW;
    if (deprecated->successor != NULL)
        successor = dm_router_find(router, dm_router_newest(router)->major, deprecated->successor);
    return (struct deprecation_out){
        .method = dm_str_from(dm_method_name(dm_router_row(router, index)->method)),
        .path = dm_str_from(dm_router_path(router, index)),
        .successor = dm_str_from(successor != DM_NO_ROW ? dm_router_path(router, successor) : NULL),
        .deprecated_at = time_of(deprecated->at_s),
        .sunset_at = time_of(deprecated->sunset_s),
    };
}

/* Old paths, and the rows that are deprecated by themselves. */
static bool tell_deprecations(struct dm_arena *arena, const struct dm_router *router,
                              struct dm_list *ret_list)
{
    const struct dm_surface *surface = dm_router_surface(router);
    size_t most = surface->n_aliases + dm_router_count(router), n = 0;
    struct deprecation_out *items = dm_arena_array(arena, most, sizeof(*items));
    if (items == NULL)
        return false;
    for (size_t i = 0; i < surface->n_aliases; i++, n++) {
        items[n] = tell_alias(arena, &surface->aliases[i]);
        if (items[n].path.p == NULL || items[n].successor.p == NULL)
            return false;
    }
    for (size_t i = 0; i < dm_router_count(router); i++)
        if (dm_router_row(router, i)->deprecated != NULL)
            items[n++] = tell_row(router, i);
    *ret_list = (struct dm_list){items, n};
    return true;
}

static enum dm_result serve_versions(struct dm_call *call)
{
    const struct dm_router *router = dm_server_options(call->server)->router;
    struct versions_out *out = call->out;
    if (!tell_versions(call->ctx.arena, router, &out->items) ||
        !tell_deprecations(call->ctx.arena, router, &out->deprecations))
        return dm_ctx_nomem(&call->ctx);
    dm_response_header(call->response, "Cache-Control", DM_STR("public, max-age=300"));
    return DM_OK;
}

static enum dm_result serve_jwks(struct dm_call *call)
{
    int64_t max_age_s = call->domain->settings->token_key_lead_s / 2;
    struct dm_jwt_keys *keys = dm_key_ring_keys(call->domain->key_ring);
    dm_jwt_keys_jwks(keys, dm_clock_wall_ms() / 1000, &call->response->body);
    dm_jwt_keys_unref(keys);
    /* Whoever keeps the answer this long has asked again before a new key signs. */
    struct dm_str cache =
        dm_arena_printf(call->ctx.arena, "public, max-age=%d",
                        (int)(max_age_s < JWKS_MAX_AGE_S ? max_age_s : JWKS_MAX_AGE_S));
    if (!cache.p)
        return dm_ctx_nomem(&call->ctx);
    dm_response_header(call->response, "Cache-Control", cache);
    return DM_OK;
}

static enum dm_result serve_openapi(struct dm_call *call)
{
    const struct dm_server_options *options = dm_server_options(call->server);
    int major = dm_router_version(options->router, call->match->index)->major;
    dm_response_header(call->response, "Cache-Control", DM_STR("public, max-age=300"));
    return dm_openapi_print(options->router, major, options->version, &call->response->body);
}

static enum dm_result serve_metrics(struct dm_call *call)
{
    /* The ring is looked at when it is used: so that an idle process tells of a bad key too. */
    (void)dm_key_ring_generation(call->domain->key_ring);
    dm_metrics_print(dm_server_options(call->server)->metrics, &call->response->body);
    return DM_OK;
}

/* A table reads best as one. */
/* clang-format off */
static const struct dm_route rows[] = {
    {.name = "site.jwks", .method = DM_GET, .path = "/.well-known/jwks.json", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .media = "application/jwk-set+json", .status = 200,
     .summary = "The public keys that access tokens are signed with (RFC 7517)", .serve = serve_jwks},
    {.name = "site.versions", .method = DM_GET, .path = "/api/versions", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .response = &versions_shape, .status = 200,
     .summary = "The API's versions and where each is in its life", .serve = serve_versions},
    {.name = "site.openapi", .method = DM_GET, .path = "/openapi.json",
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .media = "application/json", .status = 200,
     .summary = "This document", .serve = serve_openapi},
    {.name = "site.metrics", .method = DM_GET, .path = "/metrics", .at_root = true,
     .auth = DM_AUTH_LOOPBACK, .limit = DM_LIMIT_NONE, .media = "text/plain; version=0.0.4; charset=utf-8", .status = 200,
     .summary = "Metrics in Prometheus' text format, for this machine only", .serve = serve_metrics},
};
/* clang-format on */

const struct dm_routes dm_site_routes = DM_ROUTES(rows);

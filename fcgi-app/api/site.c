/* What the site tells about itself: its keys, its versions, its contract, its metrics. */
#include "api/api.h"
#include "base/clock.h"
#include "edge/call.h"
#include "edge/openapi.h"
#include "edge/server.h"

#define JWKS_MAX_AGE_S 300

struct version_out {
    struct dm_str version, status, path;
    struct dm_opt_time released_at;
};
struct versions_out {
    struct dm_list items;
};

static const char *const version_statuses[] = {"current", "deprecated", "retired", NULL};

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
};
static const struct dm_shape version_shape =
    DM_SHAPE(struct version_out, "Version", version_fields);
static const struct dm_field versions_fields[] = {
    {.name = "items",
     .kind = DM_ARRAY,
     .offset = offsetof(struct versions_out, items),
     .required = true,
     .shape = &version_shape,
     .text = "newest first"},
};
static const struct dm_shape versions_shape =
    DM_SHAPE(struct versions_out, "VersionList", versions_fields);

static enum dm_result serve_versions(struct dm_call *call)
{
    /* 2026-11-23T00:00:00Z */
    static struct version_out all[] = {{
        .version = DM_STR_INIT("1"),
        .status = DM_STR_INIT("current"),
        .path = DM_STR_INIT("/api/v1"),
        .released_at = {.set = true, .ms = 1795392000000},
    }};
    struct versions_out *out = call->out;
    out->items = (struct dm_list){.items = all, .n = sizeof(all) / sizeof(all[0])};
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
    dm_response_header(call->response, "Cache-Control", DM_STR("public, max-age=300"));
    return dm_openapi_print(options->router, options->version, &call->response->body);
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

/* Health, at the site's root: live (the process alone), ready (can it serve?), and the whole with its checks. */
#include "domain/health.h"
#include "api/api.h"
#include "base/clock.h"
#include "edge/call.h"
#include "edge/server.h"

struct health_out {
    struct dm_str status, version, instance_id;
    struct dm_opt_int uptime_s;
    struct dm_list checks;
};

static const char *const statuses[] = {"pass", "warn", "fail", NULL};
static const char *const check_statuses[] = {"pass", "fail", NULL};

static const struct dm_field check_fields[] = {
    {.name = "name",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_health_check, name),
     .required = true,
     .text = "what was asked: database or redis"},
    {.name = "status",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = check_statuses,
     .offset = offsetof(struct dm_health_check, status),
     .required = true,
     .text = "did it answer?"},
    {.name = "durationMs",
     .kind = DM_NUMBER,
     .offset = offsetof(struct dm_health_check, duration_ms),
     .unit = "ms",
     .text = "how long it took"},
};
static const struct dm_shape check_shape =
    DM_SHAPE(struct dm_health_check, "HealthCheck", check_fields);

static const struct dm_field health_fields[] = {
    {.name = "status",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = statuses,
     .offset = offsetof(struct health_out, status),
     .required = true,
     .text = "pass: all well; warn: degraded but serving; fail: cannot serve"},
    {.name = "version",
     .kind = DM_STRING,
     .offset = offsetof(struct health_out, version),
     .required = true,
     .text = "of the program"},
    {.name = "instanceId",
     .kind = DM_STRING,
     .offset = offsetof(struct health_out, instance_id),
     .required = true,
     .text = "which instance answered"},
    {.name = "uptime",
     .kind = DM_INTEGER,
     .offset = offsetof(struct health_out, uptime_s),
     .required = true,
     .unit = "seconds",
     .text = "since the program started"},
    {.name = "checks",
     .kind = DM_ARRAY,
     .offset = offsetof(struct health_out, checks),
     .shape = &check_shape,
     .text = "what was asked, with its answer"},
};
static const struct dm_shape health_shape = DM_SHAPE(struct health_out, "Health", health_fields);

static void describe(struct dm_call *call, struct dm_str status)
{
    const struct dm_server_options *options = dm_server_options(call->server);
    struct health_out *out = call->out;
    out->status = status;
    out->version = dm_str_from(options->version);
    out->instance_id = dm_str_from(options->instance_id);
    out->uptime_s = (struct dm_opt_int){
        .set = true, .v = (dm_clock_wall_ms() - options->started_wall_ms) / 1000};
}

static void tell_unwell(struct dm_call *call)
{
    call->response->status = call->route->status_unwell;
    dm_response_header(call->response, "Retry-After", DM_STR("1"));
}

static enum dm_result serve_live(struct dm_call *call)
{
    describe(call, DM_STR("pass"));
    return DM_OK;
}

static enum dm_result serve_health(struct dm_call *call)
{
    struct dm_health *health = dm_arena_alloc(call->ctx.arena, sizeof(*health));
    if (!health)
        return dm_ctx_nomem(&call->ctx);
    dm_health_check(call->domain, &call->ctx, health);
    describe(call, health->status);
    struct health_out *out = call->out;
    out->checks = (struct dm_list){.items = health->checks, .n = DM_HEALTH_CHECKS};
    if (dm_str_eq_c(health->status, "fail"))
        tell_unwell(call);
    return DM_OK;
}

static enum dm_result serve_ready(struct dm_call *call)
{
    if (!dm_server_draining(call->server))
        return serve_health(call);
    describe(call, DM_STR("fail"));
    tell_unwell(call);
    return DM_OK;
}

/* A table reads best as one. */
/* clang-format off */
static const struct dm_route rows[] = {
    {.name = "health.show", .method = DM_GET, .path = "/health", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_NONE, .response = &health_shape, .status = 200, .status_unwell = 503,
     .summary = "Health with the answer of each dependency; 503 when requests cannot be served", .serve = serve_health},
    {.name = "health.ready", .method = DM_GET, .path = "/health/ready", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_NONE, .response = &health_shape, .status = 200, .status_unwell = 503,
     .summary = "Can this instance serve requests now? 503 when not, also while it drains", .serve = serve_ready},
    {.name = "health.live", .method = DM_GET, .path = "/health/live", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_NONE, .response = &health_shape, .status = 200,
     .summary = "Is the process alive? Asks no dependency", .serve = serve_live},
};
/* clang-format on */

const struct dm_routes dm_health_routes = DM_ROUTES(rows);

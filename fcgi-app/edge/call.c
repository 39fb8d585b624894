/* What handlers ask of their call: a merged patch, an ETag, a version from If-Match, a Location, what the path names. Each is one line in a handler. */
#include "edge/call.h"

#include "edge/server.h"

struct dm_owned dm_call_owned(const struct dm_call *call)
{
    return (struct dm_owned){call->principal.account_id, call->params[0]};
}

enum dm_result dm_call_merge(struct dm_call *call, const void *current, void **ret_merged)
{
    return dm_shape_merge(call->route->request, &call->ctx, current, call->request->body,
                          ret_merged, &call->violations);
}

void *dm_call_out_or(struct dm_call *call)
{
    call->out_shape = call->route->response_or;
    call->out = dm_arena_alloc(call->ctx.arena, call->out_shape->size);
    return call->out;
}

void dm_call_etag(struct dm_call *call, int64_t version)
{
    dm_response_header(call->response, "ETag",
                       dm_arena_printf(call->ctx.arena, "\"%lld\"", (long long)version));
}

enum dm_result dm_call_if_match(struct dm_call *call, struct dm_opt_int *ret_version)
{
    struct dm_str tag = dm_str_trim(call->request->if_match);
    if (tag.n == 0 || dm_str_eq_c(tag, "*")) {
        *ret_version = (struct dm_opt_int){0};
        return DM_OK;
    }
    bool weak = dm_str_starts(tag, DM_STR("W/"));
    struct dm_str quoted = weak ? dm_str_slice(tag, 2, tag.n) : tag;
    if (quoted.n < 2 || quoted.p[0] != '"' || quoted.p[quoted.n - 1] != '"')
        return dm_err_set(&call->ctx.err, DM_E_INVALID, "If-Match holds no entity tag");
    int64_t version;
    if (weak || !dm_str_to_int(dm_str_slice(quoted, 1, quoted.n - 2), 1, INT64_MAX, &version))
        return dm_err_set(&call->ctx.err, DM_E_STALE, "If-Match names no version of this resource");
    *ret_version = (struct dm_opt_int){.set = true, .v = version};
    return DM_OK;
}

static void set_location(struct dm_call *call, size_t index, struct dm_str id)
{
    const struct dm_router *router = dm_server_options(call->server)->router;
    struct dm_str path = dm_router_fill(router, index, call->params, call->ctx.arena);
    if (path.p)
        dm_response_header(
            call->response, "Location",
            dm_arena_printf(call->ctx.arena, "%.*s/%.*s", DM_STR_ARG(path), DM_STR_ARG(id)));
}

void dm_call_location(struct dm_call *call, struct dm_str id)
{
    set_location(call, call->match->index, id);
}

void dm_call_location_below(struct dm_call *call, const char *row_name, struct dm_str id)
{
    const struct dm_router *router = dm_server_options(call->server)->router;
    size_t index = dm_router_find(router, dm_router_newest(router)->major, row_name);
    if (index != DM_NO_ROW)
        set_location(call, index, id);
}

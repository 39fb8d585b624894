/* Three fields, and the link to what comes after. */
#include "edge/deprecation.h"

#include "base/format.h"
#include "edge/call.h"
#include "edge/server.h"

const char *dm_deprecation_defect(const struct dm_deprecation *deprecation)
{
    if (deprecation->at_s <= 0)
        return "its deprecation has no date";
    if (deprecation->sunset_s != 0 && deprecation->sunset_s < deprecation->at_s)
        return "its sunset comes before its deprecation"; /* RFC 9745 §4 */
    if (!deprecation->notice)
        return "its deprecation is explained nowhere";
    return NULL;
}

/* Of an alias: the path as it is now written. Of a row: the path of the one that is named. Absent: it is not known. */
static struct dm_str successor_of(const struct dm_call *call,
                                  const struct dm_deprecation *deprecation)
{
    const struct dm_router *router = dm_server_options(call->server)->router;
    const struct dm_str unknown = {NULL, 0};
    if (call->match->alias)
        return call->path;
    size_t index =
        dm_router_find(router, dm_router_newest(router)->major,
                       deprecation->successor ? deprecation->successor : call->route->name);
    if (index == DM_NO_ROW || index == call->match->index)
        return unknown;
    return dm_router_fill(router, index, call->params, call->ctx.arena);
}

static const struct dm_deprecation *deprecation_of(const struct dm_call *call)
{
    if (call->match->alias)
        return &call->match->alias->deprecated;
    if (!call->route)
        return NULL;
    return dm_router_deprecation(dm_server_options(call->server)->router, call->match->index);
}

void dm_deprecation_tell(struct dm_call *call)
{
    struct dm_arena *arena = call->ctx.arena;
    const struct dm_deprecation *deprecation = deprecation_of(call);
    if (!deprecation)
        return;
    struct dm_str successor = successor_of(call, deprecation);
    struct dm_str link =
        successor.p
            ? dm_arena_printf(arena, "<%.*s>; rel=\"successor-version\", <%s>; rel=\"deprecation\"",
                              DM_STR_ARG(successor), deprecation->notice)
            : dm_arena_printf(arena, "<%s>; rel=\"deprecation\"", deprecation->notice);
    dm_response_header(call->response, "Deprecation",
                       dm_arena_printf(arena, "@%lld", (long long)deprecation->at_s));
    if (deprecation->sunset_s != 0)
        dm_response_header(call->response, "Sunset",
                           dm_format_http_date(arena, deprecation->sunset_s));
    dm_response_header(call->response, "Link", link);
}

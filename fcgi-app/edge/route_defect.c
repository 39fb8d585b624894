/* The rules that a row must keep by itself, because the product's safety hangs on them. What rows owe to each other is route.c's to see. */
#include "edge/route.h"

static size_t count_params(const char *path)
{
    size_t n = 0;
    for (const char *p = strchr(path, '{'); p; p = strchr(p + 1, '{'))
        n++;
    return n;
}

static const char *path_defect(const struct dm_route *route)
{
    if (!route->path || route->path[0] != '/')
        return "its path does not begin with \"/\"";
    if (count_params(route->path) > DM_PATH_PARAMS_MAX)
        return "its path has too many parameters";
    struct dm_str rest = dm_str_from(route->path + 1), part;
    while (dm_str_next(&rest, '/', &part)) {
        bool opened = part.n > 0 && part.p[0] == '{';
        bool closed = part.n > 2 && part.p[part.n - 1] == '}';
        if (part.n == 0)
            return "its path has an empty segment";
        if (opened != closed || (!opened && dm_str_find(part, '{', 0) < part.n))
            return "a parameter is not a whole segment of its path";
    }
    return NULL;
}

static const char *access_defect(const struct dm_route *route)
{
    if (route->auth <= DM_AUTH_UNSAID || route->auth > DM_AUTH_LOOPBACK)
        return "it leaves auth unsaid";
    if (route->auth == DM_AUTH_USER && route->scope == DM_SCOPE_NONE)
        return "auth USER needs a scope";
    bool admin = route->auth == DM_AUTH_ADMIN || route->auth == DM_AUTH_SUPERADMIN;
    if (route->auth != DM_AUTH_USER && !admin && route->scope != DM_SCOPE_NONE)
        return "a scope means nothing with an auth that no key passes";
    if (admin && route->scope != DM_SCOPE_NONE && route->method != DM_GET)
        return "a key administers nothing: only GET of an admin row may name a scope";
    if (route->limit <= DM_LIMIT_UNSAID || route->limit > DM_LIMIT_EXPORT)
        return "it leaves limit unsaid";
    if (route->limit == DM_LIMIT_NONE && !route->at_root)
        return "only a row at the root may go without limit";
    if (route->door != DM_DOOR_API && route->door != DM_DOOR_STREAM)
        return "its door is not one of ours";
    return NULL;
}

static const char *life_defect(const struct dm_route *route)
{
    if (route->since < 0 || route->until < 0 || (route->until > 0 && route->until < route->since))
        return "its last major comes before its first";
    if (route->at_root && (route->since > 0 || route->until > 0))
        return "a row at the root is of no major";
    return route->deprecated ? dm_deprecation_defect(route->deprecated) : NULL;
}

static const char *body_defect(const struct dm_route *route)
{
    if (route->request && route->method == DM_GET)
        return "GET takes no body";
    if (route->merge_patch && (route->method != DM_PATCH || !route->request))
        return "merge_patch needs PATCH and a request shape";
    if (route->idempotent_key && route->method != DM_POST)
        return "idempotent_key is for POST";
    if (route->tells_secret && !route->idempotent_key)
        return "tells_secret means nothing without idempotent_key";
    if (route->status < 200 || route->status > 299)
        return "it states no status of success";
    if (route->status == 204 && (route->response || route->media))
        return "204 has no body";
    if (route->response_or && !route->response)
        return "response_or needs a response";
    if (route->status != 204 && !route->response && !route->media && route->status != 202)
        return "it states no response";
    return NULL;
}

static const char *shapes_defect(const struct dm_route *route)
{
    const struct dm_shape *const shapes[] = {route->query, route->request, route->response,
                                             route->response_or};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const char *defect = shapes[i] ? dm_shape_defect(shapes[i]) : NULL;
        if (defect)
            return defect;
    }
    return NULL;
}

const char *dm_route_defect(const struct dm_route *route)
{
    if (!route->name || !route->name[0])
        return "it has no name";
    if (route->method <= DM_METHOD_NONE || route->method > DM_DELETE)
        return "its method is not one that rows serve";
    if (!route->serve)
        return "it has no handler";
    if (!route->summary || !route->summary[0])
        return "it has no summary";
    const char *defect = path_defect(route);
    defect = defect ? defect : access_defect(route);
    defect = defect ? defect : life_defect(route);
    defect = defect ? defect : body_defect(route);
    return defect ? defect : shapes_defect(route);
}

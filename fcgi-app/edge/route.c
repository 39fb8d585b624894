/*
 * The rows' check and index. At the start every row is held against the rules that keep the product safe; then the paths become a
 * tree of segments, so that finding a request's row costs a few comparisons a segment, however many rows there are.
 */
#include "edge/route.h"

#include "base/buf.h"
#include "base/id.h"

#define METHODS (DM_HEAD + 1)
#define NO_ROW SIZE_MAX

/* One segment of some path. Siblings are a list; a parameter takes any UUID. */
struct node {
    struct dm_str literal; /* absent: a parameter, or the root */
    struct node *child, *sibling, *param_child;
    size_t row[METHODS]; /* NO_ROW: not served here */
    unsigned allowed;
};

struct entry {
    const struct dm_route *route;
    const char *path; /* with the base */
};

struct dm_router {
    size_t n;
    struct entry *entries;
    struct node *root;
    struct dm_arena *arena; /* all of the above lives here */
};

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

static const char *row_defect(const struct dm_route *route)
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
    defect = defect ? defect : body_defect(route);
    return defect ? defect : shapes_defect(route);
}

static struct node *node_new(struct dm_router *router, struct dm_str literal)
{
    struct node *node = dm_arena_alloc(router->arena, sizeof(*node));
    if (!node)
        return NULL;
    node->literal = literal;
    for (size_t i = 0; i < METHODS; i++)
        node->row[i] = NO_ROW;
    return node;
}

static struct node *find_child(const struct node *node, struct dm_str segment)
{
    for (struct node *child = node->child; child; child = child->sibling)
        if (dm_str_eq(child->literal, segment))
            return child;
    return NULL;
}

/* The node below for a segment of a row's path, made when there is none. */
static struct node *grow_child(struct dm_router *router, struct node *node, struct dm_str segment)
{
    if (segment.p[0] == '{') {
        if (!node->param_child)
            node->param_child = node_new(router, (struct dm_str){NULL, 0});
        return node->param_child;
    }
    struct node *child = find_child(node, segment);
    if (child)
        return child;
    child = node_new(router, segment);
    if (child) {
        child->sibling = node->child;
        node->child = child;
    }
    return child;
}

static enum dm_result defect_of(struct dm_err *err, const struct dm_route *route,
                                const char *defect)
{
    return dm_err_set(err, DM_E_INVALID, "route %s: %s", route->name ? route->name : "(no name)",
                      defect);
}

static enum dm_result add_path(struct dm_router *router, size_t index, struct dm_err *err)
{
    const struct entry *entry = &router->entries[index];
    enum dm_method method = entry->route->method;
    struct node *node = router->root;
    struct dm_str rest = dm_str_from(entry->path + 1), part;
    while (node && dm_str_next(&rest, '/', &part))
        node = grow_child(router, node, part);
    if (!node)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    if (node->row[method] != NO_ROW)
        return defect_of(err, entry->route, "another row has the same method and path");
    node->row[method] = index;
    node->allowed |= 1u << method | 1u << DM_OPTIONS;
    if (method == DM_GET) {
        node->row[DM_HEAD] = index;
        node->allowed |= 1u << DM_HEAD;
    }
    return DM_OK;
}

static enum dm_result add_row(struct dm_router *router, size_t index, const struct dm_route *route,
                              struct dm_err *err)
{
    const char *defect = row_defect(route);
    for (size_t i = 0; !defect && i < index; i++)
        if (strcmp(router->entries[i].route->name, route->name) == 0)
            defect = "another row has the same name";
    if (defect)
        return defect_of(err, route, defect);
    struct dm_str path =
        dm_arena_printf(router->arena, "%s%s", route->at_root ? "" : DM_API_BASE, route->path);
    if (!path.p)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    router->entries[index] = (struct entry){.route = route, .path = path.p};
    return add_path(router, index, err);
}

static enum dm_result fill(struct dm_router *router, const struct dm_routes *const *resources,
                           size_t n_resources, struct dm_err *err)
{
    for (size_t i = 0; i < n_resources; i++)
        router->n += resources[i]->n_rows;
    router->arena = dm_arena_new(16384, 4 * 1024 * 1024);
    if (!router->arena)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    router->entries = dm_arena_array(router->arena, router->n, sizeof(*router->entries));
    router->root = node_new(router, (struct dm_str){NULL, 0});
    if (!router->entries || !router->root)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    size_t index = 0;
    for (size_t i = 0; i < n_resources; i++) {
        for (size_t j = 0; j < resources[i]->n_rows; j++) {
            enum dm_result result = add_row(router, index++, &resources[i]->rows[j], err);
            if (result != DM_OK)
                return result;
        }
    }
    return DM_OK;
}

enum dm_result dm_router_new(const struct dm_routes *const *resources, size_t n_resources,
                             struct dm_err *err, struct dm_router **ret_router)
{
    struct dm_router *router = calloc(1, sizeof(*router));
    if (!router)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    enum dm_result result = fill(router, resources, n_resources, err);
    if (result != DM_OK) {
        dm_router_free(router);
        return result;
    }
    *ret_router = router;
    return DM_OK;
}

void dm_router_free(struct dm_router *router)
{
    if (!router)
        return;
    dm_arena_free(router->arena);
    free(router);
}

void dm_router_match(const struct dm_router *router, enum dm_method method, struct dm_str path,
                     struct dm_match *ret_match)
{
    *ret_match = (struct dm_match){.index = NO_ROW};
    if (path.n == 0 || path.p[0] != '/')
        return;
    const struct node *node = router->root;
    struct dm_str rest = dm_str_slice(path, 1, path.n - 1), part;
    size_t n_params = 0;
    while (node && dm_str_next(&rest, '/', &part)) {
        const struct node *child = find_child(node, part);
        if (!child && node->param_child && dm_id_is_uuid(part)) {
            child = node->param_child;
            ret_match->params[n_params++] = part;
        }
        node = child;
    }
    if (!node)
        return;
    ret_match->allowed = node->allowed;
    ret_match->index = node->row[method];
    if (ret_match->index != NO_ROW)
        ret_match->route = router->entries[ret_match->index].route;
}

size_t dm_router_count(const struct dm_router *router)
{
    return router->n;
}

const struct dm_route *dm_router_row(const struct dm_router *router, size_t index)
{
    return router->entries[index].route;
}

const char *dm_router_path(const struct dm_router *router, size_t index)
{
    return router->entries[index].path;
}

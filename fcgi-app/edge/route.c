/*
 * The rows' index. At the start the rows of each major and those of the root become a tree of segments, so that finding a request's row
 * costs a few comparisons a segment, however many rows there are. An alias is a segment that leads on to another place of the tree.
 */
#include "edge/route.h"

#include "base/buf.h"
#include "base/id.h"

#define METHODS (DM_HEAD + 1)
#define PATH_BYTES_MAX 1024

/* One segment of some path. Siblings are a list; a parameter takes any UUID. */
struct node {
    struct dm_str literal; /* absent: a parameter, or the root */
    struct node *child, *sibling, *param_child;
    size_t row[METHODS]; /* DM_NO_ROW: not served here */
    unsigned allowed;
    const struct dm_alias *alias; /* NULL: it is none */
    struct node *successor;       /* of an alias: where the search goes on */
};

/* A row as one major has it. */
struct entry {
    const struct dm_route *route;
    const struct dm_version *version; /* NULL: at the root */
    const char *path;                 /* with the base */
};

struct dm_router {
    struct dm_surface surface;
    const struct dm_version *newest;
    size_t n;
    struct entry *entries;
    struct node *root;
    struct dm_arena *arena; /* all of the above lives here */
};

static struct node *node_new(struct dm_router *router, struct dm_str literal)
{
    struct node *node = dm_arena_alloc(router->arena, sizeof(*node));
    if (!node)
        return NULL;
    node->literal = literal;
    for (size_t i = 0; i < METHODS; i++)
        node->row[i] = DM_NO_ROW;
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

/* The node of a path, made with all that lead to it. NULL: there is no more memory, or *ret_alias stands in the way. */
static struct node *grow_path(struct dm_router *router, const char *path,
                              const struct dm_alias **ret_alias)
{
    struct node *node = router->root;
    struct dm_str rest = dm_str_from(path + 1), part;
    while (node && dm_str_next(&rest, '/', &part)) {
        node = grow_child(router, node, part);
        if (node && node->alias) {
            *ret_alias = node->alias;
            return NULL;
        }
    }
    return node;
}

static enum dm_result add_path(struct dm_router *router, size_t index, struct dm_err *err)
{
    const struct entry *entry = &router->entries[index];
    enum dm_method method = entry->route->method;
    const struct dm_alias *none = NULL; /* aliases come after the rows */
    struct node *node = grow_path(router, entry->path, &none);
    if (!node)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    if (node->row[method] != DM_NO_ROW)
        return defect_of(err, entry->route, "another row has the same method and path");
    node->row[method] = index;
    node->allowed |= 1u << method | 1u << DM_OPTIONS;
    if (method == DM_GET) {
        node->row[DM_HEAD] = index;
        node->allowed |= 1u << DM_HEAD;
    }
    return DM_OK;
}

/* May a client of one major meet both? */
static bool meet(const struct entry *a, const struct entry *b)
{
    return !a->version || !b->version || a->version == b->version;
}

static enum dm_result add_entry(struct dm_router *router, struct entry entry, struct dm_err *err)
{
    struct dm_str path = entry.version
                             ? dm_arena_printf(router->arena, DM_MAJOR_BASE "%s",
                                               entry.version->major, entry.route->path)
                             : dm_arena_str(router->arena, dm_str_from(entry.route->path));
    if (!path.p)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    entry.path = path.p;
    for (size_t i = 0; i < router->n; i++)
        if (meet(&router->entries[i], &entry) &&
            strcmp(router->entries[i].route->name, entry.route->name) == 0)
            return defect_of(err, entry.route, "another row has the same name");
    router->entries[router->n] = entry;
    return add_path(router, router->n++, err);
}

static bool serves(const struct dm_version *version, const struct dm_route *route)
{
    return !version->retired && version->major >= route->since &&
           (route->until == 0 || version->major <= route->until);
}

/* The row in each major that has it. */
static enum dm_result add_row(struct dm_router *router, const struct dm_route *route,
                              struct dm_err *err)
{
    const char *defect = dm_route_defect(route);
    if (defect)
        return defect_of(err, route, defect);
    if (route->at_root)
        return add_entry(router, (struct entry){.route = route}, err);
    size_t before = router->n;
    for (size_t i = 0; i < router->surface.n_versions; i++) {
        const struct dm_version *version = &router->surface.versions[i];
        enum dm_result result = DM_OK;
        if (serves(version, route))
            result = add_entry(router, (struct entry){.route = route, .version = version}, err);
        if (result != DM_OK)
            return result;
    }
    return router->n > before ? DM_OK : defect_of(err, route, "no major serves it");
}

static enum dm_result add_rows(struct dm_router *router, struct dm_err *err)
{
    const struct dm_surface *surface = &router->surface;
    for (size_t i = 0; i < surface->n_resources; i++) {
        for (size_t j = 0; j < surface->resources[i]->n_rows; j++) {
            enum dm_result result = add_row(router, &surface->resources[i]->rows[j], err);
            if (result != DM_OK)
                return result;
        }
    }
    return DM_OK;
}

/* The node of a path that rows have made. NULL: there is none. */
static struct node *find_path(const struct dm_router *router, const char *path)
{
    struct node *node = router->root;
    struct dm_str rest = dm_str_from(path + 1), part;
    while (node && dm_str_next(&rest, '/', &part))
        node = find_child(node, part);
    return node;
}

static enum dm_result add_alias(struct dm_router *router, const struct dm_alias *alias,
                                struct dm_err *err)
{
    const struct dm_alias *in_the_way = NULL;
    const char *defect = dm_deprecation_defect(&alias->deprecated);
    if (!defect && (alias->path[0] != '/' || strchr(alias->path, '{')))
        defect = "its path is none, or has parameters";
    struct node *successor = defect ? NULL : find_path(router, alias->successor);
    if (!defect && (!successor || successor->alias))
        defect = "no row stands where it leads";
    struct node *node = defect ? NULL : grow_path(router, alias->path, &in_the_way);
    if (!defect && (in_the_way || (node && (node->child || node->param_child || node->allowed))))
        defect = "something stands at its path already";
    if (defect)
        return dm_err_set(err, DM_E_INVALID, "alias %s: %s", alias->path, defect);
    if (!node)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    node->alias = alias;
    node->successor = successor;
    return DM_OK;
}

/* Finds the newest major, too. */
static enum dm_result check_versions(struct dm_router *router, struct dm_err *err)
{
    int before = 0;
    for (size_t i = 0; i < router->surface.n_versions; i++) {
        const struct dm_version *version = &router->surface.versions[i];
        const char *defect =
            version->major > before ? NULL : "it is not greater than the one before";
        if (!defect && version->deprecated)
            defect = dm_deprecation_defect(version->deprecated);
        if (defect)
            return dm_err_set(err, DM_E_INVALID, "major %d: %s", version->major, defect);
        before = version->major;
        if (!version->retired)
            router->newest = version;
    }
    return router->newest ? DM_OK : dm_err_set(err, DM_E_INVALID, "there is no major to serve");
}

static enum dm_result fill(struct dm_router *router, struct dm_err *err)
{
    const struct dm_surface *surface = &router->surface;
    size_t n_rows = 0;
    for (size_t i = 0; i < surface->n_resources; i++)
        n_rows += surface->resources[i]->n_rows;
    enum dm_result result = check_versions(router, err);
    if (result != DM_OK)
        return result;
    router->arena = dm_arena_new(16384, 4 * 1024 * 1024);
    if (!router->arena)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    router->entries =
        dm_arena_array(router->arena, n_rows * surface->n_versions, sizeof(*router->entries));
    router->root = node_new(router, (struct dm_str){NULL, 0});
    if (!router->entries || !router->root)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    result = add_rows(router, err);
    for (size_t i = 0; i < surface->n_aliases && result == DM_OK; i++)
        result = add_alias(router, &surface->aliases[i], err);
    return result;
}

enum dm_result dm_router_new(const struct dm_surface *surface, struct dm_err *err,
                             struct dm_router **ret_router)
{
    struct dm_router *router = calloc(1, sizeof(*router));
    if (!router)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    router->surface = *surface;
    enum dm_result result = fill(router, err);
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
    *ret_match = (struct dm_match){.index = DM_NO_ROW};
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
        if (child && child->alias) {
            ret_match->alias = child->alias;
            child = child->successor;
        }
        node = child;
    }
    if (!node || !node->allowed) {
        ret_match->alias = NULL;
        return;
    }
    ret_match->allowed = node->allowed;
    ret_match->index = node->row[method];
    if (ret_match->index != DM_NO_ROW)
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

const struct dm_version *dm_router_version(const struct dm_router *router, size_t index)
{
    return router->entries[index].version;
}

const struct dm_deprecation *dm_router_deprecation(const struct dm_router *router, size_t index)
{
    const struct entry *entry = &router->entries[index];
    if (entry->route->deprecated)
        return entry->route->deprecated;
    return entry->version ? entry->version->deprecated : NULL;
}

size_t dm_router_find(const struct dm_router *router, int major, const char *name)
{
    for (size_t i = 0; i < router->n; i++) {
        const struct entry *entry = &router->entries[i];
        if ((!entry->version || entry->version->major == major) &&
            strcmp(entry->route->name, name) == 0)
            return i;
    }
    return DM_NO_ROW;
}

struct dm_str dm_router_fill(const struct dm_router *router, size_t index,
                             const struct dm_str params[DM_PATH_PARAMS_MAX], struct dm_arena *arena)
{
    struct dm_buf path;
    struct dm_str rest = dm_str_from(router->entries[index].path + 1), part;
    size_t n_params = 0;
    dm_buf_init(&path, arena, PATH_BYTES_MAX);
    while (dm_str_next(&rest, '/', &part)) {
        if (part.n > 0 && part.p[0] == '{')
            part = params[n_params++];
        if (!part.p)
            return part;
        dm_buf_add_char(&path, '/');
        dm_buf_add(&path, part);
    }
    return dm_buf_failed(&path) ? (struct dm_str){NULL, 0} : dm_buf_str(&path);
}

const struct dm_version *dm_router_newest(const struct dm_router *router)
{
    return router->newest;
}

const struct dm_surface *dm_router_surface(const struct dm_router *router)
{
    return &router->surface;
}

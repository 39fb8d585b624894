/*
 * One row an endpoint. From the row, and nothing else, come routing, 405 and OPTIONS, authentication, scope, rate class, validation,
 * the metrics and log label, the span's name and the OpenAPI document. A row that leaves auth or limit unsaid stops the start.
 */
#ifndef DM_EDGE_ROUTE_H
#define DM_EDGE_ROUTE_H

#include "base/arena.h"
#include "base/result.h"
#include "domain/principal.h"
#include "edge/deprecation.h"
#include "edge/request.h"
#include "edge/shape.h"

enum dm_auth {
    DM_AUTH_UNSAID = 0,
    DM_AUTH_NONE, /* anyone */
    DM_AUTH_USER, /* a session, or an API key with the scope */
    DM_AUTH_JWT,  /* a person's session, never a key */
    DM_AUTH_ADMIN, /* a session of the role, or better; by GET a key of such an account with the row's scope */
    DM_AUTH_SUPERADMIN,
    DM_AUTH_LOOPBACK, /* the machine itself: 404 for everyone else */
};

enum dm_limit_class {
    DM_LIMIT_UNSAID = 0,
    DM_LIMIT_NONE,    /* health and metrics only */
    DM_LIMIT_READ,    /* the windows of the caller's role, at limits.cost_read */
    DM_LIMIT_WRITE,   /* the same windows, at limits.cost_write */
    DM_LIMIT_AUTH,    /* limits.auth, by address */
    DM_LIMIT_REFRESH, /* needs room in limits.auth; the handler counts with dm_limit_session */
    DM_LIMIT_MODEL,   /* limits.model, and the role's own at limits.cost_model */
    DM_LIMIT_EXPORT,  /* limits.export, and the role's own at limits.cost_export */
    DM_LIMIT_SESSION, /* limits.refresh: not for rows, see dm_limit_session */
    DM_LIMIT_LAST = DM_LIMIT_SESSION,
};

enum dm_door { DM_DOOR_API = 0, DM_DOOR_STREAM }; /* which socket the proxy must use */

#define DM_PATH_PARAMS_MAX 3

struct dm_route {
    const char *name; /* "personality.create": metrics and log label, OpenAPI operationId */
    enum dm_method method;
    const char *
        path; /* below each major's base, unless at_root: "/personality/{profileId}"; parameters are UUIDs */
    bool at_root; /* the path stands at the site's root, the same for all majors */
    /* The first and the last major that serves it; 0: from the first on, to the newest. */
    int since, until;
    const struct dm_deprecation *deprecated; /* NULL: not */
    enum dm_auth auth;
    /* With DM_AUTH_USER: must be said. With ADMIN and SUPERADMIN: of a GET that an API key may call too. Else none. */
    enum dm_scope scope;
    enum dm_limit_class limit;
    enum dm_door door;
    const struct dm_shape *query;       /* NULL: no query members allowed */
    const struct dm_shape *request;     /* NULL: no body allowed */
    const struct dm_shape *response;    /* NULL: no body, or `media` */
    const struct dm_shape *response_or; /* another body that may come instead: dm_call_out_or */
    const char *
        media; /* response's Content-Type when it is not application/json by shape; handler writes the body */
    int status;        /* on success */
    int status_unwell; /* another that the handler may set, with the same body; 0: none */
    bool
        merge_patch; /* the body is an RFC 7396 patch of `request`: the handler calls dm_call_merge */
    bool idempotent_key; /* Idempotency-Key is honoured */
    /* With idempotent_key: the reply is never stored; a retry runs the handler again, which finds what stands. */
    bool tells_secret;
    bool if_match; /* If-Match is honoured; the reply has an ETag */
    const char *summary;
    enum dm_result (*serve)(struct dm_call *call);
};

/* A resource's rows. */
struct dm_routes {
    const struct dm_route *rows;
    size_t n_rows;
};
#define DM_ROUTES(table)                                                                           \
    {                                                                                              \
        (table), sizeof(table) / sizeof((table)[0])                                                \
    }

#define DM_MAJOR_BASE "/api/v%d" /* where a major's routes stand, for printf */

/* A major version of the API: the rows that it is not outside of. */
struct dm_version {
    int major;
    int64_t released_s;                      /* its first day, in seconds since 1970 */
    const struct dm_deprecation *deprecated; /* NULL: not */
    bool retired;                            /* no row serves it any more: it is only told of */
};

/* An old path that answers as a newer one does, with all that lies below it. */
struct dm_alias {
    const char *path;      /* "/api/auth": neither this nor anything below may be a row's */
    const char *successor; /* "/api/v1/auth" */
    struct dm_deprecation deprecated;
};

/* All that the API is made of. Borrowed, with all that it points to. */
struct dm_surface {
    const struct dm_routes *const *resources;
    size_t n_resources;
    const struct dm_version *versions; /* oldest first; at least one that is not retired */
    size_t n_versions;
    const struct dm_alias *aliases;
    size_t n_aliases;
};

struct dm_router; /* all rows, checked and indexed: a row once for each major that has it */

/*
 * Check every row and build the index. DM_E_INVALID: err->detail names the row and its defect. What surface points to must outlive the
 * router. Caller frees with dm_router_free.
 */
DM_MUST_CHECK enum dm_result dm_router_new(const struct dm_surface *surface, struct dm_err *err,
                                           struct dm_router **ret_router);
void dm_router_free(struct dm_router *router); /* NULL allowed */
/* A sentence on the first rule that the row breaks by itself, else NULL. */
const char *dm_route_defect(const struct dm_route *route);

#define DM_NO_ROW SIZE_MAX

struct dm_match {
    const struct dm_route *route;             /* NULL: none for this method */
    size_t index;                             /* of the row among all; DM_NO_ROW without one */
    const struct dm_alias *alias;             /* the old path that led there; NULL: none did */
    struct dm_str params[DM_PATH_PARAMS_MAX]; /* views of the path: UUIDs in either case */
    unsigned
        allowed; /* bit 1 << enum dm_method for each method this path answers, OPTIONS and HEAD too; 0: unknown path */
};

/* Which row serves the method at the path, as sent: fixed parts byte for byte, so "%", "//", "." and a final "/" match nothing. HEAD goes to GET's row. */
void dm_router_match(const struct dm_router *router, enum dm_method method, struct dm_str path,
                     struct dm_match *ret_match);
size_t dm_router_count(const struct dm_router *router);
const struct dm_route *dm_router_row(const struct dm_router *router, size_t index);
/* The path as a client writes it: "/api/v1/personality/{profileId}"; lives as long as the router. */
const char *dm_router_path(const struct dm_router *router, size_t index);
/* NULL: the row stands at the root and has none. */
const struct dm_version *dm_router_version(const struct dm_router *router, size_t index);
/* The row's own, or else its major's; NULL: it is here to stay. */
const struct dm_deprecation *dm_router_deprecation(const struct dm_router *router, size_t index);
/* The row of that name, which the major serves or which stands at the root; DM_NO_ROW: none. */
size_t dm_router_find(const struct dm_router *router, int major, const char *name);
/*
 * The row's path with params in the place of its parameters, in their order. Absent when one is, or when the arena is full, where it
 * lives.
 */
struct dm_str dm_router_fill(const struct dm_router *router, size_t index,
                             const struct dm_str params[DM_PATH_PARAMS_MAX],
                             struct dm_arena *arena);
const struct dm_version *dm_router_newest(const struct dm_router *router);
const struct dm_surface *dm_router_surface(const struct dm_router *router);

#endif

/* What the files of the OpenAPI document share: openapi.c is the whole, the others are its parts. */
#ifndef DM_EDGE_OPENAPI_INTERNAL_H
#define DM_EDGE_OPENAPI_INTERNAL_H

#include "base/json_write.h"
#include "edge/problem.h"
#include "edge/route.h"
#include "edge/shape_internal.h"

/* openapi_components.c */

/* A problem that rows' descriptions tell of, by status; all others are under `default`. */
struct dm_openapi_response {
    enum dm_problem problem;
    const char *name;   /* among components/responses */
    const char *text;   /* its description */
    const char *header; /* among components/headers; NULL: none of its own */
};
#define DM_OPENAPI_RESPONSES 12
extern const struct dm_openapi_response dm_openapi_responses[DM_OPENAPI_RESPONSES];

/* {"$ref": "#/components/KIND/NAMESUFFIX"} */
void dm_openapi_ref(struct dm_json_writer *w, const char *kind, const char *name,
                    const char *suffix);
/* The member of a "headers" object. key: among components/headers. */
void dm_openapi_header_ref(struct dm_json_writer *w, const char *key);
/* The members that every answer has. */
void dm_openapi_common_headers(struct dm_json_writer *w);
/* The members of "components" besides "schemas". */
void dm_openapi_components(struct dm_json_writer *w);

/* openapi_schemas.c */

struct dm_openapi_schema;
struct dm_openapi_schemas {
    struct dm_arena *arena; /* borrowed */
    struct dm_openapi_schema *list;
    size_t n, cap;
    enum dm_result result; /* DM_E_INVALID: two shapes of one name; DM_E_NOMEM */
};

/* The shape in that form and all it refers to. What goes both ways under one name is told as it is in a reply. */
void dm_openapi_schemas_add(struct dm_openapi_schemas *schemas, const struct dm_shape *shape,
                            enum dm_form form);
/* The member "schemas", by name. */
void dm_openapi_schemas_write(struct dm_openapi_schemas *schemas, struct dm_json_writer *w);

/* openapi_row.c */

/* A row, and what it owes to others. */
struct dm_openapi_operation {
    const struct dm_route *row;
    const struct dm_deprecation *deprecation; /* NULL: none */
    bool versioned; /* a row of this path minds If-Match: so the others tell the ETag */
};
enum dm_form dm_openapi_request_form(const struct dm_route *row);
/* The member of a path's object. */
void dm_openapi_operation(struct dm_json_writer *w, const struct dm_openapi_operation *operation);

#endif

/* The rows and their shapes as an OpenAPI document: what GET /api/v1/openapi.json and `digitalmectl
 * openapi` give. */
#ifndef DM_EDGE_OPENAPI_H
#define DM_EDGE_OPENAPI_H

#include "base/buf.h"
#include "base/result.h"
#include "edge/route.h"

/*
 * Append the document of one major, with the rows at the root: OpenAPI 3.1.0, indented by two spaces and ended by a newline; the same rows
 * give the same bytes. Old paths are not among the paths: "x-aliases" tells where each leads. program_version: of the program.
 * DM_E_INVALID: two shapes of one name; DM_E_NOMEM: no memory, or more than out may hold.
 */
DM_MUST_CHECK enum dm_result dm_openapi_print(const struct dm_router *router, int major,
                                              const char *program_version, struct dm_buf *out);

#endif

/* The walk of one request: the heart of the edge, one screen in serve.c. */
#ifndef DM_EDGE_SERVE_H
#define DM_EDGE_SERVE_H

#include "edge/request.h"
#include "edge/response.h"
#include "edge/server.h"

/* Answer one request. Everything made lives in the arena, which the caller resets after writing the reply. Always leaves a complete reply. */
void dm_serve(const struct dm_server *server, struct dm_arena *arena,
              const struct dm_request *request, struct dm_response *response);

#endif

/* Which pages of other sites may call from a browser (CORS, the Fetch standard §3.3), by the configured list of origins. */
#ifndef DM_EDGE_CORS_H
#define DM_EDGE_CORS_H

#include "edge/call.h"

/*
 * Set the reply's CORS fields: Vary when there is a list at all, the others for an origin in it. methods: what the path answers, as in
 * Allow; absent when nothing does. True: the request was a preflight, and the reply is complete.
 */
bool dm_cors(struct dm_call *call, struct dm_str methods);

#endif

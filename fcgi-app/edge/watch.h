/* Watching for attacks: what of a request has signals (edge/signal.h) is counted and told, by its place and never by its value. */
#ifndef DM_EDGE_WATCH_H
#define DM_EDGE_WATCH_H

#include "edge/call.h"

/*
 * Look through path, query, User-Agent and body. Each kind of signal is counted once a request, and is one line of the log: where it was most
 * out of place. To be called when the request has been served, with its ctx as it is then.
 */
void dm_watch(struct dm_call *call);

#endif

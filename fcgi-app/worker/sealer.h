/* The worker's keeper of the audit trail: a thread of its own, so that no job holds up the sealing of what was done. */
#ifndef DM_WORKER_SEALER_H
#define DM_WORKER_SEALER_H

#include "worker/worker.h"

struct dm_sealer;

/* Start the thread. NULL when out of memory or threads. Caller frees with dm_sealer_free. */
struct dm_sealer *dm_sealer_new(const struct dm_worker_options *options);
/* Seal what waits once more, and end. NULL allowed. */
void dm_sealer_free(struct dm_sealer *sealer);

#endif

/* The signing keys of the API: what becomes of them while it runs is logged and counted. */
#ifndef DM_API_KEYS_H
#define DM_API_KEYS_H

#include "base/key_ring.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/settings.h"

struct dm_api_keys {
    struct dm_log *log; /* borrowed, as are the metrics */
    struct dm_metrics *metrics;
    struct dm_metric_cell *count, *taken, *faults; /* made by dm_api_keys_open */
};

/* The ring of these settings; keys must outlive it. Errors of dm_key_ring_open. Caller frees with dm_key_ring_close. */
DM_MUST_CHECK enum dm_result dm_api_keys_open(struct dm_api_keys *keys,
                                              const struct dm_settings *settings,
                                              struct dm_err *err, struct dm_key_ring **ret_ring);

#endif

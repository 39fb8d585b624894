/* A rotation shows in the log of every process that saw it; a bad file in the folder shows as an error, and in a counter to alert on. */
#include "api/keys.h"

#include "base/clock.h"
#include "domain/startup.h"

static const char *const result_labels[] = {"result", NULL};

static const struct dm_metric_family key_count = {
    .name = "digitalme_signing_keys",
    .kind = DM_GAUGE,
    .help = "Signing keys in force, of any state.",
};
static const struct dm_metric_family loads = {
    .name = "digitalme_signing_key_loads_total",
    .kind = DM_COUNTER,
    .help = "Times the folder of signing keys was read: taken, or at fault (some file or all of it "
            "was not taken).",
    .labels = result_labels,
};

static const char *current_kid(const struct dm_jwt_keys *keys)
{
    int64_t now_s = dm_clock_wall_ms() / 1000;
    for (size_t i = 0; i < dm_jwt_keys_count(keys); i++) {
        struct dm_jwt_key_info info = dm_jwt_keys_info(keys, i, now_s);
        if (info.state == DM_JWT_CURRENT)
            return info.kid;
    }
    return "";
}

static void changed(void *arg, const struct dm_jwt_keys *keys, const char *fault)
{
    const struct dm_api_keys *own = arg;
    dm_metric_set(own->count, (int64_t)dm_jwt_keys_count(keys));
    dm_metric_add(fault ? own->faults : own->taken, 1);
    if (fault)
        dm_log(own->log, DM_ERROR, NULL, "a signing key cannot be used",
               DM_ATTR("error.message", fault));
    dm_log(own->log, DM_INFO, NULL, "signing keys",
           DM_ATTR("digitalme.keys.current", current_kid(keys)),
           DM_ATTR("digitalme.keys.count", (int64_t)dm_jwt_keys_count(keys)));
}

enum dm_result dm_api_keys_open(struct dm_api_keys *keys, const struct dm_settings *settings,
                                struct dm_err *err, struct dm_key_ring **ret_ring)
{
    keys->count = dm_metrics_cell(keys->metrics, &key_count, NULL);
    keys->taken = dm_metrics_cell(keys->metrics, &loads, (const char *[]){"taken"});
    keys->faults = dm_metrics_cell(keys->metrics, &loads, (const char *[]){"fault"});
    if (!keys->count || !keys->taken || !keys->faults)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    struct dm_key_ring_options options = dm_startup_key_ring_options(settings);
    options.changed = changed;
    options.arg = keys;
    return dm_key_ring_open(&options, err, ret_ring);
}

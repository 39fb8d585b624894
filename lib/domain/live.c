/* Snapshots of the settings with a count of their users, behind one lock that is held for a few instructions. */
#include "domain/live.h"

#include <pthread.h>
#include <stddef.h>

#include "domain/startup.h"

struct snapshot {
    struct dm_domain domain;
    struct dm_config *config; /* that its settings live in; NULL for the first, whose is not ours */
    unsigned users;
};

struct dm_live {
    pthread_mutex_t lock; /* guards current and every snapshot's users */
    struct snapshot *current;
    const struct dm_config *first;
    const char *config_file;
};

static struct snapshot *snapshot_new(const struct dm_domain *domain, struct dm_config *config)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return NULL;
    snapshot->domain = *domain;
    snapshot->config = config;
    if (config)
        snapshot->domain.settings = dm_config_values(config);
    return snapshot;
}

static void snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    dm_config_free(snapshot->config);
    dm_secret_wipe(&snapshot->domain, sizeof(snapshot->domain));
    free(snapshot);
}

struct dm_live *dm_live_new(const struct dm_domain *first, const struct dm_config *config,
                            const char *config_file)
{
    struct dm_live *live = calloc(1, sizeof(*live));
    if (!live)
        return NULL;
    live->current = snapshot_new(first, NULL);
    if (!live->current) {
        free(live);
        return NULL;
    }
    live->first = config;
    live->config_file = config_file;
    pthread_mutex_init(&live->lock, NULL);
    return live;
}

void dm_live_free(struct dm_live *live)
{
    if (!live)
        return;
    snapshot_free(live->current);
    pthread_mutex_destroy(&live->lock);
    free(live);
}

const struct dm_domain *dm_live_take(struct dm_live *live)
{
    pthread_mutex_lock(&live->lock);
    struct snapshot *snapshot = live->current;
    snapshot->users++;
    pthread_mutex_unlock(&live->lock);
    return &snapshot->domain;
}

void dm_live_give(struct dm_live *live, const struct dm_domain *domain)
{
    struct snapshot *snapshot =
        (struct snapshot *)((uintptr_t)domain - offsetof(struct snapshot, domain));
    pthread_mutex_lock(&live->lock);
    bool last = --snapshot->users == 0 && snapshot != live->current;
    pthread_mutex_unlock(&live->lock);
    if (last)
        snapshot_free(snapshot);
}

static void replace(struct dm_live *live, struct snapshot *fresh)
{
    pthread_mutex_lock(&live->lock);
    struct snapshot *old = live->current;
    live->current = fresh;
    bool unused = old->users == 0;
    pthread_mutex_unlock(&live->lock);
    if (unused)
        snapshot_free(old);
}

/* Names of those changed keys that are reloadable, or of those that are not. */
struct names {
    bool reloadable;
    struct dm_buf text;
};

static void add_name(void *arg, const struct dm_config_key *key)
{
    struct names *names = arg;
    if (key->reloadable != names->reloadable || dm_buf_failed(&names->text))
        return;
    dm_buf_add_c(&names->text, names->text.n > 0 ? " " : "");
    dm_buf_add_c(&names->text, key->name);
}

static void list_changes(const struct dm_config *old, const struct dm_config *fresh,
                         bool reloadable, char ret_names[DM_LIVE_NAMES])
{
    struct names names = {
        .reloadable = reloadable,
        .text = {.p = ret_names, .cap = DM_LIVE_NAMES - 1, .max = DM_LIVE_NAMES - 1}};
    dm_config_differences(old, fresh, add_name, &names);
    ret_names[names.text.n] = '\0';
}

enum dm_result dm_live_reload(struct dm_live *live, struct dm_err *err,
                              struct dm_live_report *ret_report)
{
    struct dm_config *config;
    enum dm_result result = dm_startup_config(live->config_file, err, &config);
    if (result != DM_OK)
        return result;
    const struct dm_config *current = live->current->config ? live->current->config : live->first;
    list_changes(live->first, config, false, ret_report->waiting);
    list_changes(current, config, true, ret_report->taken);
    dm_config_hold(config, live->first);
    struct snapshot *fresh = snapshot_new(&live->current->domain, config);
    if (!fresh) {
        dm_config_free(config);
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    }
    replace(live, fresh);
    return DM_OK;
}

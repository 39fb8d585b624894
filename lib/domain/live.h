/*
 * The settings of a program that runs: they can be read again. What the rules work with is a snapshot that never changes; a request or a job takes
 * the newest and keeps it to its end, and an old one goes with its last user. Thread-safe, but for dm_live_reload, which one thread calls.
 */
#ifndef DM_DOMAIN_LIVE_H
#define DM_DOMAIN_LIVE_H

#include "domain/domain.h"

struct dm_live;

/*
 * first: complete; copied, so what it points to lives as long, and so does config, which its settings came from (NULL: there is nothing
 * to read again). config_file: as dm_startup_config had it; borrowed. NULL when out of memory. Caller frees with dm_live_free.
 */
struct dm_live *dm_live_new(const struct dm_domain *first, const struct dm_config *config,
                            const char *config_file);
void dm_live_free(struct dm_live *live); /* nobody may use a snapshot any more; NULL allowed */

/* The newest snapshot, for as long as a request or a job takes; dm_live_give must follow. */
const struct dm_domain *dm_live_take(struct dm_live *live);
void dm_live_give(struct dm_live *live, const struct dm_domain *domain);

/* Names of keys, with a space between; cut off when they do not fit. */
#define DM_LIVE_NAMES 1024
struct dm_live_report {
    char taken[DM_LIVE_NAMES]; /* changed, and taken over */
    char waiting
        [DM_LIVE_NAMES]; /* other than what the program started with: a restart takes them over */
};

/*
 * Read the configuration again, as at the start: reloadable keys get their new values, all others keep those of the start. Errors are
 * those of dm_startup_config; then everything stays as it was.
 */
DM_MUST_CHECK enum dm_result dm_live_reload(struct dm_live *live, struct dm_err *err,
                                            struct dm_live_report *ret_report);

#endif

/* What a command that works with the database has: settings, pools, memory, and time. */
#ifndef DM_CTL_PROGRAM_H
#define DM_CTL_PROGRAM_H

#include "base/ctx.h"
#include "ctl/ctl.h"
#include "domain/domain.h"

struct dm_ctl_program {
    struct dm_config *config;
    struct dm_domain domain; /* settings, PostgreSQL, Redis, hash pool, keys of secrets at rest */
    struct dm_ctx ctx;
};

/* 0, or the exit status after having complained; close in both cases. timeout_ms: for all that the command does. */
int dm_ctl_program_open(const struct dm_ctl_options *options, int64_t timeout_ms,
                        struct dm_ctl_program *ret_program);
void dm_ctl_program_close(struct dm_ctl_program *program);

#endif

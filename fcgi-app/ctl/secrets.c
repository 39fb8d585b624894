/* `secrets reencrypt`: every secret at rest under encryption.key. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/program.h"
#include "domain/vault.h"

#define BATCH_MS 30000

/* One column, batch by batch; what was done stays done, whatever comes then. */
static enum dm_result renew_column(struct dm_ctl_program *program, struct dm_vault_walk *walk)
{
    enum dm_result result = DM_OK;
    while (result == DM_OK && !walk->done) {
        dm_arena_reset(program->ctx.arena);
        program->ctx.deadline_ms = dm_clock_monotonic_ms() + BATCH_MS;
        result = dm_vault_renew(&program->domain, &program->ctx, walk);
    }
    return result;
}

static int reencrypt(struct dm_ctl_program *program)
{
    int status = 0;
    for (size_t i = 0; i < DM_SEALED_COLUMNS; i++) {
        struct dm_vault_walk walk = {.column = &dm_sealed_columns[i]};
        struct dm_vault_census census;
        enum dm_result result = renew_column(program, &walk);
        if (result == DM_OK)
            result = dm_vault_count(&program->domain, &program->ctx, walk.column, &census);
        if (result != DM_OK)
            return dm_ctl_fail(program->ctx.err.detail);
        printf("%s.%s: %lld encrypted anew, %lld now under key %s; left as they are: %lld under "
               "unknown "
               "keys, %lld damaged\n",
               walk.column->table, walk.column->column, (long long)walk.renewed,
               (long long)census.current, program->domain.sealed_keys.current.id,
               (long long)walk.unknown_key, (long long)walk.damaged);
        status |= walk.unknown_key + walk.damaged > 0;
    }
    return fflush(stdout) == 0 ? status : 1;
}

int dm_ctl_secrets_reencrypt(const struct dm_ctl_options *options, int argc, char **argv)
{
    int status = dm_ctl_no_arguments("secrets reencrypt", argc, argv);
    if (status != 0)
        return status;
    struct dm_ctl_program program;
    status = dm_ctl_program_open(options, BATCH_MS, &program);
    if (status == 0)
        status = reencrypt(&program);
    dm_ctl_program_close(&program);
    return status;
}

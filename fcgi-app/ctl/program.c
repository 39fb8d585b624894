/* The start and the end that commands share. */
#include "ctl/program.h"

#include "base/clock.h"
#include "domain/startup.h"

#define ARENA_BYTES (64 * 1024)
#define ARENA_BYTES_MAX (16 * 1024 * 1024)

int dm_ctl_program_open(const struct dm_ctl_options *options, int64_t timeout_ms,
                        struct dm_ctl_program *ret_program)
{
    struct dm_ctl_program *program = ret_program;
    struct dm_err err = {0};
    *program = (struct dm_ctl_program){0};
    if (dm_startup_config(options->config_file, &err, &program->config) != DM_OK)
        return dm_ctl_fail(err.detail);
    dm_startup_process();
    const struct dm_settings *settings = dm_config_values(program->config);
    program->domain = (struct dm_domain){
        .settings = settings,
        .pg = dm_startup_pg(settings, "digitalmectl"),
        .kv = dm_startup_kv(settings),
        .hashes = dm_startup_hash_pool(settings),
    };
    program->ctx = (struct dm_ctx){
        .arena = dm_arena_new(ARENA_BYTES, ARENA_BYTES_MAX),
        .deadline_ms = dm_clock_monotonic_ms() + timeout_ms,
    };
    dm_trace_start(&program->ctx.trace, (struct dm_str){0});
    if (dm_startup_sealed_keys(settings, &err, &program->domain.sealed_keys) != DM_OK)
        return dm_ctl_fail(err.detail);
    bool whole = program->domain.pg != NULL && program->domain.kv != NULL &&
                 program->domain.hashes != NULL && program->ctx.arena != NULL;
    return whole ? 0 : dm_ctl_fail("out of memory");
}

void dm_ctl_program_close(struct dm_ctl_program *program)
{
    dm_hash_pool_free(program->domain.hashes);
    dm_kv_close(program->domain.kv);
    dm_pg_close(program->domain.pg);
    dm_arena_free(program->ctx.arena);
    dm_config_free(program->config);
}

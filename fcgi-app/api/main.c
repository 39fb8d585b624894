/* digitalme-api: the FastCGI responder. Reads as a table of contents; each line's work is in the
 * module it names. */

#include "api/api.h"
#include "api/keys.h"
#include "base/clock.h"
#include "domain/api_key_check.h"
#include "domain/page.h"
#include "domain/passwords.h"
#include "domain/revocation.h"
#include "domain/startup.h"
#include "domain/token.h"
#include "edge/server.h"

#define PROGRAM "digitalme-api"
#define COUNTS_MS 5000 /* for writing the counts at the end */

struct program {
    struct dm_config *config;
    struct dm_log *log;
    struct dm_domain domain;
    struct dm_router *router;
    struct dm_metrics *metrics;
    struct dm_api_keys keys;
    struct dm_live *live;
    struct dm_server *server;
    char instance_id[DM_INSTANCE_ID_TEXT];
    int64_t started_us;
};

static enum dm_result open_domain(struct program *p, const struct dm_settings *settings,
                                  struct dm_err *err)
{
    struct dm_domain *domain = &p->domain;
    domain->settings = settings;
    p->keys = (struct dm_api_keys){.log = p->log, .metrics = p->metrics};
    enum dm_result result = dm_api_keys_open(&p->keys, settings, err, &domain->key_ring);
    if (result != DM_OK)
        return result;
    domain->pg = dm_startup_pg(settings, PROGRAM);
    domain->kv = dm_startup_kv(settings);
    domain->token_cache = dm_token_cache_new((size_t)settings->token_cache_entries);
    domain->api_key_cache = dm_api_key_cache_new((size_t)settings->api_keys_cache_entries);
    domain->hashes = dm_startup_hash_pool(settings);
    if (!domain->pg || !domain->kv || !domain->token_cache || !domain->api_key_cache ||
        !domain->hashes)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    struct dm_pg_options pg_options = dm_startup_pg_options(settings, PROGRAM " listener");
    domain->revocations = dm_revocation_new(domain, &pg_options);
    if (!domain->revocations)
        return dm_err_set(err, DM_E_NOMEM, "out of memory or threads");
    result = dm_startup_sealed_keys(settings, err, &domain->sealed_keys);
    if (result == DM_OK)
        result = dm_page_load(settings, err, &domain->page);
    return result == DM_OK ? dm_passwords_prepare(domain, err) : result;
}

static enum dm_result open_program(struct program *p, const char *config_file, struct dm_err *err)
{
    enum dm_result result = dm_startup_config(config_file, err, &p->config);
    if (result != DM_OK)
        return result;
    const struct dm_settings *settings = dm_config_values(p->config);
    dm_startup_instance_id(settings, p->instance_id);
    p->log = dm_startup_log(settings, PROGRAM, p->instance_id);
    p->metrics = dm_metrics_new();
    if (!p->log || !p->metrics)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    result = dm_api_router(err, &p->router);
    if (result == DM_OK)
        result = open_domain(p, settings, err);
    if (result != DM_OK)
        return result;
    p->live = dm_live_new(&p->domain, p->config, config_file);
    if (!p->live)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    p->server = dm_server_new(&(struct dm_server_options){
        .domain = &p->domain,
        .live = p->live,
        .router = p->router,
        .log = p->log,
        .metrics = p->metrics,
        .version = PACKAGE_VERSION,
        .instance_id = p->instance_id,
        .started_wall_ms = dm_clock_wall_ms(),
    });
    return p->server ? DM_OK : dm_err_set(err, DM_E_NOMEM, "out of memory");
}

/* The uses of API keys that were to be written with the next minute's. */
static void write_counts(const struct dm_domain *domain)
{
    struct dm_ctx ctx = {.arena = dm_arena_new(65536, 1 << 20),
                         .deadline_ms = dm_clock_monotonic_ms() + COUNTS_MS};
    if (ctx.arena)
        dm_api_key_count_all(domain, &ctx);
    dm_arena_free(ctx.arena);
}

static void close_program(struct program *p)
{
    dm_server_free(p->server);
    dm_revocation_free(p->domain.revocations);
    dm_live_free(p->live);
    dm_page_free(p->domain.page);
    dm_hash_pool_free(p->domain.hashes);
    dm_cache_free(p->domain.api_key_cache);
    dm_cache_free(p->domain.token_cache);
    dm_kv_close(p->domain.kv);
    dm_pg_close(p->domain.pg);
    dm_key_ring_close(p->domain.key_ring);
    dm_router_free(p->router);
    dm_metrics_free(p->metrics);
    dm_log_close(p->log);
    dm_config_free(p->config);
}

static void ready(void *arg)
{
    struct program *p = arg;
    dm_log(p->log, DM_INFO, NULL, "ready", DM_ATTR("service.version", PACKAGE_VERSION),
           DM_ATTR("startup.duration", (double)(dm_clock_monotonic_us() - p->started_us) / 1e6));
}

int main(int argc, char **argv)
{
    const char *config_file;
    int status = dm_startup_arguments(PROGRAM, argc, argv, &config_file);
    if (status >= 0)
        return status;

    struct program program = {.started_us = dm_clock_monotonic_us()};
    dm_startup_process();
    struct dm_err err = {0};
    enum dm_result result = open_program(&program, config_file, &err);
    if (result == DM_OK)
        result = dm_server_run(program.server, ready, &program, &err);
    if (result != DM_OK) {
        fprintf(stderr, "%s: %s\n", PROGRAM, err.detail);
        if (program.log)
            dm_log(program.log, DM_FATAL, NULL, "cannot run", DM_ATTR("error.message", err.detail));
    } else {
        write_counts(&program.domain);
        dm_log(program.log, DM_INFO, NULL, "stopped", DM_ATTR("service.version", PACKAGE_VERSION));
    }
    close_program(&program);
    return result == DM_OK ? 0 : 1;
}

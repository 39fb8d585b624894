/* digitalme-worker: runs the outbox's jobs. A table of contents, like every program's main. */
#include <signal.h>
#include <unistd.h>

#include "base/transfer.h"
#include "domain/mail.h"
#include "domain/startup.h"
#include "worker/sealer.h"
#include "worker/worker.h"

#define PROGRAM "digitalme-worker"

struct program {
    struct dm_config *config;
    struct dm_log *log;
    struct dm_domain domain;
    struct dm_live *live;
    struct dm_worker *worker;
    struct dm_sealer *sealer;
    char instance_id[DM_INSTANCE_ID_TEXT];
};

/* A thread holds one connection for its job's lock and needs another for what the job does, and the sealer one: none may wait for
 * another's. */
static struct dm_pg *open_database(const struct dm_settings *settings)
{
    struct dm_pg_options options = dm_startup_pg_options(settings, PROGRAM);
    unsigned least = 2 * (unsigned)settings->worker_threads + 1;
    if (options.connections < least)
        options.connections = least;
    return dm_pg_open(&options);
}

static enum dm_result open_program(struct program *p, const char *config_file, struct dm_err *err)
{
    enum dm_result result = dm_startup_config(config_file, err, &p->config);
    if (result != DM_OK)
        return result;
    const struct dm_settings *settings = dm_config_values(p->config);
    dm_startup_instance_id(settings, p->instance_id);
    p->log = dm_startup_log(settings, PROGRAM, p->instance_id);
    p->domain.settings = settings;
    p->domain.pg = open_database(settings);
    if (!p->log || !p->domain.pg)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    result = dm_mail_templates_load(settings->data_dir, err, &p->domain.mail_templates);
    if (result != DM_OK)
        return result;
    result = dm_transfer_init(err);
    if (result != DM_OK)
        return result;
    p->live = dm_live_new(&p->domain, p->config, config_file);
    if (!p->live)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    const struct dm_worker_options options = {.domain = &p->domain, .live = p->live, .log = p->log};
    p->worker = dm_worker_new(&options);
    p->sealer = dm_sealer_new(&options);
    return p->worker && p->sealer ? DM_OK : dm_err_set(err, DM_E_NOMEM, "out of memory or threads");
}

static void close_program(struct program *p)
{
    dm_worker_free(p->worker);
    dm_sealer_free(p->sealer);
    dm_live_free(p->live);
    dm_transfer_done();
    dm_mail_templates_free(p->domain.mail_templates);
    dm_pg_close(p->domain.pg);
    dm_log_close(p->log);
    dm_config_free(p->config);
}

/* Work until the end: SIGHUP reads the settings again. The second signal to end does not wait for the jobs in hand. */
static void wait_for_signal(const struct program *p)
{
    sigset_t signals;
    int signal_number = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    while (sigwait(&signals, &signal_number) != 0 || signal_number == SIGHUP)
        if (signal_number == SIGHUP)
            dm_startup_reload(p->live, p->log);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sigdelset(&signals, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

int main(int argc, char **argv)
{
    const char *config_file;
    int status = dm_startup_arguments(PROGRAM, argc, argv, &config_file);
    if (status >= 0)
        return status;

    dm_startup_process();
    struct program program = {0};
    struct dm_err err = {0};
    enum dm_result result = open_program(&program, config_file, &err);
    if (result != DM_OK) {
        fprintf(stderr, "%s: %s\n", PROGRAM, err.detail);
        if (program.log)
            dm_log(program.log, DM_FATAL, NULL, "cannot run", DM_ATTR("error.message", err.detail));
    } else {
        dm_log(program.log, DM_INFO, NULL, "ready", DM_ATTR("service.version", PACKAGE_VERSION));
        wait_for_signal(&program);
        dm_log(program.log, DM_INFO, NULL, "stopping", DM_ATTR("service.version", PACKAGE_VERSION));
    }
    close_program(&program);
    return result == DM_OK ? 0 : 1;
}

/* The first steps of the API, the worker and digitalmectl, so that all three read settings and
 * reach the stores in one way. */
#include "domain/startup.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

static int usage(const char *program, FILE *out, int status)
{
    fprintf(out,
            "usage: %s [-c FILE]\n"
            "  -c, --config FILE  read FILE instead of %s\n"
            "  -V, --version      print the version\n"
            "  -h, --help         print this\n",
            program, DM_STARTUP_CONFIG_FILE);
    return status;
}

int dm_startup_arguments(const char *program, int argc, char **argv, const char **ret_config_file)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *config_file = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
        if (option == 'c')
            config_file = optarg;
        else if (option == 'V')
            return printf("%s %s\n", program, PACKAGE_VERSION) < 0;
        else
            return option == 'h' ? usage(program, stdout, 0) : usage(program, stderr, 2);
    }
    if (optind < argc)
        return usage(program, stderr, 2);
    *ret_config_file = config_file;
    return -1;
}

/* What a table's bounds cannot say. */
static enum dm_result check_settings(const struct dm_settings *settings, struct dm_err *err)
{
    struct dm_err why = {0};
    enum dm_result result = dm_pg_conninfo_check(settings->database_conninfo, &why);
    if (result != DM_OK)
        return dm_err_set(err, result,
                          "database.conninfo: %s; a password belongs in database.password",
                          why.detail);
    if (dm_settings_hs256(settings) && settings->token_hs256_secret.n < DM_JWT_SECRET_MIN)
        return dm_err_set(err, DM_E_INVALID,
                          "token.hs256_secret: token.algorithm = HS256 needs one of at least %d "
                          "random bytes",
                          DM_JWT_SECRET_MIN);
    struct dm_sealed_keys keys;
    result = dm_startup_sealed_keys(settings, err, &keys);
    dm_secret_wipe(&keys, sizeof(keys));
    return result;
}

enum dm_result dm_startup_config(const char *file, struct dm_err *err,
                                 struct dm_config **ret_config)
{
    struct dm_config_source source = {
        .file = file,
        .env = environ,
        .credentials_dir = getenv("CREDENTIALS_DIRECTORY"),
    };
    if (!file && access(DM_STARTUP_CONFIG_FILE, F_OK) == 0)
        source.file = DM_STARTUP_CONFIG_FILE;
    struct dm_config *config = NULL;
    enum dm_result result = dm_config_load(&dm_settings_table, &source, err, &config);
    if (result != DM_OK)
        return result;
    result = check_settings(dm_config_values(config), err);
    if (result != DM_OK) {
        dm_config_free(config);
        return result;
    }
    *ret_config = config;
    return DM_OK;
}

void dm_startup_instance_id(const struct dm_settings *settings, char ret_text[DM_INSTANCE_ID_TEXT])
{
    if (settings->instance_id[0])
        snprintf(ret_text, DM_INSTANCE_ID_TEXT, "%s", settings->instance_id);
    else if (gethostname(ret_text, DM_INSTANCE_ID_TEXT) != 0)
        snprintf(ret_text, DM_INSTANCE_ID_TEXT, "digitalme");
    ret_text[DM_INSTANCE_ID_TEXT - 1] = '\0';
}

struct dm_log *dm_startup_log(const struct dm_settings *settings, const char *program,
                              const char *instance_id)
{
    return dm_log_open(&(struct dm_log_options){
        .program = program,
        .instance_id = instance_id,
        .least = dm_log_severity_of(dm_str_from(settings->log_level)),
        .to_syslog = settings->log_syslog,
        .to_stderr = settings->log_stderr,
    });
}

static enum dm_severity level_of(struct dm_live *live)
{
    const struct dm_domain *domain = dm_live_take(live);
    enum dm_severity level = dm_log_severity_of(dm_str_from(domain->settings->log_level));
    dm_live_give(live, domain);
    return level;
}

static void tell_changes(struct dm_log *log, const struct dm_live_report *report)
{
    dm_log(log, DM_INFO, NULL, "configuration taken over",
           DM_ATTR("config.changed", (const char *)report->taken));
    if (report->waiting[0])
        dm_log(log, DM_WARN, NULL, "configuration needs a restart",
               DM_ATTR("config.changed", (const char *)report->waiting));
}

void dm_startup_reload(struct dm_live *live, struct dm_log *log)
{
    struct dm_err err = {0};
    struct dm_live_report report;
    enum dm_severity old = level_of(live);
    if (dm_live_reload(live, &err, &report) != DM_OK) {
        dm_log(log, DM_ERROR, NULL, "configuration not taken over: the old one stays",
               DM_ATTR("error.message", err.detail));
        return;
    }
    /* Told at whichever level tells more. */
    enum dm_severity fresh = level_of(live);
    dm_log_set_least(log, fresh < old ? fresh : old);
    tell_changes(log, &report);
    dm_log_set_least(log, fresh);
}

void dm_startup_process(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    /* Hundreds of threads would else each get a malloc arena of their own. */
    mallopt(M_ARENA_MAX, 16);
}

struct dm_pg_options dm_startup_pg_options(const struct dm_settings *settings,
                                           const char *application_name)
{
    return (struct dm_pg_options){
        .conninfo = settings->database_conninfo,
        .password = settings->database_password,
        .application_name = application_name,
        .connections = (unsigned)settings->database_connections,
        .connect_timeout_ms = settings->database_connect_timeout_ms,
        .max_wait_ms = settings->database_wait_ms,
    };
}

struct dm_pg *dm_startup_pg(const struct dm_settings *settings, const char *application_name)
{
    struct dm_pg_options options = dm_startup_pg_options(settings, application_name);
    return dm_pg_open(&options);
}

struct dm_kv *dm_startup_kv(const struct dm_settings *settings)
{
    return dm_kv_open(&(struct dm_kv_options){
        .address = settings->redis_address,
        .user = settings->redis_user[0] ? settings->redis_user : NULL,
        .password = settings->redis_password,
        .connections = (unsigned)settings->redis_connections,
        .timeout_ms = settings->redis_timeout_ms,
    });
}

enum dm_result dm_startup_sealed_keys(const struct dm_settings *settings, struct dm_err *err,
                                      struct dm_sealed_keys *ret_keys)
{
    return dm_sealed_keys_read(settings->encryption_key, settings->encryption_previous_key, err,
                               ret_keys);
}

struct dm_key_ring_options dm_startup_key_ring_options(const struct dm_settings *settings)
{
    struct dm_key_ring_options options = {.dir = settings->token_key_dir,
                                          .token_life_s = settings->token_access_s};
    if (dm_settings_hs256(settings))
        options.secret = settings->token_hs256_secret;
    return options;
}

struct dm_hash_pool *dm_startup_hash_pool(const struct dm_settings *settings)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = settings->password_threads ? (unsigned)settings->password_threads
                       : processors > 1           ? (unsigned)processors - 1
                                                  : 1;
    return dm_hash_pool_new(&(struct dm_hash_pool_options){
        .threads = threads,
        .queue_max = (unsigned)settings->password_queue,
        .max_wait_ms = (int)settings->password_wait_ms,
    });
}

/* What every program does first: read the settings, open the log, make the pools from them. */
#ifndef DM_DOMAIN_STARTUP_H
#define DM_DOMAIN_STARTUP_H

#include "base/log.h"
#include "domain/domain.h"
#include "domain/live.h"

#define DM_STARTUP_CONFIG_FILE DM_SYSCONF_DIR "/digitalme/digitalme.conf"
#define DM_INSTANCE_ID_TEXT 65

/*
 * A daemon's arguments: -c FILE, --version, --help. Returns -1 to go on, with *ret_config_file NULL
 * or the file, else the exit status after having printed what was asked for, or what is wrong.
 */
int dm_startup_arguments(const char *program, int argc, char **argv, const char **ret_config_file);

/*
 * Load the settings: file NULL means DM_STARTUP_CONFIG_FILE if there is one. Then the environment,
 * then systemd's credentials. Same errors as dm_config_load. Caller frees with dm_config_free.
 */
DM_MUST_CHECK enum dm_result dm_startup_config(const char *file, struct dm_err *err,
                                               struct dm_config **ret_config);
/* settings.server.instance_id, else the host's name. */
void dm_startup_instance_id(const struct dm_settings *settings, char ret_text[DM_INSTANCE_ID_TEXT]);
/* program and instance_id: borrowed for the log's life. NULL when out of memory. Caller frees with
 * dm_log_close. */
struct dm_log *dm_startup_log(const struct dm_settings *settings, const char *program,
                              const char *instance_id);
/* SIGHUP's work in a program: read the settings again, take over what can be, and say in the log what was, what waits for a restart, or why
 * everything stays as it was. */
void dm_startup_reload(struct dm_live *live, struct dm_log *log);
/* Block all signals in this thread and those it makes, ignore SIGPIPE, and keep malloc to a few
 * arenas. Before any thread. */
void dm_startup_process(void);
/* The options for the database of these settings; borrowed from settings. */
struct dm_pg_options dm_startup_pg_options(const struct dm_settings *settings,
                                           const char *application_name);
/* NULL when out of memory. */
struct dm_pg *dm_startup_pg(const struct dm_settings *settings, const char *application_name);
struct dm_kv *dm_startup_kv(const struct dm_settings *settings);
/* The keys of secrets at rest; DM_E_INVALID cannot be after dm_startup_config. */
DM_MUST_CHECK enum dm_result dm_startup_sealed_keys(const struct dm_settings *settings,
                                                    struct dm_err *err,
                                                    struct dm_sealed_keys *ret_keys);
/* The signing keys of these settings; borrowed from settings. */
struct dm_key_ring_options dm_startup_key_ring_options(const struct dm_settings *settings);
/* password.threads threads, one a processor but one when 0. NULL when out of memory. */
struct dm_hash_pool *dm_startup_hash_pool(const struct dm_settings *settings);

#endif

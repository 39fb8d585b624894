/* DigitalMe's configuration: one struct, one table of keys (settings.c). Units are in the names; texts are in the table. */
#ifndef DM_DOMAIN_SETTINGS_H
#define DM_DOMAIN_SETTINGS_H

#include "base/config.h"

struct dm_settings {
    /* server */
    const char *api_socket, *stream_socket;
    int64_t api_threads, stream_threads;
    int64_t socket_backlog;
    int64_t api_deadline_ms, stream_deadline_ms;
    int64_t drain_s;
    const char *instance_id; /* "": the host's name */
    int64_t request_bytes_max;
    int64_t arena_bytes_max;
    const char *public_url; /* "https://me.example.org" without a final slash */
    const char *site_name;
    const char *data_dir;

    /* database */
    const char *database_conninfo;
    struct dm_secret database_password;
    int64_t database_connections;
    int64_t database_connect_timeout_ms;
    int64_t database_wait_ms;

    /* redis */
    const char *redis_address;
    const char *redis_user;
    struct dm_secret redis_password;
    int64_t redis_connections;
    int64_t redis_timeout_ms;

    /* log */
    const char *log_level;
    bool log_syslog, log_stderr;

    /* token */
    const char *token_issuer, *token_audience;
    const char *token_algorithm; /* ES256 | HS256 */
    const char *token_key_dir;
    int64_t token_key_lead_s, token_rotate_s;
    struct dm_secret token_hs256_secret;
    int64_t token_access_s;
    int64_t token_cache_entries;

    /* session */
    int64_t session_idle_s, session_absolute_s;
    int64_t session_refresh_grace_s;
    int64_t session_cache_s; /* how long Redis may say "alive" without asking PostgreSQL */

    /* lockout */
    int64_t lockout_failures, lockout_window_s, lockout_lock_s;
    int64_t lockout_delay_s;
    int64_t lockout_address_failures;
    int64_t lockout_failures_max; /* in a row */
    int64_t lockout_keep_s;

    /* device */
    int64_t device_keep_s;

    /* password */
    struct dm_secret password_pepper;
    int64_t password_cost;
    int64_t password_threads; /* 0: one a processor but one */
    int64_t password_queue, password_wait_ms;
    int64_t password_min_length, password_min_score;
    const char *password_breached_file; /* "": none */

    /* account */
    int64_t account_confirm_s, account_reset_s, account_change_email_s; /* life of a token */
    int64_t account_unconfirmed_keep_s;

    /* encryption */
    struct dm_secret encryption_key, encryption_previous_key;

    /* api_keys */
    int64_t api_keys_max; /* of one account */
    int64_t api_keys_cache_entries;

    /* mfa */
    const char *mfa_required_for; /* none | admin */
    int64_t mfa_token_s;

    /* mail */
    const char *mail_host;
    int64_t mail_port;
    const char *mail_tls; /* never | when-offered | always */
    const char *mail_ca_file;
    const char *mail_user;
    struct dm_secret mail_password;
    const char *mail_from, *mail_from_name;

    /* worker */
    int64_t worker_threads;
    int64_t worker_poll_s;
    int64_t worker_job_timeout_s;
    int64_t worker_attempts;
    int64_t worker_backoff_s, worker_backoff_max_s;

    /* audit */
    int64_t audit_seal_s;
    int64_t audit_keep_s;

    /* idempotency */
    int64_t idempotency_keep_s;

    /* cors */
    const char *cors_origins; /* separated by spaces; "": none */
    int64_t cors_max_age_s;

    /* limits */
    struct dm_rates limits_anonymous, limits_user, limits_admin, limits_superadmin;
    struct dm_rates limits_auth, limits_refresh, limits_model, limits_export;
    int64_t limits_cost_read, limits_cost_write, limits_cost_auth, limits_cost_model;
    int64_t limits_cost_export;
    int64_t limits_block_after; /* refusals within a minute; 0: nobody is blocked */
    int64_t limits_block_s;
    const char *limits_mode; /* enforce | DM_LIMITS_SHADOW */
};

#define DM_LIMITS_SHADOW "shadow"

extern const struct dm_config_table dm_settings_table;

/* token.algorithm = HS256. */
bool dm_settings_hs256(const struct dm_settings *settings);

#endif

/*
 * The one table of configuration keys. The sample file, `config print` and every error about a key are made from these rows.
 */
#include "domain/settings.h"

#include "domain/token.h"

#include "base/sealed.h"

#define AT(member) .offset = offsetof(struct dm_settings, member)

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const token_algorithms[] = {"ES256", "HS256", NULL};
static const char *const limits_modes[] = {"enforce", DM_LIMITS_SHADOW, NULL};
static const char *const mail_tls[] = {"never", "when-offered", "always", NULL};

/* A table reads best as one. */
/* clang-format off */
static const struct dm_config_key keys[] = {
    {.name = "server.api_socket", .kind = DM_CONFIG_PATH, AT(api_socket), .initial = "/run/digitalme/api.sock", .min = 1, .max = 107,
     .text = "FastCGI socket for short requests, made when systemd hands none over."},
    {.name = "server.stream_socket", .kind = DM_CONFIG_PATH, AT(stream_socket), .initial = "/run/digitalme/stream.sock", .min = 1, .max = 107,
     .text = "FastCGI socket for requests that wait for a model, made when systemd hands none over."},
    {.name = "server.api_threads", .kind = DM_CONFIG_INT, AT(api_threads), .initial = "16", .min = 1, .max = 256, .unit = "threads",
     .text = "Requests served at once at the api door: eight a processor serve best, more only wait for each other."},
    {.name = "server.stream_threads", .kind = DM_CONFIG_INT, AT(stream_threads), .initial = "640", .min = 1, .max = 4096, .unit = "threads",
     .text = "Requests served at once at the stream door."},
    {.name = "server.socket_backlog", .kind = DM_CONFIG_INT, AT(socket_backlog), .initial = "1024", .min = 16, .max = 65535, .unit = "connections",
     .text = "Connections that may wait at a socket the program makes itself."},
    {.name = "server.api_deadline_ms", .kind = DM_CONFIG_INT, AT(api_deadline_ms), .initial = "10000", .min = 100, .max = 60000, .unit = "ms",
     .text = "A request at the api door is answered within this time, if need be with an error."},
    {.name = "server.stream_deadline_ms", .kind = DM_CONFIG_INT, AT(stream_deadline_ms), .initial = "120000", .min = 1000, .max = 600000, .unit = "ms",
     .text = "A request at the stream door is answered within this time, if need be with an error."},
    {.name = "server.drain_s", .kind = DM_CONFIG_INT, AT(drain_s), .initial = "30", .min = 1, .max = 600, .unit = "seconds",
     .text = "How long a stopping program waits for the requests in hand."},
    {.name = "server.instance_id", .kind = DM_CONFIG_TEXT, AT(instance_id), .initial = "", .min = 0, .max = 64,
     .text = "Name of this instance in X-Instance-Id and in logs; empty: the host's name."},
    {.name = "server.request_bytes_max", .kind = DM_CONFIG_INT, AT(request_bytes_max), .initial = "131072", .min = 1024, .max = 16777216, .unit = "bytes",
     .text = "Largest request body; larger ones are refused with 413."},
    {.name = "server.arena_bytes_max", .kind = DM_CONFIG_INT, AT(arena_bytes_max), .initial = "8388608", .min = 1048576, .max = 268435456, .unit = "bytes",
     .text = "Most memory that one request may take."},
    {.name = "server.public_url", .kind = DM_CONFIG_TEXT, AT(public_url), .initial = "https://localhost", .min = 8, .max = 255,
     .text = "How users reach this site: scheme, host and port, no final slash. Stands in mails and tokens."},
    {.name = "server.site_name", .kind = DM_CONFIG_TEXT, AT(site_name), .initial = "DigitalMe", .min = 1, .max = 100,
     .text = "What the site calls itself in mails and on pages."},
    {.name = "server.data_dir", .kind = DM_CONFIG_PATH, AT(data_dir), .initial = DM_DATA_DIR, .min = 1, .max = 1024,
     .text = "Folder of the texts of mails and pages (mail/, page/)."},

    {.name = "database.conninfo", .kind = DM_CONFIG_TEXT, AT(database_conninfo), .initial = "host=/run/postgresql dbname=digitalme user=digitalme_api", .min = 1, .max = 1024,
     .text = "libpq connection string; may name several hosts with target_session_attrs=read-write."},
    {.name = "database.password", .kind = DM_CONFIG_SECRET, AT(database_password), .initial = "", .min = 0, .max = 256,
     .text = "Password for the database; empty when the socket's peer authentication serves."},
    {.name = "database.connections", .kind = DM_CONFIG_INT, AT(database_connections), .initial = "16", .min = 1, .max = 256, .unit = "connections",
     .text = "Most connections to PostgreSQL."},
    {.name = "database.connect_timeout_ms", .kind = DM_CONFIG_INT, AT(database_connect_timeout_ms), .initial = "2000", .min = 100, .max = 30000, .unit = "ms",
     .text = "How long one attempt to connect may take."},
    {.name = "database.wait_ms", .kind = DM_CONFIG_INT, AT(database_wait_ms), .initial = "2000", .min = 1, .max = 30000, .unit = "ms",
     .text = "How long a request waits for a free connection before it is answered with 503."},

    {.name = "redis.address", .kind = DM_CONFIG_TEXT, AT(redis_address), .initial = "127.0.0.1:6379", .min = 3, .max = 255,
     .text = "host:port, or unix: and the path of a socket."},
    {.name = "redis.user", .kind = DM_CONFIG_TEXT, AT(redis_user), .initial = "", .min = 0, .max = 128,
     .text = "ACL user; empty: the default user."},
    {.name = "redis.password", .kind = DM_CONFIG_SECRET, AT(redis_password), .initial = "", .min = 0, .max = 256,
     .text = "Password for Redis; empty: none."},
    {.name = "redis.connections", .kind = DM_CONFIG_INT, AT(redis_connections), .initial = "16", .min = 1, .max = 128, .unit = "connections",
     .text = "Most connections to Redis."},
    {.name = "redis.timeout_ms", .kind = DM_CONFIG_INT, AT(redis_timeout_ms), .initial = "200", .min = 10, .max = 5000, .unit = "ms",
     .text = "How long Redis may take to answer before the request goes on without it."},

    {.name = "log.level", .kind = DM_CONFIG_CHOICE, AT(log_level), .initial = "info", .choices = log_levels, .reloadable = true,
     .text = "The least severity that is written."},
    {.name = "log.syslog", .kind = DM_CONFIG_BOOL, AT(log_syslog), .initial = "true",
     .text = "Write to syslog(3)."},
    {.name = "log.stderr", .kind = DM_CONFIG_BOOL, AT(log_stderr), .initial = "false",
     .text = "Write to standard error too."},

    {.name = "token.issuer", .kind = DM_CONFIG_TEXT, AT(token_issuer), .initial = "https://localhost", .min = 1, .max = 255,
     .text = "The iss claim of our tokens: the site's public URL."},
    {.name = "token.audience", .kind = DM_CONFIG_TEXT, AT(token_audience), .initial = "digitalme", .min = 1, .max = 255,
     .text = "The aud claim of our tokens."},
    {.name = "token.algorithm", .kind = DM_CONFIG_CHOICE, AT(token_algorithm), .initial = "ES256", .choices = token_algorithms,
     .text = "ES256: signed with the keys of token.key_dir, checked by anybody with their public halves. HS256: with token.hs256_secret, for a site that checks its own tokens only."},
    {.name = "token.key_dir", .kind = DM_CONFIG_PATH, AT(token_key_dir), .initial = "/etc/digitalme/keys", .min = 1, .max = 1024,
     .text = "Folder of the ES256 keys, one P-256 private key KID.pem each; digitalmectl keys makes and removes them, without a restart."},
    {.name = "token.key_lead_s", .kind = DM_CONFIG_INT, AT(token_key_lead_s), .initial = "900", .min = 60, .max = 604800, .unit = "seconds",
     .text = "How long a new key is published before it signs: longer than its way to all hosts and into all caches of jwks.json."},
    {.name = "token.rotate_s", .kind = DM_CONFIG_INT, AT(token_rotate_s), .initial = "2592000", .min = 3600, .max = 31536000, .unit = "seconds",
     .text = "Age of the signing key from which digitalmectl keys rotate --if-due makes a new one."},
    {.name = "token.hs256_secret", .kind = DM_CONFIG_SECRET, AT(token_hs256_secret), .initial = "", .min = 0, .max = 256,
     .text = "Secret of HS256, at least 32 random bytes; a new one ends every access token, and needs a restart."},
    {.name = "token.access_s", .kind = DM_CONFIG_INT, AT(token_access_s), .initial = "600", .min = 60, .max = DM_TOKEN_ACCESS_MAX_S, .unit = "seconds",
     .text = "Life of an access token."},
    {.name = "token.cache_entries", .kind = DM_CONFIG_INT, AT(token_cache_entries), .initial = "8192", .min = 64, .max = 1048576, .unit = "tokens",
     .text = "How many verified tokens a process remembers."},

    {.name = "session.idle_s", .kind = DM_CONFIG_INT, AT(session_idle_s), .initial = "604800", .min = 600, .max = 31536000, .unit = "seconds",
     .text = "A session that is not refreshed for this long ends."},
    {.name = "session.absolute_s", .kind = DM_CONFIG_INT, AT(session_absolute_s), .initial = "2592000", .min = 600, .max = 31536000, .unit = "seconds",
     .text = "A session ends after this time, however often it is refreshed."},
    {.name = "session.refresh_grace_s", .kind = DM_CONFIG_INT, AT(session_refresh_grace_s), .initial = "10", .min = 0, .max = 60, .unit = "seconds",
     .text = "A refresh token shown again within this time gives the same successor; later it ends the session."},
    {.name = "session.cache_s", .kind = DM_CONFIG_INT, AT(session_cache_s), .initial = "60", .min = 1, .max = 600, .unit = "seconds",
     .text = "How long Redis may vouch for a session before PostgreSQL is asked again."},

    {.name = "password.pepper", .kind = DM_CONFIG_SECRET, AT(password_pepper), .initial = NULL, .min = 32, .max = 256,
     .text = "Secret mixed into every password hash; at least 32 random characters. Without it no password can be checked: back it up."},
    {.name = "password.cost", .kind = DM_CONFIG_INT, AT(password_cost), .initial = "10", .min = 10, .max = 16, .unit = "log2 rounds",
     .text = "bcrypt cost; each step doubles the time of a log-in."},
    {.name = "password.threads", .kind = DM_CONFIG_INT, AT(password_threads), .initial = "0", .min = 0, .max = 64, .unit = "threads",
     .text = "Threads that hash passwords; 0: one a processor."},
    {.name = "password.queue", .kind = DM_CONFIG_INT, AT(password_queue), .initial = "200", .min = 1, .max = 1024, .unit = "requests",
     .text = "Log-ins that may wait for a hashing thread, and as many new passwords; more are answered with 503."},
    {.name = "password.wait_ms", .kind = DM_CONFIG_INT, AT(password_wait_ms), .initial = "5000", .min = 100, .max = 60000, .unit = "ms",
     .text = "Longest wait for a hashing thread; whoever would wait longer is answered with 503 at once."},
    {.name = "password.min_length", .kind = DM_CONFIG_INT, AT(password_min_length), .initial = "12", .min = 8, .max = 64, .unit = "characters",
     .text = "Shortest password."},
    {.name = "password.min_score", .kind = DM_CONFIG_INT, AT(password_min_score), .initial = "3", .min = 0, .max = 4, .unit = "zxcvbn score",
     .text = "Least strength of a password as zxcvbn rates it, 0 to 4."},
    {.name = "password.breached_file", .kind = DM_CONFIG_PATH, AT(password_breached_file), .initial = DM_DATA_DIR "/passwords/common.sha1", .min = 0, .max = 1024,
     .text = "Passwords that may not be chosen, as SHA-1 hashes sorted like Have I Been Pwned's download ordered by hash; empty: none."},

    {.name = "account.confirm_s", .kind = DM_CONFIG_INT, AT(account_confirm_s), .initial = "86400", .min = 600, .max = 604800, .unit = "seconds",
     .text = "How long a confirmation token is good."},

    {.name = "encryption.key", .kind = DM_CONFIG_SECRET, AT(encryption_key), .initial = NULL, .min = DM_SEALED_KEY_BASE64, .max = DM_SEALED_KEY_BASE64,
     .text = "What secrets that must be read again are encrypted under: 32 random bytes in base64."},
    {.name = "encryption.previous_key", .kind = DM_CONFIG_SECRET, AT(encryption_previous_key), .initial = "", .min = 0, .max = DM_SEALED_KEY_BASE64,
     .text = "The key before it, until `digitalmectl secrets reencrypt` has been run; empty: none."},

    {.name = "mail.host", .kind = DM_CONFIG_TEXT, AT(mail_host), .initial = "127.0.0.1", .min = 1, .max = 255,
     .text = "SMTP server."},
    {.name = "mail.port", .kind = DM_CONFIG_INT, AT(mail_port), .initial = "25", .min = 1, .max = 65535,
     .text = "SMTP port."},
    {.name = "mail.tls", .kind = DM_CONFIG_CHOICE, AT(mail_tls), .initial = "when-offered", .choices = mail_tls,
     .text = "STARTTLS: never, when the server offers it (encrypted, not authenticated), or always with a verified certificate."},
    {.name = "mail.ca_file", .kind = DM_CONFIG_PATH, AT(mail_ca_file), .initial = "", .min = 0, .max = 1024,
     .text = "Authorities for the server's certificate; empty: the system's."},
    {.name = "mail.user", .kind = DM_CONFIG_TEXT, AT(mail_user), .initial = "", .min = 0, .max = 255,
     .text = "Log-in at the SMTP server; empty: none. With one, STARTTLS is used with a verified certificate unless mail.tls is never."},
    {.name = "mail.password", .kind = DM_CONFIG_SECRET, AT(mail_password), .initial = "", .min = 0, .max = 256,
     .text = "Password at the SMTP server."},
    {.name = "mail.from", .kind = DM_CONFIG_TEXT, AT(mail_from), .initial = "digitalme@localhost.localdomain", .min = 3, .max = 254,
     .text = "Sender's address."},
    {.name = "mail.from_name", .kind = DM_CONFIG_TEXT, AT(mail_from_name), .initial = "DigitalMe", .min = 0, .max = 100,
     .text = "Sender's name."},

    {.name = "worker.threads", .kind = DM_CONFIG_INT, AT(worker_threads), .initial = "2", .min = 1, .max = 32, .unit = "threads",
     .text = "Jobs run at once."},
    {.name = "worker.poll_s", .kind = DM_CONFIG_INT, AT(worker_poll_s), .initial = "30", .min = 1, .max = 600, .unit = "seconds",
     .text = "The longest wait between two looks at the outbox when no notification comes."},
    {.name = "worker.job_timeout_s", .kind = DM_CONFIG_INT, AT(worker_job_timeout_s), .initial = "30", .min = 1, .max = 600, .unit = "seconds",
     .text = "The longest that one try of a job may take."},
    {.name = "worker.attempts", .kind = DM_CONFIG_INT, AT(worker_attempts), .initial = "10", .min = 1, .max = 50, .unit = "tries",
     .text = "A job that failed this often is dead."},
    {.name = "worker.backoff_s", .kind = DM_CONFIG_INT, AT(worker_backoff_s), .initial = "5", .min = 1, .max = 3600, .unit = "seconds",
     .text = "Wait before the second try; doubled for each further one, with jitter."},
    {.name = "worker.backoff_max_s", .kind = DM_CONFIG_INT, AT(worker_backoff_max_s), .initial = "3600", .min = 1, .max = 86400, .unit = "seconds",
     .text = "The longest wait between two tries."},

    {.name = "audit.seal_s", .kind = DM_CONFIG_INT, AT(audit_seal_s), .initial = "2", .min = 1, .max = 60, .unit = "seconds",
     .text = "How often new audit events are sealed into the hash chain."},
    {.name = "audit.keep_s", .kind = DM_CONFIG_INT, AT(audit_keep_s), .initial = "34560000", .min = 2592000, .max = 946080000, .unit = "seconds",
     .text = "How long audit events are kept: 400 days; less than 30 days is not possible."},

    {.name = "idempotency.keep_s", .kind = DM_CONFIG_INT, AT(idempotency_keep_s), .initial = "86400", .min = 60, .max = 604800, .unit = "seconds",
     .text = "How long an Idempotency-Key is honoured."},

    {.name = "limits.anonymous", .kind = DM_CONFIG_RATES, AT(limits_anonymous), .initial = "20/60 500/3600 5000/86400", .reloadable = true,
     .text = "What an address without an account may ask for, in units: see the costs."},
    {.name = "limits.user", .kind = DM_CONFIG_RATES, AT(limits_user), .initial = "60/60 2000/3600 20000/86400", .reloadable = true,
     .text = "The same of an account with role User."},
    {.name = "limits.admin", .kind = DM_CONFIG_RATES, AT(limits_admin), .initial = "100/60 5000/3600 50000/86400", .reloadable = true,
     .text = "The same of an account with role Admin."},
    {.name = "limits.superadmin", .kind = DM_CONFIG_RATES, AT(limits_superadmin), .initial = "200/60 10000/3600 100000/86400", .reloadable = true,
     .text = "The same of an account with role SuperAdmin."},
    {.name = "limits.auth", .kind = DM_CONFIG_RATES, AT(limits_auth), .initial = "20/60 100/3600", .reloadable = true,
     .text = "Log-ins, registrations, refresh tokens that are not ours and the like, by address."},
    {.name = "limits.refresh", .kind = DM_CONFIG_RATES, AT(limits_refresh), .initial = "10/60 60/3600", .reloadable = true,
     .text = "Refreshes of one session."},
    {.name = "limits.model", .kind = DM_CONFIG_RATES, AT(limits_model), .initial = "30/60 500/3600 5000/86400", .reloadable = true,
     .text = "Messages that are answered by a model, besides what they cost of the account's own."},
    {.name = "limits.export", .kind = DM_CONFIG_RATES, AT(limits_export), .initial = "5/3600 20/86400", .reloadable = true,
     .text = "Exports of everything held, besides what they cost of the account's own."},
    {.name = "limits.cost_read", .kind = DM_CONFIG_INT, AT(limits_cost_read), .initial = "1", .min = 1, .max = 1000, .unit = "units", .reloadable = true,
     .text = "What a read takes of the caller's own limits."},
    {.name = "limits.cost_write", .kind = DM_CONFIG_INT, AT(limits_cost_write), .initial = "1", .min = 1, .max = 1000, .unit = "units", .reloadable = true,
     .text = "What a write takes of them."},
    {.name = "limits.cost_auth", .kind = DM_CONFIG_INT, AT(limits_cost_auth), .initial = "1", .min = 1, .max = 1000, .unit = "units", .reloadable = true,
     .text = "What a log-in and the like takes of limits.auth."},
    {.name = "limits.cost_model", .kind = DM_CONFIG_INT, AT(limits_cost_model), .initial = "2", .min = 1, .max = 1000, .unit = "units", .reloadable = true,
     .text = "What a message that a model answers takes of them."},
    {.name = "limits.cost_export", .kind = DM_CONFIG_INT, AT(limits_cost_export), .initial = "10", .min = 1, .max = 1000, .unit = "units", .reloadable = true,
     .text = "What an export takes of them."},
    {.name = "limits.block_after", .kind = DM_CONFIG_INT, AT(limits_block_after), .initial = "20", .min = 0, .max = 10000, .unit = "refusals", .reloadable = true,
     .text = "Who is refused this often within a minute is blocked; 0: nobody is."},
    {.name = "limits.block_s", .kind = DM_CONFIG_INT, AT(limits_block_s), .initial = "900", .min = 1, .max = 86400, .unit = "seconds", .reloadable = true,
     .text = "How long a block lasts."},
    {.name = "limits.mode", .kind = DM_CONFIG_CHOICE, AT(limits_mode), .initial = "enforce", .choices = limits_modes, .reloadable = true,
     .text = "enforce the limits, or only count in metrics and log what would have been refused."},
};
/* clang-format on */

const struct dm_config_table dm_settings_table = {
    .keys = keys,
    .n_keys = sizeof(keys) / sizeof(keys[0]),
    .size = sizeof(struct dm_settings),
    .env_prefix = "DIGITALME_",
};

bool dm_settings_hs256(const struct dm_settings *settings)
{
    return settings->token_algorithm && strcmp(settings->token_algorithm, "HS256") == 0;
}

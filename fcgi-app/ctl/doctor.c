/* `doctor`: tries what the programs need, one line a check, each failure with how to mend it. */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/breached.h"
#include "base/clock.h"
#include "base/jwt_key_file.h"
#include "base/timezone.h"
#include "ctl/ctl.h"
#include "domain/mail.h"
#include "domain/signing.h"
#include "domain/startup.h"
#include "domain/vault.h"
#include "store/schema_store.h"

#define ARENA_BYTES (1024 * 1024)
#define CHECK_MS 3000
#define HASH_LEAST_US 10000
#define HASH_MOST_US 200000
#define KEY_LATE_S (2 * 86400) /* what a daily run may be late */

/* What one check found; words only when it failed. */
struct finding {
    bool good;
    char words[300];
};

struct check {
    const char *name;
    const char *mend;
    struct finding (*run)(const struct dm_settings *settings, struct dm_ctx *ctx);
};

static struct finding found(enum dm_result result, const char *words)
{
    struct finding finding = {.good = result == DM_OK};
    if (result != DM_OK)
        snprintf(finding.words, sizeof(finding.words), "%s: %s", dm_result_name(result), words);
    return finding;
}

static struct finding check_keys(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    struct dm_jwt_keys *keys = NULL;
    enum dm_result result = dm_signing_keys(settings, &ctx->err, &keys);
    if (result == DM_OK && dm_jwt_keys_fault(keys)[0])
        result = dm_err_set(&ctx->err, DM_E_INVALID, "%s", dm_jwt_keys_fault(keys));
    dm_jwt_keys_unref(keys);
    return found(result, ctx->err.detail);
}

/* Others must not be able to read what signs our tokens. */
static struct finding check_key_modes(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    if (dm_settings_hs256(settings))
        return found(DM_OK, "");
    enum dm_result result = dm_jwt_key_modes(settings->token_key_dir, &ctx->err);
    return found(result, ctx->err.detail);
}

/* A key that should have been followed by another long ago. */
static struct finding check_key_age(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    struct dm_jwt_keys *keys = NULL;
    /* That they cannot be read is another check's to say. */
    if (dm_settings_hs256(settings) || dm_signing_keys(settings, &ctx->err, &keys) != DM_OK)
        return found(DM_OK, "");
    int64_t now_s = dm_clock_wall_ms() / 1000;
    enum dm_result result = DM_OK;
    for (size_t i = 0; i < dm_jwt_keys_count(keys); i++) {
        struct dm_jwt_key_info info = dm_jwt_keys_info(keys, i, now_s);
        if (info.state == DM_JWT_CURRENT && info.activates_at_s != DM_JWT_ALWAYS &&
            info.retires_at_s == DM_JWT_NEVER &&
            now_s - info.activates_at_s > settings->token_rotate_s + KEY_LATE_S)
            result = dm_err_set(&ctx->err, DM_E_STALE, "%s has signed for %lld days", info.kid,
                                (long long)((now_s - info.activates_at_s) / 86400));
    }
    dm_jwt_keys_unref(keys);
    return found(result, ctx->err.detail);
}

static struct finding check_mail_texts(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    struct dm_mail_templates *templates = NULL;
    enum dm_result result = dm_mail_templates_load(settings->data_dir, &ctx->err, &templates);
    dm_mail_templates_free(templates);
    return found(result, ctx->err.detail);
}

/* Without it any name that looks like one is taken for a time zone. */
static struct finding check_timezones(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    (void)settings;
    if (dm_timezone_database())
        return found(DM_OK, "");
    enum dm_result result = dm_err_set(&ctx->err, DM_E_NOTFOUND, "there is no /usr/share/zoneinfo");
    return found(result, ctx->err.detail);
}

static struct finding check_breached(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    if (settings->password_breached_file[0] == '\0')
        return found(DM_OK, "");
    return found(dm_breached_check(settings->password_breached_file, &ctx->err), ctx->err.detail);
}

/* Too cheap for whoever steals the hashes, or too dear for whoever logs in. */
static struct finding check_cost(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    int64_t took_us;
    int cost = (int)settings->password_cost;
    enum dm_result result = dm_password_measure(cost, &took_us, &ctx->err);
    if (result == DM_OK && (took_us < HASH_LEAST_US || took_us > HASH_MOST_US))
        result = dm_err_set(&ctx->err, DM_E_INVALID, "a hash of cost %d takes %.1f ms", cost,
                            (double)took_us / 1000);
    return found(result, ctx->err.detail);
}

static struct finding check_database(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    struct dm_pg *pg = dm_startup_pg(settings, "digitalmectl");
    enum dm_result result = pg ? dm_pg_ping(pg, ctx) : dm_ctx_nomem(ctx);
    dm_pg_close(pg);
    return found(result, ctx->err.detail);
}

/* The newest change's tables are there and ours to read. */
static struct finding check_schema(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    struct dm_pg *pg = dm_startup_pg(settings, "digitalmectl");
    enum dm_result result = pg ? dm_schema_store_check(pg, ctx) : dm_ctx_nomem(ctx);
    dm_pg_close(pg);
    return found(result, ctx->err.detail);
}

/* Each is under a key that is configured. */
static struct finding check_secrets(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    struct dm_domain domain = {.settings = settings, .pg = dm_startup_pg(settings, "digitalmectl")};
    struct dm_vault_census census = {0};
    enum dm_result result = domain.pg
                                ? dm_startup_sealed_keys(settings, &ctx->err, &domain.sealed_keys)
                                : dm_ctx_nomem(ctx);
    for (size_t i = 0; result == DM_OK && i < DM_SEALED_COLUMNS; i++) {
        const struct dm_sealed_column *column = &dm_sealed_columns[i];
        result = dm_vault_count(&domain, ctx, column, &census);
        if (result == DM_OK && census.unknown > 0)
            result = dm_err_set(
                &ctx->err, DM_E_NOTFOUND,
                "%lld values of %s.%s are under keys that are not configured, one is %.*s",
                (long long)census.unknown, column->table, column->column,
                DM_STR_ARG(census.unknown_key_id));
    }
    dm_pg_close(domain.pg);
    return found(result, ctx->err.detail);
}

static struct finding check_redis(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    struct dm_kv *kv = dm_startup_kv(settings);
    enum dm_result result = kv ? dm_kv_ping(kv, ctx) : dm_ctx_nomem(ctx);
    dm_kv_close(kv);
    return found(result, ctx->err.detail);
}

static struct finding check_socket(const char *path, struct dm_ctx *ctx)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    if (good)
        return found(DM_OK, "");
    return found(dm_err_set(&ctx->err, DM_E_UNAVAILABLE, "nobody answers at %s", path),
                 ctx->err.detail);
}

static struct finding check_api_door(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    return check_socket(settings->api_socket, ctx);
}

static struct finding check_stream_door(const struct dm_settings *settings, struct dm_ctx *ctx)
{
    return check_socket(settings->stream_socket, ctx);
}

static const struct check checks[] = {
    {"signing keys", "digitalmectl keys rotate", check_keys},
    {"signing keys' folder", "chmod o-rwx,g-w DIR DIR/*.pem", check_key_modes},
    {"signing key's age", "run `digitalmectl keys rotate --if-due` once a day", check_key_age},
    {"texts of mails", "is server.data_dir right? Each mail there needs NAME.txt and NAME.html",
     check_mail_texts},
    {"time zones", "apt-get install tzdata", check_timezones},
    {"breached passwords", "set password.breached_file to a list of SHA-1 hashes sorted by hash",
     check_breached},
    {"cost of a password", "put what digitalmectl password calibrate prints into password.cost",
     check_cost},
    {"database", "is PostgreSQL running, and are database.conninfo and its password right?",
     check_database},
    {"schema", "sqitch deploy", check_schema},
    {"secrets at rest",
     "put the key they are under into encryption.previous_key, restart, and run `digitalmectl "
     "secrets reencrypt`",
     check_secrets},
    {"redis", "is Redis running, and is redis.address right?", check_redis},
    {"api door", "is digitalme-api running, and is server.api_socket right?", check_api_door},
    {"stream door", "is digitalme-api running, and is server.stream_socket right?",
     check_stream_door},
};

int dm_ctl_doctor(const struct dm_ctl_options *options, int argc, char **argv)
{
    int status = dm_ctl_no_arguments("doctor", argc, argv);
    if (status != 0)
        return status;
    struct dm_config *config;
    struct dm_err err = {0};
    if (dm_startup_config(options->config_file, &err, &config) != DM_OK) {
        printf("FAIL  %-22s %s\n", "configuration", err.detail);
        return 1;
    }
    printf("ok    configuration\n");
    dm_startup_process();
    struct dm_arena *arena = dm_arena_new(ARENA_BYTES, ARENA_BYTES);
    for (size_t i = 0; arena && i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct dm_ctx ctx = {.arena = arena, .deadline_ms = dm_clock_monotonic_ms() + CHECK_MS};
        struct finding finding = checks[i].run(dm_config_values(config), &ctx);
        if (finding.good)
            printf("ok    %s\n", checks[i].name);
        else
            printf("FAIL  %-22s %s\n      %-22s mend: %s\n", checks[i].name, finding.words, "",
                   checks[i].mend);
        status |= !finding.good;
        dm_arena_reset(arena);
    }
    dm_arena_free(arena);
    dm_config_free(config);
    return arena ? status : dm_ctl_fail("out of memory");
}

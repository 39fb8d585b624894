/* The database suites' fixture: what a program's start makes, in a test's hands. */
#include "unit/domain/world.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "base/clock.h"
#include "domain/passwords.h"
#include "domain/startup.h"
#include "domain/token.h"
#include "unit/unit.h"

#define CALL_MS 20000

bool dm_world_available(void)
{
    return getenv("DM_TEST_CONNINFO") != NULL;
}

struct dm_ctx dm_world_ctx(struct dm_arena *arena)
{
    return (struct dm_ctx){.arena = arena, .deadline_ms = dm_clock_monotonic_ms() + CALL_MS};
}

void dm_world_make_keys(char *ret_dir, size_t size)
{
    char path[128];
    snprintf(ret_dir, size, "/tmp/dm-keys-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(ret_dir));
    snprintf(path, sizeof(path), "%s/test.pem", ret_dir);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL_FATAL(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    EVP_PKEY_free(key);
}

void dm_world_drop_keys(const char *dir)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/test.pem", dir);
    unlink(path);
    rmdir(dir);
}

static struct dm_pg *pool_open(struct dm_world *world, const char *user, unsigned connections)
{
    char conninfo[1024];
    snprintf(conninfo, sizeof(conninfo), "%s user=%s", getenv("DM_TEST_CONNINFO"), user);
    const struct dm_pg_options options = {
        .conninfo = dm_arena_cstr(world->arena, dm_str_from(conninfo)),
        .application_name = "domain_test",
        .connections = connections,
        .connect_timeout_ms = 5000,
        .max_wait_ms = 10000,
    };
    struct dm_pg *pg = dm_pg_open(&options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
    return pg;
}

void dm_world_open(struct dm_world *world)
{
    *world = (struct dm_world){
        .settings =
            {
                .public_url = "https://me.example.org",
                .site_name = "DigitalMe",
                .token_issuer = "https://me.example.org",
                .token_audience = "digitalme",
                .token_access_s = 900,
                .session_idle_s = 3600,
                .session_absolute_s = 86400,
                .session_refresh_grace_s = 10,
                .lockout_failures = 5,
                .lockout_window_s = 900,
                .lockout_lock_s = 900,
                .lockout_delay_s = 1,
                .lockout_address_failures = 1000000,
                .lockout_failures_max = 100,
                .password_pepper = {"a pepper of at least thirty-two bytes", 37},
                .password_cost = DM_PASSWORD_COST_MIN,
                .password_min_length = 12,
                .password_min_score = 3,
                .password_breached_file = DM_SRCDIR "/share/passwords/common.sha1",
                .mail_from_name = "DigitalMe",
                .account_confirm_s = 86400,
                .mfa_required_for = "none",
                .mfa_token_s = 300,
                .account_reset_s = 1800,
                .account_change_email_s = 1800,
                .account_unconfirmed_keep_s = 604800,
                .encryption_key = {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                                   DM_SEALED_KEY_BASE64},
                .worker_attempts = 10,
                .audit_keep_s = 400 * 86400,
            },
        .arena = dm_arena_new(65536, 64 << 20),
    };
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->arena);
    world->ctx = dm_world_ctx(world->arena);
    dm_world_make_keys(world->key_dir, sizeof(world->key_dir));
    world->owner = pool_open(world, "digitalme_owner", 1);

    /* What these suites prove must hold without Redis. */
    const struct dm_kv_options no_redis = {
        .address = "unix:/nonexistent/redis.sock", .connections = 1, .timeout_ms = 100};
    struct dm_domain *domain = &world->domain;
    domain->settings = &world->settings;
    domain->pg = pool_open(world, "digitalme_api", 4);
    domain->kv = dm_kv_open(&no_redis);
    CU_ASSERT_PTR_NOT_NULL_FATAL(domain->kv);
    domain->hashes = dm_hash_pool_new(
        &(struct dm_hash_pool_options){.threads = 2, .queue_max = 64, .max_wait_ms = 20000});
    domain->token_cache = dm_token_cache_new(64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(domain->hashes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(domain->token_cache);
    struct dm_err err;
    const struct dm_key_ring_options keys = {.dir = world->key_dir, .token_life_s = 900};
    CU_ASSERT_EQUAL_FATAL(dm_key_ring_open(&keys, &err, &domain->key_ring), DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_startup_sealed_keys(&world->settings, &err, &domain->sealed_keys),
                          DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_passwords_prepare(domain, &err), DM_OK);
}

void dm_world_close(struct dm_world *world)
{
    dm_cache_free(world->domain.token_cache);
    dm_hash_pool_free(world->domain.hashes);
    dm_key_ring_close(world->domain.key_ring);
    dm_kv_close(world->domain.kv);
    dm_pg_close(world->domain.pg);
    dm_pg_close(world->owner);
    dm_arena_free(world->arena);
    dm_world_drop_keys(world->key_dir);
}

/* pg.c knows a prepared statement by its address: the same one for the same name, for good. */
static const struct dm_pg_stmt *interned(const struct dm_pg_stmt *stmt)
{
    static struct dm_pg_stmt statements[256];
    size_t i = 0;
    while (statements[i].name != NULL && strcmp(statements[i].name, stmt->name) != 0)
        i++;
    CU_ASSERT_FATAL(i < sizeof(statements) / sizeof(statements[0]) - 1);
    if (statements[i].name == NULL)
        statements[i] = *stmt;
    CU_ASSERT_STRING_EQUAL_FATAL(statements[i].sql, stmt->sql);
    return &statements[i];
}

static enum dm_result as_owner(struct dm_world *world, const struct dm_pg_stmt *stmt,
                               struct dm_str param, struct dm_pg_result *ret_result)
{
    const struct dm_pg_param params[] = {dm_pg_text(param)};
    world->ctx = dm_world_ctx(world->arena);
    enum dm_result result =
        dm_pg_run(world->owner, &world->ctx, interned(stmt), params, ret_result);
    if (result != DM_OK && result != DM_E_NOTFOUND)
        printf("%s: %s\n", stmt->name, world->ctx.err.detail);
    return result;
}

struct dm_str dm_world_ask(struct dm_world *world, const char *name, const char *sql,
                           struct dm_str param)
{
    const struct dm_pg_stmt stmt = {.name = name, .sql = sql, .n_params = 1, .rows = DM_PG_ONE};
    struct dm_pg_result found;
    enum dm_result result = as_owner(world, &stmt, param, &found);
    if (result == DM_E_NOTFOUND)
        return (struct dm_str){0};
    CU_ASSERT_EQUAL_FATAL(result, DM_OK);
    return dm_pg_cell(&found, 0, 0);
}

void dm_world_do(struct dm_world *world, const char *name, const char *sql, struct dm_str param)
{
    const struct dm_pg_stmt stmt = {.name = name, .sql = sql, .n_params = 1, .rows = DM_PG_NONE};
    struct dm_pg_result done;
    CU_ASSERT_EQUAL_FATAL(as_owner(world, &stmt, param, &done), DM_OK);
}

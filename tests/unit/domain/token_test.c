/* Access tokens: what is issued reads back, every flaw is refused, and the cache never outlives a token. */
#include "domain/token.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/jwt_key_file.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/world.h"
#include "unit/unit.h"

#define NOW_MS INT64_C(1800000000000)
#define ACCOUNT "01900000-0000-7000-8000-000000000001"
#define SESSION "01900000-0000-7000-8000-000000000002"

/* A domain without a database: tokens need none. */
struct fixture {
    struct dm_settings settings;
    struct dm_domain domain;
    struct dm_arena *arena;
    struct dm_ctx ctx;
    char key_dir[64];
};

static void open_with(struct fixture *f, size_t cache_entries)
{
    struct dm_err err;
    *f = (struct fixture){
        .settings = {.token_issuer = "https://me.example.org",
                     .token_audience = "digitalme",
                     .token_access_s = 900},
        .arena = dm_arena_new(65536, 64 << 20),
    };
    f->ctx = dm_world_ctx(f->arena);
    f->domain.settings = &f->settings;
    f->domain.token_cache = dm_token_cache_new(cache_entries);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->domain.token_cache);
    dm_world_make_keys(f->key_dir, sizeof(f->key_dir));
    const struct dm_key_ring_options keys = {.dir = f->key_dir, .token_life_s = 900};
    CU_ASSERT_EQUAL_FATAL(dm_key_ring_open(&keys, &err, &f->domain.key_ring), DM_OK);
    dm_clock_fake(NOW_MS);
}

static void fixture_close(struct fixture *f)
{
    dm_clock_fake(0);
    dm_cache_free(f->domain.token_cache);
    dm_key_ring_close(f->domain.key_ring);
    dm_arena_free(f->arena);
    dm_world_drop_keys(f->key_dir);
}

static struct dm_str issue(struct fixture *f, enum dm_role role)
{
    const struct dm_principal principal = {
        .credential = DM_CREDENTIAL_SESSION,
        .account_id = DM_STR(ACCOUNT),
        .session_id = DM_STR(SESSION),
        .role = role,
        .scopes = DM_SCOPE_PERSONALITY_READ | DM_SCOPE_CONVERSATION_WRITE,
    };
    struct dm_str token;
    int64_t expires_at_ms;
    CU_ASSERT_EQUAL_FATAL(dm_token_issue(&f->domain, &f->ctx, &principal, &token, &expires_at_ms),
                          DM_OK);
    CU_ASSERT_EQUAL(expires_at_ms, NOW_MS + 900 * 1000);
    return token;
}

static void assert_whole(const struct dm_principal *principal, enum dm_role role)
{
    CU_ASSERT_EQUAL(principal->credential, DM_CREDENTIAL_SESSION);
    CU_ASSERT_STR(principal->account_id, ACCOUNT);
    CU_ASSERT_STR(principal->session_id, SESSION);
    CU_ASSERT_EQUAL(principal->role, role);
    CU_ASSERT_EQUAL(principal->scopes, DM_SCOPE_PERSONALITY_READ | DM_SCOPE_CONVERSATION_WRITE);
    CU_ASSERT_EQUAL(principal->expires_at_s, NOW_MS / 1000 + 900);
}

static void issued_token_tells_who_it_is_first_and_from_the_cache(void)
{
    struct fixture f;
    open_with(&f, 64);
    struct dm_str token = issue(&f, DM_ROLE_ADMIN);
    for (int i = 0; i < 2; i++) {
        struct dm_principal principal = {0};
        CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, token, &principal), DM_OK);
        assert_whole(&principal, DM_ROLE_ADMIN);
    }
    fixture_close(&f);
}

static void cached_token_is_refused_once_it_has_expired(void)
{
    struct fixture f;
    open_with(&f, 64);
    struct dm_str token = issue(&f, DM_ROLE_USER);
    struct dm_principal principal;
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, token, &principal), DM_OK);
    dm_clock_fake(NOW_MS + (900 + DM_JWT_LEEWAY_S + 1) * 1000);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, token, &principal), DM_E_UNAUTHENTICATED);
    fixture_close(&f);
}

static void token_of_another_issuer_is_refused_though_the_key_is_ours(void)
{
    struct fixture f;
    open_with(&f, 64);
    f.settings.token_issuer = "https://other.example.org";
    struct dm_str token = issue(&f, DM_ROLE_USER);
    f.settings.token_issuer = "https://me.example.org";
    struct dm_principal principal;
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, token, &principal), DM_E_UNAUTHENTICATED);
    fixture_close(&f);
}

/* No changed byte may hit the cache entry of the true token, nor pass the check. */
static void every_changed_character_is_refused(void)
{
    struct fixture f;
    open_with(&f, 64);
    struct dm_str token = issue(&f, DM_ROLE_USER);
    struct dm_principal principal;
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, token, &principal), DM_OK);
    unsigned accepted = 0;
    for (size_t i = 0; i < token.n; i++) {
        char *changed = dm_arena_cstr(f.arena, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        enum dm_result result =
            dm_token_check(&f.domain, &f.ctx, (struct dm_str){changed, token.n}, &principal);
        accepted += result != DM_E_UNAUTHENTICATED;
    }
    CU_ASSERT_EQUAL(accepted, 0);
    fixture_close(&f);
}

static void claims_that_are_no_ids_are_refused(void)
{
    struct fixture f;
    open_with(&f, 64);
    const struct dm_jwt_claims claims = {
        .issuer = DM_STR("https://me.example.org"),
        .audience = DM_STR("digitalme"),
        .subject = DM_STR("1; DROP TABLE account"),
        .token_use = DM_STR("access"),
        .session_id = DM_STR(SESSION),
        .id = DM_STR("1"),
        .role = DM_STR("User"),
        .scope = DM_STR("personality:read"),
        .issued_at_s = NOW_MS / 1000,
        .not_before_s = NOW_MS / 1000,
        .expires_at_s = NOW_MS / 1000 + 60,
    };
    struct dm_jwt_claims role = claims;
    role.subject = DM_STR(ACCOUNT);
    role.role = DM_STR("root");
    struct dm_principal principal;
    struct dm_str token;
    struct dm_jwt_keys *keys = dm_key_ring_keys(f.domain.key_ring);
    CU_ASSERT_EQUAL(dm_jwt_sign(keys, &claims, f.arena, &f.ctx.err, &token), DM_OK);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, token, &principal), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_jwt_sign(keys, &role, f.arena, &f.ctx.err, &token), DM_OK);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, token, &principal), DM_E_UNAUTHENTICATED);
    dm_jwt_keys_unref(keys);
    fixture_close(&f);
}

/* A key that was taken away takes the tokens along that the cache knew, and only those. */
static void cached_tokens_die_with_their_key(void)
{
    struct fixture f;
    struct dm_principal principal;
    char path[128];
    open_with(&f, 64);
    struct dm_str old = issue(&f, DM_ROLE_USER);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, old, &principal), DM_OK);
    char kid[DM_JWT_KID_MAX + 1];
    CU_ASSERT_EQUAL(dm_jwt_key_make(f.key_dir, NOW_MS / 1000, &f.ctx.err, kid), DM_OK);
    /* Signed by the new key, which this ring has not seen: it looks. */
    struct dm_key_ring *seen = f.domain.key_ring;
    struct dm_err err;
    const struct dm_key_ring_options options = {
        .dir = f.key_dir, .token_life_s = 900, .look_ms = 5};
    CU_ASSERT_EQUAL_FATAL(dm_key_ring_open(&options, &err, &f.domain.key_ring), DM_OK);
    struct dm_str young = issue(&f, DM_ROLE_ADMIN);
    struct dm_key_ring *fresh = f.domain.key_ring;
    f.domain.key_ring = seen;
    int64_t end_ms = dm_clock_monotonic_ms() + 10000;
    while (dm_token_check(&f.domain, &f.ctx, young, &principal) != DM_OK &&
           dm_clock_monotonic_ms() < end_ms)
        usleep(5000);
    CU_ASSERT_EQUAL(principal.role, DM_ROLE_ADMIN);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, old, &principal), DM_OK);

    snprintf(path, sizeof(path), "%s/test.pem", f.key_dir);
    CU_ASSERT_EQUAL(unlink(path), 0);
    f.domain.key_ring = fresh;
    while (dm_token_check(&f.domain, &f.ctx, old, &principal) == DM_OK &&
           dm_clock_monotonic_ms() < end_ms)
        usleep(1000);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, old, &principal), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, young, &principal), DM_OK);
    dm_key_ring_close(seen);
    CU_ASSERT_EQUAL(dm_jwt_key_remove(f.key_dir, kid, &err), DM_OK);
    fixture_close(&f);
}

static void empty_and_huge_tokens_are_refused(void)
{
    struct fixture f;
    open_with(&f, 64);
    struct dm_principal principal;
    char *huge = dm_arena_alloc(f.arena, 9 << 20);
    memset(huge, 'A', 9 << 20);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, DM_STR(""), &principal),
                    DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_token_check(&f.domain, &f.ctx, (struct dm_str){huge, 9 << 20}, &principal),
                    DM_E_UNAUTHENTICATED);
    fixture_close(&f);
}

struct checker {
    struct fixture *f;
    const struct dm_str *tokens;
    unsigned n_tokens;
    unsigned wrong;
};

static void *check_all(void *arg)
{
    struct checker *checker = arg;
    struct dm_arena *arena = dm_arena_new(65536, 64 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    for (unsigned i = 0; i < 5 * checker->n_tokens; i++) {
        unsigned k = i % checker->n_tokens;
        struct dm_principal principal = {0};
        enum dm_result result =
            dm_token_check(&checker->f->domain, &ctx, checker->tokens[k], &principal);
        enum dm_role role = k % 2 == 0 ? DM_ROLE_USER : DM_ROLE_ADMIN;
        checker->wrong += result != DM_OK || principal.role != role;
        dm_arena_reset(arena);
    }
    dm_arena_free(arena);
    return NULL;
}

/* 40 tokens in a cache of one set of four: entries give way all the time, and nobody ever gets another's. */
static void threads_that_crowd_the_cache_get_their_own_principals(void)
{
    struct fixture f;
    open_with(&f, 4);
    struct dm_str tokens[40];
    for (unsigned i = 0; i < 40; i++)
        tokens[i] = issue(&f, i % 2 == 0 ? DM_ROLE_USER : DM_ROLE_ADMIN);

    pthread_t threads[4];
    struct checker checkers[4];
    for (int i = 0; i < 4; i++) {
        checkers[i] = (struct checker){.f = &f, .tokens = tokens, .n_tokens = 40};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, check_all, &checkers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(checkers[i].wrong, 0);
    }
    fixture_close(&f);
}

CU_TestInfo *dm_token_suite(void)
{
    static CU_TestInfo tests[] = {
        {"an issued token tells who it is, first and from the cache",
         issued_token_tells_who_it_is_first_and_from_the_cache},
        {"a cached token is refused once it has expired",
         cached_token_is_refused_once_it_has_expired},
        {"a token of another issuer is refused though the key is ours",
         token_of_another_issuer_is_refused_though_the_key_is_ours},
        {"every changed character is refused", every_changed_character_is_refused},
        {"claims that are no ids are refused", claims_that_are_no_ids_are_refused},
        {"cached tokens die with their key", cached_tokens_die_with_their_key},
        {"empty and huge tokens are refused", empty_and_huge_tokens_are_refused},
        {"threads that crowd the cache get their own principals",
         threads_that_crowd_the_cache_get_their_own_principals},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

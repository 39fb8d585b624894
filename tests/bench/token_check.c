/*
 * What the check of an access token costs: tokens the process has not seen (signature, claims), and again from its cache. Prints the
 * processor's time of the calling thread, which a busy machine does not falsify as it does the wall's.
 */
#include "domain/token.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/jwt_key_file.h"

#define TOKENS 2000
#define WARM_ROUNDS 50

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* Checks each token once; the median in ns. */
static int64_t check_all(const struct dm_domain *domain, const struct dm_str *tokens)
{
    static int64_t spent[TOKENS];
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    for (size_t i = 0; i < TOKENS; i++) {
        struct dm_ctx ctx = {.arena = arena};
        struct dm_principal principal;
        int64_t before = cpu_ns();
        if (dm_token_check(domain, &ctx, tokens[i], &principal) != DM_OK)
            abort();
        spent[i] = cpu_ns() - before;
        dm_arena_reset(arena);
    }
    dm_arena_free(arena);
    qsort(spent, TOKENS, sizeof(spent[0]), by_value);
    return spent[TOKENS / 2];
}

static void measure(const char *name, const struct dm_key_ring_options *keys)
{
    static const struct dm_settings settings = {
        .token_issuer = "https://localhost", .token_audience = "digitalme", .token_access_s = 600};
    struct dm_err err = {0};
    struct dm_str tokens[TOKENS];
    struct dm_domain domain = {.settings = &settings,
                               .token_cache = dm_token_cache_new(4 * TOKENS)};
    struct dm_arena *arena = dm_arena_new(1 << 20, 64 << 20);
    if (dm_key_ring_open(keys, &err, &domain.key_ring) != DM_OK)
        abort();
    for (size_t i = 0; i < TOKENS; i++) {
        struct dm_ctx ctx = {.arena = arena};
        const struct dm_principal principal = {
            .credential = DM_CREDENTIAL_SESSION,
            .account_id = dm_id_new(arena),
            .session_id = dm_id_new(arena),
            .role = DM_ROLE_USER,
            .scopes = DM_SCOPE_PERSONALITY_READ | DM_SCOPE_PERSONALITY_WRITE |
                      DM_SCOPE_CONVERSATION_READ | DM_SCOPE_CONVERSATION_WRITE};
        int64_t expires_at_ms;
        if (dm_token_issue(&domain, &ctx, &principal, &tokens[i], &expires_at_ms) != DM_OK)
            abort();
    }
    int64_t cold = check_all(&domain, tokens), warm = INT64_MAX;
    for (int round = 0; round < WARM_ROUNDS; round++) {
        int64_t this = check_all(&domain, tokens);
        warm = this < warm ? this : warm;
    }
    printf("%s cold_us %.2f warm_us %.2f token_bytes %zu\n", name, (double)cold / 1000,
           (double)warm / 1000, tokens[0].n);
    dm_key_ring_close(domain.key_ring);
    dm_cache_free(domain.token_cache);
    dm_arena_free(arena);
}

int main(void)
{
    char dir[] = "/tmp/dm-token-XXXXXX", kid[DM_JWT_KID_MAX + 1];
    struct dm_err err = {0};
    if (!mkdtemp(dir) || dm_jwt_key_make(dir, dm_clock_wall_ms() / 1000, &err, kid) != DM_OK)
        abort();
    measure("ES256", &(struct dm_key_ring_options){.dir = dir, .token_life_s = 600});
    measure("HS256",
            &(struct dm_key_ring_options){.secret = {"thirty-two bytes for measurements", 32}});
    if (dm_jwt_key_remove(dir, kid, &err) != DM_OK || rmdir(dir) != 0)
        abort();
    return 0;
}

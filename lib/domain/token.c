/*
 * Access tokens, over base/jwt.c. The edge asks dm_token_check at every request; a token seen
 * before is answered from a cache: no signature, no allocation but the two ids in
 * the request's arena.
 */
#include "domain/token.h"

#include "base/clock.h"
#include "base/id.h"

struct entry {
    uint8_t digest[DM_SHA256_BYTES]; /* of the whole token: the cache's key */
    uint64_t generation;             /* of the keys that it was verified with */
    int64_t expires_at_s;
    enum dm_role role;
    unsigned scopes;
    char account_id[DM_UUID_TEXT];
    char session_id[DM_UUID_TEXT];
};

struct dm_cache *dm_token_cache_new(size_t entries_max)
{
    return dm_cache_new(entries_max, sizeof(struct entry), DM_SHA256_BYTES);
}

/* wanted: the digest and the generation. */
static bool cache_find(struct dm_cache *cache, const struct entry *wanted, int64_t now_s,
                       struct entry *ret_entry)
{
    struct dm_cache_set set = dm_cache_lock(cache, wanted->digest);
    const struct entry *entry = dm_cache_find(set);
    bool found =
        entry != NULL && entry->expires_at_s > now_s && entry->generation == wanted->generation;
    if (found)
        *ret_entry = *entry;
    dm_cache_unlock(set);
    return found;
}

static void cache_keep(struct dm_cache *cache, const struct entry *entry)
{
    struct dm_cache_set set = dm_cache_lock(cache, entry->digest);
    *(struct entry *)dm_cache_place(set) = *entry;
    dm_cache_unlock(set);
}

enum dm_result dm_token_issue(const struct dm_domain *domain, struct dm_ctx *ctx,
                              const struct dm_principal *principal, struct dm_str *ret_token,
                              int64_t *ret_expires_at_ms)
{
    const struct dm_settings *settings = domain->settings;
    int64_t now_s = dm_clock_wall_ms() / 1000;
    const struct dm_jwt_claims claims = {
        .issuer = dm_str_from(settings->token_issuer),
        .audience = dm_str_from(settings->token_audience),
        .subject = principal->account_id,
        .token_use = DM_STR("access"),
        .session_id = principal->session_id,
        .id = dm_id_new(ctx->arena),
        .role = dm_str_from(dm_role_name(principal->role)),
        .scope = dm_scope_text(ctx->arena, principal->scopes),
        .issued_at_s = now_s,
        .not_before_s = now_s,
        .expires_at_s = now_s + settings->token_access_s,
    };
    if (claims.id.p == NULL || claims.scope.p == NULL)
        return dm_ctx_nomem(ctx);

    struct dm_str token;
    struct dm_jwt_keys *keys = dm_key_ring_keys(domain->key_ring);
    enum dm_result result = dm_jwt_sign(keys, &claims, ctx->arena, &ctx->err, &token);
    dm_jwt_keys_unref(keys);
    if (result != DM_OK)
        return result;
    *ret_token = token;
    *ret_expires_at_ms = claims.expires_at_s * 1000;
    return DM_OK;
}

/* One sentence for every flaw: which one it was helps only who made the token up. */
static enum dm_result refuse(struct dm_ctx *ctx)
{
    return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the access token is not valid");
}

static enum dm_result principal_of(struct dm_ctx *ctx, const struct entry *entry,
                                   struct dm_principal *ret_principal)
{
    const struct dm_principal principal = {
        .credential = DM_CREDENTIAL_SESSION,
        .account_id = dm_arena_str(ctx->arena, dm_str_from(entry->account_id)),
        .session_id = dm_arena_str(ctx->arena, dm_str_from(entry->session_id)),
        .role = entry->role,
        .scopes = entry->scopes,
        .expires_at_s = entry->expires_at_s,
    };
    if (principal.account_id.p == NULL || principal.session_id.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_principal = principal;
    return DM_OK;
}

/* Signature and claims. *ret_generation is that of the keys that judged. */
static enum dm_result verify(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct dm_str token, int64_t now_s, uint64_t *ret_generation,
                             struct dm_jwt_claims *ret_claims)
{
    const struct dm_jwt_expect expect = {
        .issuer = dm_str_from(domain->settings->token_issuer),
        .audience = dm_str_from(domain->settings->token_audience),
        .token_use = DM_STR("access"),
        .now_s = now_s,
        .life_max_s = DM_TOKEN_ACCESS_MAX_S,
    };
    struct dm_jwt_keys *keys = dm_key_ring_keys(domain->key_ring);
    enum dm_result result = dm_jwt_verify(keys, token, &expect, ctx->arena, &ctx->err, ret_claims);
    /* Another host may have made a key that this process has not seen yet. */
    struct dm_jwt_keys *newer =
        result == DM_E_NOTFOUND ? dm_key_ring_newer(domain->key_ring, keys) : NULL;
    if (newer) {
        dm_jwt_keys_unref(keys);
        keys = newer;
        result = dm_jwt_verify(keys, token, &expect, ctx->arena, &ctx->err, ret_claims);
    }
    *ret_generation = dm_jwt_keys_generation(keys);
    dm_jwt_keys_unref(keys);
    return result;
}

/* Also that the ids are ids: they go into SQL casts and cache entries of fixed size. */
static enum dm_result read_entry(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_str token, int64_t now_s, struct entry *entry)
{
    struct dm_jwt_claims claims;
    enum dm_result result = verify(domain, ctx, token, now_s, &entry->generation, &claims);
    if (result == DM_E_UNAUTHENTICATED || result == DM_E_NOTFOUND)
        return refuse(ctx);
    if (result != DM_OK)
        return result;
    entry->role = dm_role_of(claims.role);
    if (entry->role == DM_ROLE_NONE || !dm_id_is_uuid(claims.subject) ||
        !dm_id_is_uuid(claims.session_id))
        return refuse(ctx);
    entry->scopes = claims.scope.p == NULL ? 0 : dm_scope_parse(claims.scope);
    entry->expires_at_s = claims.expires_at_s;
    memcpy(entry->account_id, claims.subject.p, DM_UUID_TEXT - 1);
    memcpy(entry->session_id, claims.session_id.p, DM_UUID_TEXT - 1);
    return DM_OK;
}

enum dm_result dm_token_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                              struct dm_str token, struct dm_principal *ret_principal)
{
    if (token.n == 0 || token.n > DM_JWT_BYTES_MAX)
        return refuse(ctx);

    int64_t now_s = dm_clock_wall_ms() / 1000;
    struct entry entry = {.generation = dm_key_ring_generation(domain->key_ring)};
    dm_secret_sha256(token, entry.digest);
    if (cache_find(domain->token_cache, &entry, now_s, &entry))
        return principal_of(ctx, &entry, ret_principal);

    enum dm_result result = read_entry(domain, ctx, token, now_s, &entry);
    if (result != DM_OK)
        return result;
    /* Within the leeway a token may be past its time: it is good, but not kept. */
    if (entry.expires_at_s > now_s)
        cache_keep(domain->token_cache, &entry);
    return principal_of(ctx, &entry, ret_principal);
}

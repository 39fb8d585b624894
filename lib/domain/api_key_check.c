/*
 * From a key's text to its principal. A key seen before is answered from a cache: one hash, no question to PostgreSQL. An entry is
 * of one version of the key; whether that version still stands is asked of Redis, with the limits, at every request.
 */
#include "domain/api_key_check.h"

#include "base/clock.h"
#include "domain/api_key_bounds.h"
#include "domain/api_key_text.h"
#include "store/api_key_store.h"

#define COUNT_EVERY_MS 60000
#define WRITE_MS 1000 /* for writing a count when the request has used up its own time */

struct entry {
    char id[DM_UUID_TEXT]; /* the cache's key */
    bool stale;            /* another version stands: read it again */
    int64_t version;
    char secret_hash[DM_SHA256_HEX];
    char previous_hash[DM_SHA256_HEX];        /* "": none */
    int64_t previous_until_ms, expires_at_ms; /* wall */
    char account_id[DM_UUID_TEXT];
    enum dm_role role;
    unsigned scopes;
    char routes[DM_API_KEY_ROUTES_CHARS + 1];
    char ranges[DM_API_KEY_RANGES_CHARS + 1];
    int64_t uncounted;     /* requests that are not written yet */
    int64_t counted_at_ms; /* monotonic: the last write */
};

/* Requests of a key that are to be written. */
struct tally {
    char id[DM_UUID_TEXT];
    int64_t requests; /* 0: nothing to write */
};

struct dm_cache *dm_api_key_cache_new(size_t entries_max)
{
    return dm_cache_new(entries_max, sizeof(struct entry), DM_UUID_TEXT);
}

/* Is this one of the entry's secrets, at this time? All comparisons are made, whichever it is. */
static bool opens(const struct entry *entry, const struct dm_api_key_parts *parts, int64_t now_ms)
{
    const size_t n = DM_SHA256_HEX - 1;
    bool current = dm_secret_equal(entry->secret_hash, parts->secret_hash, n);
    bool previous = dm_secret_equal(entry->previous_hash, parts->secret_hash, n);
    return entry->expires_at_ms > now_ms &&
           (current || (previous && entry->previous_until_ms > now_ms));
}

static enum dm_result principal_of(struct dm_ctx *ctx, const struct entry *entry,
                                   struct dm_principal *ret_principal)
{
    const struct dm_principal principal = {
        .credential = DM_CREDENTIAL_API_KEY,
        .account_id = dm_arena_str(ctx->arena, dm_str_from(entry->account_id)),
        .key_id = dm_arena_str(ctx->arena, dm_str_from(entry->id)),
        .key_mark = dm_arena_printf(ctx->arena, "%s.%lld", entry->id, (long long)entry->version),
        .key_routes = dm_arena_str(ctx->arena, dm_str_from(entry->routes)),
        .key_ranges = dm_arena_str(ctx->arena, dm_str_from(entry->ranges)),
        .role = entry->role,
        .scopes = entry->scopes & dm_scope_of_role(entry->role),
        .expires_at_s = entry->expires_at_ms / 1000,
    };
    if (principal.account_id.p == NULL || principal.key_id.p == NULL ||
        principal.key_mark.p == NULL || principal.key_routes.p == NULL ||
        principal.key_ranges.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_principal = principal;
    return DM_OK;
}

/* DM_E_NOTFOUND: not remembered, or not with this secret. */
static enum dm_result recall(struct dm_cache *cache, struct dm_ctx *ctx,
                             const struct dm_api_key_parts *parts,
                             struct dm_principal *ret_principal)
{
    int64_t now_ms = dm_clock_wall_ms();
    struct dm_cache_set set = dm_cache_lock(cache, parts->id);
    const struct entry *entry = dm_cache_find(set);
    enum dm_result r = DM_E_NOTFOUND;
    if (entry != NULL && !entry->stale && opens(entry, parts, now_ms))
        r = principal_of(ctx, entry, ret_principal);
    dm_cache_unlock(set);
    return r;
}

/* In the place of the same key, whose count it keeps, or of another, whose count is the caller's to write. */
static void keep(struct dm_cache *cache, struct entry *entry, struct tally *ret_tally)
{
    struct dm_cache_set set = dm_cache_lock(cache, entry->id);
    struct entry *place = dm_cache_place(set);
    if (memcmp(place->id, entry->id, sizeof(place->id)) == 0) {
        entry->uncounted = place->uncounted;
        entry->counted_at_ms = place->counted_at_ms;
    } else {
        memcpy(ret_tally->id, place->id, sizeof(ret_tally->id));
        ret_tally->requests = place->uncounted;
    }
    *place = *entry;
    dm_cache_unlock(set);
}

/* text fits: the schema bounds it. What would not is cut, and then covers less, never more. */
static void copy(char *to, size_t size, struct dm_str text)
{
    size_t n = text.n < size ? text.n : size - 1;
    if (n > 0)
        memcpy(to, text.p, n);
    to[n] = '\0';
}

static enum dm_result read_entry(const struct dm_domain *domain, struct dm_ctx *ctx, const char *id,
                                 struct entry *entry)
{
    struct dm_api_key_grant grant;
    enum dm_result r = dm_api_key_store_grant(domain->pg, ctx, dm_str_from(id), &grant);
    if (r != DM_OK)
        return r;
    int64_t idle_ms = grant.idle_ms < COUNT_EVERY_MS ? grant.idle_ms : COUNT_EVERY_MS;
    *entry = (struct entry){
        .version = grant.version,
        .previous_until_ms = grant.previous_until.ms,
        .expires_at_ms = grant.expires_at_ms,
        .role = dm_role_of(grant.role),
        .scopes = dm_scope_parse(grant.scopes),
        .counted_at_ms = dm_clock_monotonic_ms() - idle_ms,
    };
    memcpy(entry->id, id, sizeof(entry->id));
    copy(entry->secret_hash, sizeof(entry->secret_hash), grant.secret_hash);
    copy(entry->previous_hash, sizeof(entry->previous_hash), grant.previous_hash);
    copy(entry->account_id, sizeof(entry->account_id), grant.account_id);
    copy(entry->routes, sizeof(entry->routes), grant.routes);
    copy(entry->ranges, sizeof(entry->ranges), grant.ranges);
    return DM_OK;
}

/* False when it could not be; what went wrong is nobody's business but the next minute's. */
static bool write_tally(const struct dm_domain *domain, struct dm_ctx *ctx,
                        const struct tally *tally)
{
    struct dm_err err = ctx->err;
    int64_t soon_ms = dm_clock_monotonic_ms() + WRITE_MS;
    if (ctx->deadline_ms < soon_ms)
        ctx->deadline_ms = soon_ms;
    enum dm_result r =
        dm_api_key_store_count(domain->pg, ctx, dm_str_from(tally->id), tally->requests);
    ctx->err = err;
    return r == DM_OK;
}

static enum dm_result refuse(struct dm_ctx *ctx)
{
    return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the API key is not valid");
}

enum dm_result dm_api_key_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                                struct dm_str text, struct dm_principal *ret_principal)
{
    struct dm_api_key_parts parts;
    if (!dm_api_key_parse(text, &parts))
        return refuse(ctx);
    enum dm_result r = recall(domain->api_key_cache, ctx, &parts, ret_principal);
    if (r != DM_E_NOTFOUND)
        return r;
    struct entry entry;
    struct tally displaced = {.requests = 0};
    r = read_entry(domain, ctx, parts.id, &entry);
    if (r == DM_E_NOTFOUND || (r == DM_OK && !opens(&entry, &parts, dm_clock_wall_ms())))
        return refuse(ctx);
    if (r != DM_OK)
        return r;
    keep(domain->api_key_cache, &entry, &displaced);
    if (displaced.requests > 0)
        (void)write_tally(domain, ctx, &displaced);
    return principal_of(ctx, &entry, ret_principal);
}

void dm_api_key_forget(const struct dm_domain *domain, struct dm_str key_id)
{
    char id[DM_UUID_TEXT] = {0};
    copy(id, sizeof(id), key_id);
    struct dm_cache_set set = dm_cache_lock(domain->api_key_cache, id);
    struct entry *entry = dm_cache_find(set);
    if (entry != NULL)
        entry->stale = true;
    dm_cache_unlock(set);
}

/* n more; *ret_tally is what is now to be written, if it is time. */
static void add(struct dm_cache *cache, const char *id, int64_t n, bool now,
                struct tally *ret_tally)
{
    int64_t now_ms = dm_clock_monotonic_ms();
    struct dm_cache_set set = dm_cache_lock(cache, id);
    struct entry *entry = dm_cache_find(set);
    if (entry != NULL) {
        entry->uncounted += n;
        if (now && now_ms - entry->counted_at_ms >= COUNT_EVERY_MS) {
            memcpy(ret_tally->id, id, sizeof(ret_tally->id));
            ret_tally->requests = entry->uncounted;
            entry->uncounted = 0;
            entry->counted_at_ms = now_ms;
        }
    }
    dm_cache_unlock(set);
}

void dm_api_key_count(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str key_id)
{
    char id[DM_UUID_TEXT] = {0};
    struct tally due = {.requests = 0};
    copy(id, sizeof(id), key_id);
    add(domain->api_key_cache, id, 1, true, &due);
    if (due.requests > 0 && !write_tally(domain, ctx, &due))
        add(domain->api_key_cache, id, due.requests, false, &due);
}

void dm_api_key_count_all(const struct dm_domain *domain, struct dm_ctx *ctx)
{
    const struct entry *entry;
    for (size_t i = 0; (entry = dm_cache_at(domain->api_key_cache, i)) != NULL; i++) {
        struct tally left = {.requests = entry->uncounted};
        memcpy(left.id, entry->id, sizeof(left.id));
        if (left.requests > 0)
            (void)write_tally(domain, ctx, &left);
    }
}

/* What tells of a token or an API key without asking again: under domain/token.c and domain/api_key_check.c. */
#include "base/cache.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4
#define SHARDS 64

struct dm_cache {
    size_t entry_size, key_size;
    size_t n_sets;       /* a power of two */
    unsigned char *ways; /* set by set */
    unsigned char *next; /* of each set: the way to give up next */
    /* Shard i guards every set whose index is i modulo SHARDS. */
    pthread_mutex_t locks[SHARDS];
};

struct dm_cache *dm_cache_new(size_t entries_max, size_t entry_size, size_t key_size)
{
    struct dm_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    cache->entry_size = entry_size;
    cache->key_size = key_size;
    cache->n_sets = 1;
    while (cache->n_sets * 2 * WAYS <= entries_max)
        cache->n_sets *= 2;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->locks[i], NULL);
    cache->ways = calloc(cache->n_sets * WAYS, entry_size);
    cache->next = calloc(cache->n_sets, 1);
    if (cache->ways == NULL || cache->next == NULL) {
        dm_cache_free(cache);
        return NULL;
    }
    return cache;
}

void dm_cache_free(struct dm_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&cache->locks[i]);
    free(cache->ways);
    free(cache->next);
    free(cache);
}

/* FNV-1a, its halves folded. */
static uint64_t hash_of(const unsigned char *key, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ key[i]) * 0x100000001b3u;
    return hash ^ (hash >> 32);
}

struct dm_cache_set dm_cache_lock(struct dm_cache *cache, const void *key)
{
    size_t index = (size_t)hash_of(key, cache->key_size) & (cache->n_sets - 1);
    struct dm_cache_set set = {
        .cache = cache, .lock = &cache->locks[index % SHARDS], .index = index, .key = key};
    pthread_mutex_lock(set.lock);
    return set;
}

void dm_cache_unlock(struct dm_cache_set set)
{
    pthread_mutex_unlock(set.lock);
}

static unsigned char *way_of(struct dm_cache_set set, size_t way)
{
    return set.cache->ways + (set.index * WAYS + way) * set.cache->entry_size;
}

void *dm_cache_find(struct dm_cache_set set)
{
    for (size_t i = 0; i < WAYS; i++)
        if (memcmp(way_of(set, i), set.key, set.cache->key_size) == 0)
            return way_of(set, i);
    return NULL;
}

static bool is_empty(const unsigned char *key, size_t n)
{
    size_t i = 0;
    while (i < n && key[i] == 0)
        i++;
    return i == n;
}

void *dm_cache_place(struct dm_cache_set set)
{
    void *own = dm_cache_find(set);
    if (own != NULL)
        return own;
    for (size_t i = 0; i < WAYS; i++)
        if (is_empty(way_of(set, i), set.cache->key_size))
            return way_of(set, i);
    return way_of(set, set.cache->next[set.index]++ % WAYS);
}

void *dm_cache_at(struct dm_cache *cache, size_t i)
{
    return i < cache->n_sets * WAYS ? cache->ways + i * cache->entry_size : NULL;
}

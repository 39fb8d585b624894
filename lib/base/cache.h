/*
 * A bounded cache of entries of one size, each of which begins with its key. Sets of four: a key's entry can only be in its set, where the
 * oldest gives way. Thread-safe: a set is locked from dm_cache_lock to dm_cache_unlock, meant for a few comparisons and a copy.
 */
#ifndef DM_BASE_CACHE_H
#define DM_BASE_CACHE_H

#include <pthread.h>
#include <stddef.h>

struct dm_cache;

/*
 * A set that the caller holds. Its entries are the caller's to read and write until it is unlocked.
 */
struct dm_cache_set {
    struct dm_cache *cache;
    pthread_mutex_t *lock;
    size_t index;
    const void *key; /* borrowed */
};

/*
 * At least four entries and at most entries_max, rounded down to a power of two. key_size: 1 to entry_size bytes. No key is all zeros: that is
 * an empty entry. NULL when out of memory. Caller frees with dm_cache_free.
 */
struct dm_cache *dm_cache_new(size_t entries_max, size_t entry_size, size_t key_size);
void dm_cache_free(struct dm_cache *cache); /* NULL allowed */

struct dm_cache_set dm_cache_lock(struct dm_cache *cache, const void *key);
void dm_cache_unlock(struct dm_cache_set set);
/* The key's entry; NULL: it is not there. */
void *dm_cache_find(struct dm_cache_set set);
/* Where the key's entry belongs, to be written whole: its own place, an empty one, or that of the set's oldest. */
void *dm_cache_place(struct dm_cache_set set);

/* Entry number i, empty ones too; NULL past the last. Not locked: for when nobody else uses the cache. */
void *dm_cache_at(struct dm_cache *cache, size_t i);

#endif

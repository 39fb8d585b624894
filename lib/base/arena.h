/*
 * A request's memory: bump allocation in blocks, bounded, given back all at once. No call here aborts; past the bound,
 * or when malloc fails, they return NULL. Not thread-safe: an arena belongs to one thread.
 */
#ifndef DM_BASE_ARENA_H
#define DM_BASE_ARENA_H

#include <stddef.h>

#include "base/result.h"
#include "base/str.h"

struct dm_arena;

/*
 * block_bytes: size of the first block, kept across resets (others are given back). max_bytes: the most that may be
 * handed out between two resets. NULL when out of memory. Caller frees with dm_arena_free.
 */
struct dm_arena *dm_arena_new(size_t block_bytes, size_t max_bytes);
void dm_arena_free(struct dm_arena *arena); /* NULL allowed */
void dm_arena_reset(struct dm_arena *arena);

/* n bytes, aligned for any type, zeroed. n == 0 gives a valid pointer. Lives in the arena. */
void *dm_arena_alloc(struct dm_arena *arena, size_t n);
/* An array of n items of size bytes each; NULL on overflow too. Zeroed. Lives in the arena. */
void *dm_arena_array(struct dm_arena *arena, size_t n, size_t size);
/* A NUL-terminated copy of s. absent.p == NULL on failure, and for an absent s. Lives in the arena. */
struct dm_str dm_arena_str(struct dm_arena *arena, struct dm_str s);
/* The same as a C string; NULL on failure. A NUL inside s ends the text for readers of the C string. */
char *dm_arena_cstr(struct dm_arena *arena, struct dm_str s);
DM_PRINTF(2, 3) struct dm_str dm_arena_printf(struct dm_arena *arena, const char *fmt, ...);
size_t dm_arena_used(const struct dm_arena *arena); /* bytes handed out since the last reset */

#endif

/*
 * The memory of one request or job: a chain of blocks filled from the front. The first block is
 * part of the arena and outlives every reset, so that a usual request costs no malloc at all.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>

/* Texts up to here are printed once and copied, longer ones printed twice. */
#define PRINTF_AT_HAND 256

struct block {
    struct block *older; /* NULL: the first one */
    size_t cap;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct dm_arena {
    size_t block_bytes;
    size_t max_bytes;
    size_t total; /* handed out since the last reset, with the alignment's padding */
    struct block *newest;
};

static struct block *block_new(size_t cap)
{
    if (cap > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *block = malloc(sizeof(*block) + cap);
    if (block == NULL)
        return NULL;
    block->older = NULL;
    block->cap = cap;
    block->used = 0;
    return block;
}

struct dm_arena *dm_arena_new(size_t block_bytes, size_t max_bytes)
{
    struct dm_arena *arena = malloc(sizeof(*arena));
    if (arena == NULL)
        return NULL;
    *arena = (struct dm_arena){.block_bytes = block_bytes, .max_bytes = max_bytes};
    arena->newest = block_new(block_bytes);
    if (arena->newest == NULL) {
        free(arena);
        return NULL;
    }
    return arena;
}

void dm_arena_free(struct dm_arena *arena)
{
    if (arena == NULL)
        return;
    dm_arena_reset(arena);
    free(arena->newest);
    free(arena);
}

void dm_arena_reset(struct dm_arena *arena)
{
    while (arena->newest->older != NULL) {
        struct block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    arena->newest->used = 0;
    arena->total = 0;
}

void *dm_arena_alloc(struct dm_arena *arena, size_t n)
{
    const size_t align = alignof(max_align_t);
    /* A pointer of its own also for nothing. */
    size_t want = n == 0 ? align : n;
    if (want > SIZE_MAX - (align - 1))
        return NULL;
    want = (want + align - 1) / align * align;
    if (want > arena->max_bytes - arena->total)
        return NULL;
    struct block *block = arena->newest;
    if (want > block->cap - block->used) {
        block = block_new(want > arena->block_bytes ? want : arena->block_bytes);
        if (block == NULL)
            return NULL;
        block->older = arena->newest;
        arena->newest = block;
    }
    void *p = block->bytes + block->used;
    block->used += want;
    arena->total += want;
    return memset(p, 0, want);
}

void *dm_arena_array(struct dm_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return dm_arena_alloc(arena, bytes);
}

struct dm_str dm_arena_str(struct dm_arena *arena, struct dm_str s)
{
    char *p = s.p ? dm_arena_cstr(arena, s) : NULL;
    return (struct dm_str){p, p ? s.n : 0};
}

char *dm_arena_cstr(struct dm_arena *arena, struct dm_str s)
{
    if (s.n == SIZE_MAX)
        return NULL;
    char *p = dm_arena_alloc(arena, s.n + 1);
    if (p != NULL && s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

struct dm_str dm_arena_printf(struct dm_arena *arena, const char *fmt, ...)
{
    const struct dm_str absent = {NULL, 0};
    char most[PRINTF_AT_HAND];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(most, sizeof(most), fmt, args);
    va_end(args);
    if (n < 0)
        return absent;
    if ((size_t)n < sizeof(most))
        return dm_arena_str(arena, (struct dm_str){most, (size_t)n});
    char *p = dm_arena_alloc(arena, (size_t)n + 1);
    if (p == NULL)
        return absent;
    va_start(args, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return (struct dm_str){p, (size_t)n};
}

size_t dm_arena_used(const struct dm_arena *arena)
{
    return arena->total;
}

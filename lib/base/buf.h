/*
 * A growing byte buffer with a maximum given at init. An append that would pass the maximum, or for which there is no
 * memory, appends nothing and marks the buffer failed; later appends do nothing. So a writer appends freely and asks
 * dm_buf_failed() once at the end.
 */
#ifndef DM_BASE_BUF_H
#define DM_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/result.h"
#include "base/str.h"

struct dm_buf {
    char *p;
    size_t n;               /* bytes used */
    size_t cap;             /* bytes allocated */
    size_t max;             /* never more than this */
    struct dm_arena *arena; /* NULL: malloc */
    bool failed;
};

/* Memory comes from arena if given (old blocks stay there until its reset), else from malloc. */
void dm_buf_init(struct dm_buf *buf, struct dm_arena *arena, size_t max_bytes);
void dm_buf_done(
    struct dm_buf *buf); /* frees malloc'ed memory; the struct may be used again after init */
void dm_buf_reset(struct dm_buf *buf);                /* empties, clears failed, keeps the memory */
void dm_buf_add(struct dm_buf *buf, struct dm_str s); /* an absent s adds nothing */
void dm_buf_add_c(struct dm_buf *buf, const char *nul_terminated);
void dm_buf_add_char(struct dm_buf *buf, char c);
void dm_buf_add_int(struct dm_buf *buf, int64_t v); /* decimal */
DM_PRINTF(2, 3) void dm_buf_printf(struct dm_buf *buf, const char *fmt, ...);
bool dm_buf_failed(const struct dm_buf *buf);
struct dm_str dm_buf_str(const struct dm_buf *buf); /* valid until the next call on buf */

#endif

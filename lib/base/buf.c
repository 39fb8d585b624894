/*
 * The one growing buffer: replies, log lines, config prints and mail are all written through it.
 * Growth doubles, so that a text of n bytes costs at most 2n of an arena's bound.
 */
#include "base/buf.h"

#include <stdarg.h>

#define FIRST_BYTES 256

void dm_buf_init(struct dm_buf *buf, struct dm_arena *arena, size_t max_bytes)
{
    *buf = (struct dm_buf){.max = max_bytes, .arena = arena};
}

void dm_buf_done(struct dm_buf *buf)
{
    if (buf->arena == NULL)
        free(buf->p);
    *buf = (struct dm_buf){0};
}

void dm_buf_reset(struct dm_buf *buf)
{
    buf->n = 0;
    buf->failed = false;
}

/* Room for extra more bytes. */
static bool reserve(struct dm_buf *buf, size_t extra)
{
    if (buf->failed)
        return false;
    if (extra <= buf->cap - buf->n)
        return true;
    buf->failed = true;
    if (extra > buf->max - buf->n)
        return false;
    size_t cap = buf->cap == 0 ? FIRST_BYTES : buf->cap;
    while (cap < buf->n + extra)
        cap = cap > buf->max / 2 ? buf->max : cap * 2;
    if (cap > buf->max)
        cap = buf->max;
    char *p = buf->arena ? dm_arena_alloc(buf->arena, cap) : realloc(buf->p, cap);
    if (p == NULL)
        return false;
    if (buf->arena != NULL && buf->n > 0)
        memcpy(p, buf->p, buf->n);
    buf->p = p;
    buf->cap = cap;
    buf->failed = false;
    return true;
}

void dm_buf_add(struct dm_buf *buf, struct dm_str s)
{
    if (s.n == 0 || !reserve(buf, s.n))
        return;
    memcpy(buf->p + buf->n, s.p, s.n);
    buf->n += s.n;
}

void dm_buf_add_c(struct dm_buf *buf, const char *nul_terminated)
{
    dm_buf_add(buf, dm_str_from(nul_terminated));
}

void dm_buf_add_char(struct dm_buf *buf, char c)
{
    if (!reserve(buf, 1))
        return;
    buf->p[buf->n++] = c;
}

void dm_buf_add_int(struct dm_buf *buf, int64_t v)
{
    char text[24];
    size_t at = sizeof(text);
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (v < 0)
        text[--at] = '-';
    dm_buf_add(buf, (struct dm_str){text + at, sizeof(text) - at});
}

void dm_buf_printf(struct dm_buf *buf, const char *fmt, ...)
{
    if (buf->failed)
        return;
    va_list args;
    va_start(args, fmt);
    size_t room = buf->cap - buf->n;
    int n = vsnprintf(room > 0 ? buf->p + buf->n : NULL, room, fmt, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
        return;
    }
    if ((size_t)n >= room) {
        /* vsnprintf wants room for its NUL too, which max need not have: it goes through memory of
         * its own then. */
        char *text = NULL;
        va_start(args, fmt);
        n = vasprintf(&text, fmt, args);
        va_end(args);
        if (n < 0) {
            buf->failed = true;
            return;
        }
        dm_buf_add(buf, (struct dm_str){text, (size_t)n});
        free(text);
        return;
    }
    buf->n += (size_t)n;
}

bool dm_buf_failed(const struct dm_buf *buf)
{
    return buf->failed;
}

struct dm_str dm_buf_str(const struct dm_buf *buf)
{
    return (struct dm_str){buf->p ? buf->p : "", buf->n};
}

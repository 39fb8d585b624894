/* Normalisation into an arena: utf8proc's own allocating calls would leave passwords in the heap. */
#include "base/unicode.h"

#include <stdint.h>
#include <utf8proc.h>

#define NFKC (UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT)

static bool is_ascii(struct dm_str s)
{
    unsigned char seen = 0;
    for (size_t i = 0; i < s.n; i++)
        seen |= (unsigned char)s.p[i];
    return seen < 0x80;
}

struct dm_str dm_unicode_nfkc(struct dm_arena *arena, struct dm_str s)
{
    if (is_ascii(s))
        return s;
    const uint8_t *bytes = (const uint8_t *)s.p;
    utf8proc_ssize_t n = utf8proc_decompose(bytes, (utf8proc_ssize_t)s.n, NULL, 0, NFKC);
    if (n < 0)
        return (struct dm_str){0};
    /* One more: the call below ends its text with a NUL. */
    int32_t *points = dm_arena_array(arena, (size_t)n + 1, sizeof(*points));
    if (points == NULL)
        return (struct dm_str){0};
    n = utf8proc_decompose(bytes, (utf8proc_ssize_t)s.n, points, n, NFKC);
    if (n >= 0)
        n = utf8proc_reencode(points, n, NFKC);
    return n < 0 ? (struct dm_str){0} : (struct dm_str){(const char *)points, (size_t)n};
}

/*
 * UTF-8 by the table of RFC 3629 §4. Everything from outside passes dm_utf8_valid once, at the
 * door; the other calls rely on that and stay simple.
 */
#include "base/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Bytes of the valid sequence at p, of which n are there; 0 when there is none. */
static size_t sequence(const unsigned char *p, size_t n)
{
    unsigned char lead = p[0];
    if (lead < 0x80)
        return 1;
    size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || n < want)
        return 0;
    /* The second byte alone decides on overlong forms, surrogates and the end of Unicode. */
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return want;
}

bool dm_utf8_valid(struct dm_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        uint64_t word;
        if (s.n - i >= sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            if ((word & HIGH_BITS) == 0) {
                i += sizeof(word);
                continue;
            }
        }
        size_t step = sequence(p + i, s.n - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t dm_utf8_count(struct dm_str s)
{
    size_t points = 0;
    for (size_t i = 0; i < s.n; i++)
        points += is_continuation(s.p[i]) ? 0 : 1;
    return points;
}

struct dm_str dm_utf8_clip(struct dm_str s, size_t max_points)
{
    size_t points = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (is_continuation(s.p[i]))
            continue;
        if (points == max_points)
            return dm_str_slice(s, 0, i);
        points++;
    }
    return s;
}

static bool is_line_end(struct dm_str sequence)
{
    return dm_str_eq_c(sequence, "\u2028") || dm_str_eq_c(sequence, "\u2029");
}

bool dm_utf8_has_control(struct dm_str s, bool text)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == 0x7f)
            return true;
        if (c < 0x20 && !(text && (c == '\t' || c == '\n' || c == '\r')))
            return true;
        /* U+0080 to U+009F */
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
            return true;
        if (c == 0xe2 && !text && is_line_end(dm_str_slice(s, i, 3)))
            return true;
    }
    return false;
}

size_t dm_utf8_encode(uint32_t point, char ret_bytes[4])
{
    if (point < 0x80) {
        ret_bytes[0] = (char)point;
        return 1;
    }
    size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        ret_bytes[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    ret_bytes[0] = (char)(leads[n] | point);
    return n;
}

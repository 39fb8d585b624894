/* Normalisation into an arena: utf8proc's own allocating calls would leave passwords in the heap. What can be seen is asked of its tables. */
#include "base/unicode.h"

#include <stdint.h>
#include <utf8proc.h>

#define NFC (UTF8PROC_STABLE | UTF8PROC_COMPOSE)
#define NFKC (NFC | UTF8PROC_COMPAT)
/* The first byte of U+0300: below it every character is its own NFC. */
#define NFC_LEAD_MIN 0xcc
/* The first Arabic letter: none before it joins. */
#define JOINING_MIN 0x0600

static bool all_below(struct dm_str s, unsigned char limit)
{
    bool below = true;
    for (size_t i = 0; i < s.n; i++)
        below &= (unsigned char)s.p[i] < limit;
    return below;
}

static struct dm_str normalise(struct dm_arena *arena, struct dm_str s, utf8proc_option_t form)
{
    const uint8_t *bytes = (const uint8_t *)s.p;
    utf8proc_ssize_t n = utf8proc_decompose(bytes, (utf8proc_ssize_t)s.n, NULL, 0, form);
    if (n < 0)
        return (struct dm_str){0};
    /* One more: the call below ends its text with a NUL. */
    int32_t *points = dm_arena_array(arena, (size_t)n + 1, sizeof(*points));
    if (points == NULL)
        return (struct dm_str){0};
    n = utf8proc_decompose(bytes, (utf8proc_ssize_t)s.n, points, n, form);
    if (n >= 0)
        n = utf8proc_reencode(points, n, form);
    return n < 0 ? (struct dm_str){0} : (struct dm_str){(const char *)points, (size_t)n};
}

struct dm_str dm_unicode_nfkc(struct dm_arena *arena, struct dm_str s)
{
    return all_below(s, 0x80) ? s : normalise(arena, s, NFKC);
}

struct dm_str dm_unicode_nfc(struct dm_arena *arena, struct dm_str s)
{
    return all_below(s, NFC_LEAD_MIN) ? s : normalise(arena, s, NFC);
}

/* Split the first code point off. False at the end. */
static bool next_point(struct dm_str *rest, int32_t *ret_point)
{
    if (rest->n == 0)
        return false;
    utf8proc_ssize_t n =
        utf8proc_iterate((const uint8_t *)rest->p, (utf8proc_ssize_t)rest->n, ret_point);
    if (n <= 0)
        return false;
    *rest = (struct dm_str){rest->p + n, rest->n - (size_t)n};
    return true;
}

static bool is_between(int32_t point, int32_t first, int32_t last)
{
    return point >= first && point <= last;
}

/* Letters, marks and signs by their category, but drawn as nothing: Hangul's fillers, Khmer's inherent vowels and the like. */
static bool is_filler(int32_t point)
{
    static const int32_t fillers[] = {0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x3164, 0xffa0};
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++)
        if (point == fillers[i])
            return true;
    return is_between(point, 0x180b, 0x180f);
}

static bool is_blank(int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
        return true;
    default:
        /* Also Braille without a dot, and selectors of a variation of nothing. */
        return is_filler(point) || point == 0x2800 || is_between(point, 0xfe00, 0xfe0f);
    }
}

bool dm_unicode_is_blank(struct dm_str s)
{
    int32_t point;
    while (next_point(&s, &point))
        if (!is_blank(point))
            return false;
    return true;
}

static bool is_hidden(int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return true;
    default:
        /* The last two of each plane and U+FDD0 to U+FDEF are no characters. */
        return is_filler(point) || (point & 0xfffe) == 0xfffe || is_between(point, 0xfdd0, 0xfdef);
    }
}

static bool may_join(int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_SO:
    case UTF8PROC_CATEGORY_SK:
        return point >= JOINING_MIN;
    default:
        return false;
    }
}

bool dm_unicode_has_hidden(struct dm_str s)
{
    int32_t point, before = 0;
    while (next_point(&s, &point)) {
        bool joins = is_between(point, 0x200c, 0x200d) && may_join(before) && s.n > 0;
        if (!joins && is_hidden(point))
            return true;
        before = point;
    }
    return false;
}

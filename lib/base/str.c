/*
 * Views of bytes, the text type of every interface above. Nothing here allocates, writes to the
 * viewed bytes or reads past n, and letters are ASCII whatever the locale.
 */
#include "base/str.h"

#include <math.h>

/* Long enough for every double written in full with room to spare; longer texts are nobody's
 * numbers. */
#define NUMBER_BYTES_MAX 1024

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct dm_str dm_str_from(const char *nul_terminated)
{
    return (struct dm_str){nul_terminated, nul_terminated ? strlen(nul_terminated) : 0};
}

bool dm_str_eq(struct dm_str a, struct dm_str b)
{
    if (a.p == NULL || b.p == NULL)
        return a.p == b.p;
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

bool dm_str_eq_c(struct dm_str a, const char *b)
{
    return dm_str_eq(a, dm_str_from(b));
}

bool dm_str_eq_nocase(struct dm_str a, struct dm_str b)
{
    if (a.p == NULL || b.p == NULL)
        return a.p == b.p;
    return a.n == b.n && dm_str_starts_nocase(a, b);
}

bool dm_str_starts(struct dm_str s, struct dm_str prefix)
{
    if (s.p == NULL || prefix.p == NULL)
        return false;
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

bool dm_str_starts_nocase(struct dm_str s, struct dm_str prefix)
{
    if (s.p == NULL || prefix.p == NULL || s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (lower(s.p[i]) != lower(prefix.p[i]))
            return false;
    return true;
}

struct dm_str dm_str_slice(struct dm_str s, size_t from, size_t n)
{
    if (s.p == NULL)
        return s;
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (struct dm_str){s.p + from, n};
}

struct dm_str dm_str_trim(struct dm_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = dm_str_slice(s, 1, s.n);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

size_t dm_str_find(struct dm_str s, char c, size_t from)
{
    if (from >= s.n)
        return s.n;
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit ? (size_t)(hit - s.p) : s.n;
}

bool dm_str_contains(struct dm_str s, struct dm_str what)
{
    return what.n == 0 || (s.n >= what.n && memmem(s.p, s.n, what.p, what.n) != NULL);
}

bool dm_str_next(struct dm_str *rest, char sep, struct dm_str *ret_part)
{
    if (rest->p == NULL)
        return false;
    size_t at = dm_str_find(*rest, sep, 0);
    *ret_part = dm_str_slice(*rest, 0, at);
    *rest = at < rest->n ? dm_str_slice(*rest, at + 1, rest->n) : (struct dm_str){NULL, 0};
    return true;
}

bool dm_str_to_int(struct dm_str s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i >= s.n)
        return false;
    int64_t v = 0;
    for (; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
        int digit = s.p[i] - '0';
        /* Counted downwards for negatives: INT64_MIN has no positive twin. */
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, negative ? -digit : digit, &v))
            return false;
    }
    if (v < min || v > max)
        return false;
    *ret = v;
    return true;
}

/* Skips digits from *at on; false when there is none. */
static bool skip_digits(struct dm_str s, size_t *at)
{
    size_t from = *at;
    while (*at < s.n && is_digit(s.p[*at]))
        (*at)++;
    return *at > from;
}

/* RFC 8259 §6. */
static bool is_number(struct dm_str s)
{
    size_t i = s.n > 0 && s.p[0] == '-' ? 1 : 0;
    size_t first = i;
    if (!skip_digits(s, &i) || (s.p[first] == '0' && i > first + 1))
        return false;
    if (i < s.n && s.p[i] == '.') {
        i++;
        if (!skip_digits(s, &i))
            return false;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
            i++;
        if (!skip_digits(s, &i))
            return false;
    }
    return i == s.n;
}

bool dm_str_to_num(struct dm_str s, double *ret)
{
    char text[NUMBER_BYTES_MAX + 1];
    if (s.n > NUMBER_BYTES_MAX || !is_number(s))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    /* No program calls setlocale(), so the decimal sign is the point. */
    double v = strtod(text, NULL);
    if (!isfinite(v))
        return false;
    *ret = v;
    return true;
}

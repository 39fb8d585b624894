/*
 * Syntax of the formats that requests carry, by grammar and without regular expressions. Whether an
 * address exists, or a language is known, is not asked here.
 */
#include "base/format.h"

#define EMAIL_BYTES_MAX 254
#define EMAIL_LOCAL_BYTES_MAX 64
#define LABEL_BYTES_MAX 63

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_alpha(c) || is_digit(c);
}

/* c is alphanumeric or one of also. */
static bool is_one_of(char c, const char *also)
{
    return is_alnum(c) || (c != '\0' && strchr(also, c) != NULL);
}

/* RFC 5321 §4.1.2 Dot-string. */
static bool is_local_part(struct dm_str s)
{
    struct dm_str atom;
    while (dm_str_next(&s, '.', &atom)) {
        if (atom.n == 0)
            return false;
        for (size_t i = 0; i < atom.n; i++)
            if (!is_one_of(atom.p[i], "!#$%&'*+-/=?^_`{|}~"))
                return false;
    }
    return true;
}

/* RFC 1123 §2.1: letters, digits and inner hyphens. */
static bool is_label(struct dm_str s)
{
    if (s.n == 0 || s.n > LABEL_BYTES_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_one_of(s.p[i], "-"))
            return false;
    return true;
}

bool dm_format_is_email(struct dm_str s)
{
    size_t at = dm_str_find(s, '@', 0);
    if (s.n > EMAIL_BYTES_MAX || at == s.n || at == 0 || at > EMAIL_LOCAL_BYTES_MAX)
        return false;
    struct dm_str domain = dm_str_slice(s, at + 1, s.n), label;
    size_t labels = 0;
    while (dm_str_next(&domain, '.', &label)) {
        if (!is_label(label))
            return false;
        labels++;
    }
    return labels >= 2 && is_local_part(dm_str_slice(s, 0, at));
}

struct dm_str dm_format_email_key(struct dm_arena *arena, struct dm_str email)
{
    const struct dm_str absent = {NULL, 0};
    char *key = email.p ? dm_arena_cstr(arena, email) : NULL;
    if (key == NULL)
        return absent;
    for (size_t i = 0; i < email.n; i++)
        if (key[i] >= 'A' && key[i] <= 'Z')
            key[i] = (char)(key[i] + ('a' - 'A'));
    return (struct dm_str){key, email.n};
}

static bool all(struct dm_str s, bool (*is)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i]))
            return false;
    return true;
}

bool dm_format_is_language(struct dm_str s)
{
    struct dm_str part;
    if (!dm_str_next(&s, '-', &part) || part.n < 2 || part.n > 8 || !all(part, is_alpha))
        return false;
    if (!dm_str_next(&s, '-', &part))
        return true;
    if (part.n == 4) {
        if (!all(part, is_alpha))
            return false;
        if (!dm_str_next(&s, '-', &part))
            return true;
    }
    bool region = (part.n == 2 && all(part, is_alpha)) || (part.n == 3 && all(part, is_digit));
    return region && s.p == NULL;
}

bool dm_format_is_token(struct dm_str s, size_t max_bytes)
{
    if (s.n == 0 || s.n > max_bytes)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_one_of(s.p[i], "._-"))
            return false;
    return true;
}

/* The value of a hex digit, or -1. */
static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool dm_format_url_decode(struct dm_arena *arena, struct dm_str s, struct dm_str *ret)
{
    char *to = dm_arena_cstr(arena, s);
    if (to == NULL)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            to[n++] = s.p[i] == '+' ? ' ' : s.p[i];
            continue;
        }
        int high = s.n - i > 2 ? hex(s.p[i + 1]) : -1;
        int low = s.n - i > 2 ? hex(s.p[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        to[n++] = (char)(high << 4 | low);
        i += 2;
    }
    to[n] = '\0';
    *ret = (struct dm_str){to, n};
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

struct dm_str dm_format_url_encode(struct dm_arena *arena, struct dm_str s)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = s.n < SIZE_MAX / 4 ? dm_arena_alloc(arena, 3 * s.n + 1) : NULL;
    if (to == NULL)
        return (struct dm_str){NULL, 0};
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (is_unreserved(s.p[i])) {
            to[n++] = s.p[i];
            continue;
        }
        to[n++] = '%';
        to[n++] = digits[(unsigned char)s.p[i] >> 4];
        to[n++] = digits[s.p[i] & 15];
    }
    to[n] = '\0';
    return (struct dm_str){to, n};
}

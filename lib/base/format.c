/*
 * Syntax of the formats that requests carry, by grammar and without regular expressions. Whether an
 * address exists, or a language is known, is not asked here.
 */
#include "base/format.h"

#include "base/cidr.h"

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

static bool all(struct dm_str s, bool (*is)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i]))
            return false;
    return true;
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
    struct dm_str domain = dm_str_slice(s, at + 1, s.n), label = {NULL, 0};
    size_t labels = 0;
    while (dm_str_next(&domain, '.', &label)) {
        if (!is_label(label))
            return false;
        labels++;
    }
    /* Else it would be an IPv4 address, or look like one. */
    return labels >= 2 && !all(label, is_digit) && is_local_part(dm_str_slice(s, 0, at));
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

static bool is_primary_language(struct dm_str part)
{
    return part.n >= 2 && part.n <= 8 && all(part, is_alpha);
}

static bool is_script(struct dm_str part)
{
    return part.n == 4 && all(part, is_alpha);
}

static bool is_region(struct dm_str part)
{
    return (part.n == 2 && all(part, is_alpha)) || (part.n == 3 && all(part, is_digit));
}

static bool is_variant(struct dm_str part)
{
    bool long_one = part.n >= 5 && part.n <= 8;
    return (long_one || (part.n == 4 && is_digit(part.p[0]))) && all(part, is_alnum);
}

static bool is_private_mark(struct dm_str part)
{
    return dm_str_eq_nocase(part, DM_STR("x"));
}

static bool is_singleton(struct dm_str part)
{
    return part.n == 1 && is_alnum(part.p[0]) && !is_private_mark(part);
}

static bool is_extension_part(struct dm_str part)
{
    return part.n >= 2 && part.n <= 8 && all(part, is_alnum);
}

static bool is_private_part(struct dm_str part)
{
    return part.n >= 1 && part.n <= 8 && all(part, is_alnum);
}

/* Split the next part off a tag if it is one of these; how many. */
static size_t take(struct dm_str *tag, bool (*is)(struct dm_str), size_t most)
{
    size_t n = 0;
    struct dm_str rest = *tag, part;
    while (n < most && dm_str_next(&rest, '-', &part) && is(part)) {
        *tag = rest;
        n++;
    }
    return n;
}

bool dm_format_is_language(struct dm_str s)
{
    if (take(&s, is_primary_language, 1) == 0)
        return false;
    (void)take(&s, is_script, 1);
    (void)take(&s, is_region, 1);
    (void)take(&s, is_variant, SIZE_MAX);
    while (take(&s, is_singleton, 1) == 1)
        if (take(&s, is_extension_part, SIZE_MAX) == 0)
            return false;
    if (take(&s, is_private_mark, 1) == 1 && take(&s, is_private_part, SIZE_MAX) == 0)
        return false;
    return s.p == NULL;
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

/* Alphanumerics, one of also, and percent-encoded octets (RFC 3986 §2.1). */
static bool is_encoded(struct dm_str s, const char *also)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_one_of(s.p[i], also))
            continue;
        if (s.p[i] != '%' || s.n - i < 3 || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
            return false;
        i += 2;
    }
    return true;
}

/* Split off what comes before the first of ends; what ended it stays in *rest. */
static struct dm_str take_until(struct dm_str *rest, const char *ends)
{
    size_t n = 0;
    while (n < rest->n && strchr(ends, rest->p[n]) == NULL)
        n++;
    struct dm_str taken = dm_str_slice(*rest, 0, n);
    *rest = dm_str_slice(*rest, n, rest->n);
    return taken;
}

/* The rest behind c, if that is what it begins with. */
static bool take_char(struct dm_str *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = dm_str_slice(*rest, 1, rest->n);
    return true;
}

/* RFC 3986 §3.2: [userinfo@]host[:port], without the slashes. */
static bool is_authority(struct dm_str s)
{
    size_t at = dm_str_find(s, '@', 0);
    if (at < s.n) {
        if (!is_encoded(dm_str_slice(s, 0, at), "-._~!$&'()*+,;=:"))
            return false;
        s = dm_str_slice(s, at + 1, s.n);
    }
    if (take_char(&s, '[')) {
        struct dm_address address;
        if (!dm_address_parse(take_until(&s, "]"), &address) || !address.v6 || !take_char(&s, ']'))
            return false;
    } else if (!is_encoded(take_until(&s, ":"), "-._~!$&'()*+,;=")) {
        return false;
    }
    return s.n == 0 || (take_char(&s, ':') && all(s, is_digit));
}

bool dm_format_is_uri(struct dm_str s)
{
    struct dm_str scheme = take_until(&s, ":/?#");
    if (scheme.n == 0 || !is_alpha(scheme.p[0]) || !take_char(&s, ':'))
        return false;
    for (size_t i = 0; i < scheme.n; i++)
        if (!is_one_of(scheme.p[i], "+-."))
            return false;
    if (dm_str_starts(s, DM_STR("//"))) {
        s = dm_str_slice(s, 2, s.n);
        if (!is_authority(take_until(&s, "/?#")))
            return false;
    }
    if (!is_encoded(take_until(&s, "?#"), "-._~!$&'()*+,;=:@/"))
        return false;
    if (take_char(&s, '?') && !is_encoded(take_until(&s, "#"), "-._~!$&'()*+,;=:@/?"))
        return false;
    return s.n == 0 || (take_char(&s, '#') && is_encoded(s, "-._~!$&'()*+,;=:@/?"));
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

/* In English whatever the locale. */
struct dm_str dm_format_http_date(struct dm_arena *arena, int64_t at_s)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)at_s;
    struct tm tm;
    gmtime_r(&at, &tm);
    return dm_arena_printf(arena, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                           tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                           tm.tm_sec);
}

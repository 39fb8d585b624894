/*
 * The scanner in front of every JSON parser. It walks the text once, keeping the open brackets on a
 * bounded stack of its own and the names of the objects still open in one list, which an object
 * compares and drops when it closes.
 */
#include "base/json_text.h"

#include "base/utf8.h"

/* Names kept without malloc; most requests have fewer open at a time. */
#define NAMES_AT_HAND 64
/* Up to here comparing each name with each is cheaper than sorting. */
#define PAIRWISE_MAX 16

struct name {
    const char *p; /* in the text, or in scan.unescaped */
    size_t n;
    size_t at; /* offset of its first byte in the text */
};

struct level {
    char closing;
    size_t first_name; /* index of this object's first in scan.names */
};

struct scan {
    const char *p;
    size_t n;
    size_t at;
    unsigned max_depth;
    struct dm_err *err;
    struct level levels[DM_JSON_DEPTH_MAX];
    unsigned depth;
    struct name *names; /* at_hand or malloc'ed */
    size_t n_names, cap_names;
    struct name at_hand[NAMES_AT_HAND];
    char *unescaped; /* names that have escapes, one after the other; NULL until there is one */
    size_t n_unescaped;
};

static enum dm_result bad(struct scan *s, size_t at, const char *what)
{
    return dm_err_set(s->err, DM_E_SYNTAX, "%s at byte %zu of the JSON text", what, at);
}

static enum dm_result nomem(struct scan *s)
{
    return dm_err_set(s->err, DM_E_NOMEM, "out of memory while checking a JSON text of %zu bytes",
                      s->n);
}

/* The character at the place we are at; NUL at the end, which no text may have. */
static char here(const struct scan *s)
{
    return s->at < s->n ? s->p[s->at] : '\0';
}

static void skip_space(struct scan *s)
{
    while (s->at < s->n && (s->p[s->at] == ' ' || s->p[s->at] == '\n' || s->p[s->at] == '\t' ||
                            s->p[s->at] == '\r'))
        s->at++;
}

/* Strings */

/* Is one of word's bytes a control, a quote, a backslash or not ASCII? Exact when the answer is no.
 */
static bool has_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    uint64_t hit = (word - ones * 0x20) | (quote - ones) | (backslash - ones) | word;
    return (hit & tops) != 0;
}

static void skip_plain(struct scan *s)
{
    uint64_t word;
    while (s->n - s->at >= sizeof(word)) {
        memcpy(&word, s->p + s->at, sizeof(word));
        if (has_special(word))
            break;
        s->at += sizeof(word);
    }
    for (; s->at < s->n; s->at++) {
        unsigned char c = (unsigned char)s->p[s->at];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return;
    }
}

/* UTF-8 never has an ASCII byte inside a sequence, so a run of other bytes is judged alone. */
static enum dm_result skip_not_ascii(struct scan *s)
{
    size_t from = s->at;
    while (s->at < s->n && (unsigned char)s->p[s->at] >= 0x80)
        s->at++;
    if (!dm_utf8_valid((struct dm_str){s->p + from, s->at - from}))
        return bad(s, from, "invalid UTF-8");
    return DM_OK;
}

/* The four hex digits at p, of which n bytes are there; -1 when they are not. */
static int32_t hex4(const char *p, size_t n)
{
    if (n < 4)
        return -1;
    int32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

/* The code point of the escape \u at p, and its length: 6, or 12 for a pair. 0 when it is none that
 * we take. */
static size_t unicode_escape(const char *p, size_t n, uint32_t *ret_point)
{
    int32_t high = n > 2 ? hex4(p + 2, n - 2) : -1;
    if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    if (high < 0xd800 || high > 0xdfff) {
        *ret_point = (uint32_t)high;
        return 6;
    }
    int32_t low = n > 8 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, n - 8) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret_point = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 12;
}

static enum dm_result skip_escape(struct scan *s)
{
    size_t left = s->n - s->at;
    char c = left > 1 ? s->p[s->at + 1] : '\0';
    if (c == 'u') {
        uint32_t point;
        size_t n = unicode_escape(s->p + s->at, left, &point);
        if (n == 0)
            return bad(s, s->at, "malformed \\u escape, lone surrogate or U+0000");
        s->at += n;
        return DM_OK;
    }
    if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
        return bad(s, s->at, "unknown escape");
    s->at += 2;
    return DM_OK;
}

/* From the opening quote past the closing one. *ret_escaped: the text differs from what it stands
 * for. */
static enum dm_result scan_string(struct scan *s, bool *ret_escaped)
{
    size_t opening = s->at++;
    bool escaped = false;
    for (;;) {
        skip_plain(s);
        if (s->at == s->n)
            return bad(s, opening, "string without end");
        unsigned char c = (unsigned char)s->p[s->at];
        if (c == '"')
            break;
        if (c < 0x20)
            return bad(s, s->at, "raw control character in a string");
        escaped = escaped || c == '\\';
        enum dm_result r = c == '\\' ? skip_escape(s) : skip_not_ascii(s);
        if (r != DM_OK)
            return r;
    }
    s->at++;
    *ret_escaped = escaped;
    return DM_OK;
}

/* Names */

/* The text of a checked string, unescaped to s->unescaped. False: no memory. */
static bool unescape(struct scan *s, struct name *name)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    /* All names unescaped take no more than the text itself. */
    if (s->unescaped == NULL && (s->unescaped = malloc(s->n)) == NULL)
        return false;
    char *to = s->unescaped + s->n_unescaped;
    size_t n = 0;
    for (size_t i = 0; i < name->n;) {
        if (name->p[i] != '\\') {
            to[n++] = name->p[i++];
        } else if (name->p[i + 1] == 'u') {
            uint32_t point = 0;
            i += unicode_escape(name->p + i, name->n - i, &point);
            n += dm_utf8_encode(point, to + n);
        } else {
            to[n++] = values[strchr(letters, name->p[i + 1]) - letters];
            i += 2;
        }
    }
    name->p = to;
    name->n = n;
    s->n_unescaped += n;
    return true;
}

static bool grow_names(struct scan *s)
{
    size_t cap = s->cap_names * 2;
    struct name *old = s->names == s->at_hand ? NULL : s->names;
    struct name *names = realloc(old, cap * sizeof(*names));
    if (names == NULL)
        return false;
    if (old == NULL)
        memcpy(names, s->at_hand, s->n_names * sizeof(*names));
    s->names = names;
    s->cap_names = cap;
    return true;
}

/* A member's name and its colon. */
static enum dm_result scan_name(struct scan *s)
{
    if (here(s) != '"')
        return bad(s, s->at, "a member's name was expected");
    bool escaped;
    size_t from = s->at + 1;
    enum dm_result r = scan_string(s, &escaped);
    if (r != DM_OK)
        return r;
    struct name name = {s->p + from, s->at - 1 - from, from};
    if ((escaped && !unescape(s, &name)) || (s->n_names == s->cap_names && !grow_names(s)))
        return nomem(s);
    s->names[s->n_names++] = name;
    skip_space(s);
    if (here(s) != ':')
        return bad(s, s->at, "a colon was expected");
    s->at++;
    return DM_OK;
}

/* Any total order in which equal names are neighbours, the earlier first. */
static int compare_names(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    int by_bytes = memcmp(x->p, y->p, x->n);
    if (by_bytes != 0)
        return by_bytes;
    return x->at < y->at ? -1 : 1;
}

static bool same_name(const struct name *a, const struct name *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* A name that stands twice among the n at names, or NULL. Never quadratic in n. */
static const struct name *find_duplicate(struct name *names, size_t n)
{
    if (n <= PAIRWISE_MAX) {
        for (size_t i = 1; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if (same_name(&names[i], &names[j]))
                    return &names[i];
        return NULL;
    }
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 1; i < n; i++)
        if (same_name(&names[i - 1], &names[i]))
            return &names[i];
    return NULL;
}

/* Values */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum dm_result skip_digits(struct scan *s)
{
    if (!is_digit(here(s)))
        return bad(s, s->at, "a digit was expected");
    while (is_digit(here(s)))
        s->at++;
    return DM_OK;
}

static enum dm_result scan_number(struct scan *s)
{
    if (here(s) == '-')
        s->at++;
    bool zero = here(s) == '0';
    size_t from = s->at;
    enum dm_result r = skip_digits(s);
    if (r == DM_OK && zero && s->at > from + 1)
        r = bad(s, from, "a number with a leading zero");
    if (r == DM_OK && here(s) == '.') {
        s->at++;
        r = skip_digits(s);
    }
    if (r == DM_OK && (here(s) == 'e' || here(s) == 'E')) {
        s->at++;
        if (here(s) == '+' || here(s) == '-')
            s->at++;
        r = skip_digits(s);
    }
    return r;
}

static enum dm_result scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->n - s->at < n || memcmp(s->p + s->at, word, n) != 0)
        return bad(s, s->at, "a value was expected");
    s->at += n;
    return DM_OK;
}

static enum dm_result scan_scalar(struct scan *s)
{
    bool escaped;
    switch (here(s)) {
    case '"':
        return scan_string(s, &escaped);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (here(s) != '-' && !is_digit(here(s)))
            return bad(s, s->at, "a value was expected");
        return scan_number(s);
    }
}

static enum dm_result open_level(struct scan *s)
{
    if (s->depth == s->max_depth)
        return dm_err_set(s->err, DM_E_TOOBIG, "more than %u levels at byte %zu of the JSON text",
                          s->max_depth, s->at);
    char closing = s->p[s->at++] == '{' ? '}' : ']';
    s->levels[s->depth++] = (struct level){closing, s->n_names};
    return DM_OK;
}

static enum dm_result close_level(struct scan *s)
{
    struct level *level = &s->levels[--s->depth];
    s->at++;
    if (level->closing == ']')
        return DM_OK;
    const struct name *twice =
        find_duplicate(s->names + level->first_name, s->n_names - level->first_name);
    if (twice != NULL)
        return bad(s, twice->at, "a member's name that stands there already");
    s->n_names = level->first_name;
    return DM_OK;
}

/* Past the value just read: closing brackets, or a comma. Then the next value is due, unless no
 * level is open. */
static enum dm_result after_value(struct scan *s)
{
    while (s->depth > 0) {
        skip_space(s);
        char closing = s->levels[s->depth - 1].closing;
        if (here(s) == closing) {
            enum dm_result r = close_level(s);
            if (r != DM_OK)
                return r;
            continue;
        }
        if (here(s) != ',')
            return bad(s, s->at, "a comma or a closing bracket was expected");
        s->at++;
        skip_space(s);
        return closing == '}' ? scan_name(s) : DM_OK;
    }
    return DM_OK;
}

/* Past an opening bracket: the first member's name. *ret_empty: the level is closed again. */
static enum dm_result after_opening(struct scan *s, bool *ret_empty)
{
    skip_space(s);
    char closing = s->levels[s->depth - 1].closing;
    *ret_empty = here(s) == closing;
    if (*ret_empty)
        return close_level(s);
    return closing == '}' ? scan_name(s) : DM_OK;
}

static enum dm_result scan_text(struct scan *s)
{
    do {
        skip_space(s);
        bool whole = true; /* a value has ended */
        enum dm_result r;
        if (here(s) == '{' || here(s) == '[') {
            r = open_level(s);
            if (r == DM_OK)
                r = after_opening(s, &whole);
        } else {
            r = scan_scalar(s);
        }
        if (r == DM_OK && whole)
            r = after_value(s);
        if (r != DM_OK)
            return r;
    } while (s->depth > 0);
    skip_space(s);
    if (s->at < s->n)
        return bad(s, s->at, "something stands after the value");
    return DM_OK;
}

enum dm_result dm_json_text_check(struct dm_str text, struct dm_json_limits limits,
                                  struct dm_err *err)
{
    if (text.n > limits.max_bytes)
        return dm_err_set(err, DM_E_TOOBIG, "a JSON text of more than %zu bytes", limits.max_bytes);
    /* Set field by field: clearing the two lists would cost more than a small text's scan. */
    struct scan s;
    s.p = text.p;
    s.n = text.n;
    s.at = 0;
    s.max_depth = limits.max_depth < DM_JSON_DEPTH_MAX ? limits.max_depth : DM_JSON_DEPTH_MAX;
    s.err = err;
    s.depth = 0;
    s.names = s.at_hand;
    s.n_names = 0;
    s.cap_names = NAMES_AT_HAND;
    s.unescaped = NULL;
    s.n_unescaped = 0;
    enum dm_result r = scan_text(&s);
    if (s.names != s.at_hand)
        free(s.names);
    free(s.unescaped);
    return r;
}

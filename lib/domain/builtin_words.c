/* How the built-in responder reads a message: as lower-case words, in place of anything cleverer. */
#include "domain/builtin_internal.h"

/* Lower case where it is one letter to one letter of the same length: ASCII, Latin-1, Cyrillic. */
static void lower(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        unsigned char next = i + 1 < n ? (unsigned char)p[i + 1] : 0;
        if (c >= 'A' && c <= 'Z') {
            p[i] = (char)(c + 32);
        } else if (c == 0xc3 && next >= 0x80 && next <= 0x9e && next != 0x97) {
            p[i + 1] = (char)(next + 0x20);
        } else if (c == 0xd0 && next >= 0x90 && next <= 0x9f) {
            p[i + 1] = (char)(next + 0x20);
        } else if (c == 0xd0 && next >= 0xa0 && next <= 0xaf) {
            p[i] = (char)0xd1;
            p[i + 1] = (char)(next - 0x20);
        } else if (c == 0xd0 && next >= 0x80 && next <= 0x8f) {
            p[i] = (char)0xd1;
            p[i + 1] = (char)(next + 0x10);
        }
    }
}

/*
 * Bytes of the separator at p, 0 when a word goes on there. Beyond ASCII: U+00A1 to U+00BF without ª µ º, General Punctuation (U+2000 to U+206F),
 * CJK punctuation (U+3000 to U+303F).
 */
static size_t separator(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80) {
        bool word = (p[0] >= '0' && p[0] <= '9') || (p[0] >= 'a' && p[0] <= 'z');
        return word ? 0 : 1;
    }
    if (n >= 2 && p[0] == 0xc2 && p[1] != 0xaa && p[1] != 0xb5 && p[1] != 0xba)
        return 2;
    if (n >= 3 && p[0] == 0xe2 && (p[1] == 0x80 || (p[1] == 0x81 && p[2] < 0xb0)))
        return 3;
    if (n >= 3 && p[0] == 0xe3 && p[1] == 0x80)
        return 3;
    return 0;
}

bool dm_words_read(struct dm_arena *arena, struct dm_str text, struct dm_words *ret_words)
{
    char *p = dm_arena_cstr(arena, text);
    if (p == NULL)
        return false;
    lower(p, text.n);
    *ret_words = (struct dm_words){.n = 0};
    size_t i = 0;
    while (i < text.n) {
        size_t skip = separator((const unsigned char *)p + i, text.n - i);
        if (skip > 0) {
            i += skip;
            continue;
        }
        size_t from = i;
        while (i < text.n && separator((const unsigned char *)p + i, text.n - i) == 0)
            i++;
        if (ret_words->n == DM_WORDS_MAX) {
            ret_words->cut = true;
            break;
        }
        ret_words->word[ret_words->n++] = (struct dm_str){p + from, i - from};
    }
    return true;
}

bool dm_words_in(const char *list, struct dm_str word)
{
    struct dm_str rest = dm_str_from(list), part;
    while (dm_str_next(&rest, ' ', &part))
        if (dm_str_eq(part, word))
            return true;
    return false;
}

bool dm_words_any(const struct dm_words *words, const char *list)
{
    for (size_t i = 0; i < words->n; i++)
        if (dm_words_in(list, words->word[i]))
            return true;
    return false;
}

bool dm_words_has(const struct dm_words *words, struct dm_str word)
{
    for (size_t i = 0; i < words->n; i++)
        if (dm_str_eq(words->word[i], word))
            return true;
    return false;
}

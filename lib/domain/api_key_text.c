/* Between an API key as it is shown and what is kept of it. */
#include "domain/api_key_text.h"

#define PREFIX_CHARS 8
#define ID_CHARS 32
#define SECRET_AT (PREFIX_CHARS + ID_CHARS + 1)
#define SECRET_CHARS 43 /* 43 * log2(62) > 256 */
#define CHECK_AT (SECRET_AT + SECRET_CHARS)
#define CHECK_CHARS 6 /* 62^6 > 2^32 */
#define KEY_CHARS (CHECK_AT + CHECK_CHARS)

_Static_assert(KEY_CHARS + 1 == DM_API_KEY_TEXT, "the header says how long a key is");

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* A nibble at a time: keys are short, and the table fits a line of the cache. */
static uint32_t crc32(const char *p, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void write_check(const char *key, char ret[CHECK_CHARS])
{
    uint32_t crc = crc32(key, CHECK_AT);
    for (size_t i = CHECK_CHARS; i-- > 0; crc /= 62)
        ret[i] = alphabet[crc % 62];
}

/* Each character as likely as any other: bytes of which 62 are not a whole number are thrown away. */
static void write_secret(char *ret)
{
    uint8_t random[64];
    size_t n = 0;
    while (n < SECRET_CHARS) {
        dm_secret_random(random, sizeof(random));
        for (size_t i = 0; i < sizeof(random) && n < SECRET_CHARS; i++)
            if (random[i] < 62 * 4)
                ret[n++] = alphabet[random[i] % 62];
    }
    dm_secret_wipe(random, sizeof(random));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_base62(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool all(const char *p, size_t n, bool (*is)(char))
{
    for (size_t i = 0; i < n; i++)
        if (!is(p[i]))
            return false;
    return true;
}

static void hash_secret(const char *key, char ret_hash[DM_SHA256_HEX])
{
    dm_secret_sha256_hex((struct dm_str){key + SECRET_AT, SECRET_CHARS}, ret_hash);
}

/* Hyphens after 8, 12, 16 and 20 digits (RFC 9562 §4). */
static void write_uuid(const char *hex, char ret_id[DM_UUID_TEXT])
{
    size_t n = 0;
    for (size_t i = 0; i < ID_CHARS; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            ret_id[n++] = '-';
        ret_id[n++] = hex[i];
    }
    ret_id[n] = '\0';
}

void dm_api_key_make(struct dm_str id, char ret_text[DM_API_KEY_TEXT],
                     struct dm_api_key_parts *ret_parts)
{
    size_t n = PREFIX_CHARS;
    memcpy(ret_text, DM_API_KEY_PREFIX, PREFIX_CHARS);
    for (size_t i = 0; i < id.n && n < PREFIX_CHARS + ID_CHARS; i++)
        if (id.p[i] != '-')
            ret_text[n++] = id.p[i];
    ret_text[SECRET_AT - 1] = '_';
    write_secret(ret_text + SECRET_AT);
    write_check(ret_text, ret_text + CHECK_AT);
    ret_text[KEY_CHARS] = '\0';
    write_uuid(ret_text + PREFIX_CHARS, ret_parts->id);
    hash_secret(ret_text, ret_parts->secret_hash);
}

bool dm_api_key_looks_like(struct dm_str text)
{
    return dm_str_starts(text, DM_STR(DM_API_KEY_PREFIX));
}

bool dm_api_key_parse(struct dm_str text, struct dm_api_key_parts *ret_parts)
{
    char check[CHECK_CHARS];
    if (text.n != KEY_CHARS || !dm_api_key_looks_like(text))
        return false;
    if (!all(text.p + PREFIX_CHARS, ID_CHARS, is_hex) || text.p[SECRET_AT - 1] != '_' ||
        !all(text.p + SECRET_AT, SECRET_CHARS, is_base62))
        return false;
    write_check(text.p, check);
    if (memcmp(check, text.p + CHECK_AT, CHECK_CHARS) != 0)
        return false;
    write_uuid(text.p + PREFIX_CHARS, ret_parts->id);
    hash_secret(text.p, ret_parts->secret_hash);
    return true;
}

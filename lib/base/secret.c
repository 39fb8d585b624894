/*
 * Randomness, digests and the encodings of secrets. The algorithms are fetched from OpenSSL once,
 * because a fetch costs more than the digest of a token; after that they are read-only. Where one
 * of them fails there is no safe way on: abort.
 */
#include "base/secret.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <pthread.h>
#include <sys/random.h>

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
/* Written by fetch() only. */
static EVP_MD *sha1, *sha256;
static EVP_MAC *hmac;
static EVP_KDF *hkdf;

static void fetch(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (sha1 == NULL || sha256 == NULL || hmac == NULL || hkdf == NULL)
        abort();
}

void dm_secret_random(void *ret_bytes, size_t n)
{
    uint8_t *to = ret_bytes;
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        to += got;
        n -= (size_t)got;
    }
}

bool dm_secret_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void dm_secret_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

void dm_secret_sha1(struct dm_str data, uint8_t ret_digest[DM_SHA1_BYTES])
{
    pthread_once(&fetched, fetch);
    if (EVP_Digest(data.p, data.n, ret_digest, NULL, sha1, NULL) != 1)
        abort();
}

void dm_secret_sha256(struct dm_str data, uint8_t ret_digest[DM_SHA256_BYTES])
{
    pthread_once(&fetched, fetch);
    if (EVP_Digest(data.p, data.n, ret_digest, NULL, sha256, NULL) != 1)
        abort();
}

void dm_secret_sha256_hex(struct dm_str data, char ret_text[DM_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[DM_SHA256_BYTES];
    dm_secret_sha256(data, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        ret_text[2 * i] = digits[digest[i] >> 4];
        ret_text[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_text[DM_SHA256_HEX - 1] = '\0';
}

/* n: bytes of the digest's output. */
static void hmac_into(const char *digest_name, struct dm_secret key, struct dm_str data,
                      uint8_t *ret_mac, size_t n)
{
    pthread_once(&fetched, fetch);
    char digest[8];
    snprintf(digest, sizeof(digest), "%s", digest_name);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    /* A NULL key would mean "keep the last one". */
    const void *key_bytes = key.p ? key.p : "";
    size_t made = 0;
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    if (mac == NULL || EVP_MAC_init(mac, key_bytes, key.n, params) != 1 ||
        EVP_MAC_update(mac, (const void *)data.p, data.n) != 1 ||
        EVP_MAC_final(mac, ret_mac, &made, n) != 1 || made != n)
        abort();
    EVP_MAC_CTX_free(mac);
}

void dm_secret_hmac_sha1(struct dm_secret key, struct dm_str data, uint8_t ret_mac[DM_SHA1_BYTES])
{
    hmac_into("SHA1", key, data, ret_mac, DM_SHA1_BYTES);
}

void dm_secret_hmac_sha256(struct dm_secret key, struct dm_str data,
                           uint8_t ret_mac[DM_SHA256_BYTES])
{
    hmac_into("SHA256", key, data, ret_mac, DM_SHA256_BYTES);
}

void dm_secret_hmac_sha384(struct dm_secret key, struct dm_str data,
                           uint8_t ret_mac[DM_SHA384_BYTES])
{
    hmac_into("SHA384", key, data, ret_mac, DM_SHA384_BYTES);
}

void dm_secret_derive(struct dm_secret root, const char *label, uint8_t ret_key[DM_DERIVED_BYTES])
{
    pthread_once(&fetched, fetch);
    char digest[] = "SHA256";
    /* OpenSSL's parameters are not const; it only reads these two. */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)root.p, root.n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label,
                                          strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(hkdf);
    if (root.p == NULL || root.n == 0 || kdf == NULL ||
        EVP_KDF_derive(kdf, ret_key, DM_DERIVED_BYTES, params) != 1)
        abort();
    EVP_KDF_CTX_free(kdf);
}

static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char mime_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Without padding; returns the number of characters written. */
static size_t encode(const char *alphabet, const uint8_t *bytes, size_t n, char *to)
{
    size_t out = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            to[out++] = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        to[out++] = alphabet[bits << (6 - held) & 63];
    return out;
}

void dm_secret_token(char ret_text[DM_TOKEN_TEXT])
{
    uint8_t bytes[32];
    dm_secret_random(bytes, sizeof(bytes));
    ret_text[encode(url_alphabet, bytes, sizeof(bytes), ret_text)] = '\0';
    dm_secret_wipe(bytes, sizeof(bytes));
}

struct dm_str dm_base64url_encode(struct dm_arena *arena, struct dm_str bytes)
{
    const struct dm_str absent = {NULL, 0};
    if (bytes.n > SIZE_MAX / 2)
        return absent;
    char *text = dm_arena_alloc(arena, bytes.n / 3 * 4 + 4);
    if (text == NULL)
        return absent;
    return (struct dm_str){text, encode(url_alphabet, (const uint8_t *)bytes.p, bytes.n, text)};
}

/* The value of a character, or -1; url or mime: their last two differ. */
static int value(const char *alphabet, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

/* text without padding. */
static bool decode(const char *alphabet, struct dm_str text, uint8_t *to, size_t *ret_n)
{
    size_t out = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.n; i++) {
        int v = value(alphabet, text.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[out++] = (uint8_t)(bits >> held & 0xff);
        }
    }
    *ret_n = out;
    /* Left-over bits that are set would give one value two texts. */
    return (bits & ((1U << held) - 1)) == 0;
}

bool dm_base64url_decode(struct dm_arena *arena, struct dm_str text, struct dm_str *ret_bytes)
{
    if (text.n % 4 == 1)
        return false;
    char *bytes = dm_arena_alloc(arena, text.n / 4 * 3 + 3);
    if (bytes == NULL)
        return false;
    size_t n = 0;
    if (!decode(url_alphabet, text, (uint8_t *)bytes, &n))
        return false;
    *ret_bytes = (struct dm_str){bytes, n};
    return true;
}

void dm_base64_encode(const uint8_t *bytes, size_t n, char *ret_text)
{
    size_t out = encode(mime_alphabet, bytes, n, ret_text);
    while (out % 4 != 0)
        ret_text[out++] = '=';
    ret_text[out] = '\0';
}

bool dm_base64_decode(struct dm_str text, uint8_t *ret_bytes, size_t n)
{
    size_t given = (n + 2) / 3 * 4, padding = (3 - n % 3) % 3, made = 0;
    if (text.n != given)
        return false;
    for (size_t i = 0; i < padding; i++)
        if (text.p[given - 1 - i] != '=')
            return false;
    return decode(mime_alphabet, dm_str_slice(text, 0, given - padding), ret_bytes, &made) &&
           made == n;
}

void dm_base32_encode(const uint8_t *bytes, size_t n, char *ret_text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    size_t out = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 5; held -= 5)
            ret_text[out++] = alphabet[bits >> (held - 5) & 31];
    }
    if (held > 0)
        ret_text[out++] = alphabet[bits << (5 - held) & 31];
    ret_text[out] = '\0';
}

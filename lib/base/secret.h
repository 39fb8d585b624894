/*
 * Secrets and the few primitives on them; with sealed.c and the jwt files the only user of OpenSSL's libcrypto. struct dm_secret is a type of
 * its own so that no log or config printer can show one: they print "[redacted]".
 */
#ifndef DM_BASE_SECRET_H
#define DM_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/result.h"
#include "base/str.h"

struct dm_secret {
    const char *p; /* NULL: not given */
    size_t n;      /* bytes */
};

#define DM_SHA1_BYTES 20
#define DM_SHA256_BYTES 32
#define DM_SHA384_BYTES 48
#define DM_SHA256_HEX 65 /* digits and NUL */

/* From the kernel's generator. Never fails in practice; aborts the process when it does (no safe way on). */
void dm_secret_random(void *ret_bytes, size_t n);
/* True when equal; the time depends on n only. */
bool dm_secret_equal(const void *a, const void *b, size_t n);
void dm_secret_wipe(void *p, size_t n);

/* For lists of breached passwords, which are in SHA-1: it keeps nothing secret. */
void dm_secret_sha1(struct dm_str data, uint8_t ret_digest[DM_SHA1_BYTES]);
void dm_secret_sha256(struct dm_str data, uint8_t ret_digest[DM_SHA256_BYTES]);
/* Lower-case hex of the SHA-256, NUL-terminated: how one-time tokens are stored. */
void dm_secret_sha256_hex(struct dm_str data, char ret_text[DM_SHA256_HEX]);
/* HMAC (RFC 2104). SHA-1's is for one-time passwords, which ask for it (RFC 4226). */
void dm_secret_hmac_sha1(struct dm_secret key, struct dm_str data, uint8_t ret_mac[DM_SHA1_BYTES]);
void dm_secret_hmac_sha256(struct dm_secret key, struct dm_str data,
                           uint8_t ret_mac[DM_SHA256_BYTES]);
void dm_secret_hmac_sha384(struct dm_secret key, struct dm_str data,
                           uint8_t ret_mac[DM_SHA384_BYTES]);

/*
 * A key of its own for each use of one root secret, so that no use can give away or stand in for another: HKDF-SHA-256
 * (RFC 5869) without salt, the label as info. A label is a literal that no other use has. root is never empty.
 */
#define DM_DERIVED_BYTES 32
void dm_secret_derive(struct dm_secret root, const char *label, uint8_t ret_key[DM_DERIVED_BYTES]);

/* Opaque bearer token: 256 random bits in base64url, 43 characters and NUL. */
#define DM_TOKEN_TEXT 44
void dm_secret_token(char ret_text[DM_TOKEN_TEXT]);

/* base64url without padding (RFC 4648 §5). Encode into the arena; absent when it is full. */
struct dm_str dm_base64url_encode(struct dm_arena *arena, struct dm_str bytes);
/* Strict: only the alphabet, no padding, no left-over bits set. False otherwise. Result in the arena. */
bool dm_base64url_decode(struct dm_arena *arena, struct dm_str text, struct dm_str *ret_bytes);
/* base64 with padding (RFC 4648 §4). ret_text holds 4 * ceil(n / 3) characters and NUL. */
void dm_base64_encode(const uint8_t *bytes, size_t n, char *ret_text);
/* The text of exactly n bytes, with padding. Strict; false otherwise, and ret_bytes may hold part of it. */
bool dm_base64_decode(struct dm_str text, uint8_t *ret_bytes, size_t n);
/* base32 without padding (RFC 4648 §6). ret_text holds ceil(8 n / 5) characters and NUL. */
void dm_base32_encode(const uint8_t *bytes, size_t n, char *ret_text);

#endif

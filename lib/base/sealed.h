/*
 * Secrets at rest that must be read again: AES-256-GCM under a key of the site (NIST SP 800-38D), with a random nonce, bound to the
 * place they stand in, so that a value moved to another row, column or table does not open. As text:
 *
 *     v1.KEYID.base64url(nonce, 12 bytes | ciphertext | tag, 16 bytes)
 *
 * The id says which key it was, and nothing about it. With one key, 2^32 values may be sealed.
 */
#ifndef DM_BASE_SEALED_H
#define DM_BASE_SEALED_H

#include "base/ctx.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"

#define DM_SEALED_KEY_BYTES 32
#define DM_SEALED_KEY_BASE64 44 /* characters of a key in base64 */
#define DM_SEALED_KEY_ID_TEXT 9 /* 8 hex digits and NUL */

struct dm_sealed_key {
    uint8_t bytes[DM_SEALED_KEY_BYTES];
    char id[DM_SEALED_KEY_ID_TEXT]; /* "": no such key */
};

/* What seals, and what opens besides it while values wait to be sealed anew. */
struct dm_sealed_keys {
    struct dm_sealed_key current, previous;
};

/* Where a value stands: all three are bound to it. */
struct dm_sealed_place {
    const char *table, *column;
    struct dm_str row_id;
};

/* From base64 of 32 bytes; previous may be empty. DM_E_INVALID says which is none, never what it holds. */
DM_MUST_CHECK enum dm_result dm_sealed_keys_read(struct dm_secret current,
                                                 struct dm_secret previous, struct dm_err *err,
                                                 struct dm_sealed_keys *ret_keys);

/* Seal under the current key. DM_E_NOMEM. Lives in the arena. */
DM_MUST_CHECK enum dm_result dm_sealed_close(const struct dm_sealed_keys *keys, struct dm_ctx *ctx,
                                             const struct dm_sealed_place *place,
                                             struct dm_secret plain, struct dm_str *ret_sealed);
/*
 * DM_E_NOTFOUND: sealed under a key that is neither of the two; DM_E_INVALID: no sealed text, changed since, or sealed for another
 * place. Lives in the arena.
 */
DM_MUST_CHECK enum dm_result dm_sealed_open(const struct dm_sealed_keys *keys, struct dm_ctx *ctx,
                                            const struct dm_sealed_place *place,
                                            struct dm_str sealed, struct dm_secret *ret_plain);
/* Is it sealed under the current key, by what it says? */
bool dm_sealed_is_current(const struct dm_sealed_keys *keys, struct dm_str sealed);

#endif

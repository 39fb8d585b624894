/* What the files of the signed tokens share: a key as it lies in a set. */
#ifndef DM_BASE_JWT_INTERNAL_H
#define DM_BASE_JWT_INTERNAL_H

#include <openssl/types.h>

#include "base/jwt_keys.h"

#define DM_P256_BYTES 32      /* of a coordinate, and of r and of s */
#define DM_COORDINATE_TEXT 44 /* 43 characters of base64url and NUL */

struct dm_jwt_key {
    char kid[DM_JWT_KID_MAX + 1];
    enum dm_jwt_algorithm algorithm;
    int64_t activates_at_s; /* DM_JWT_ALWAYS: its name tells no time */
    int64_t retires_at_s;   /* DM_JWT_NEVER: nothing follows it */
    char *secret;           /* HS256 only */
    size_t secret_n;
    EVP_PKEY *pkey; /* ES256 only */
    char x[DM_COORDINATE_TEXT], y[DM_COORDINATE_TEXT];
};

/* The key of that kid, whatever its state; NULL when there is none. */
const struct dm_jwt_key *dm_jwt_keys_find(const struct dm_jwt_keys *keys, struct dm_str kid);
/* The key that signs at now_s. */
const struct dm_jwt_key *dm_jwt_keys_current(const struct dm_jwt_keys *keys, int64_t now_s);

#endif

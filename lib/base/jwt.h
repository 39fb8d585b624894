/*
 * Signed tokens (RFC 7515, RFC 7519), after RFC 8725: the key's own algorithm decides, never the token's header. libjwt only
 * builds; the signature is checked here with OpenSSL EVP over the exact bytes. ES256 only (P-256, RFC 7518 §3.4).
 */
#ifndef DM_BASE_JWT_H
#define DM_BASE_JWT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/result.h"
#include "base/str.h"

#define DM_JWT_BYTES_MAX 8192
#define DM_JWT_KID_MAX 64
#define DM_JWT_LEEWAY_S 30

struct
    dm_jwt_keys; /* the keys this site signs with and accepts; immutable, so shared by all threads */

/*
 * Every NAME.pem in dir is a P-256 private key with kid NAME ([A-Za-z0-9._-], ≤ 64). The greatest kid in byte order signs; all are
 * accepted. DM_E_INVALID names the file that is no such key; an empty directory is an error. Caller frees with dm_jwt_keys_free.
 */
DM_MUST_CHECK enum dm_result dm_jwt_keys_load(const char *dir, struct dm_err *err,
                                              struct dm_jwt_keys **ret_keys);
void dm_jwt_keys_free(struct dm_jwt_keys *keys); /* NULL allowed */
/* The public halves as a JWK Set (RFC 7517 §5): {"keys":[{kty,crv,x,y,kid,use,alg}]}. */
void dm_jwt_keys_jwks(const struct dm_jwt_keys *keys, struct dm_buf *out);

struct dm_jwt_claims {
    struct dm_str issuer, audience, subject; /* iss, aud, sub */
    struct dm_str token_use;  /* "access": tokens of one use never stand in for another */
    struct dm_str session_id; /* sid */
    struct dm_str id;         /* jti */
    struct dm_str role;
    struct dm_str scope;                             /* space-separated (RFC 8693 §4.2) */
    int64_t issued_at_s, not_before_s, expires_at_s; /* iat, nbf, exp: seconds since the epoch */
};

/* A compact JWS of the claims, signed with the current key; lives in the arena. */
DM_MUST_CHECK enum dm_result dm_jwt_sign(const struct dm_jwt_keys *keys,
                                         const struct dm_jwt_claims *claims, struct dm_arena *arena,
                                         struct dm_err *err, struct dm_str *ret_token);

struct dm_jwt_expect {
    struct dm_str issuer, audience, token_use;
    int64_t now_s;
};

/*
 * Signature, then every claim: iss, aud, token_use as expected; exp, nbf, iat integers and right within
 * DM_JWT_LEEWAY_S; sub, sid and jti present. DM_E_UNAUTHENTICATED otherwise, with the reason in err->detail for the log only.
 * Claims live in the arena.
 */
DM_MUST_CHECK enum dm_result dm_jwt_verify(const struct dm_jwt_keys *keys, struct dm_str token,
                                           const struct dm_jwt_expect *expect,
                                           struct dm_arena *arena, struct dm_err *err,
                                           struct dm_jwt_claims *ret_claims);

/*
 * Below claim parsing, for test vectors and for dm_jwt_verify itself: is this a compact JWS, ES256, signed by the
 * P-256 public key with coordinates x and y (32 bytes each)? kid must equal the header's when given.
 */
bool dm_jwt_jws_verify(struct dm_str token, const uint8_t x[32], const uint8_t y[32],
                       struct dm_str kid);

#endif

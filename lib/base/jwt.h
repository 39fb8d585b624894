/*
 * Signed tokens (RFC 7515, RFC 7519), after RFC 8725: the key's own algorithm decides, never the token's header. libjwt only
 * writes header and claims; signatures are made and checked here, with OpenSSL, over the exact bytes. ES256 (P-256, RFC 7518 §3.4) or HS256 (§3.2), as the key says.
 */
#ifndef DM_BASE_JWT_H
#define DM_BASE_JWT_H

#include "base/arena.h"
#include "base/jwt_keys.h"
#include "base/result.h"
#include "base/str.h"

#define DM_JWT_BYTES_MAX 8192

struct dm_jwt_claims {
    struct dm_str issuer, audience, subject; /* iss, aud, sub */
    struct dm_str token_use;  /* "access": tokens of one use never stand in for another */
    struct dm_str session_id; /* sid */
    struct dm_str id;         /* jti */
    struct dm_str role;
    struct dm_str scope;                             /* space-separated (RFC 8693 §4.2) */
    int64_t issued_at_s, not_before_s, expires_at_s; /* iat, nbf, exp: seconds since the epoch */
};

/* A compact JWS of the claims, signed with the key that is current at issued_at_s; lives in the arena. */
DM_MUST_CHECK enum dm_result dm_jwt_sign(const struct dm_jwt_keys *keys,
                                         const struct dm_jwt_claims *claims, struct dm_arena *arena,
                                         struct dm_err *err, struct dm_str *ret_token);

struct dm_jwt_expect {
    struct dm_str issuer, audience, token_use;
    int64_t now_s;
    int64_t life_max_s; /* exp may lie no further ahead than this */
};

/*
 * Signature, then every claim: iss, aud, token_use as expected; exp, nbf, iat integers and right within
 * DM_JWT_LEEWAY_S; sub, sid and jti present. DM_E_NOTFOUND when no key of the set has the token's kid, DM_E_UNAUTHENTICATED for every
 * other flaw, with the reason in err->detail for the log only. Claims live in the arena.
 */
DM_MUST_CHECK enum dm_result dm_jwt_verify(const struct dm_jwt_keys *keys, struct dm_str token,
                                           const struct dm_jwt_expect *expect,
                                           struct dm_arena *arena, struct dm_err *err,
                                           struct dm_jwt_claims *ret_claims);

/*
 * Below claim parsing, for test vectors: is this a compact JWS, ES256, signed by the P-256 public key with coordinates x and y (32 bytes
 * each)? Or HS256, by the secret? kid must equal the header's when given.
 */
bool dm_jwt_jws_verify(struct dm_str token, const uint8_t x[32], const uint8_t y[32],
                       struct dm_str kid);
bool dm_jwt_jws_verify_secret(struct dm_str token, struct dm_secret secret, struct dm_str kid);

#endif

/*
 * The keys that tokens are signed with and checked by: an immutable set, so threads share it without a lock. A key lies in a folder as
 * KID.pem, and its name carries the time from which it signs: 20261124T103000Z-1a2b3c4d.pem. So every process and host that sees
 * the folder, or a copy of it, comes to the same states by its own clock, with nobody to tell it:
 *
 *   next     its time is to come: published and accepted, so that everybody knows it before it signs
 *   current  the newest whose time has come: it signs
 *   retired  older: published and accepted until every token it signed has expired
 *   past     older still: as if it were not there
 *
 * A name without a time is that of a key that has always been there.
 */
#ifndef DM_BASE_JWT_KEYS_H
#define DM_BASE_JWT_KEYS_H

#include "base/buf.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"

#define DM_JWT_KID_MAX 64
#define DM_JWT_LEEWAY_S 30   /* between two hosts' clocks */
#define DM_JWT_SECRET_MIN 32 /* bytes of an HS256 secret (RFC 7518 §3.2) */

/* The key decides, never a token's header (RFC 8725 §3.1). */
enum dm_jwt_algorithm { DM_JWT_ES256 = 1, DM_JWT_HS256 };
const char *dm_jwt_algorithm_name(enum dm_jwt_algorithm algorithm); /* "ES256" … */

enum dm_jwt_key_state { DM_JWT_NEXT = 1, DM_JWT_CURRENT, DM_JWT_RETIRED, DM_JWT_PAST };
const char *dm_jwt_key_state_name(enum dm_jwt_key_state state); /* "next" … */

#define DM_JWT_ALWAYS INT64_MIN
#define DM_JWT_NEVER INT64_MAX

struct dm_jwt_keys;

struct dm_jwt_keys_options {
    const char *dir;
    /* How long a token may live after its key has stopped signing: its life. The leeway comes on top. */
    int64_t token_life_s;
    /* The set that this one is to follow, or NULL. A key of it whose file is still there but cannot be read stays. */
    const struct dm_jwt_keys *before;
};

/*
 * Read the folder. Every KID.pem ([A-Za-z0-9._-], at most 64 characters) is to be an unencrypted P-256 private key. One that is not is
 * left out, and dm_jwt_keys_fault tells: a bad file takes no good one away. DM_E_INVALID when the folder cannot be read or holds no good key.
 * The caller's reference is given back with dm_jwt_keys_unref.
 */
DM_MUST_CHECK enum dm_result dm_jwt_keys_load(const struct dm_jwt_keys_options *options,
                                              struct dm_err *err, struct dm_jwt_keys **ret_keys);
/* A set of one HS256 key, which never changes; its kid is derived from the secret. DM_E_INVALID when that is too short. */
DM_MUST_CHECK enum dm_result dm_jwt_keys_of_secret(struct dm_secret secret, struct dm_err *err,
                                                   struct dm_jwt_keys **ret_keys);
struct dm_jwt_keys *dm_jwt_keys_ref(struct dm_jwt_keys *keys);
/* The last reference wipes and frees. NULL allowed. */
void dm_jwt_keys_unref(struct dm_jwt_keys *keys);

/* What was wrong with the first file that was left out or could not be read again; "" when all were good. */
const char *dm_jwt_keys_fault(const struct dm_jwt_keys *keys);
/* Another number whenever a key of the sets before is no longer there: what was known of its tokens is void. */
uint64_t dm_jwt_keys_generation(const struct dm_jwt_keys *keys);

struct dm_jwt_key_info {
    const char *kid; /* valid as long as the set */
    enum dm_jwt_key_state state;
    int64_t activates_at_s; /* DM_JWT_ALWAYS: its name tells no time */
    int64_t
        retires_at_s; /* when the last token it may have signed is past; DM_JWT_NEVER: nothing follows it */
};
size_t dm_jwt_keys_count(const struct dm_jwt_keys *keys);
/* The i-th in the order of their times, as it is at now_s (seconds since the epoch). */
struct dm_jwt_key_info dm_jwt_keys_info(const struct dm_jwt_keys *keys, size_t i, int64_t now_s);

/*
 * The public halves of the next, current and retired keys as a JWK Set (RFC 7517 §5): {"keys":[{kty,crv,x,y,kid,use,alg}]}. A secret
 * has no public half: the set is empty.
 */
void dm_jwt_keys_jwks(const struct dm_jwt_keys *keys, int64_t now_s, struct dm_buf *out);

#endif

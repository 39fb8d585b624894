/*
 * Password hashes: bcrypt ($2b$) over base64(HMAC-SHA-384(pepper, password)), so that nothing is cut at 72 bytes (OWASP Password
 * Storage). Only user of crypt(3) and libzxcvbn. These calls burn tens of milliseconds: run them in a dm_hash_pool.
 */
#ifndef DM_BASE_PASSWORD_H
#define DM_BASE_PASSWORD_H

#include <stdbool.h>

#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"

#define DM_PASSWORD_HASH_TEXT 61 /* 60 characters and NUL */
#define DM_PASSWORD_WORDS_MAX 31
#define DM_PASSWORD_COST_MIN 10
#define DM_PASSWORD_COST_MAX 16

/* A new salted hash at cost (2^cost rounds). */
DM_MUST_CHECK enum dm_result dm_password_hash(struct dm_secret pepper, struct dm_str password,
                                              int cost, char ret_hash[DM_PASSWORD_HASH_TEXT],
                                              struct dm_err *err);
/* True when it matches. A malformed hash, or one of a cost under DM_PASSWORD_COST_MIN, never does. */
bool dm_password_verify(struct dm_secret pepper, struct dm_str password, const char *hash);
/* The cost of a hash of ours, or 0 when it is none. */
int dm_password_cost(const char *hash);
/* The hash was made at another cost: make a new one at log-in. */
bool dm_password_needs_rehash(const char *hash, int cost);
/* The processor time that one hash takes at cost: the least of three. */
DM_MUST_CHECK enum dm_result dm_password_measure(int cost, int64_t *ret_us, struct dm_err *err);
/* zxcvbn's score 0 (worst) to 4; words: n_words C strings about the account, at most DM_PASSWORD_WORDS_MAX, as penalty. */
int dm_password_score(struct dm_str password, const char *const *words, size_t n_words);

#endif

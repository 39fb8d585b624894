/*
 * People's passwords: what a new one must be, how it is hashed, whether it is the one (NIST SP 800-63B §5.1.1.2, OWASP ASVS 5 V6.2). Every
 * password is brought to Unicode's NFKC first, so that what was typed on one keyboard is known on another. All work is done on the
 * hash pool: each call takes its turn and is DM_E_UNAVAILABLE when the pool is full.
 */
#ifndef DM_DOMAIN_PASSWORDS_H
#define DM_DOMAIN_PASSWORDS_H

#include <stdbool.h>

#include "base/ctx.h"
#include "domain/domain.h"

#define DM_PASSWORDS_POINTS_MAX 128 /* code points of a password in NFKC */
#define DM_PASSWORDS_SENT_MAX 512   /* as it may be sent: NFKC joins letters and marks */

/* A password that somebody wants to have from now on. */
struct dm_passwords_new {
    struct dm_str password;                     /* valid UTF-8 */
    const char *pointer;                        /* where the caller gave it: "/password" */
    struct dm_str email, first_name, last_name; /* their words make it weaker; absent allowed */
};

/*
 * Once at a program's start, when settings and pepper are known: look whether the list of breached passwords is one (DM_E_UNAVAILABLE), and make
 * the hash that stands in for accounts that do not exist, at the cost of real ones (tens of milliseconds).
 */
DM_MUST_CHECK enum dm_result dm_passwords_prepare(struct dm_domain *domain, struct dm_err *err);
/* The hash to store, in the arena. DM_E_INVALID at wanted->pointer: "too_short", "too_long", "breached",
 * "too_weak". DM_E_UNAVAILABLE also when the list of breached passwords cannot be asked. */
DM_MUST_CHECK enum dm_result dm_passwords_hash_new(const struct dm_domain *domain,
                                                   struct dm_ctx *ctx,
                                                   const struct dm_passwords_new *wanted,
                                                   struct dm_str *ret_hash);
/* Is it the password of this stored hash? An absent hash costs the same time and never matches. Who is logged in (ctx->actor_id) does not
 * wait behind those who are not. */
DM_MUST_CHECK enum dm_result dm_passwords_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                struct dm_str password, struct dm_str stored_hash,
                                                bool *ret_matches);
/* After a match: *ret_hash is the password's hash at today's cost, absent when the stored one is, or when others wait: the next log-in
 * will do. */
DM_MUST_CHECK enum dm_result dm_passwords_rehash(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                 struct dm_str password, struct dm_str stored_hash,
                                                 struct dm_str *ret_hash);

#endif

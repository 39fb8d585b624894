/*
 * Recovery codes: what lets the owner in when the authenticator app is lost. 120 random bits each, so that no guessing and no slow
 * hash is due (OWASP ASVS 5, 6.5.2); stored under a keyed hash of the site that also binds the account.
 */
#ifndef DM_DOMAIN_RECOVERY_CODE_H
#define DM_DOMAIN_RECOVERY_CODE_H

#include "base/ctx.h"
#include "domain/settings.h"

#define DM_RECOVERY_CODES 10
#define DM_RECOVERY_CODE_TEXT 28 /* "4 × 6 characters with hyphens" and NUL */

/* Ten new codes as they are shown, and what is stored of them. Both live in the arena. DM_E_NOMEM. */
DM_MUST_CHECK enum dm_result dm_recovery_codes_new(const struct dm_settings *settings,
                                                   struct dm_ctx *ctx, struct dm_str account_id,
                                                   struct dm_str ret_codes[DM_RECOVERY_CODES],
                                                   struct dm_str ret_hashes[DM_RECOVERY_CODES]);
/*
 * What is stored of a code as somebody typed it: case, hyphens and spaces do not matter, nor that O was read for 0 and I or L for 1
 * (Crockford's base32). Absent: it can be no code of ours, or the arena is full. Lives in the arena.
 */
struct dm_str dm_recovery_code_hash(const struct dm_settings *settings, struct dm_ctx *ctx,
                                    struct dm_str account_id, struct dm_str typed);

#endif

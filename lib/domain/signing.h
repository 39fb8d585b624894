/*
 * The life of the signing keys: a new one is made ahead of its time and published meanwhile, an old one goes when the last token it
 * signed has expired. The running programs follow the folder by themselves. What is done here is done to the files at once, under the folder's
 * lock; dm_signing_record then writes it to the audit trail.
 */
#ifndef DM_DOMAIN_SIGNING_H
#define DM_DOMAIN_SIGNING_H

#include "base/ctx.h"
#include "base/jwt_keys.h"
#include "domain/settings.h"
#include "store/pg.h"

/* So that every process has looked at the folder before the new key signs. */
#define DM_SIGNING_LEAD_MIN_S 2
#define DM_SIGNING_REMOVED_MAX 16 /* keys at a time; the next rotation takes the rest */

struct dm_signing_rotation {
    int64_t lead_s; /* from now until the new key signs; at least DM_SIGNING_LEAD_MIN_S */
    int64_t
        older_than_s; /* only when the newest key has signed for this long; 0: whatever its age */
};

/* What was done to the folder. */
struct dm_signing_change {
    char made[DM_JWT_KID_MAX + 1]; /* "": no new key */
    int64_t activates_at_s;        /* of the new key */
    size_t n_removed;
    char removed[DM_SIGNING_REMOVED_MAX][DM_JWT_KID_MAX + 1];
};

/* The keys of these settings as the API takes them. Errors of dm_jwt_keys_load. To be given back with dm_jwt_keys_unref. */
DM_MUST_CHECK enum dm_result dm_signing_keys(const struct dm_settings *settings, struct dm_err *err,
                                             struct dm_jwt_keys **ret_keys);

/*
 * Make the next key, and remove those that are past. The first key of a folder signs at once. DM_E_CONFLICT when a key already waits for its time,
 * or another program is at it. With older_than_s neither a waiting nor a young key is an error: change->made is "".
 */
DM_MUST_CHECK enum dm_result dm_signing_rotate(const struct dm_settings *settings,
                                               const struct dm_signing_rotation *rotation,
                                               struct dm_err *err,
                                               struct dm_signing_change *ret_change);
/*
 * Remove one key. DM_E_NOTFOUND when there is none of that kid; DM_E_CONFLICT when tokens that it signed may still be good, unless
 * at_once is said: then they die with it, and when it was the current one, a new key signs from now on.
 */
DM_MUST_CHECK enum dm_result dm_signing_retire(const struct dm_settings *settings, const char *kid,
                                               bool at_once, struct dm_err *err,
                                               struct dm_signing_change *ret_change);

/* Write what was done to the audit trail. */
DM_MUST_CHECK enum dm_result dm_signing_record(struct dm_pg *pg, struct dm_ctx *ctx,
                                               const struct dm_signing_change *change);

#endif

/*
 * Signing keys as files in their folder. A key appears whole or not at all, belongs to whom the folder belongs to, and may be read by its
 * owner, and by the group when the group may read the folder.
 */
#ifndef DM_BASE_JWT_KEY_FILE_H
#define DM_BASE_JWT_KEY_FILE_H

#include "base/jwt_keys.h"

/*
 * A new P-256 key that signs from activates_at_s on (seconds since the epoch, year 1970 to 9999), as KID.pem, safe on the disk.
 * DM_E_INVALID when the folder is not there or not to be written to, with what to do about it.
 */
DM_MUST_CHECK enum dm_result dm_jwt_key_make(const char *dir, int64_t activates_at_s,
                                             struct dm_err *err, char ret_kid[DM_JWT_KID_MAX + 1]);
/* DM_E_NOTFOUND when there is no such file. */
DM_MUST_CHECK enum dm_result dm_jwt_key_remove(const char *dir, const char *kid,
                                               struct dm_err *err);
/*
 * Keep others from changing the folder through these functions until dm_jwt_keys_unlock. DM_E_CONFLICT when somebody is at it;
 * DM_E_INVALID when there is no such folder.
 */
DM_MUST_CHECK enum dm_result dm_jwt_keys_lock(const char *dir, struct dm_err *err, int *ret_lock);
void dm_jwt_keys_unlock(int lock);
/* DM_E_DENIED, naming the first of the folder and its key files that others may read, or that the group may change. */
DM_MUST_CHECK enum dm_result dm_jwt_key_modes(const char *dir, struct dm_err *err);

#endif

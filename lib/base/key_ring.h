/*
 * The set of signing keys as it is now. The folder is looked at every second or so by whoever uses the ring then, and a changed folder
 * becomes a new set, which takes the old one's place in one step; threads that still hold the old one keep it until they are done.
 * A folder that cannot be read, or holds no good key, changes nothing.
 */
#ifndef DM_BASE_KEY_RING_H
#define DM_BASE_KEY_RING_H

#include "base/jwt_keys.h"

#define DM_KEY_RING_LOOK_MS 1000 /* between two looks at the folder */
#define DM_KEY_RING_COOLDOWN_MS                                                                    \
    100 /* between two looks for unknown kids, which cost a forger nothing */

struct dm_key_ring;

struct dm_key_ring_options {
    const char *dir; /* borrowed for the ring's life; not used when there is a secret */
    int64_t token_life_s;
    int64_t look_ms;         /* between two looks; 0: DM_KEY_RING_LOOK_MS */
    struct dm_secret secret; /* given: HS256 with this one key */
    /*
     * Called at the open and when the folder had changed: with the set now in force, and with what was wrong with the folder, NULL when
     * nothing was. By one thread at a time. May be NULL.
     */
    void (*changed)(void *arg, const struct dm_jwt_keys *keys, const char *fault);
    void *arg;
};

/* Errors of dm_jwt_keys_load and dm_jwt_keys_of_secret. Caller frees with dm_key_ring_close. Thread-safe from then on. */
DM_MUST_CHECK enum dm_result dm_key_ring_open(const struct dm_key_ring_options *options,
                                              struct dm_err *err, struct dm_key_ring **ret_ring);
void dm_key_ring_close(struct dm_key_ring *ring); /* NULL allowed */

/* The set in force; to be given back with dm_jwt_keys_unref. */
struct dm_jwt_keys *dm_key_ring_keys(struct dm_key_ring *ring);
/* dm_jwt_keys_generation of the set in force, without a lock: what was verified under another generation is void. */
uint64_t dm_key_ring_generation(struct dm_key_ring *ring);
/*
 * A kid was not in the set keys: look now, unless that was done just now. The set in force, to be given back, when it is another by now,
 * else NULL.
 */
struct dm_jwt_keys *dm_key_ring_newer(struct dm_key_ring *ring, const struct dm_jwt_keys *keys);

#endif

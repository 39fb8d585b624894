/*
 * Which set is in force is one pointer behind one lock, held for a copy. A set counts its users, so the one that is replaced goes when
 * its last user gives it back.
 */
#include "base/key_ring.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"

struct dm_key_ring {
    struct dm_key_ring_options options;
    pthread_mutex_t lock; /* guards current: held while it is read and counted, or replaced */
    struct dm_jwt_keys *current;
    atomic_uint_fast64_t generation; /* current's */
    /* One looks at a time; it guards mark and is held for a directory's reading, and a load when that has changed. */
    pthread_mutex_t looking;
    uint64_t mark;
    atomic_int_fast64_t looked_at_ms;
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

static uint64_t mark_of_file(int dir_fd, const char *name)
{
    struct stat info;
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), name, strlen(name));
    if (fstatat(dir_fd, name, &info, 0) != 0)
        return hash;
    hash = mix(hash, &info.st_ino, sizeof(info.st_ino));
    hash = mix(hash, &info.st_size, sizeof(info.st_size));
    hash = mix(hash, &info.st_mtim, sizeof(info.st_mtim));
    return mix(hash, &info.st_ctim, sizeof(info.st_ctim));
}

/*
 * A number that changes with any file's name, identity, size or times: the folder's own time would miss a file that is written anew in
 * its place, and two changes within one tick of the clock. 0 when the folder cannot be read.
 */
static uint64_t mark_of_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    uint64_t mark = 1;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            mark += mark_of_file(dirfd(dir), entry->d_name); /* whatever their order */
    closedir(dir);
    return mark;
}

static enum dm_result load(const struct dm_key_ring_options *options,
                           const struct dm_jwt_keys *before, struct dm_err *err,
                           struct dm_jwt_keys **ret_keys)
{
    if (options->secret.p)
        return dm_jwt_keys_of_secret(options->secret, err, ret_keys);
    const struct dm_jwt_keys_options from = {
        .dir = options->dir, .token_life_s = options->token_life_s, .before = before};
    return dm_jwt_keys_load(&from, err, ret_keys);
}

static void tell(const struct dm_key_ring *ring, const struct dm_jwt_keys *keys, const char *fault)
{
    if (ring->options.changed)
        ring->options.changed(ring->options.arg, keys, fault[0] ? fault : NULL);
}

enum dm_result dm_key_ring_open(const struct dm_key_ring_options *options, struct dm_err *err,
                                struct dm_key_ring **ret_ring)
{
    struct dm_key_ring *ring = calloc(1, sizeof(*ring));
    if (!ring)
        return dm_err_set(err, DM_E_NOMEM, "no memory for the signing keys");
    ring->options = *options;
    if (ring->options.look_ms == 0)
        ring->options.look_ms = DM_KEY_RING_LOOK_MS;
    /* Before the load, so that what comes in between is seen at the next look. */
    ring->mark = options->secret.p ? 0 : mark_of_folder(options->dir);
    enum dm_result result = load(options, NULL, err, &ring->current);
    if (result != DM_OK) {
        free(ring);
        return result;
    }
    pthread_mutex_init(&ring->lock, NULL);
    pthread_mutex_init(&ring->looking, NULL);
    atomic_init(&ring->generation, dm_jwt_keys_generation(ring->current));
    atomic_init(&ring->looked_at_ms, dm_clock_monotonic_ms());
    tell(ring, ring->current, dm_jwt_keys_fault(ring->current));
    *ret_ring = ring;
    return DM_OK;
}

void dm_key_ring_close(struct dm_key_ring *ring)
{
    if (!ring)
        return;
    dm_jwt_keys_unref(ring->current);
    pthread_mutex_destroy(&ring->looking);
    pthread_mutex_destroy(&ring->lock);
    free(ring);
}

static struct dm_jwt_keys *current_ref(struct dm_key_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    struct dm_jwt_keys *keys = dm_jwt_keys_ref(ring->current);
    pthread_mutex_unlock(&ring->lock);
    return keys;
}

static void replace(struct dm_key_ring *ring, struct dm_jwt_keys *keys)
{
    pthread_mutex_lock(&ring->lock);
    struct dm_jwt_keys *old = ring->current;
    ring->current = keys;
    pthread_mutex_unlock(&ring->lock);
    atomic_store(&ring->generation, dm_jwt_keys_generation(keys));
    dm_jwt_keys_unref(old);
}

/* Under the lock "looking". */
static void look(struct dm_key_ring *ring)
{
    uint64_t mark = mark_of_folder(ring->options.dir);
    if (mark == ring->mark)
        return;
    ring->mark = mark;
    struct dm_err err = {0};
    struct dm_jwt_keys *before = current_ref(ring);
    struct dm_jwt_keys *keys = NULL;
    if (load(&ring->options, before, &err, &keys) == DM_OK) {
        tell(ring, keys, dm_jwt_keys_fault(keys));
        replace(ring, keys);
    } else {
        tell(ring, before, err.detail);
    }
    dm_jwt_keys_unref(before);
}

static bool is_due(struct dm_key_ring *ring, int64_t every_ms)
{
    return !ring->options.secret.p &&
           dm_clock_monotonic_ms() - atomic_load(&ring->looked_at_ms) >= every_ms;
}

/* Nobody waits for a look that another does, unless they need what it finds. */
static void look_when_due(struct dm_key_ring *ring)
{
    if (!is_due(ring, ring->options.look_ms) || pthread_mutex_trylock(&ring->looking) != 0)
        return;
    if (is_due(ring, ring->options.look_ms)) {
        look(ring);
        atomic_store(&ring->looked_at_ms, dm_clock_monotonic_ms());
    }
    pthread_mutex_unlock(&ring->looking);
}

struct dm_jwt_keys *dm_key_ring_keys(struct dm_key_ring *ring)
{
    look_when_due(ring);
    return current_ref(ring);
}

uint64_t dm_key_ring_generation(struct dm_key_ring *ring)
{
    look_when_due(ring);
    return atomic_load(&ring->generation);
}

struct dm_jwt_keys *dm_key_ring_newer(struct dm_key_ring *ring, const struct dm_jwt_keys *keys)
{
    /* Waits for another's look: that may be the one that finds the key. */
    pthread_mutex_lock(&ring->looking);
    if (is_due(ring, DM_KEY_RING_COOLDOWN_MS)) {
        look(ring);
        atomic_store(&ring->looked_at_ms, dm_clock_monotonic_ms());
    }
    pthread_mutex_unlock(&ring->looking);
    struct dm_jwt_keys *now = current_ref(ring);
    if (now != keys)
        return now;
    dm_jwt_keys_unref(now);
    return NULL;
}

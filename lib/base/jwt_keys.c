/*
 * The set of signing keys: read from its folder, put in the order of the times in the keys' names. What a key may do at a moment follows
 * from that order alone.
 */
#include "base/jwt_keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/format.h"
#include "base/json_write.h"
#include "base/jwt_internal.h"

#define PEM_MAX_BYTES 4096
#define SUFFIX ".pem"
#define SUFFIX_N (sizeof(SUFFIX) - 1)
#define STAMP_N 16 /* "20261124T103000Z" */

struct dm_jwt_keys {
    struct dm_jwt_key *keys; /* by activation, then by kid in byte order */
    size_t n;
    uint64_t generation;
    char fault[sizeof(((struct dm_err *)0)->detail)];
    atomic_uint refs;
};

const char *dm_jwt_algorithm_name(enum dm_jwt_algorithm algorithm)
{
    return algorithm == DM_JWT_HS256 ? "HS256" : "ES256";
}

const char *dm_jwt_key_state_name(enum dm_jwt_key_state state)
{
    static const char *const names[] = {"", "next", "current", "retired", "past"};
    return names[state];
}

static void key_done(struct dm_jwt_key *key)
{
    if (key->secret) {
        dm_secret_wipe(key->secret, key->secret_n);
        free(key->secret);
    }
    EVP_PKEY_free(key->pkey);
}

struct dm_jwt_keys *dm_jwt_keys_ref(struct dm_jwt_keys *keys)
{
    atomic_fetch_add(&keys->refs, 1);
    return keys;
}

void dm_jwt_keys_unref(struct dm_jwt_keys *keys)
{
    if (!keys || atomic_fetch_sub(&keys->refs, 1) > 1)
        return;
    for (size_t i = 0; i < keys->n; i++)
        key_done(&keys->keys[i]);
    free(keys->keys);
    free(keys);
}

static struct dm_jwt_keys *keys_new(size_t room)
{
    struct dm_jwt_keys *keys = calloc(1, sizeof(*keys));
    if (keys)
        keys->keys = calloc(room, sizeof(*keys->keys));
    if (!keys || !keys->keys) {
        free(keys);
        return NULL;
    }
    atomic_init(&keys->refs, 1);
    keys->generation = 1;
    return keys;
}

/* The file's bytes, NUL-terminated; NULL when it cannot be read or is no key by its size. Caller
 * wipes and frees. */
static char *read_pem(const char *path, size_t *ret_n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *pem = calloc(1, PEM_MAX_BYTES + 1);
    size_t n = 0;
    ssize_t got = pem ? 1 : 0;
    while (got > 0 && n <= PEM_MAX_BYTES) {
        got = read(fd, pem + n, PEM_MAX_BYTES + 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (!pem || got < 0 || n == 0 || n > PEM_MAX_BYTES) {
        free(pem);
        return NULL;
    }
    *ret_n = n;
    return pem;
}

/* OpenSSL would ask the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1;
}

/* Wipes and frees pem. */
static EVP_PKEY *parse_pem(char *pem, size_t n)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)n);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    dm_secret_wipe(pem, n);
    free(pem);
    if (!pkey)
        ERR_clear_error();
    return pkey;
}

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[32] = "";
    size_t n;
    return EVP_PKEY_is_a(pkey, "EC") &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool coordinate_text(const EVP_PKEY *pkey, const char *name,
                            char ret_text[DM_COORDINATE_TEXT])
{
    BIGNUM *value = NULL;
    unsigned char bytes[DM_P256_BYTES];
    bool ok = EVP_PKEY_get_bn_param(pkey, name, &value) == 1 &&
              BN_bn2binpad(value, bytes, sizeof(bytes)) == (int)sizeof(bytes);
    BN_free(value);
    struct dm_arena *arena = ok ? dm_arena_new(256, 256) : NULL;
    struct dm_str text = {NULL, 0};
    if (arena)
        text = dm_base64url_encode(arena, (struct dm_str){(const char *)bytes, sizeof(bytes)});
    ok = text.n == DM_COORDINATE_TEXT - 1;
    if (ok) {
        memcpy(ret_text, text.p, text.n);
        ret_text[text.n] = '\0';
    }
    dm_arena_free(arena);
    return ok;
}

/* "20261124T103000Z", alone or before a '-', at the kid's beginning. False when that is no time though it looks like one. */
static bool read_activation(struct dm_str kid, int64_t *ret_at_s)
{
    static const char form[STAMP_N + 1] = "ddddddddTddddddZ";
    *ret_at_s = DM_JWT_ALWAYS;
    if (kid.n < STAMP_N || (kid.n > STAMP_N && kid.p[STAMP_N] != '-'))
        return true;
    for (size_t i = 0; i < STAMP_N; i++)
        if (form[i] == 'd' ? kid.p[i] < '0' || kid.p[i] > '9' : kid.p[i] != form[i])
            return true;
    char text[DM_CLOCK_TEXT_MAX];
    int64_t wall_ms;
    snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", kid.p, kid.p + 4, kid.p + 6,
             kid.p + 9, kid.p + 11, kid.p + 13);
    if (!dm_clock_parse(dm_str_from(text), &wall_ms))
        return false;
    *ret_at_s = wall_ms / 1000;
    return true;
}

/* Fill key from dir/name, "KID.pem". On failure key may be half filled: key_done takes it. */
static enum dm_result load_key(const char *dir, const char *name, struct dm_jwt_key *key,
                               struct dm_err *err)
{
    char path[PATH_MAX];
    struct dm_str kid = {name, strlen(name) - SUFFIX_N};
    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return dm_err_set(err, DM_E_INVALID, "%.100s...: the path is too long", dir);
    if (!dm_format_is_token(kid, DM_JWT_KID_MAX))
        return dm_err_set(err, DM_E_INVALID,
                          "%s: a key's name is 1 to %d of A-Z a-z 0-9 . _ - and .pem", path,
                          DM_JWT_KID_MAX);
    if (!read_activation(kid, &key->activates_at_s))
        return dm_err_set(err, DM_E_INVALID, "%s: there is no such time as its name begins with",
                          path);
    memcpy(key->kid, name, kid.n);
    key->algorithm = DM_JWT_ES256;
    size_t n;
    char *pem = read_pem(path, &n);
    if (!pem)
        return dm_err_set(err, DM_E_INVALID, "%s: cannot be read, or is no key by its size", path);
    key->pkey = parse_pem(pem, n);
    if (!key->pkey || !is_p256(key->pkey))
        return dm_err_set(err, DM_E_INVALID, "%s: not an unencrypted P-256 private key in PEM",
                          path);
    if (!coordinate_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, key->x) ||
        !coordinate_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, key->y))
        return dm_err_set(err, DM_E_INVALID, "%s: the key has no public half", path);
    return DM_OK;
}

/* The key that the set before had under this file's name, once more. */
static bool keep_key(const struct dm_jwt_keys *before, const char *name, struct dm_jwt_key *key)
{
    const struct dm_str kid = {name, strlen(name) - SUFFIX_N};
    const struct dm_jwt_key *old = before ? dm_jwt_keys_find(before, kid) : NULL;
    if (!old)
        return false;
    *key = *old;
    EVP_PKEY_up_ref(key->pkey);
    return true;
}

static int is_pem(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > SUFFIX_N &&
           strcmp(entry->d_name + n - SUFFIX_N, SUFFIX) == 0;
}

static void load_entries(const struct dm_jwt_keys_options *options, struct dirent **entries,
                         size_t n, struct dm_jwt_keys *keys)
{
    for (size_t i = 0; i < n; i++) {
        struct dm_jwt_key key = {.retires_at_s = DM_JWT_NEVER};
        struct dm_err err = {0};
        bool good = load_key(options->dir, entries[i]->d_name, &key, &err) == DM_OK;
        if (!good) {
            key_done(&key);
            if (keys->fault[0] == '\0')
                snprintf(keys->fault, sizeof(keys->fault), "%s", err.detail);
            good = keep_key(options->before, entries[i]->d_name, &key);
        }
        if (good)
            keys->keys[keys->n++] = key;
    }
}

static int by_activation(const void *a, const void *b)
{
    const struct dm_jwt_key *left = a, *right = b;
    if (left->activates_at_s != right->activates_at_s)
        return left->activates_at_s < right->activates_at_s ? -1 : 1;
    return strcmp(left->kid, right->kid);
}

/* A key stops signing when the next later one starts; its last token lives on for token_life_s. */
static void set_retirements(struct dm_jwt_keys *keys, int64_t token_life_s)
{
    for (size_t i = 0; i < keys->n; i++) {
        struct dm_jwt_key *key = &keys->keys[i];
        key->retires_at_s = DM_JWT_NEVER;
        for (size_t j = i + 1; j < keys->n && key->retires_at_s == DM_JWT_NEVER; j++)
            if (keys->keys[j].activates_at_s > key->activates_at_s)
                key->retires_at_s = keys->keys[j].activates_at_s + token_life_s + DM_JWT_LEEWAY_S;
    }
}

/* The same public half under the same name. */
static bool has_key(const struct dm_jwt_keys *keys, const struct dm_jwt_key *key)
{
    const struct dm_jwt_key *same = dm_jwt_keys_find(keys, dm_str_from(key->kid));
    return same && EVP_PKEY_eq(same->pkey, key->pkey) == 1;
}

static void set_generation(struct dm_jwt_keys *keys, const struct dm_jwt_keys *before)
{
    bool lost = false;
    for (size_t i = 0; i < before->n && !lost; i++)
        lost = !has_key(keys, &before->keys[i]);
    keys->generation = before->generation + lost;
}

enum dm_result dm_jwt_keys_load(const struct dm_jwt_keys_options *options, struct dm_err *err,
                                struct dm_jwt_keys **ret_keys)
{
    struct dirent **entries = NULL;
    int n = scandir(options->dir, &entries, is_pem, alphasort);
    if (n < 0)
        return dm_err_set(err, DM_E_INVALID, "%s: cannot be read: %s", options->dir,
                          strerror(errno));
    struct dm_jwt_keys *keys = keys_new((size_t)n + 1);
    if (keys)
        load_entries(options, entries, (size_t)n, keys);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    if (!keys)
        return dm_err_set(err, DM_E_NOMEM, "no memory for the signing keys");
    if (keys->n == 0) {
        enum dm_result r =
            keys->fault[0]
                ? dm_err_set(err, DM_E_INVALID, "%s", keys->fault)
                : dm_err_set(err, DM_E_INVALID, "%s: holds no signing key (KID.pem)", options->dir);
        dm_jwt_keys_unref(keys);
        return r;
    }
    qsort(keys->keys, keys->n, sizeof(*keys->keys), by_activation);
    set_retirements(keys, options->token_life_s);
    if (options->before)
        set_generation(keys, options->before);
    *ret_keys = keys;
    return DM_OK;
}

enum dm_result dm_jwt_keys_of_secret(struct dm_secret secret, struct dm_err *err,
                                     struct dm_jwt_keys **ret_keys)
{
    if (!secret.p || secret.n < DM_JWT_SECRET_MIN)
        return dm_err_set(err, DM_E_INVALID, "the secret of HS256 has at least %d bytes",
                          DM_JWT_SECRET_MIN);
    struct dm_jwt_keys *keys = keys_new(1);
    char *copy = keys ? malloc(secret.n) : NULL;
    if (!copy) {
        dm_jwt_keys_unref(keys);
        return dm_err_set(err, DM_E_NOMEM, "no memory for the signing key");
    }
    memcpy(copy, secret.p, secret.n);
    struct dm_jwt_key *key = &keys->keys[keys->n++];
    *key = (struct dm_jwt_key){.algorithm = DM_JWT_HS256,
                               .activates_at_s = DM_JWT_ALWAYS,
                               .retires_at_s = DM_JWT_NEVER,
                               .secret = copy,
                               .secret_n = secret.n};
    uint8_t name[DM_DERIVED_BYTES];
    dm_secret_derive(secret, "name of a token key", name);
    snprintf(key->kid, sizeof(key->kid), "hs256-%02x%02x%02x%02x%02x%02x%02x%02x", name[0], name[1],
             name[2], name[3], name[4], name[5], name[6], name[7]);
    *ret_keys = keys;
    return DM_OK;
}

const char *dm_jwt_keys_fault(const struct dm_jwt_keys *keys)
{
    return keys->fault;
}

uint64_t dm_jwt_keys_generation(const struct dm_jwt_keys *keys)
{
    return keys->generation;
}

const struct dm_jwt_key *dm_jwt_keys_find(const struct dm_jwt_keys *keys, struct dm_str kid)
{
    for (size_t i = 0; i < keys->n; i++)
        if (dm_str_eq_c(kid, keys->keys[i].kid))
            return &keys->keys[i];
    return NULL;
}

/* When no key's time has come, the first one signs: a new site whose clock lags is better off with it than with none. */
const struct dm_jwt_key *dm_jwt_keys_current(const struct dm_jwt_keys *keys, int64_t now_s)
{
    size_t i = keys->n - 1;
    while (i > 0 && keys->keys[i].activates_at_s > now_s)
        i--;
    return &keys->keys[i];
}

size_t dm_jwt_keys_count(const struct dm_jwt_keys *keys)
{
    return keys->n;
}

struct dm_jwt_key_info dm_jwt_keys_info(const struct dm_jwt_keys *keys, size_t i, int64_t now_s)
{
    const struct dm_jwt_key *key = &keys->keys[i];
    enum dm_jwt_key_state state = DM_JWT_RETIRED;
    if (key == dm_jwt_keys_current(keys, now_s))
        state = DM_JWT_CURRENT;
    else if (key->activates_at_s > now_s)
        state = DM_JWT_NEXT;
    else if (key->retires_at_s <= now_s)
        state = DM_JWT_PAST;
    return (struct dm_jwt_key_info){.kid = key->kid,
                                    .state = state,
                                    .activates_at_s = key->activates_at_s,
                                    .retires_at_s = key->retires_at_s};
}

static void write_member(struct dm_json_writer *w, const char *name, const char *value)
{
    dm_json_name(w, name);
    dm_json_string(w, dm_str_from(value));
}

static void write_jwk(struct dm_json_writer *w, const struct dm_jwt_key *key)
{
    dm_json_object_begin(w);
    write_member(w, "kty", "EC");
    write_member(w, "crv", "P-256");
    write_member(w, "x", key->x);
    write_member(w, "y", key->y);
    write_member(w, "kid", key->kid);
    write_member(w, "use", "sig");
    write_member(w, "alg", dm_jwt_algorithm_name(key->algorithm));
    dm_json_object_end(w);
}

void dm_jwt_keys_jwks(const struct dm_jwt_keys *keys, int64_t now_s, struct dm_buf *out)
{
    struct dm_json_writer w;
    dm_json_writer_init(&w, out);
    dm_json_object_begin(&w);
    dm_json_name(&w, "keys");
    dm_json_array_begin(&w);
    for (size_t i = 0; i < keys->n; i++)
        if (keys->keys[i].algorithm == DM_JWT_ES256 && keys->keys[i].retires_at_s > now_s)
            write_jwk(&w, &keys->keys[i]);
    dm_json_array_end(&w);
    dm_json_object_end(&w);
}

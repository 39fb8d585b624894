/* AES-256-GCM over OpenSSL's EVP. Where the cipher itself fails there is no safe way on: abort. */
#include "base/sealed.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define FORMAT_V1 "v1."
#define KEY_ID_LABEL "digitalme sealed key id\0"
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define PLAIN_BYTES_MAX (1 << 20)

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
/* Written by fetch() only. */
static EVP_CIPHER *aes_gcm;

static void fetch(void)
{
    aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (aes_gcm == NULL)
        abort();
}

/* The id is the key's hash under a label of its own, cut: it tells keys apart and gives nothing away. */
static bool key_read(struct dm_secret text, struct dm_sealed_key *ret_key)
{
    if (!dm_base64_decode((struct dm_str){text.p, text.n}, ret_key->bytes, DM_SEALED_KEY_BYTES))
        return false;
    char labelled[sizeof(KEY_ID_LABEL) - 1 + DM_SEALED_KEY_BYTES], hex[DM_SHA256_HEX];
    memcpy(labelled, KEY_ID_LABEL, sizeof(KEY_ID_LABEL) - 1);
    memcpy(labelled + sizeof(KEY_ID_LABEL) - 1, ret_key->bytes, DM_SEALED_KEY_BYTES);
    dm_secret_sha256_hex((struct dm_str){labelled, sizeof(labelled)}, hex);
    memcpy(ret_key->id, hex, DM_SEALED_KEY_ID_TEXT - 1);
    ret_key->id[DM_SEALED_KEY_ID_TEXT - 1] = '\0';
    dm_secret_wipe(labelled, sizeof(labelled));
    return true;
}

enum dm_result dm_sealed_keys_read(struct dm_secret current, struct dm_secret previous,
                                   struct dm_err *err, struct dm_sealed_keys *ret_keys)
{
    struct dm_sealed_keys keys = {0};
    if (!key_read(current, &keys.current))
        return dm_err_set(err, DM_E_INVALID, "encryption.key: must be 32 bytes in base64");
    if (previous.n > 0 && !key_read(previous, &keys.previous))
        return dm_err_set(err, DM_E_INVALID, "encryption.previous_key: must be 32 bytes in base64");
    *ret_keys = keys;
    dm_secret_wipe(&keys, sizeof(keys));
    return DM_OK;
}

/* What is bound to the value: "table.column/row". No name of a table or column holds a dot or a slash. */
static struct dm_str place_text(struct dm_ctx *ctx, const struct dm_sealed_place *place)
{
    return dm_arena_printf(ctx->arena, "%s.%s/%.*s", place->table, place->column,
                           DM_STR_ARG(place->row_id));
}

/* A context that knows key, nonce and place; a failure of OpenSSL's own aborts. */
static EVP_CIPHER_CTX *cipher_begin(const struct dm_sealed_key *key, const uint8_t *nonce,
                                    struct dm_str place, int encrypt)
{
    pthread_once(&fetched, fetch);
    int n;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL ||
        EVP_CipherInit_ex2(cipher, aes_gcm, key->bytes, nonce, encrypt, NULL) != 1 ||
        EVP_CipherUpdate(cipher, NULL, &n, (const uint8_t *)place.p, (int)place.n) != 1)
        abort();
    return cipher;
}

enum dm_result dm_sealed_close(const struct dm_sealed_keys *keys, struct dm_ctx *ctx,
                               const struct dm_sealed_place *place, struct dm_secret plain,
                               struct dm_str *ret_sealed)
{
    struct dm_str bound = place_text(ctx, place);
    size_t bytes_n = NONCE_BYTES + plain.n + TAG_BYTES;
    uint8_t *bytes = plain.n <= PLAIN_BYTES_MAX ? dm_arena_alloc(ctx->arena, bytes_n) : NULL;
    if (bound.p == NULL || bytes == NULL)
        return dm_ctx_nomem(ctx);
    dm_secret_random(bytes, NONCE_BYTES);
    uint8_t *ciphertext = bytes + NONCE_BYTES, *tag = ciphertext + plain.n;

    int n, rest;
    EVP_CIPHER_CTX *cipher = cipher_begin(&keys->current, bytes, bound, 1);
    if (EVP_CipherUpdate(cipher, ciphertext, &n, (const uint8_t *)plain.p, (int)plain.n) != 1 ||
        EVP_CipherFinal_ex(cipher, tag, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) != 1)
        abort();
    EVP_CIPHER_CTX_free(cipher);

    struct dm_str text =
        dm_base64url_encode(ctx->arena, (struct dm_str){(const char *)bytes, bytes_n});
    struct dm_str sealed =
        dm_arena_printf(ctx->arena, FORMAT_V1 "%s.%.*s", keys->current.id, DM_STR_ARG(text));
    if (text.p == NULL || sealed.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_sealed = sealed;
    return DM_OK;
}

/* The parts of a sealed text; false when it is none. bytes: nonce, ciphertext and tag. */
static bool split(struct dm_arena *arena, struct dm_str sealed, struct dm_str *ret_key_id,
                  struct dm_str *ret_bytes)
{
    const struct dm_str version = DM_STR_INIT(FORMAT_V1);
    if (!dm_str_starts(sealed, version))
        return false;
    struct dm_str rest = dm_str_slice(sealed, version.n, sealed.n), key_id, bytes;
    if (!dm_str_next(&rest, '.', &key_id) || key_id.n != DM_SEALED_KEY_ID_TEXT - 1 ||
        rest.p == NULL || !dm_base64url_decode(arena, rest, &bytes) ||
        bytes.n < NONCE_BYTES + TAG_BYTES || bytes.n > PLAIN_BYTES_MAX)
        return false;
    *ret_key_id = key_id;
    *ret_bytes = bytes;
    return true;
}

static bool decrypt(const struct dm_sealed_key *key, struct dm_str bound, struct dm_str bytes,
                    uint8_t *ret_plain)
{
    const uint8_t *nonce = (const uint8_t *)bytes.p;
    size_t plain_n = bytes.n - NONCE_BYTES - TAG_BYTES;
    uint8_t tag[TAG_BYTES];
    memcpy(tag, nonce + NONCE_BYTES + plain_n, TAG_BYTES);

    int n, rest;
    EVP_CIPHER_CTX *cipher = cipher_begin(key, nonce, bound, 0);
    bool good = EVP_CipherUpdate(cipher, ret_plain, &n, nonce + NONCE_BYTES, (int)plain_n) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
                EVP_CipherFinal_ex(cipher, ret_plain + n, &rest) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (!good)
        dm_secret_wipe(ret_plain, plain_n);
    return good;
}

enum dm_result dm_sealed_open(const struct dm_sealed_keys *keys, struct dm_ctx *ctx,
                              const struct dm_sealed_place *place, struct dm_str sealed,
                              struct dm_secret *ret_plain)
{
    struct dm_str key_id, bytes;
    if (!split(ctx->arena, sealed, &key_id, &bytes))
        return dm_err_set(&ctx->err, DM_E_INVALID, "%s.%s: not a sealed value", place->table,
                          place->column);
    const struct dm_sealed_key *key = dm_str_eq_c(key_id, keys->current.id)    ? &keys->current
                                      : dm_str_eq_c(key_id, keys->previous.id) ? &keys->previous
                                                                               : NULL;
    if (key == NULL)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "%s.%s: sealed under the unknown key %.*s",
                          place->table, place->column, DM_STR_ARG(key_id));
    struct dm_str bound = place_text(ctx, place);
    uint8_t *plain = dm_arena_alloc(ctx->arena, bytes.n);
    if (bound.p == NULL || plain == NULL)
        return dm_ctx_nomem(ctx);
    if (!decrypt(key, bound, bytes, plain))
        return dm_err_set(&ctx->err, DM_E_INVALID, "%s.%s: changed since it was sealed, or moved",
                          place->table, place->column);
    *ret_plain = (struct dm_secret){(const char *)plain, bytes.n - NONCE_BYTES - TAG_BYTES};
    return DM_OK;
}

bool dm_sealed_is_current(const struct dm_sealed_keys *keys, struct dm_str sealed)
{
    const struct dm_str version = DM_STR_INIT(FORMAT_V1);
    struct dm_str rest = dm_str_slice(sealed, version.n, sealed.n), key_id;
    return dm_str_starts(sealed, version) && dm_str_next(&rest, '.', &key_id) &&
           dm_str_eq_c(key_id, keys->current.id);
}

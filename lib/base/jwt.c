/*
 * Access tokens: made at log-in, checked at every request. Trust is decided here and by OpenSSL,
 * never by libjwt, which only builds: a key's own algorithm decides, and a token is read only after
 * its signature held.
 */
#include "base/jwt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jwt.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/format.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/secret.h"

#define PEM_MAX_BYTES 4096
#define COORDINATE_BYTES 32                    /* of P-256 */
#define SIGNATURE_BYTES (2 * COORDINATE_BYTES) /* r and s (RFC 7518 §3.4) */
#define SIGNATURE_DER_MAX 80                   /* 72 at most */
#define COORDINATE_TEXT 44                     /* 43 characters of base64url and NUL */
#define PARTS_ARENA_BYTES (4 * DM_JWT_BYTES_MAX)

struct key {
    char kid[DM_JWT_KID_MAX + 1];
    char *pem; /* libjwt takes nothing else */
    size_t pem_n;
    EVP_PKEY *pkey;
    char x[COORDINATE_TEXT], y[COORDINATE_TEXT];
};

struct dm_jwt_keys {
    struct key *keys; /* sorted by kid: the last one signs */
    size_t n;
};

/* A token's three parts and what the signature is over. */
struct parts {
    struct dm_str header, payload, signature; /* still in base64url */
    struct dm_str signed_text;                /* "header.payload" */
};

static bool split(struct dm_str token, struct parts *ret)
{
    if (!token.p || token.n > DM_JWT_BYTES_MAX)
        return false;
    size_t first = dm_str_find(token, '.', 0);
    size_t second = first < token.n ? dm_str_find(token, '.', first + 1) : token.n;
    if (second == token.n || dm_str_find(token, '.', second + 1) != token.n)
        return false;
    ret->header = dm_str_slice(token, 0, first);
    ret->payload = dm_str_slice(token, first + 1, second - first - 1);
    ret->signature = dm_str_slice(token, second + 1, token.n - second - 1);
    ret->signed_text = dm_str_slice(token, 0, second);
    return ret->header.n > 0 && ret->signature.n > 0;
}

/*
 * Every member's name in valid JSON without escapes is one of ours. A list of what is known,
 * because any other header may change what a signature means: crit, jku, x5u, jwk, x5c, b64 (RFC
 * 8725 §3.10).
 */
static bool has_known_members_only(struct dm_str json)
{
    if (dm_str_find(json, '\\', 0) != json.n)
        return false;
    for (size_t at = dm_str_find(json, '"', 0); at < json.n; at = dm_str_find(json, '"', at)) {
        size_t end = dm_str_find(json, '"', at + 1);
        struct dm_str text = dm_str_slice(json, at + 1, end - at - 1);
        at = end + 1;
        size_t next = at;
        while (next < json.n && strchr(" \t\r\n", json.p[next]))
            next++;
        if (next < json.n && json.p[next] == ':' && !dm_str_eq_c(text, "alg") &&
            !dm_str_eq_c(text, "kid") && !dm_str_eq_c(text, "typ"))
            return false;
    }
    return true;
}

/* The header is {alg: "ES256", kid, typ?} and nothing else; kid is absent when it has none. */
static bool read_header(struct dm_str header, struct dm_arena *arena, struct dm_str *ret_kid)
{
    struct dm_str json;
    struct dm_str alg = {NULL, 0};
    struct dm_str kid = {NULL, 0};
    struct dm_json *doc = NULL;
    if (!dm_base64url_decode(arena, header, &json) || dm_json_parse(json, NULL, &doc) != DM_OK)
        return false;
    bool ok = has_known_members_only(json) && dm_json_get_string(doc, "alg", arena, &alg) &&
              dm_str_eq_c(alg, "ES256");
    if (ok && dm_json_get_string(doc, "kid", arena, &kid))
        *ret_kid = kid;
    dm_json_free(doc);
    return ok;
}

/* r || s → the DER form that OpenSSL verifies; 0 on failure. */
static size_t signature_to_der(struct dm_str raw, unsigned char ret_der[SIGNATURE_DER_MAX])
{
    const unsigned char *bytes = (const unsigned char *)raw.p;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, COORDINATE_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes + COORDINATE_BYTES, COORDINATE_BYTES, NULL);
    int n = 0;
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = NULL; /* sig owns them now */
        s = NULL;
        unsigned char *out = ret_der;
        if (i2d_ECDSA_SIG(sig, NULL) <= SIGNATURE_DER_MAX)
            n = i2d_ECDSA_SIG(sig, &out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return n > 0 ? (size_t)n : 0;
}

static bool signature_holds(EVP_PKEY *pkey, const struct parts *parts, struct dm_arena *arena)
{
    struct dm_str raw;
    unsigned char der[SIGNATURE_DER_MAX];
    if (!dm_base64url_decode(arena, parts->signature, &raw) || raw.n != SIGNATURE_BYTES)
        return false;
    size_t n = signature_to_der(raw, der);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = n > 0 && md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestVerify(md, der, n, (const unsigned char *)parts->signed_text.p,
                               parts->signed_text.n) == 1;
    EVP_MD_CTX_free(md);
    if (!ok)
        ERR_clear_error();
    return ok;
}

/* The public key at (x, y); NULL when that is no point of P-256. */
static EVP_PKEY *public_key(const uint8_t x[32], const uint8_t y[32])
{
    unsigned char point[1 + SIGNATURE_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, x, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, y, COORDINATE_BYTES);
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

bool dm_jwt_jws_verify(struct dm_str token, const uint8_t x[32], const uint8_t y[32],
                       struct dm_str kid)
{
    struct parts parts;
    if (!split(token, &parts))
        return false;
    struct dm_arena *arena = dm_arena_new(PARTS_ARENA_BYTES, PARTS_ARENA_BYTES);
    struct dm_str header_kid = {NULL, 0};
    struct dm_str payload;
    bool ok = arena && read_header(parts.header, arena, &header_kid) &&
              (!kid.p || dm_str_eq(kid, header_kid)) &&
              dm_base64url_decode(arena, parts.payload, &payload);
    if (ok) {
        EVP_PKEY *pkey = public_key(x, y);
        ok = pkey && signature_holds(pkey, &parts, arena);
        EVP_PKEY_free(pkey);
    }
    dm_arena_free(arena);
    return ok;
}

static void key_done(struct key *key)
{
    if (key->pem) {
        dm_secret_wipe(key->pem, key->pem_n);
        free(key->pem);
    }
    EVP_PKEY_free(key->pkey);
}

void dm_jwt_keys_free(struct dm_jwt_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->n; i++)
        key_done(&keys->keys[i]);
    free(keys->keys);
    free(keys);
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

static EVP_PKEY *parse_pem(const char *pem, size_t n)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)n);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
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

static bool coordinate_text(const EVP_PKEY *pkey, const char *name, char ret_text[COORDINATE_TEXT])
{
    BIGNUM *value = NULL;
    unsigned char bytes[COORDINATE_BYTES];
    bool ok = EVP_PKEY_get_bn_param(pkey, name, &value) == 1 &&
              BN_bn2binpad(value, bytes, sizeof(bytes)) == (int)sizeof(bytes);
    BN_free(value);
    struct dm_arena *arena = ok ? dm_arena_new(256, 256) : NULL;
    struct dm_str text = {NULL, 0};
    if (arena)
        text = dm_base64url_encode(arena, (struct dm_str){(const char *)bytes, sizeof(bytes)});
    ok = text.n == COORDINATE_TEXT - 1;
    if (ok) {
        memcpy(ret_text, text.p, text.n);
        ret_text[text.n] = '\0';
    }
    dm_arena_free(arena);
    return ok;
}

/* Fill key from dir/name, "KID.pem". On failure key may be half filled: key_done takes it. */
static enum dm_result load_key(const char *dir, const char *name, struct key *key,
                               struct dm_err *err)
{
    char path[PATH_MAX];
    size_t n_kid = strlen(name) - strlen(".pem");
    struct dm_str kid = {name, n_kid};
    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return dm_err_set(err, DM_E_INVALID, "%.100s...: the path is too long", dir);
    if (!dm_format_is_token(kid, DM_JWT_KID_MAX))
        return dm_err_set(err, DM_E_INVALID,
                          "%s: a key's name is 1 to %d of A-Z a-z 0-9 . _ - and .pem", path,
                          DM_JWT_KID_MAX);
    memcpy(key->kid, name, n_kid);
    key->pem = read_pem(path, &key->pem_n);
    if (!key->pem)
        return dm_err_set(err, DM_E_INVALID, "%s: cannot be read, or is no key by its size", path);
    key->pkey = parse_pem(key->pem, key->pem_n);
    if (!key->pkey || !is_p256(key->pkey))
        return dm_err_set(err, DM_E_INVALID, "%s: not an unencrypted P-256 private key in PEM",
                          path);
    if (!coordinate_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, key->x) ||
        !coordinate_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, key->y))
        return dm_err_set(err, DM_E_INVALID, "%s: the key has no public half", path);
    return DM_OK;
}

static int is_pem(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 4 && strcmp(entry->d_name + n - 4, ".pem") == 0;
}

/* By kid in byte order: "a.pem" before "a-1.pem", although '.' sorts after '-'. */
static int by_kid(const struct dirent **a, const struct dirent **b)
{
    size_t n_a = strlen((*a)->d_name) - 4;
    size_t n_b = strlen((*b)->d_name) - 4;
    int order = memcmp((*a)->d_name, (*b)->d_name, n_a < n_b ? n_a : n_b);
    if (order != 0)
        return order;
    return n_a < n_b ? -1 : n_a > n_b;
}

static enum dm_result load_entries(const char *dir, struct dirent **entries, size_t n,
                                   struct dm_err *err, struct dm_jwt_keys **ret_keys)
{
    struct dm_jwt_keys *keys = calloc(1, sizeof(*keys));
    if (keys)
        keys->keys = calloc(n, sizeof(*keys->keys));
    if (!keys || !keys->keys) {
        dm_jwt_keys_free(keys);
        return dm_err_set(err, DM_E_NOMEM, "no memory for the signing keys");
    }
    enum dm_result r = DM_OK;
    for (; r == DM_OK && keys->n < n; keys->n++)
        r = load_key(dir, entries[keys->n]->d_name, &keys->keys[keys->n], err);
    if (r != DM_OK) {
        dm_jwt_keys_free(keys);
        return r;
    }
    *ret_keys = keys;
    return DM_OK;
}

enum dm_result dm_jwt_keys_load(const char *dir, struct dm_err *err, struct dm_jwt_keys **ret_keys)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_pem, by_kid);
    if (n < 0)
        return dm_err_set(err, DM_E_INVALID, "%s: cannot be read: %s", dir, strerror(errno));
    enum dm_result r =
        n > 0 ? load_entries(dir, entries, (size_t)n, err, ret_keys)
              : dm_err_set(err, DM_E_INVALID, "%s: holds no signing key (KID.pem)", dir);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return r;
}

static void write_text(struct dm_json_writer *w, const char *name, struct dm_str value)
{
    if (!value.p)
        return;
    dm_json_name(w, name);
    dm_json_string(w, value);
}

void dm_jwt_keys_jwks(const struct dm_jwt_keys *keys, struct dm_buf *out)
{
    struct dm_json_writer w;
    dm_json_writer_init(&w, out);
    dm_json_object_begin(&w);
    dm_json_name(&w, "keys");
    dm_json_array_begin(&w);
    for (size_t i = 0; i < keys->n; i++) {
        const struct key *key = &keys->keys[i];
        dm_json_object_begin(&w);
        write_text(&w, "kty", DM_STR("EC"));
        write_text(&w, "crv", DM_STR("P-256"));
        write_text(&w, "x", dm_str_from(key->x));
        write_text(&w, "y", dm_str_from(key->y));
        write_text(&w, "kid", dm_str_from(key->kid));
        write_text(&w, "use", DM_STR("sig"));
        write_text(&w, "alg", DM_STR("ES256"));
        dm_json_object_end(&w);
    }
    dm_json_array_end(&w);
    dm_json_object_end(&w);
}

static void write_time(struct dm_json_writer *w, const char *name, int64_t value)
{
    dm_json_name(w, name);
    dm_json_int(w, value);
}

/* The claims set as a C string in the arena; NULL when it is full. */
static const char *write_claims(const struct dm_jwt_claims *claims, struct dm_arena *arena)
{
    struct dm_buf out;
    struct dm_json_writer w;
    dm_buf_init(&out, arena, DM_JWT_BYTES_MAX);
    dm_json_writer_init(&w, &out);
    dm_json_object_begin(&w);
    write_text(&w, "iss", claims->issuer);
    write_text(&w, "aud", claims->audience);
    write_text(&w, "sub", claims->subject);
    write_text(&w, "token_use", claims->token_use);
    write_text(&w, "sid", claims->session_id);
    write_text(&w, "jti", claims->id);
    write_text(&w, "role", claims->role);
    write_text(&w, "scope", claims->scope);
    write_time(&w, "iat", claims->issued_at_s);
    write_time(&w, "nbf", claims->not_before_s);
    write_time(&w, "exp", claims->expires_at_s);
    dm_json_object_end(&w);
    dm_buf_add_char(&out, '\0');
    return dm_buf_failed(&out) ? NULL : out.p;
}

/* libjwt's part: header, claims and signature as one text. Caller frees with free. */
static char *encode(const struct key *key, const char *claims)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_ES256, (const unsigned char *)key->pem, (int)key->pem_n) == 0 &&
        jwt_add_header(jwt, "kid", key->kid) == 0 && jwt_add_grants_json(jwt, claims) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (!text)
        ERR_clear_error();
    return text;
}

enum dm_result dm_jwt_sign(const struct dm_jwt_keys *keys, const struct dm_jwt_claims *claims,
                           struct dm_arena *arena, struct dm_err *err, struct dm_str *ret_token)
{
    const char *json = write_claims(claims, arena);
    if (!json)
        return dm_err_set(err, DM_E_NOMEM, "no memory for a token's claims");
    char *text = encode(&keys->keys[keys->n - 1], json);
    if (!text)
        return dm_err_set(err, DM_E_INTERNAL, "libjwt could not sign");
    struct dm_str token = dm_str_from(text);
    enum dm_result r = DM_OK;
    if (token.n > DM_JWT_BYTES_MAX) {
        r = dm_err_set(err, DM_E_TOOBIG, "a token is at most %d bytes", DM_JWT_BYTES_MAX);
    } else {
        token = dm_arena_str(arena, token);
        if (token.p)
            *ret_token = token;
        else
            r = dm_err_set(err, DM_E_NOMEM, "no memory for a token");
    }
    free(text);
    return r;
}

static const struct key *find_key(const struct dm_jwt_keys *keys, struct dm_str kid)
{
    for (size_t i = 0; i < keys->n; i++)
        if (dm_str_eq_c(kid, keys->keys[i].kid))
            return &keys->keys[i];
    return NULL;
}

/* NULL when form and signature hold, else why not. */
static const char *check_signature(const struct dm_jwt_keys *keys, struct dm_str token,
                                   struct dm_arena *arena, struct dm_str *ret_payload)
{
    struct parts parts;
    struct dm_str kid = {NULL, 0};
    if (!split(token, &parts))
        return "not a compact JWS of at most 8 KiB";
    if (!read_header(parts.header, arena, &kid))
        return "the header is not that of an ES256 token of ours";
    const struct key *key = find_key(keys, kid);
    if (!key)
        return "the key is not known";
    if (!signature_holds(key->pkey, &parts, arena))
        return "the signature does not hold";
    if (!dm_base64url_decode(arena, parts.payload, ret_payload))
        return "the payload is not base64url";
    return NULL;
}

static bool get_filled(const struct dm_json *doc, const char *name, struct dm_arena *arena,
                       struct dm_str *ret)
{
    return dm_json_get_string(doc, name, arena, ret) && ret->n > 0;
}

/* NULL when all claims are there and of their types, else the name of the first that is not. */
static const char *read_claims(const struct dm_json *doc, struct dm_arena *arena,
                               struct dm_jwt_claims *claims)
{
    const struct {
        const char *name;
        struct dm_str *target;
    } texts[] = {
        {"iss", &claims->issuer},          {"aud", &claims->audience},   {"sub", &claims->subject},
        {"token_use", &claims->token_use}, {"sid", &claims->session_id}, {"jti", &claims->id},
    };
    const struct {
        const char *name;
        int64_t *target;
    } times[] = {{"exp", &claims->expires_at_s},
                 {"nbf", &claims->not_before_s},
                 {"iat", &claims->issued_at_s}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!get_filled(doc, texts[i].name, arena, texts[i].target))
            return texts[i].name;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (!dm_json_get_int(doc, times[i].name, times[i].target))
            return times[i].name;
    /* These two stay absent when they are not given: whoever needs them finds that out. */
    (void)dm_json_get_string(doc, "role", arena, &claims->role);
    (void)dm_json_get_string(doc, "scope", arena, &claims->scope);
    return NULL;
}

/* NULL when the claims are what is expected here and now, else why not. Sums are on our own clock
 * only: no overflow. */
static const char *check_claims(const struct dm_jwt_claims *claims,
                                const struct dm_jwt_expect *expect)
{
    if (!dm_str_eq(claims->issuer, expect->issuer))
        return "iss is another's";
    if (!dm_str_eq(claims->audience, expect->audience))
        return "aud is another's";
    if (!dm_str_eq(claims->token_use, expect->token_use))
        return "token_use is another";
    if (claims->expires_at_s <= expect->now_s - DM_JWT_LEEWAY_S)
        return "expired";
    if (claims->not_before_s > expect->now_s + DM_JWT_LEEWAY_S)
        return "not valid yet";
    if (claims->issued_at_s > expect->now_s + DM_JWT_LEEWAY_S)
        return "issued in the future";
    return NULL;
}

enum dm_result dm_jwt_verify(const struct dm_jwt_keys *keys, struct dm_str token,
                             const struct dm_jwt_expect *expect, struct dm_arena *arena,
                             struct dm_err *err, struct dm_jwt_claims *ret_claims)
{
    struct dm_str payload;
    const char *why = check_signature(keys, token, arena, &payload);
    if (why)
        return dm_err_set(err, DM_E_UNAUTHENTICATED, "token: %s", why);
    struct dm_json *doc = NULL;
    struct dm_jwt_claims claims = {.issued_at_s = 0};
    if (dm_json_parse(payload, NULL, &doc) != DM_OK)
        return dm_err_set(err, DM_E_UNAUTHENTICATED, "token: the payload is not JSON");
    const char *claim = read_claims(doc, arena, &claims);
    dm_json_free(doc);
    if (claim)
        return dm_err_set(err, DM_E_UNAUTHENTICATED, "token: %s is missing or of a wrong type",
                          claim);
    why = check_claims(&claims, expect);
    if (why)
        return dm_err_set(err, DM_E_UNAUTHENTICATED, "token: %s", why);
    *ret_claims = claims;
    return DM_OK;
}

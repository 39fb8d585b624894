/*
 * Access tokens: made at log-in, checked at every request. Trust is decided here and by OpenSSL,
 * never by libjwt, which only writes header and claims: a key's own algorithm decides, and a token is read only after
 * its signature held.
 */
#include "base/jwt.h"

#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/json.h"
#include "base/json_write.h"
#include "base/jwt_internal.h"

#define SIGNATURE_BYTES (2 * DM_P256_BYTES) /* r and s (RFC 7518 §3.4) */
#define SIGNATURE_DER_MAX 80                /* 72 at most */
#define PARTS_ARENA_BYTES (4 * DM_JWT_BYTES_MAX)

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

struct header {
    struct dm_str alg, kid, typ; /* absent when they are not there */
};

/* The header is {alg, kid?, typ?} and nothing else. A kid or typ that is no text counts as absent. */
static bool read_header(struct dm_str text, struct dm_arena *arena, struct header *ret)
{
    struct dm_str json;
    struct header header = {.alg = {NULL, 0}};
    struct dm_json *doc = NULL;
    if (!dm_base64url_decode(arena, text, &json) || dm_json_parse(json, NULL, &doc) != DM_OK)
        return false;
    bool ok = has_known_members_only(json) && dm_json_get_string(doc, "alg", arena, &header.alg);
    (void)dm_json_get_string(doc, "kid", arena, &header.kid);
    (void)dm_json_get_string(doc, "typ", arena, &header.typ);
    dm_json_free(doc);
    if (ok)
        *ret = header;
    return ok;
}

/* r || s → the DER form that OpenSSL verifies; 0 on failure. */
static size_t signature_to_der(struct dm_str raw, unsigned char ret_der[SIGNATURE_DER_MAX])
{
    const unsigned char *bytes = (const unsigned char *)raw.p;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, DM_P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes + DM_P256_BYTES, DM_P256_BYTES, NULL);
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

static bool es256_holds(EVP_PKEY *pkey, struct dm_str text, struct dm_str signature)
{
    unsigned char der[SIGNATURE_DER_MAX];
    if (signature.n != SIGNATURE_BYTES)
        return false;
    size_t n = signature_to_der(signature, der);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = n > 0 && md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestVerify(md, der, n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(md);
    if (!ok)
        ERR_clear_error();
    return ok;
}

static bool hs256_holds(struct dm_secret secret, struct dm_str text, struct dm_str signature)
{
    uint8_t mac[DM_SHA256_BYTES];
    dm_secret_hmac_sha256(secret, text, mac);
    return signature.n == sizeof(mac) && dm_secret_equal(mac, signature.p, sizeof(mac));
}

static bool signature_holds(const struct dm_jwt_key *key, const struct parts *parts,
                            struct dm_arena *arena)
{
    struct dm_str signature;
    if (!dm_base64url_decode(arena, parts->signature, &signature))
        return false;
    if (key->algorithm == DM_JWT_HS256)
        return hs256_holds((struct dm_secret){key->secret, key->secret_n}, parts->signed_text,
                           signature);
    return es256_holds(key->pkey, parts->signed_text, signature);
}

/* The public key at (x, y); NULL when that is no point of P-256. */
static EVP_PKEY *public_key(const uint8_t x[32], const uint8_t y[32])
{
    unsigned char point[1 + SIGNATURE_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, x, DM_P256_BYTES);
    memcpy(point + 1 + DM_P256_BYTES, y, DM_P256_BYTES);
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

static bool jws_holds(struct dm_str token, const struct dm_jwt_key *key, struct dm_str kid)
{
    struct parts parts;
    if (!split(token, &parts))
        return false;
    struct dm_arena *arena = dm_arena_new(PARTS_ARENA_BYTES, PARTS_ARENA_BYTES);
    struct header header;
    struct dm_str payload;
    bool ok = arena && read_header(parts.header, arena, &header) &&
              dm_str_eq_c(header.alg, dm_jwt_algorithm_name(key->algorithm)) &&
              (!kid.p || dm_str_eq(kid, header.kid)) &&
              dm_base64url_decode(arena, parts.payload, &payload) &&
              signature_holds(key, &parts, arena);
    dm_arena_free(arena);
    return ok;
}

bool dm_jwt_jws_verify(struct dm_str token, const uint8_t x[32], const uint8_t y[32],
                       struct dm_str kid)
{
    const struct dm_jwt_key key = {.algorithm = DM_JWT_ES256, .pkey = public_key(x, y)};
    bool ok = key.pkey && jws_holds(token, &key, kid);
    EVP_PKEY_free(key.pkey);
    return ok;
}

bool dm_jwt_jws_verify_secret(struct dm_str token, struct dm_secret secret, struct dm_str kid)
{
    /* jws_holds only reads it. */
    const struct dm_jwt_key key = {
        .algorithm = DM_JWT_HS256, .secret = (char *)(uintptr_t)secret.p, .secret_n = secret.n};
    return jws_holds(token, &key, kid);
}

static void write_text(struct dm_json_writer *w, const char *name, struct dm_str value)
{
    if (!value.p)
        return;
    dm_json_name(w, name);
    dm_json_string(w, value);
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

/*
 * libjwt's part: the two as "{header}.{claims}". An algorithm comes with a key for it, but the key stays here: libjwt would parse it anew
 * for every token. Caller frees with free.
 */
static char *build(const struct dm_jwt_key *key, const char *claims)
{
    static const unsigned char no_key[] = "not used";
    jwt_alg_t alg = key->algorithm == DM_JWT_HS256 ? JWT_ALG_HS256 : JWT_ALG_ES256;
    jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) == 0 && jwt_set_alg(jwt, alg, no_key, sizeof(no_key)) == 0 &&
        jwt_add_header(jwt, "kid", key->kid) == 0 && jwt_add_grants_json(jwt, claims) == 0)
        text = jwt_dump_str(jwt, 0);
    jwt_free(jwt);
    return text;
}

/* Both parts in base64url, with the point between them; absent when the arena is full. */
static struct dm_str encode(const char *built, struct dm_arena *arena)
{
    struct dm_str text = dm_str_from(built);
    const char *border = strstr(built, "}.{"); /* no text of the header holds one */
    size_t n = border ? (size_t)(border - built) + 1 : 0;
    struct dm_str header = dm_base64url_encode(arena, dm_str_slice(text, 0, n));
    struct dm_str payload = dm_base64url_encode(arena, dm_str_slice(text, n + 1, text.n - n - 1));
    if (n == 0 || !header.p || !payload.p)
        return (struct dm_str){NULL, 0};
    return dm_arena_printf(arena, "%.*s.%.*s", DM_STR_ARG(header), DM_STR_ARG(payload));
}

static bool es256_sign(EVP_PKEY *pkey, struct dm_str text, uint8_t ret_raw[SIGNATURE_BYTES])
{
    unsigned char der[SIGNATURE_DER_MAX];
    const unsigned char *at = der;
    size_t n = sizeof(der);
    ECDSA_SIG *sig = NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestSign(md, der, &n, (const unsigned char *)text.p, text.n) == 1 &&
              (sig = d2i_ECDSA_SIG(NULL, &at, (long)n)) != NULL &&
              BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_raw, DM_P256_BYTES) == DM_P256_BYTES &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_raw + DM_P256_BYTES, DM_P256_BYTES) ==
                  DM_P256_BYTES;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(md);
    if (!ok)
        ERR_clear_error();
    return ok;
}

static bool sign(const struct dm_jwt_key *key, struct dm_str text, uint8_t *ret_raw, size_t *ret_n)
{
    if (key->algorithm == DM_JWT_ES256) {
        *ret_n = SIGNATURE_BYTES;
        return es256_sign(key->pkey, text, ret_raw);
    }
    *ret_n = DM_SHA256_BYTES;
    dm_secret_hmac_sha256((struct dm_secret){key->secret, key->secret_n}, text, ret_raw);
    return true;
}

enum dm_result dm_jwt_sign(const struct dm_jwt_keys *keys, const struct dm_jwt_claims *claims,
                           struct dm_arena *arena, struct dm_err *err, struct dm_str *ret_token)
{
    const struct dm_jwt_key *key = dm_jwt_keys_current(keys, claims->issued_at_s);
    const char *json = write_claims(claims, arena);
    char *built = json ? build(key, json) : NULL;
    struct dm_str text = built ? encode(built, arena) : (struct dm_str){NULL, 0};
    free(built);
    if (!text.p)
        return dm_err_set(err, DM_E_NOMEM, "no memory for a token");

    uint8_t raw[SIGNATURE_BYTES];
    size_t n;
    if (!sign(key, text, raw, &n))
        return dm_err_set(err, DM_E_INTERNAL, "OpenSSL could not sign");
    struct dm_str signature = dm_base64url_encode(arena, (struct dm_str){(const char *)raw, n});
    struct dm_str token = {NULL, 0};
    if (signature.p)
        token = dm_arena_printf(arena, "%.*s.%.*s", DM_STR_ARG(text), DM_STR_ARG(signature));
    if (!token.p)
        return dm_err_set(err, DM_E_NOMEM, "no memory for a token");
    if (token.n > DM_JWT_BYTES_MAX)
        return dm_err_set(err, DM_E_TOOBIG, "a token is at most %d bytes", DM_JWT_BYTES_MAX);
    *ret_token = token;
    return DM_OK;
}

static const char no_such_key[] = "the key is not known";

/* NULL when form and signature hold, else why not: no_such_key itself when it is the kid. */
static const char *check_signature(const struct dm_jwt_keys *keys, struct dm_str token,
                                   int64_t now_s, struct dm_arena *arena,
                                   struct dm_str *ret_payload)
{
    struct parts parts;
    struct header header;
    if (!split(token, &parts))
        return "not a compact JWS of at most 8 KiB";
    if (!read_header(parts.header, arena, &header))
        return "the header is not that of a token of ours";
    if (header.typ.p && !dm_str_eq_c(header.typ, "JWT"))
        return "it is of another type";
    const struct dm_jwt_key *key = dm_jwt_keys_find(keys, header.kid);
    if (!key)
        return no_such_key;
    if (!dm_str_eq_c(header.alg, dm_jwt_algorithm_name(key->algorithm)))
        return "the algorithm is not the key's";
    if (key->retires_at_s <= now_s)
        return "the key is past";
    if (!signature_holds(key, &parts, arena))
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
    if (claims->expires_at_s > expect->now_s + expect->life_max_s + DM_JWT_LEEWAY_S)
        return "it lives longer than ours do";
    return NULL;
}

enum dm_result dm_jwt_verify(const struct dm_jwt_keys *keys, struct dm_str token,
                             const struct dm_jwt_expect *expect, struct dm_arena *arena,
                             struct dm_err *err, struct dm_jwt_claims *ret_claims)
{
    struct dm_str payload;
    const char *why = check_signature(keys, token, expect->now_s, arena, &payload);
    if (why == no_such_key)
        return dm_err_set(err, DM_E_NOTFOUND, "token: %s", why);
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

/* Tokens of ours verify; every known way to pass one off as ours does not. Wycheproof's vectors
 * judge the signature check. */
#include "base/jwt.h"

#include <json-c/json.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define NOW 1800000000

struct fixture {
    char dir[32];
    EVP_PKEY *pkey; /* of kid "a" */
    struct dm_arena *arena;
    struct dm_jwt_keys *keys;
    struct dm_err err;
};

static void write_key(const char *dir, const char *name, EVP_PKEY *pkey)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

static void make_dir(char dir[32])
{
    snprintf(dir, 32, "/tmp/dm-jwt-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", dir);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void setup(struct fixture *fixture)
{
    *fixture = (struct fixture){.arena = dm_arena_new(65536, 65536)};
    make_dir(fixture->dir);
    fixture->pkey = EVP_EC_gen("P-256");
    CU_ASSERT_PTR_NOT_NULL_FATAL(fixture->pkey);
    write_key(fixture->dir, "a.pem", fixture->pkey);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_keys_load(fixture->dir, &fixture->err, &fixture->keys), DM_OK);
}

static void teardown(struct fixture *fixture)
{
    dm_jwt_keys_free(fixture->keys);
    EVP_PKEY_free(fixture->pkey);
    dm_arena_free(fixture->arena);
    remove_dir(fixture->dir);
}

static const struct dm_jwt_expect expect = {DM_STR_INIT("https://dm.example"),
                                            DM_STR_INIT("digitalme"), DM_STR_INIT("access"), NOW};

static enum dm_result verify(struct fixture *fixture, struct dm_str token,
                             struct dm_jwt_claims *ret_claims)
{
    return dm_jwt_verify(fixture->keys, token, &expect, fixture->arena, &fixture->err, ret_claims);
}

static const char header_a[] = "{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"JWT\"}";

/* The claims of a good token, in pieces, so that a test can put a bad one in the place of each. */
#define GOOD_ISS "\"iss\":\"https://dm.example\""
#define GOOD_AUD "\"aud\":\"digitalme\""
#define GOOD_USE "\"token_use\":\"access\""
#define GOOD_IDS "\"sub\":\"u\",\"sid\":\"s\",\"jti\":\"j\""
#define GOOD_TIMES "\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000900"
#define GOOD_CLAIMS "{" GOOD_ISS "," GOOD_AUD "," GOOD_USE "," GOOD_IDS "," GOOD_TIMES "}"

static struct dm_str encode(struct fixture *fixture, struct dm_str bytes)
{
    return dm_base64url_encode(fixture->arena, bytes);
}

/* "header.payload" in base64url. */
static struct dm_str signing_input(struct fixture *fixture, const char *header, const char *payload)
{
    struct dm_str h = encode(fixture, dm_str_from(header));
    struct dm_str p = encode(fixture, dm_str_from(payload));
    return dm_arena_printf(fixture->arena, "%.*s.%.*s", DM_STR_ARG(h), DM_STR_ARG(p));
}

/* r || s over the input, each of n bytes. */
static struct dm_str sign_raw(struct fixture *fixture, EVP_PKEY *pkey, struct dm_str input, int n)
{
    unsigned char der[160];
    const unsigned char *at = der;
    size_t n_der = sizeof(der);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    CU_ASSERT_EQUAL(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, pkey), 1);
    CU_ASSERT_EQUAL(EVP_DigestSign(md, der, &n_der, (const unsigned char *)input.p, input.n), 1);
    EVP_MD_CTX_free(md);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n_der);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sig);
    unsigned char *raw = dm_arena_alloc(fixture->arena, (size_t)n * 2);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, n);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + n, n);
    ECDSA_SIG_free(sig);
    return (struct dm_str){(const char *)raw, (size_t)n * 2};
}

static struct dm_str join(struct fixture *fixture, struct dm_str input, struct dm_str signature)
{
    struct dm_str s = encode(fixture, signature);
    return dm_arena_printf(fixture->arena, "%.*s.%.*s", DM_STR_ARG(input), DM_STR_ARG(s));
}

/* A token of any header and payload whose signature is right. */
static struct dm_str forge(struct fixture *fixture, const char *header, const char *payload)
{
    struct dm_str input = signing_input(fixture, header, payload);
    return join(fixture, input, sign_raw(fixture, fixture->pkey, input, 32));
}

static void assert_refused(struct fixture *fixture, struct dm_str token, const char *why)
{
    struct dm_jwt_claims claims = {.issued_at_s = -1};
    char expected[128];
    snprintf(expected, sizeof(expected), "token: %s", why);
    CU_ASSERT_EQUAL(verify(fixture, token, &claims), DM_E_UNAUTHENTICATED);
    CU_ASSERT_STRING_EQUAL(fixture->err.detail, expected);
    CU_ASSERT_EQUAL(claims.issued_at_s, -1);
}

static const char bad_form[] = "not a compact JWS of at most 8 KiB";
static const char bad_header[] = "the header is not that of an ES256 token of ours";
static const char bad_key[] = "the key is not known";
static const char bad_signature[] = "the signature does not hold";

static void test_what_is_signed_verifies(void)
{
    struct fixture fixture;
    struct dm_str token = {NULL, 0};
    struct dm_jwt_claims back;
    struct dm_jwt_claims claims = {.issuer = expect.issuer,
                                   .audience = expect.audience,
                                   .subject = DM_STR("user \"1\" \xc3\xa9"),
                                   .token_use = expect.token_use,
                                   .session_id = DM_STR("sid"),
                                   .id = DM_STR("jti"),
                                   .role = DM_STR("admin"),
                                   .issued_at_s = NOW,
                                   .not_before_s = NOW,
                                   .expires_at_s = NOW + 900};
    setup(&fixture);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_sign(fixture.keys, &claims, fixture.arena, &fixture.err, &token),
                          DM_OK);
    CU_ASSERT_EQUAL_FATAL(verify(&fixture, token, &back), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(back.issuer, claims.issuer));
    CU_ASSERT_TRUE(dm_str_eq(back.audience, claims.audience));
    CU_ASSERT_TRUE(dm_str_eq(back.subject, claims.subject));
    CU_ASSERT_TRUE(dm_str_eq(back.token_use, claims.token_use));
    CU_ASSERT_TRUE(dm_str_eq(back.session_id, claims.session_id));
    CU_ASSERT_TRUE(dm_str_eq(back.id, claims.id));
    CU_ASSERT_TRUE(dm_str_eq(back.role, claims.role));
    CU_ASSERT_PTR_NULL(back.scope.p);
    CU_ASSERT_EQUAL(back.issued_at_s, NOW);
    CU_ASSERT_EQUAL(back.not_before_s, NOW);
    CU_ASSERT_EQUAL(back.expires_at_s, NOW + 900);
    teardown(&fixture);
}

static void test_a_well_made_token_verifies(void)
{
    struct fixture fixture;
    struct dm_jwt_claims claims;
    setup(&fixture);
    CU_ASSERT_EQUAL(verify(&fixture, forge(&fixture, header_a, GOOD_CLAIMS), &claims), DM_OK);
    teardown(&fixture);
}

static void test_another_algorithm_is_refused(void)
{
    struct fixture fixture;
    unsigned char mac[64];
    unsigned n_mac = 0;
    unsigned char *public_der = NULL;
    setup(&fixture);
    struct dm_str none = signing_input(&fixture, "{\"alg\":\"none\"}", GOOD_CLAIMS);
    assert_refused(&fixture, dm_arena_printf(fixture.arena, "%.*s.", DM_STR_ARG(none)), bad_form);
    assert_refused(&fixture, join(&fixture, none, DM_STR("x")), bad_header);

    struct dm_str hs = signing_input(&fixture, "{\"alg\":\"HS256\",\"kid\":\"a\"}", GOOD_CLAIMS);
    int n_public = i2d_PUBKEY(fixture.pkey, &public_der);
    CU_ASSERT_TRUE_FATAL(n_public > 0);
    HMAC(EVP_sha256(), public_der, n_public, (const unsigned char *)hs.p, hs.n, mac, &n_mac);
    assert_refused(&fixture, join(&fixture, hs, (struct dm_str){(const char *)mac, n_mac}),
                   bad_header);
    OPENSSL_free(public_der);

    static const char *const headers[] = {"{\"alg\":\"es256\",\"kid\":\"a\"}",
                                          "{\"alg\":\"ES256K\",\"kid\":\"a\"}",
                                          "{\"alg\":[\"ES256\"],\"kid\":\"a\"}", "{\"kid\":\"a\"}",
                                          "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"a\"}"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_refused(&fixture, forge(&fixture, headers[i], GOOD_CLAIMS), bad_header);
    teardown(&fixture);
}

static void test_headers_that_change_the_meaning_are_refused(void)
{
    static const char *const extras[] = {"\"crit\":[\"exp\"]",
                                         "\"crit\":null",
                                         "\"jku\":\"https://evil.example\"",
                                         "\"x5u\":\"https://evil.example\"",
                                         "\"jwk\":{\"kty\":\"EC\"}",
                                         "\"b64\":false",
                                         "\"jk\\u0075\":\"https://evil.example\"",
                                         "\"typ\":{\"jwk\" :{}}"};
    struct fixture fixture;
    setup(&fixture);
    for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
        char header[128];
        snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"a\",%s}", extras[i]);
        assert_refused(&fixture, forge(&fixture, header, GOOD_CLAIMS), bad_header);
    }
    teardown(&fixture);
}

static void test_another_key_is_refused(void)
{
    struct fixture fixture;
    setup(&fixture);
    assert_refused(&fixture, forge(&fixture, "{\"alg\":\"ES256\",\"kid\":\"b\"}", GOOD_CLAIMS),
                   bad_key);
    assert_refused(&fixture, forge(&fixture, "{\"alg\":\"ES256\"}", GOOD_CLAIMS), bad_key);
    assert_refused(&fixture, forge(&fixture, "{\"alg\":\"ES256\",\"kid\":\"\"}", GOOD_CLAIMS),
                   bad_key);

    struct dm_str input = signing_input(&fixture, header_a, GOOD_CLAIMS);
    EVP_PKEY *stranger = EVP_EC_gen("P-256");
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stranger);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p384);
    assert_refused(&fixture, join(&fixture, input, sign_raw(&fixture, stranger, input, 32)),
                   bad_signature);
    assert_refused(&fixture, join(&fixture, input, sign_raw(&fixture, p384, input, 48)),
                   bad_signature);
    EVP_PKEY_free(stranger);
    EVP_PKEY_free(p384);
    teardown(&fixture);
}

static void test_a_signature_of_another_form_is_refused(void)
{
    struct fixture fixture;
    char longer[66] = "";
    setup(&fixture);
    struct dm_str input = signing_input(&fixture, header_a, GOOD_CLAIMS);
    struct dm_str raw = sign_raw(&fixture, fixture.pkey, input, 32);
    memcpy(longer, raw.p, 64);
    assert_refused(&fixture, join(&fixture, input, (struct dm_str){longer, 65}), bad_signature);
    assert_refused(&fixture, join(&fixture, input, (struct dm_str){longer, 63}), bad_signature);
    assert_refused(&fixture, join(&fixture, input, sign_raw(&fixture, fixture.pkey, input, 33)),
                   bad_signature);
    struct dm_str token = join(&fixture, input, raw);
    static const char *const tails[] = {"=", "==", "A", "\n", " ", "%3D"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
        assert_refused(&fixture,
                       dm_arena_printf(fixture.arena, "%.*s%s", DM_STR_ARG(token), tails[i]),
                       bad_signature);
    static const char zeros[64];
    assert_refused(&fixture, join(&fixture, input, (struct dm_str){zeros, 64}), bad_signature);
    teardown(&fixture);
}

static void test_another_number_of_dots_or_size_is_refused(void)
{
    struct fixture fixture;
    setup(&fixture);
    struct dm_str token = forge(&fixture, header_a, GOOD_CLAIMS);
    static const char *const tails[] = {".", ".x", ".x.y"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
        assert_refused(&fixture,
                       dm_arena_printf(fixture.arena, "%.*s%s", DM_STR_ARG(token), tails[i]),
                       bad_form);
    static const char *const wrecks[] = {"", ".", "..", "...", "a", "a.b", "a.b.", ".b.c"};
    for (size_t i = 0; i < sizeof(wrecks) / sizeof(wrecks[0]); i++)
        assert_refused(&fixture, dm_str_from(wrecks[i]), bad_form);
    assert_refused(&fixture, (struct dm_str){NULL, 0}, bad_form);

    size_t n = 9 * 1024 * 1024;
    char *huge = malloc(n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(huge);
    memset(huge, 'A', n);
    huge[100] = '.';
    huge[n - 100] = '.';
    assert_refused(&fixture, (struct dm_str){huge, n}, bad_form);
    assert_refused(&fixture, (struct dm_str){huge, DM_JWT_BYTES_MAX + 1}, bad_form);
    free(huge);
    teardown(&fixture);
}

static void test_every_claim_is_checked(void)
{
#define BUT(iss, aud, use, ids, times) "{" iss "," aud "," use "," ids "," times "}"
#define BUT_TIMES(times) BUT(GOOD_ISS, GOOD_AUD, GOOD_USE, GOOD_IDS, times)
#define BUT_IDS(ids) BUT(GOOD_ISS, GOOD_AUD, GOOD_USE, ids, GOOD_TIMES)
    static const struct {
        const char *claims, *why;
    } cases[] = {
        {BUT("\"iss\":\"x\"", GOOD_AUD, GOOD_USE, GOOD_IDS, GOOD_TIMES), "iss is another's"},
        {BUT("\"iss\":1", GOOD_AUD, GOOD_USE, GOOD_IDS, GOOD_TIMES),
         "iss is missing or of a wrong type"},
        {BUT(GOOD_ISS, "\"aud\":\"x\"", GOOD_USE, GOOD_IDS, GOOD_TIMES), "aud is another's"},
        {BUT(GOOD_ISS, "\"aud\":[\"digitalme\"]", GOOD_USE, GOOD_IDS, GOOD_TIMES),
         "aud is missing or of a wrong type"},
        {BUT(GOOD_ISS, GOOD_AUD, "\"token_use\":\"refresh\"", GOOD_IDS, GOOD_TIMES),
         "token_use is another"},
        {BUT_IDS("\"sid\":\"s\",\"jti\":\"j\""), "sub is missing or of a wrong type"},
        {BUT_IDS("\"sub\":\"\",\"sid\":\"s\",\"jti\":\"j\""), "sub is missing or of a wrong type"},
        {BUT_IDS("\"sub\":\"u\",\"jti\":\"j\""), "sid is missing or of a wrong type"},
        {BUT_IDS("\"sub\":\"u\",\"sid\":\"s\",\"jti\":7"), "jti is missing or of a wrong type"},
        {BUT_TIMES("\"iat\":1800000000,\"nbf\":1800000000"), "exp is missing or of a wrong type"},
        {BUT_TIMES("\"iat\":1800000000,\"nbf\":1800000000,\"exp\":\"1800000900\""),
         "exp is missing or of a wrong type"},
        {BUT_TIMES("\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000900.5"),
         "exp is missing or of a wrong type"},
        {BUT_TIMES("\"iat\":1800000000,\"exp\":1800000900"), "nbf is missing or of a wrong type"},
        {BUT_TIMES("\"nbf\":1800000000,\"exp\":1800000900"), "iat is missing or of a wrong type"},
        {BUT_TIMES("\"iat\":1799990000,\"nbf\":1799990000,\"exp\":1799999970"), "expired"},
        {BUT_TIMES("\"iat\":0,\"nbf\":0,\"exp\":-9223372036854775807"), "expired"},
        {BUT_TIMES("\"iat\":1800000000,\"nbf\":1800000031,\"exp\":1800000900"), "not valid yet"},
        {BUT_TIMES("\"iat\":1800000000,\"nbf\":9223372036854775807,\"exp\":9223372036854775807"),
         "not valid yet"},
        {BUT_TIMES("\"iat\":1800000031,\"nbf\":1800000000,\"exp\":1800000900"),
         "issued in the future"},
        {"[1]", "iss is missing or of a wrong type"},
        {"no JSON", "the payload is not JSON"},
        {"", "the payload is not JSON"},
    };
    struct fixture fixture;
    struct dm_jwt_claims claims;
    setup(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dm_arena_reset(fixture.arena);
        assert_refused(&fixture, forge(&fixture, header_a, cases[i].claims), cases[i].why);
    }
    /* At the edge of the leeway all three still hold. */
    dm_arena_reset(fixture.arena);
    struct dm_str edge = forge(
        &fixture, header_a, BUT_TIMES("\"iat\":1800000030,\"nbf\":1800000030,\"exp\":1799999971"));
    CU_ASSERT_EQUAL(verify(&fixture, edge, &claims), DM_OK);
    teardown(&fixture);
}

static void test_the_greatest_kid_signs_and_all_verify(void)
{
    struct fixture fixture;
    struct dm_jwt_keys *both = NULL;
    struct dm_str token = {NULL, 0}, header;
    struct dm_jwt_claims claims = {.issued_at_s = NOW};
    setup(&fixture);
    EVP_PKEY *second = EVP_EC_gen("P-256");
    write_key(fixture.dir, "a-1.pem", second);
    EVP_PKEY_free(second);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_keys_load(fixture.dir, &fixture.err, &both), DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_sign(both, &claims, fixture.arena, NULL, &token), DM_OK);
    CU_ASSERT_TRUE(dm_base64url_decode(
        fixture.arena, dm_str_slice(token, 0, dm_str_find(token, '.', 0)), &header));
    struct json_object *json = json_tokener_parse(dm_arena_cstr(fixture.arena, header));
    CU_ASSERT_STRING_EQUAL(json_object_get_string(json_object_object_get(json, "kid")), "a-1");
    json_object_put(json);
    CU_ASSERT_EQUAL(dm_jwt_verify(both, forge(&fixture, header_a, GOOD_CLAIMS), &expect,
                                  fixture.arena, NULL, &claims),
                    DM_OK);
    dm_jwt_keys_free(both);
    teardown(&fixture);
}

static void test_the_jwk_set_verifies_what_we_sign(void)
{
    struct fixture fixture;
    struct dm_buf out;
    struct dm_str token = {NULL, 0}, x, y;
    struct dm_jwt_claims claims = {.issued_at_s = NOW};
    setup(&fixture);
    dm_buf_init(&out, NULL, 4096);
    dm_jwt_keys_jwks(fixture.keys, &out);
    dm_buf_add_char(&out, '\0');
    CU_ASSERT_PTR_NULL(strstr(out.p, "\"d\""));
    struct json_object *json = json_tokener_parse(out.p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    struct json_object *jwk = json_object_array_get_idx(json_object_object_get(json, "keys"), 0);
    CU_ASSERT_EQUAL(json_object_object_length(jwk), 7);
    CU_ASSERT_TRUE(dm_base64url_decode(
        fixture.arena, dm_str_from(json_object_get_string(json_object_object_get(jwk, "x"))), &x));
    CU_ASSERT_TRUE(dm_base64url_decode(
        fixture.arena, dm_str_from(json_object_get_string(json_object_object_get(jwk, "y"))), &y));
    CU_ASSERT_EQUAL_FATAL(dm_jwt_sign(fixture.keys, &claims, fixture.arena, NULL, &token), DM_OK);
    CU_ASSERT_TRUE(
        dm_jwt_jws_verify(token, (const uint8_t *)x.p, (const uint8_t *)y.p, DM_STR("a")));
    CU_ASSERT_FALSE(
        dm_jwt_jws_verify(token, (const uint8_t *)x.p, (const uint8_t *)y.p, DM_STR("b")));
    /* No point of the curve. */
    CU_ASSERT_FALSE(
        dm_jwt_jws_verify(token, (const uint8_t *)x.p, (const uint8_t *)x.p, DM_STR("a")));
    json_object_put(json);
    dm_buf_done(&out);
    teardown(&fixture);
}

static void assert_keys_refused(const char *dir, const char *expected)
{
    struct dm_jwt_keys *keys = NULL;
    struct dm_err err = {.code = DM_OK};
    CU_ASSERT_EQUAL(dm_jwt_keys_load(dir, &err, &keys), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, expected));
    CU_ASSERT_PTR_NULL(keys);
}

static void test_other_keys_are_refused_by_name(void)
{
    char dir[32], path[96];
    make_dir(dir);
    assert_keys_refused(dir, "holds no signing key");
    assert_keys_refused("/nonexistent", "cannot be read");
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    write_key(dir, "p384.pem", p384);
    EVP_PKEY_free(p384);
    assert_keys_refused(dir, "/p384.pem: not an unencrypted P-256 private key");
    snprintf(path, sizeof(path), "%s/p384.pem", dir);
    unlink(path);
    EVP_PKEY *good = EVP_EC_gen("P-256");
    write_key(dir, "b d.pem", good);
    assert_keys_refused(dir, "/b d.pem: a key's name is");
    snprintf(path, sizeof(path), "%s/b d.pem", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/public.pem", dir);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    PEM_write_PUBKEY(file, good);
    fclose(file);
    EVP_PKEY_free(good);
    assert_keys_refused(dir, "/public.pem: not an unencrypted P-256 private key");
    remove_dir(dir);
}

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (!object || !json_object_object_get_ex(object, name, &value))
        return "";
    return json_object_get_string(value);
}

/* The vectors come with keys as JWK, which this program never reads: whoever does must honour alg,
 * use and key_ops. */
static bool is_verifying_p256(struct json_object *jwk)
{
    const char *use = text_of(jwk, "use");
    const char *operations = text_of(jwk, "key_ops");
    return strcmp(text_of(jwk, "crv"), "P-256") == 0 && strcmp(text_of(jwk, "alg"), "ES256") == 0 &&
           (use[0] == '\0' || strcmp(use, "sig") == 0) &&
           (operations[0] == '\0' || strstr(operations, "\"verify\""));
}

static struct json_object *read_vectors(void)
{
    char path[512];
    const char *root = getenv("DM_VECTORS");
    snprintf(path, sizeof(path), "%s/wycheproof/json_web_signature_test.json",
             root ? root : DM_SRCDIR "/../shared/vectors");
    struct json_object *vectors = json_object_from_file(path);
    if (!vectors)
        printf("\n    skipped: no %s (set DM_VECTORS) ", path);
    return vectors;
}

struct coordinates {
    uint8_t x[32], y[32];
};

static bool read_coordinates(struct json_object *jwk, struct coordinates *ret)
{
    struct dm_str x, y;
    struct dm_arena *arena = dm_arena_new(1024, 1024);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    bool ok = dm_base64url_decode(arena, dm_str_from(text_of(jwk, "x")), &x) && x.n == 32 &&
              dm_base64url_decode(arena, dm_str_from(text_of(jwk, "y")), &y) && y.n == 32;
    if (ok) {
        memcpy(ret->x, x.p, 32);
        memcpy(ret->y, y.p, 32);
    }
    dm_arena_free(arena);
    return ok;
}

/* Returns how many tokens of the group were accepted, each rightly. */
static int judge_group(struct json_object *group, const struct coordinates *any_key)
{
    int accepted = 0;
    struct json_object *jwk = json_object_object_get(group, "public");
    struct json_object *vectors = json_object_object_get(group, "tests");
    struct coordinates key = *any_key;
    bool is_ours = is_verifying_p256(jwk) && read_coordinates(jwk, &key);
    struct dm_str kid = is_ours ? dm_str_from(text_of(jwk, "kid")) : (struct dm_str){NULL, 0};
    for (size_t i = 0; i < json_object_array_length(vectors); i++) {
        struct json_object *vector = json_object_array_get_idx(vectors, i);
        bool valid = strcmp(text_of(vector, "result"), "valid") == 0;
        bool ok = dm_jwt_jws_verify(dm_str_from(text_of(vector, "jws")), key.x, key.y, kid);
        /* The key of another use is not given to the verifier, so its signature is not in question.
         */
        if (strncmp(text_of(group, "comment"), "ec_key_for_encryption", 21) == 0)
            ok = ok && is_ours;
        CU_ASSERT_EQUAL(ok, valid && is_ours);
        if (ok != (valid && is_ours))
            printf("\n    tcId %s: %s ", text_of(vector, "tcId"), text_of(vector, "comment"));
        accepted += ok;
    }
    return accepted;
}

static void test_wycheproof(void)
{
    struct coordinates any_key = {{0}, {0}};
    struct json_object *root = read_vectors();
    if (!root)
        return;
    struct json_object *groups = json_object_object_get(root, "testGroups");
    int accepted = 0;
    /* A token for another algorithm is tried against a key of ours. */
    for (size_t i = 0; i < json_object_array_length(groups); i++) {
        struct json_object *jwk =
            json_object_object_get(json_object_array_get_idx(groups, i), "public");
        if (is_verifying_p256(jwk))
            CU_ASSERT_TRUE(read_coordinates(jwk, &any_key));
    }
    for (size_t i = 0; i < json_object_array_length(groups); i++)
        accepted += judge_group(json_object_array_get_idx(groups, i), &any_key);
    CU_ASSERT_TRUE(accepted >= 2);
    json_object_put(root);
}

static CU_TestInfo tests[] = {
    {"what is signed verifies", test_what_is_signed_verifies},
    {"a well-made token verifies", test_a_well_made_token_verifies},
    {"another algorithm is refused", test_another_algorithm_is_refused},
    {"headers that change the meaning are refused",
     test_headers_that_change_the_meaning_are_refused},
    {"another key is refused", test_another_key_is_refused},
    {"a signature of another form is refused", test_a_signature_of_another_form_is_refused},
    {"another number of dots, or size, is refused", test_another_number_of_dots_or_size_is_refused},
    {"every claim is checked", test_every_claim_is_checked},
    {"the greatest kid signs, and all verify", test_the_greatest_kid_signs_and_all_verify},
    {"the JWK set verifies what we sign", test_the_jwk_set_verifies_what_we_sign},
    {"other keys are refused by name", test_other_keys_are_refused_by_name},
    {"Wycheproof's vectors", test_wycheproof},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_jwt_suite(void)
{
    return tests;
}

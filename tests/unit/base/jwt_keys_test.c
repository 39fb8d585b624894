/* The signing keys' set: what a key may do follows from the times in the keys' names, and a bad file takes no good key away. */
#include "base/jwt_keys.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "base/jwt.h"
#include "unit/base/base_suites.h"
#include "unit/base/key_folder.h"
#include "unit/unit.h"

#define T0 INT64_C(1795516200) /* 2026-11-24T10:30:00Z */
#define K0 "20261124T103000Z-00000000"
#define K1 "20261124T113000Z-11111111" /* an hour later */
#define K2 "20261124T123000Z-22222222"
#define HOUR 3600
#define LIFE 600

static enum dm_result load_after(const struct dm_key_folder *folder,
                                 const struct dm_jwt_keys *before, struct dm_err *err,
                                 struct dm_jwt_keys **ret_keys)
{
    const struct dm_jwt_keys_options options = {
        .dir = folder->path, .token_life_s = LIFE, .before = before};
    return dm_jwt_keys_load(&options, err, ret_keys);
}

static struct dm_jwt_keys *load(const struct dm_key_folder *folder)
{
    struct dm_jwt_keys *keys = NULL;
    struct dm_err err = {0};
    CU_ASSERT_EQUAL_FATAL(load_after(folder, NULL, &err, &keys), DM_OK);
    return keys;
}

/* "K0:retired K1:current …" in the set's order. */
static void assert_states(const struct dm_jwt_keys *keys, int64_t now_s, const char *expected)
{
    char text[512] = "";
    for (size_t i = 0; i < dm_jwt_keys_count(keys); i++) {
        struct dm_jwt_key_info info = dm_jwt_keys_info(keys, i, now_s);
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "%s%s:%s", n ? " " : "", info.kid,
                 dm_jwt_key_state_name(info.state));
    }
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0)
        printf("\n    %s\n    instead of %s ", text, expected);
}

static void the_times_in_the_names_make_the_states(void)
{
    struct dm_key_folder folder;
    dm_key_folder_make(&folder);
    dm_key_folder_put_new(&folder, K1, "P-256");
    dm_key_folder_put_new(&folder, K0, "P-256");
    dm_key_folder_put_new(&folder, K2, "P-256");
    struct dm_jwt_keys *keys = load(&folder);
    CU_ASSERT_STRING_EQUAL(dm_jwt_keys_fault(keys), "");
    assert_states(keys, T0, K0 ":current " K1 ":next " K2 ":next");
    assert_states(keys, T0 + HOUR - 1, K0 ":current " K1 ":next " K2 ":next");
    assert_states(keys, T0 + HOUR, K0 ":retired " K1 ":current " K2 ":next");
    assert_states(keys, T0 + HOUR + LIFE + DM_JWT_LEEWAY_S - 1,
                  K0 ":retired " K1 ":current " K2 ":next");
    assert_states(keys, T0 + HOUR + LIFE + DM_JWT_LEEWAY_S, K0 ":past " K1 ":current " K2 ":next");
    assert_states(keys, T0 + 2 * HOUR, K0 ":past " K1 ":retired " K2 ":current");
    /* None is of age yet: the first signs all the same. */
    assert_states(keys, T0 - 1, K0 ":current " K1 ":next " K2 ":next");
    struct dm_jwt_key_info first = dm_jwt_keys_info(keys, 0, T0);
    CU_ASSERT_EQUAL(first.activates_at_s, T0);
    CU_ASSERT_EQUAL(first.retires_at_s, T0 + HOUR + LIFE + DM_JWT_LEEWAY_S);
    CU_ASSERT_EQUAL(dm_jwt_keys_info(keys, 2, T0).retires_at_s, DM_JWT_NEVER);
    dm_jwt_keys_unref(keys);
    dm_key_folder_drop(&folder);
}

static void names_without_a_time_have_always_been_there(void)
{
    struct dm_key_folder folder;
    dm_key_folder_make(&folder);
    dm_key_folder_put_new(&folder, "a", "P-256");
    dm_key_folder_put_new(&folder, "a-1", "P-256");
    struct dm_jwt_keys *keys = load(&folder);
    /* Of two such the greater in byte order signs, and the other is accepted for good. */
    assert_states(keys, T0, "a:retired a-1:current");
    CU_ASSERT_EQUAL(dm_jwt_keys_info(keys, 0, T0).retires_at_s, DM_JWT_NEVER);
    CU_ASSERT_EQUAL(dm_jwt_keys_info(keys, 1, T0).activates_at_s, DM_JWT_ALWAYS);
    dm_jwt_keys_unref(keys);
    /* A key with a time ends both. */
    dm_key_folder_put_new(&folder, "20261124T103000Z", "P-256");
    keys = load(&folder);
    assert_states(keys, T0 - 1, "a:retired a-1:current 20261124T103000Z:next");
    assert_states(keys, T0, "a:retired a-1:retired 20261124T103000Z:current");
    assert_states(keys, T0 + HOUR, "a:past a-1:past 20261124T103000Z:current");
    dm_jwt_keys_unref(keys);
    dm_key_folder_drop(&folder);
}

/* A token of each key in each of its states, judged by the set at that time. */
static void a_key_signs_and_is_accepted_in_its_time_only(void)
{
    struct dm_key_folder folder;
    struct dm_arena *arena = dm_arena_new(65536, 65536);
    struct dm_err err = {0};
    struct dm_str token = {NULL, 0};
    struct dm_jwt_claims claims = {.issuer = DM_STR("i"),
                                   .audience = DM_STR("a"),
                                   .subject = DM_STR("u"),
                                   .token_use = DM_STR("x"),
                                   .session_id = DM_STR("s"),
                                   .id = DM_STR("j"),
                                   .issued_at_s = T0 + HOUR - 1,
                                   .not_before_s = T0,
                                   .expires_at_s = T0 + HOUR + LIFE - 1};
    struct dm_jwt_expect expect = {DM_STR_INIT("i"), DM_STR_INIT("a"), DM_STR_INIT("x"), 0, HOUR};
    struct dm_jwt_claims back;
    dm_key_folder_make(&folder);
    dm_key_folder_put_new(&folder, K0, "P-256");
    dm_key_folder_put_new(&folder, K1, "P-256");
    struct dm_jwt_keys *keys = load(&folder);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_sign(keys, &claims, arena, &err, &token), DM_OK);
    /* Its last token lives to its end, with the leeway, and not beyond. */
    expect.now_s = T0 + HOUR + LIFE - 1 + DM_JWT_LEEWAY_S - 1;
    CU_ASSERT_EQUAL(dm_jwt_verify(keys, token, &expect, arena, &err, &back), DM_OK);
    /* Past: its signature counts no more, whatever the claims say. */
    claims.expires_at_s += HOUR;
    CU_ASSERT_EQUAL_FATAL(dm_jwt_sign(keys, &claims, arena, &err, &token), DM_OK);
    expect.now_s = T0 + HOUR + LIFE + DM_JWT_LEEWAY_S;
    CU_ASSERT_EQUAL(dm_jwt_verify(keys, token, &expect, arena, &err, &back), DM_E_UNAUTHENTICATED);
    CU_ASSERT_STRING_EQUAL(err.detail, "token: the key is past");
    /* The next key's tokens are good before its time: another host's clock may be ahead. */
    claims.issued_at_s = T0 + HOUR;
    claims.expires_at_s = T0 + HOUR + LIFE;
    CU_ASSERT_EQUAL_FATAL(dm_jwt_sign(keys, &claims, arena, &err, &token), DM_OK);
    expect.now_s = T0 + HOUR - DM_JWT_LEEWAY_S;
    CU_ASSERT_EQUAL(dm_jwt_verify(keys, token, &expect, arena, &err, &back), DM_OK);
    dm_jwt_keys_unref(keys);
    dm_arena_free(arena);
    dm_key_folder_drop(&folder);
}

static void the_jwk_set_has_next_current_and_retired_keys(void)
{
    struct dm_key_folder folder;
    struct dm_buf out;
    dm_key_folder_make(&folder);
    dm_key_folder_put_new(&folder, K0, "P-256");
    dm_key_folder_put_new(&folder, K1, "P-256");
    struct dm_jwt_keys *keys = load(&folder);
    dm_buf_init(&out, NULL, 4096);
    dm_jwt_keys_jwks(keys, T0, &out);
    dm_buf_add_char(&out, '\0');
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, K0));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, K1));
    CU_ASSERT_PTR_NULL(strstr(out.p, "\"d\""));
    dm_buf_reset(&out);
    dm_jwt_keys_jwks(keys, T0 + 2 * HOUR, &out);
    dm_buf_add_char(&out, '\0');
    CU_ASSERT_PTR_NULL(strstr(out.p, K0));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, K1));
    dm_jwt_keys_unref(keys);
    CU_ASSERT_EQUAL_FATAL(
        dm_jwt_keys_of_secret((struct dm_secret){"0123456789abcdef0123456789abcdef", 32}, NULL,
                              &keys),
        DM_OK);
    dm_buf_reset(&out);
    dm_jwt_keys_jwks(keys, T0, &out);
    CU_ASSERT_STR(dm_buf_str(&out), "{\"keys\":[]}");
    dm_jwt_keys_unref(keys);
    dm_buf_done(&out);
    dm_key_folder_drop(&folder);
}

static void assert_none(const struct dm_key_folder *folder, const char *expected)
{
    struct dm_jwt_keys *keys = NULL;
    struct dm_err err = {.code = DM_OK};
    CU_ASSERT_EQUAL(load_after(folder, NULL, &err, &keys), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, expected));
    CU_ASSERT_PTR_NULL(keys);
}

static void a_folder_without_a_good_key_is_refused_by_name(void)
{
    static const char *const curves[] = {"P-384", "secp256k1", "P-521"};
    struct dm_key_folder folder;
    const struct dm_key_folder nowhere = {"/nonexistent"};
    dm_key_folder_make(&folder);
    assert_none(&folder, "holds no signing key");
    assert_none(&nowhere, "cannot be read");
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        dm_key_folder_put_new(&folder, "other", curves[i]);
        assert_none(&folder, "/other.pem: not an unencrypted P-256 private key");
    }
    dm_key_folder_put_text(&folder, "other", "");
    assert_none(&folder, "/other.pem: cannot be read, or is no key by its size");
    dm_key_folder_remove(&folder, "other");
    dm_key_folder_put_new(&folder, "b d", "P-256");
    assert_none(&folder, "/b d.pem: a key's name is");
    dm_key_folder_remove(&folder, "b d");
    dm_key_folder_put_new(&folder, "20261324T103000Z-0", "P-256");
    assert_none(&folder, "there is no such time");
    dm_key_folder_remove(&folder, "20261324T103000Z-0");
    dm_key_folder_put_text(&folder, "public",
                           "-----BEGIN PUBLIC KEY-----\n"
                           "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\n"
                           "q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n"
                           "-----END PUBLIC KEY-----\n");
    assert_none(&folder, "/public.pem: not an unencrypted P-256 private key");
    dm_key_folder_drop(&folder);
}

static void an_encrypted_key_is_refused_without_asking_for_its_passphrase(void)
{
    struct dm_key_folder folder;
    char path[128];
    dm_key_folder_make(&folder);
    snprintf(path, sizeof(path), "%s/locked.pem", folder.path);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    CU_ASSERT_EQUAL(PEM_write_PKCS8PrivateKey(file, pkey, EVP_aes_128_cbc(), "pass", 4, NULL, NULL),
                    1);
    EVP_PKEY_free(pkey);
    fclose(file);
    assert_none(&folder, "/locked.pem: not an unencrypted P-256 private key");
    dm_key_folder_drop(&folder);
}

static void a_bad_file_is_told_and_takes_no_good_key_away(void)
{
    struct dm_key_folder folder;
    struct dm_err err = {0};
    struct dm_jwt_keys *second = NULL, *third = NULL;
    dm_key_folder_make(&folder);
    dm_key_folder_put_new(&folder, K0, "P-256");
    struct dm_jwt_keys *first = load(&folder);

    dm_key_folder_put_text(&folder, K1, "half a ke");
    CU_ASSERT_EQUAL_FATAL(load_after(&folder, first, &err, &second), DM_OK);
    assert_states(second, T0 + HOUR, K0 ":current");
    CU_ASSERT_PTR_NOT_NULL(strstr(dm_jwt_keys_fault(second), "/" K1 ".pem: not an unencrypted"));

    /* One that was good goes on by what was read before. */
    dm_key_folder_put_text(&folder, K0, "spoilt");
    CU_ASSERT_EQUAL_FATAL(load_after(&folder, second, &err, &third), DM_OK);
    assert_states(third, T0, K0 ":current");
    CU_ASSERT_EQUAL(dm_jwt_keys_generation(third), dm_jwt_keys_generation(first));
    dm_jwt_keys_unref(first);
    dm_jwt_keys_unref(second);
    dm_jwt_keys_unref(third);
    dm_key_folder_drop(&folder);
}

static void the_generation_moves_when_a_key_goes_or_changes(void)
{
    struct dm_key_folder folder;
    struct dm_err err = {0};
    struct dm_jwt_keys *sets[4] = {NULL};
    dm_key_folder_make(&folder);
    dm_key_folder_put_new(&folder, K0, "P-256");
    sets[0] = load(&folder);
    dm_key_folder_put_new(&folder, K1, "P-256");
    CU_ASSERT_EQUAL_FATAL(load_after(&folder, sets[0], &err, &sets[1]), DM_OK);
    CU_ASSERT_EQUAL(dm_jwt_keys_generation(sets[1]), dm_jwt_keys_generation(sets[0]));
    dm_key_folder_put_new(&folder, K1, "P-256"); /* another one under the same name */
    CU_ASSERT_EQUAL_FATAL(load_after(&folder, sets[1], &err, &sets[2]), DM_OK);
    CU_ASSERT_EQUAL(dm_jwt_keys_generation(sets[2]), dm_jwt_keys_generation(sets[1]) + 1);
    dm_key_folder_remove(&folder, K0);
    CU_ASSERT_EQUAL_FATAL(load_after(&folder, sets[2], &err, &sets[3]), DM_OK);
    CU_ASSERT_EQUAL(dm_jwt_keys_generation(sets[3]), dm_jwt_keys_generation(sets[2]) + 1);
    for (size_t i = 0; i < 4; i++)
        dm_jwt_keys_unref(sets[i]);
    dm_key_folder_drop(&folder);
}

CU_TestInfo *dm_jwt_keys_suite(void)
{
    static CU_TestInfo tests[] = {
        {"the times in the names make the states", the_times_in_the_names_make_the_states},
        {"names without a time have always been there",
         names_without_a_time_have_always_been_there},
        {"a key signs and is accepted in its time only",
         a_key_signs_and_is_accepted_in_its_time_only},
        {"the JWK set has next, current and retired keys",
         the_jwk_set_has_next_current_and_retired_keys},
        {"a folder without a good key is refused by name",
         a_folder_without_a_good_key_is_refused_by_name},
        {"an encrypted key is refused without asking for its passphrase",
         an_encrypted_key_is_refused_without_asking_for_its_passphrase},
        {"a bad file is told, and takes no good key away",
         a_bad_file_is_told_and_takes_no_good_key_away},
        {"the generation moves when a key goes or changes",
         the_generation_moves_when_a_key_goes_or_changes},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

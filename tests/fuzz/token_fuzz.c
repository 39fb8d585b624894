/*
 * lib/base/jwt.c: the token as it comes (first byte even), or the input as the claims of a well-signed one (odd), which is how a flaw behind the
 * signature's check would be reached. Nothing that was not signed counts.
 */
#include "base/jwt.h"

#include <openssl/hmac.h>

#include "fuzz/fuzz.h"

#define SECRET "a secret for the fuzzer, of 32 bytes and more"
#define NOW_S 1800000000
#define LIFE_S 600

static struct dm_jwt_keys *keys;
static struct dm_arena *arena;
static char *head; /* of a token signed by the key, with its dot */
static char *genuine;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct dm_secret secret = {SECRET, sizeof(SECRET) - 1};
    const struct dm_jwt_claims claims = {
        .issuer = DM_STR("i"),
        .audience = DM_STR("a"),
        .subject = DM_STR("s"),
        .token_use = DM_STR("access"),
        .session_id = DM_STR("x"),
        .id = DM_STR("j"),
        .role = DM_STR("User"),
        .scope = DM_STR("personality:read"),
        .issued_at_s = NOW_S,
        .not_before_s = NOW_S,
        .expires_at_s = NOW_S + LIFE_S,
    };
    struct dm_err err = {0};
    struct dm_str token;
    (void)argc;
    (void)argv;
    arena = dm_arena_new(65536, 8 << 20);
    DM_PROMISE(dm_jwt_keys_of_secret(secret, &err, &keys) == DM_OK);
    DM_PROMISE(dm_jwt_sign(keys, &claims, arena, &err, &token) == DM_OK);
    genuine = strndup(token.p, token.n);
    head = strndup(token.p, dm_str_find(token, '.', 0) + 1);
    return 0;
}

/* The bytes as a signed token's payload; absent when they are too many. */
static struct dm_str sign(struct dm_str payload)
{
    struct dm_str part = dm_base64url_encode(arena, payload);
    struct dm_str signed_part = dm_arena_printf(arena, "%s%.*s", head, DM_STR_ARG(part));
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (part.p == NULL || signed_part.p == NULL)
        return (struct dm_str){NULL, 0};
    HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)signed_part.p,
         signed_part.n, mac, &n);
    struct dm_str signature = dm_base64url_encode(arena, (struct dm_str){(const char *)mac, n});
    return dm_arena_printf(arena, "%.*s.%.*s", DM_STR_ARG(signed_part), DM_STR_ARG(signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dm_jwt_expect expect = {.issuer = DM_STR("i"),
                                         .audience = DM_STR("a"),
                                         .token_use = DM_STR("access"),
                                         .now_s = NOW_S,
                                         .life_max_s = LIFE_S};
    bool forged = dm_fuzz_choice(&data, &size) % 2 == 0;
    dm_arena_reset(arena);
    struct dm_str text = dm_fuzz_text(data, size);
    struct dm_str token = forged ? text : sign(text);
    struct dm_err err = {0};
    struct dm_jwt_claims claims;
    if (token.p == NULL || dm_jwt_verify(keys, token, &expect, arena, &err, &claims) != DM_OK)
        return 0;
    DM_PROMISE(!forged || dm_str_eq_c(token, genuine));
    DM_PROMISE(dm_str_eq_c(claims.issuer, "i") && dm_str_eq_c(claims.audience, "a") &&
               dm_str_eq_c(claims.token_use, "access"));
    DM_PROMISE(claims.subject.n > 0 && claims.session_id.n > 0 && claims.id.n > 0);
    DM_PROMISE(claims.expires_at_s > NOW_S - DM_JWT_LEEWAY_S - 1);
    return 0;
}

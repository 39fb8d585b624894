/* lib/base/sealed.c: what was sealed opens in its own place under its own key, and nowhere else. */
#include "base/sealed.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

/* 00 01 02 … 1f, and 20 21 … 3f. */
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define ROW "01890a5d-ac96-774b-bcce-b302099a8057"
/* Made with another implementation: python3-cryptography's AESGCM, nonce 40 41 … 4b. */
#define SEALED_ELSEWHERE                                                                           \
    "v1.d4dd6d2c.QEFCQ0RFRkdISUpL04udFxMKsDv09CYEqFAmbU7-a2xPufI8KJuZLJzS5YE7bcPn"

static const struct dm_sealed_place place = {"second_factor", "secret", DM_STR_INIT(ROW)};
static const struct dm_secret plain = {"12345678901234567890", 20};

static struct dm_secret secret_of(const char *text)
{
    return (struct dm_secret){text, text ? strlen(text) : 0};
}

static struct dm_sealed_keys keys_of(const char *current, const char *previous)
{
    struct dm_sealed_keys keys;
    struct dm_err err;
    CU_ASSERT_EQUAL_FATAL(dm_sealed_keys_read(secret_of(current), secret_of(previous), &err, &keys),
                          DM_OK);
    return keys;
}

struct bench {
    struct dm_ctx ctx;
    struct dm_sealed_keys keys;
};

static struct bench bench_open(void)
{
    struct bench bench = {.ctx = {.arena = dm_arena_new(4096, 1 << 20)},
                          .keys = keys_of(KEY_A, NULL)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench.ctx.arena);
    return bench;
}

static void bench_close(struct bench *bench)
{
    dm_arena_free(bench->ctx.arena);
}

static struct dm_str seal(struct bench *bench)
{
    struct dm_str sealed = {NULL, 0};
    CU_ASSERT_EQUAL_FATAL(dm_sealed_close(&bench->keys, &bench->ctx, &place, plain, &sealed),
                          DM_OK);
    return sealed;
}

static enum dm_result open_at(struct bench *bench, const struct dm_sealed_place *where,
                              struct dm_str sealed)
{
    struct dm_secret opened = {NULL, 0};
    enum dm_result result = dm_sealed_open(&bench->keys, &bench->ctx, where, sealed, &opened);
    if (result == DM_OK) {
        CU_ASSERT_EQUAL_FATAL(opened.n, plain.n);
        CU_ASSERT_EQUAL(memcmp(opened.p, plain.p, plain.n), 0);
    } else {
        CU_ASSERT_PTR_NULL(opened.p);
    }
    return result;
}

static void sealed_by_another_implementation_opens(void)
{
    struct bench bench = bench_open();
    CU_ASSERT_STRING_EQUAL(bench.keys.current.id, "d4dd6d2c");
    CU_ASSERT_EQUAL(open_at(&bench, &place, DM_STR(SEALED_ELSEWHERE)), DM_OK);
    bench_close(&bench);
}

static void sealed_here_opens_and_is_never_twice_the_same(void)
{
    struct bench bench = bench_open();
    struct dm_str once = seal(&bench), again = seal(&bench);
    CU_ASSERT_FALSE(dm_str_eq(once, again));
    CU_ASSERT_TRUE(dm_str_starts(once, DM_STR("v1.d4dd6d2c.")));
    CU_ASSERT_TRUE(dm_sealed_is_current(&bench.keys, once));
    CU_ASSERT_EQUAL(open_at(&bench, &place, once), DM_OK);
    CU_ASSERT_EQUAL(open_at(&bench, &place, again), DM_OK);
    bench_close(&bench);
}

static void nothing_at_all_can_be_sealed_too(void)
{
    struct bench bench = bench_open();
    struct dm_str sealed;
    struct dm_secret opened;
    CU_ASSERT_EQUAL_FATAL(
        dm_sealed_close(&bench.keys, &bench.ctx, &place, (struct dm_secret){NULL, 0}, &sealed),
        DM_OK);
    CU_ASSERT_EQUAL(dm_sealed_open(&bench.keys, &bench.ctx, &place, sealed, &opened), DM_OK);
    CU_ASSERT_EQUAL(opened.n, 0);
    bench_close(&bench);
}

/* Each character of the text in turn: version, key id, nonce, ciphertext, tag. */
static void one_changed_character_and_it_does_not_open(void)
{
    struct bench bench = bench_open();
    for (size_t i = 0; i < sizeof(SEALED_ELSEWHERE) - 1; i++) {
        char text[] = SEALED_ELSEWHERE;
        text[i] = text[i] == 'A' ? 'B' : 'A';
        CU_ASSERT_NOT_EQUAL(open_at(&bench, &place, dm_str_from(text)), DM_OK);
    }
    bench_close(&bench);
}

static void cut_or_longer_and_it_does_not_open(void)
{
    struct bench bench = bench_open();
    const struct dm_str sealed = DM_STR(SEALED_ELSEWHERE);
    for (size_t n = 0; n < sealed.n; n++)
        CU_ASSERT_EQUAL(open_at(&bench, &place, dm_str_slice(sealed, 0, n)), DM_E_INVALID);
    CU_ASSERT_EQUAL(open_at(&bench, &place, DM_STR(SEALED_ELSEWHERE "AAAA")), DM_E_INVALID);
    CU_ASSERT_EQUAL(open_at(&bench, &place, (struct dm_str){NULL, 0}), DM_E_INVALID);
    CU_ASSERT_EQUAL(open_at(&bench, &place, DM_STR("v2.d4dd6d2c.QEFC")), DM_E_INVALID);
    bench_close(&bench);
}

static void in_another_place_it_does_not_open(void)
{
    static const struct dm_sealed_place elsewhere[] = {
        {"second_factor", "secret", DM_STR_INIT("01890a5d-ac96-774b-bcce-b302099a8058")},
        {"second_factor", "other", DM_STR_INIT(ROW)},
        {"other", "secret", DM_STR_INIT(ROW)},
        {"second_factor", "secret", {NULL, 0}},
    };
    struct bench bench = bench_open();
    struct dm_str sealed = seal(&bench);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        CU_ASSERT_EQUAL(open_at(&bench, &elsewhere[i], sealed), DM_E_INVALID);
    bench_close(&bench);
}

static void under_another_key_it_does_not_open(void)
{
    struct bench bench = bench_open();
    struct dm_str sealed = seal(&bench);
    bench.keys = keys_of(KEY_B, NULL);
    CU_ASSERT_EQUAL(open_at(&bench, &place, sealed), DM_E_NOTFOUND);
    /* Another key that goes by the same id. */
    memcpy(bench.keys.current.id, "d4dd6d2c", 8);
    CU_ASSERT_EQUAL(open_at(&bench, &place, sealed), DM_E_INVALID);
    bench_close(&bench);
}

static void the_previous_key_opens_and_does_not_seal(void)
{
    struct bench bench = bench_open();
    struct dm_str old = seal(&bench);
    bench.keys = keys_of(KEY_B, KEY_A);
    CU_ASSERT_EQUAL(open_at(&bench, &place, old), DM_OK);
    CU_ASSERT_FALSE(dm_sealed_is_current(&bench.keys, old));
    struct dm_str new = seal(&bench);
    CU_ASSERT_TRUE(dm_sealed_is_current(&bench.keys, new));
    CU_ASSERT_EQUAL(open_at(&bench, &place, new), DM_OK);
    bench.keys = keys_of(KEY_A, NULL);
    CU_ASSERT_EQUAL(open_at(&bench, &place, new), DM_E_NOTFOUND);
    bench_close(&bench);
}

static void what_is_no_key_is_refused_and_not_repeated(void)
{
    static const char *const wrong[] = {
        "", "AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
        "0001020304050607080910111213141516171819202122232425262728293031"};
    struct dm_sealed_keys keys;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct dm_err err = {0};
        CU_ASSERT_EQUAL(dm_sealed_keys_read(secret_of(wrong[i]), secret_of(NULL), &err, &keys),
                        DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(err.detail, "encryption.key: must be 32 bytes in base64");
        if (i == 0)
            continue; /* no previous key is none */
        CU_ASSERT_EQUAL(dm_sealed_keys_read(secret_of(KEY_A), secret_of(wrong[i]), &err, &keys),
                        DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(err.detail, "encryption.previous_key: must be 32 bytes in base64");
    }
}

CU_TestInfo *dm_sealed_suite(void)
{
    static CU_TestInfo tests[] = {
        {"sealed by another implementation opens", sealed_by_another_implementation_opens},
        {"sealed here opens and is never twice the same",
         sealed_here_opens_and_is_never_twice_the_same},
        {"nothing at all can be sealed too", nothing_at_all_can_be_sealed_too},
        {"one changed character and it does not open", one_changed_character_and_it_does_not_open},
        {"cut or longer and it does not open", cut_or_longer_and_it_does_not_open},
        {"in another place it does not open", in_another_place_it_does_not_open},
        {"under another key it does not open", under_another_key_it_does_not_open},
        {"the previous key opens and does not seal", the_previous_key_opens_and_does_not_seal},
        {"what is no key is refused and not repeated", what_is_no_key_is_refused_and_not_repeated},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

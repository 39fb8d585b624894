/* lib/base/secret.c against the vectors of FIPS 180, RFC 4231, RFC 4648 and RFC 5869. */
#include "base/secret.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void to_hex(const uint8_t *bytes, size_t n, char *ret_text)
{
    for (size_t i = 0; i < n; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

static void sha1_known_answers(void)
{
    static const uint8_t of_abc[DM_SHA1_BYTES] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81,
                                                  0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50,
                                                  0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
    uint8_t digest[DM_SHA1_BYTES];
    dm_secret_sha1(DM_STR("abc"), digest);
    CU_ASSERT_EQUAL(memcmp(digest, of_abc, sizeof(digest)), 0);
}

static void sha256_known_answers(void)
{
    char text[DM_SHA256_HEX];
    dm_secret_sha256_hex(DM_STR("abc"), text);
    CU_ASSERT_STRING_EQUAL(text,
                           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    dm_secret_sha256_hex((struct dm_str){NULL, 0}, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    dm_secret_sha256_hex(DM_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), text);
    CU_ASSERT_STRING_EQUAL(text,
                           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    uint8_t digest[DM_SHA256_BYTES];
    char again[DM_SHA256_HEX];
    dm_secret_sha256(DM_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest);
    to_hex(digest, sizeof(digest), again);
    CU_ASSERT_STRING_EQUAL(again, text);
}

/* RFC 4231 §4.3 and §4.7 (a key longer than the block), and both empty. */
static void hmac_sha384_known_answers(void)
{
    char long_key[131];
    memset(long_key, 0xaa, sizeof(long_key));
    const struct {
        struct dm_secret key;
        struct dm_str data;
        const char *mac;
    } known[] = {
        {{"Jefe", 4},
         DM_STR_INIT("what do ya want for nothing?"),
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
         "8e2240ca5e69e2c78b3239ecfab21649"},
        {{long_key, sizeof(long_key)},
         DM_STR_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
         "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
         "0c2ef6ab4030fe8296248df163f44952"},
        {{NULL, 0},
         {NULL, 0},
         "6c1f2ee938fad2e24bd91298474382ca218c75db3d83e114b3d4367776d14d35"
         "51289e75e8209cd4b792302840234adc"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t mac[DM_SHA384_BYTES];
        char text[2 * DM_SHA384_BYTES + 1];
        dm_secret_hmac_sha384(known[i].key, known[i].data, mac);
        to_hex(mac, sizeof(mac), text);
        CU_ASSERT_STRING_EQUAL(text, known[i].mac);
    }
}

/* RFC 5869 appendix A.3, and values with a label that Python's hmac gave. */
static void derived_keys_are_those_of_rfc_5869(void)
{
    char ones[22];
    memset(ones, 0x0b, sizeof(ones));
    const struct {
        struct dm_secret root;
        const char *label, *key;
    } known[] = {
        {{ones, sizeof(ones)},
         "",
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
        {{"0123456789abcdef0123456789abcdef", 32},
         "device token",
         "1f4ffd9d3dfe38158519a3711350a10dd5607fd0c02cd506074959405446a46f"},
        {{"0123456789abcdef0123456789abcdef", 32},
         "device tokens",
         "463b57e18fa4a7cca0d86f6234b568bf204830b972fa904f886fb56ac7f2c3c4"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t key[DM_DERIVED_BYTES];
        char text[2 * DM_DERIVED_BYTES + 1];
        dm_secret_derive(known[i].root, known[i].label, key);
        to_hex(key, sizeof(key), text);
        CU_ASSERT_STRING_EQUAL(text, known[i].key);
    }
}

/* RFC 2202 §3 and RFC 4231 §4: cases 2, and 6 with a key longer than the block. */
static void hmac_sha1_and_sha256_known_answers(void)
{
    char long_sha1_key[80], long_sha256_key[131], text[2 * DM_SHA256_BYTES + 1];
    memset(long_sha1_key, 0xaa, sizeof(long_sha1_key));
    memset(long_sha256_key, 0xaa, sizeof(long_sha256_key));
    const struct dm_str data = DM_STR("what do ya want for nothing?");
    const struct dm_str larger = DM_STR("Test Using Larger Than Block-Size Key - Hash Key First");
    uint8_t mac[DM_SHA256_BYTES];
    dm_secret_hmac_sha1((struct dm_secret){"Jefe", 4}, data, mac);
    to_hex(mac, DM_SHA1_BYTES, text);
    CU_ASSERT_STRING_EQUAL(text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    dm_secret_hmac_sha1((struct dm_secret){long_sha1_key, sizeof(long_sha1_key)}, larger, mac);
    to_hex(mac, DM_SHA1_BYTES, text);
    CU_ASSERT_STRING_EQUAL(text, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    dm_secret_hmac_sha256((struct dm_secret){"Jefe", 4}, data, mac);
    to_hex(mac, DM_SHA256_BYTES, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    dm_secret_hmac_sha256((struct dm_secret){long_sha256_key, sizeof(long_sha256_key)}, larger,
                          mac);
    to_hex(mac, DM_SHA256_BYTES, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void random_bytes_fill_and_differ(void)
{
    uint8_t a[1000] = {0}, b[1000] = {0};
    dm_secret_random(a, sizeof(a));
    dm_secret_random(b, sizeof(b));
    CU_ASSERT_FALSE(dm_secret_equal(a, b, sizeof(a)));
    CU_ASSERT_FALSE(dm_secret_equal(a + 968, b + 968, 32));
    size_t zeroes = 0;
    for (size_t i = 0; i < sizeof(a); i++)
        zeroes += a[i] == 0;
    /* About 4 are expected; 50 would be an unfilled part. */
    CU_ASSERT_TRUE(zeroes < 50);
}

static void equal_and_wipe(void)
{
    char a[] = "secret", b[] = "secreT";
    CU_ASSERT_TRUE(dm_secret_equal(a, b, 5));
    CU_ASSERT_FALSE(dm_secret_equal(a, b, 6));
    CU_ASSERT_TRUE(dm_secret_equal(a, b, 0));
    dm_secret_wipe(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
        CU_ASSERT_EQUAL(a[i], 0);
}

static void tokens_are_43_characters_of_base64url(void)
{
    struct dm_arena *arena = dm_arena_new(512, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    char a[DM_TOKEN_TEXT], b[DM_TOKEN_TEXT];
    dm_secret_token(a);
    dm_secret_token(b);
    CU_ASSERT_EQUAL(strlen(a), 43);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    struct dm_str bytes;
    CU_ASSERT_TRUE(dm_base64url_decode(arena, dm_str_from(a), &bytes));
    CU_ASSERT_EQUAL(bytes.n, 32);
    dm_arena_free(arena);
}

/* RFC 4648 §10, and bytes that use the two characters of its own. */
static void base64_known_answers(void)
{
    static const struct {
        const char *bytes, *url, *mime;
    } known[] = {
        {"", "", ""},
        {"f", "Zg", "Zg=="},
        {"fo", "Zm8", "Zm8="},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg", "Zm9vYg=="},
        {"fooba", "Zm9vYmE", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "-__-", "+//+"},
    };
    struct dm_arena *arena = dm_arena_new(512, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct dm_str bytes = dm_str_from(known[i].bytes), back;
        CU_ASSERT_STR(dm_base64url_encode(arena, bytes), known[i].url);
        CU_ASSERT_TRUE(dm_base64url_decode(arena, dm_str_from(known[i].url), &back));
        CU_ASSERT_TRUE(dm_str_eq(back, bytes));
        char text[16];
        dm_base64_encode((const uint8_t *)bytes.p, bytes.n, text);
        CU_ASSERT_STRING_EQUAL(text, known[i].mime);
        uint8_t decoded[8];
        CU_ASSERT_TRUE(dm_base64_decode(dm_str_from(text), decoded, bytes.n));
        CU_ASSERT_EQUAL(memcmp(decoded, bytes.p, bytes.n), 0);
    }
    dm_arena_free(arena);
}

static void base64_decoding_is_strict(void)
{
    static const struct {
        const char *text;
        size_t n;
    } refused[] = {{"Zg", 1},   {"Zg=", 1},   {"Zh==", 1},   {"Zg==", 2},    {"Zm8=", 1},
                   {"Zm9=", 2}, {"Zm9v=", 3}, {"Zm-v", 3},   {"Zm_v", 3},    {"Zm v", 3},
                   {"Z=g=", 1}, {"", 1},      {"Zm9vYg", 4}, {"Zg==Zg==", 2}};
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_FALSE(dm_base64_decode(dm_str_from(refused[i].text), bytes, refused[i].n));
}

/* RFC 4648 §10. */
static void base32_known_answers(void)
{
    static const char *const known[][2] = {{"", ""},
                                           {"f", "MY"},
                                           {"fo", "MZXQ"},
                                           {"foo", "MZXW6"},
                                           {"foob", "MZXW6YQ"},
                                           {"fooba", "MZXW6YTB"},
                                           {"foobar", "MZXW6YTBOI"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[16];
        dm_base32_encode((const uint8_t *)known[i][0], strlen(known[i][0]), text);
        CU_ASSERT_STRING_EQUAL(text, known[i][1]);
    }
}

static void base64url_decoding_is_strict(void)
{
    static const char *const refused[] = {"Z",      "Zg==", "Zg=",  "Zh",  "Zm9",
                                          "Zm9v\n", "Zm+v", "Zm/v", " Zg", "Zm9vY"};
    struct dm_arena *arena = dm_arena_new(512, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_str ret = DM_STR("untouched");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_FALSE(dm_base64url_decode(arena, dm_str_from(refused[i]), &ret));
    CU_ASSERT_STR(ret, "untouched");
    dm_arena_free(arena);
}

CU_TestInfo *dm_secret_suite(void)
{
    static CU_TestInfo tests[] = {
        {"SHA-1 known answers", sha1_known_answers},
        {"SHA-256 known answers", sha256_known_answers},
        {"HMAC-SHA-384 known answers", hmac_sha384_known_answers},
        {"derived keys are those of RFC 5869", derived_keys_are_those_of_rfc_5869},
        {"HMAC-SHA-1 and HMAC-SHA-256 known answers", hmac_sha1_and_sha256_known_answers},
        {"random bytes fill and differ", random_bytes_fill_and_differ},
        {"equal and wipe", equal_and_wipe},
        {"tokens are 43 characters of base64url", tokens_are_43_characters_of_base64url},
        {"base64 known answers", base64_known_answers},
        {"base64url decoding is strict", base64url_decoding_is_strict},
        {"base64 decoding is strict", base64_decoding_is_strict},
        {"base32 known answers", base32_known_answers},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

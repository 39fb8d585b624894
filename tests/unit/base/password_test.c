/* Hashes are bcrypt over the peppered digest: nothing is cut, a wrong pepper or a weak or broken
 * hash never matches. */
#include "base/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static const struct dm_secret pepper = {"a pepper of thirty-two bytes ....", 33};
static const struct dm_secret other_pepper = {"another", 7};

static void test_a_hash_matches_its_password_only(void)
{
    char hash[DM_PASSWORD_HASH_TEXT];
    CU_ASSERT_EQUAL(dm_password_hash(pepper, DM_STR("correct horse"), 10, hash, NULL), DM_OK);
    CU_ASSERT_EQUAL(strlen(hash), 60);
    CU_ASSERT_EQUAL(strncmp(hash, "$2b$10$", 7), 0);
    CU_ASSERT_TRUE(dm_password_verify(pepper, DM_STR("correct horse"), hash));
    CU_ASSERT_FALSE(dm_password_verify(pepper, DM_STR("correct horsf"), hash));
    CU_ASSERT_FALSE(dm_password_verify(pepper, DM_STR(""), hash));
    CU_ASSERT_FALSE(dm_password_verify(other_pepper, DM_STR("correct horse"), hash));
}

static void test_salts_differ(void)
{
    char one[DM_PASSWORD_HASH_TEXT], two[DM_PASSWORD_HASH_TEXT];
    CU_ASSERT_EQUAL(dm_password_hash(pepper, DM_STR("same"), 10, one, NULL), DM_OK);
    CU_ASSERT_EQUAL(dm_password_hash(pepper, DM_STR("same"), 10, two, NULL), DM_OK);
    CU_ASSERT_STRING_NOT_EQUAL(one, two);
}

static void test_the_73rd_byte_and_a_nul_count(void)
{
    char text[101], hash[DM_PASSWORD_HASH_TEXT];
    memset(text, 'x', sizeof(text));
    struct dm_str password = {text, 100};
    CU_ASSERT_EQUAL(dm_password_hash(pepper, password, 10, hash, NULL), DM_OK);
    text[99] = 'y';
    CU_ASSERT_FALSE(dm_password_verify(pepper, password, hash));
    text[99] = 'x';
    CU_ASSERT_TRUE(dm_password_verify(pepper, password, hash));
    CU_ASSERT_EQUAL(dm_password_hash(pepper, DM_STR("ab\0c"), 10, hash, NULL), DM_OK);
    CU_ASSERT_FALSE(dm_password_verify(pepper, DM_STR("ab"), hash));
    CU_ASSERT_FALSE(dm_password_verify(pepper, DM_STR("ab\0d"), hash));
}

/* bcrypt over base64(HMAC-SHA-384(pepper, password)), made here without the module. */
static void crypt_digest(const char *setting, const char *password, char ret_hash[61])
{
    uint8_t mac[DM_SHA384_BYTES];
    char text[65];
    struct crypt_data *data = calloc(1, sizeof(*data));
    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    dm_secret_hmac_sha384(pepper, dm_str_from(password), mac);
    dm_base64_encode(mac, sizeof(mac), text);
    const char *hash = crypt_r(text, setting, data);
    CU_ASSERT_EQUAL_FATAL(strlen(hash), 60);
    memcpy(ret_hash, hash, 61);
    free(data);
}

static void test_only_the_stated_construction_matches(void)
{
    char hash[61];
    crypt_digest("$2b$10$CCCCCCCCCCCCCCCCCCCCC.", "U*U", hash);
    CU_ASSERT_TRUE(dm_password_verify(pepper, DM_STR("U*U"), hash));
    crypt_digest("$2b$05$CCCCCCCCCCCCCCCCCCCCC.", "U*U", hash);
    CU_ASSERT_FALSE(dm_password_verify(pepper, DM_STR("U*U"), hash));
    crypt_digest("$2a$10$CCCCCCCCCCCCCCCCCCCCC.", "U*U", hash);
    CU_ASSERT_FALSE(dm_password_verify(pepper, DM_STR("U*U"), hash));
}

static void test_broken_hashes_never_match(void)
{
    static const char *const hashes[] = {
        "*0",
        "*1",
        "",
        "$2b$10$",
        "$2b$10$!!!!!!!!!!!!!!!!!!!!!.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
    };
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
        CU_ASSERT_FALSE(dm_password_verify(pepper, DM_STR("U*U"), hashes[i]));
}

static void test_costs_outside_the_bounds_are_refused(void)
{
    char hash[DM_PASSWORD_HASH_TEXT] = "untouched";
    static const int costs[] = {-1, 0, 9, 17};
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(dm_password_hash(pepper, DM_STR("x"), costs[i], hash, NULL), DM_E_INTERNAL);
    CU_ASSERT_STRING_EQUAL(hash, "untouched");
}

static void test_another_cost_asks_for_a_rehash(void)
{
    const char *hash = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    CU_ASSERT_FALSE(dm_password_needs_rehash(hash, 10));
    CU_ASSERT_TRUE(dm_password_needs_rehash(hash, 11));
    CU_ASSERT_TRUE(dm_password_needs_rehash("broken", 10));
}

static void test_the_score_tells_weak_from_strong(void)
{
    const char *const words[] = {"Bartholomew", "bartholomew@example.org"};
    char long_text[1000];
    memset(long_text, 'a', sizeof(long_text));
    CU_ASSERT_EQUAL(dm_password_score(DM_STR("password"), NULL, 0), 0);
    CU_ASSERT_EQUAL(dm_password_score(DM_STR(""), NULL, 0), 0);
    CU_ASSERT_EQUAL(dm_password_score(DM_STR("kX9#mQ2$vLw!"), NULL, 0), 4);
    CU_ASSERT_EQUAL(dm_password_score((struct dm_str){long_text, sizeof(long_text)}, NULL, 0), 0);
    CU_ASSERT_TRUE(dm_password_score(DM_STR("Bartholomew1"), words, 2) <
                   dm_password_score(DM_STR("Bxrthqlomwe1"), words, 2));
    CU_ASSERT_TRUE(dm_password_score(DM_STR("Bartholomew1"), words, 2) <= 1);
}

static CU_TestInfo tests[] = {
    {"a hash matches its password only", test_a_hash_matches_its_password_only},
    {"salts differ", test_salts_differ},
    {"the 73rd byte and a NUL count", test_the_73rd_byte_and_a_nul_count},
    {"only the stated construction matches", test_only_the_stated_construction_matches},
    {"broken hashes never match", test_broken_hashes_never_match},
    {"costs outside the bounds are refused", test_costs_outside_the_bounds_are_refused},
    {"another cost asks for a rehash", test_another_cost_asks_for_a_rehash},
    {"the score tells weak from strong", test_the_score_tells_weak_from_strong},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_password_suite(void)
{
    return tests;
}

/* lib/domain/api_key_text.c: a key's text and what is read from it. */
#include "domain/api_key_text.h"

#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

#define ID "01933f3a-7e2c-7aaa-8bbb-0123456789ab"
/* Made by hand, its check characters by Python's zlib.crc32. */
#define KNOWN                                                                                      \
    "dk_live_01933f3a7e2c7aaa8bbb0123456789ab_"                                                    \
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg" CHECK
#define CHECK "1uC2cL"

static void what_is_made_reads_back(void)
{
    for (int i = 0; i < 1000; i++) {
        char text[DM_API_KEY_TEXT];
        struct dm_api_key_parts made, read;
        dm_api_key_make(DM_STR(ID), text, &made);
        CU_ASSERT_EQUAL(strlen(text), DM_API_KEY_TEXT - 1);
        CU_ASSERT_TRUE_FATAL(dm_api_key_parse(dm_str_from(text), &read));
        CU_ASSERT_STRING_EQUAL(read.id, ID);
        CU_ASSERT_STRING_EQUAL(read.secret_hash, made.secret_hash);
    }
}

static void no_two_are_alike(void)
{
    char a[DM_API_KEY_TEXT], b[DM_API_KEY_TEXT];
    struct dm_api_key_parts parts;
    dm_api_key_make(DM_STR(ID), a, &parts);
    dm_api_key_make(DM_STR(ID), b, &parts);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
}

static void a_key_made_elsewhere_is_read(void)
{
    struct dm_api_key_parts parts;
    char hash[DM_SHA256_HEX];
    CU_ASSERT_TRUE_FATAL(dm_api_key_parse(DM_STR(KNOWN), &parts));
    dm_secret_sha256_hex(DM_STR("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"), hash);
    CU_ASSERT_STRING_EQUAL(parts.id, ID);
    CU_ASSERT_STRING_EQUAL(parts.secret_hash, hash);
}

/* CRC-32 finds every change of one character, and what is no character of a key is refused before it. */
static void any_changed_character_is_noticed(void)
{
    char text[] = KNOWN;
    struct dm_api_key_parts parts;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        char good = text[i];
        for (int c = 0; c < 256; c++) {
            text[i] = (char)c;
            if (text[i] != good)
                CU_ASSERT_FALSE(dm_api_key_parse((struct dm_str){text, sizeof(text) - 1}, &parts));
        }
        text[i] = good;
    }
}

static void other_lengths_are_refused(void)
{
    char text[] = KNOWN "x";
    struct dm_api_key_parts parts;
    for (size_t n = 0; n < sizeof(text); n++)
        CU_ASSERT_EQUAL(dm_api_key_parse((struct dm_str){text, n}, &parts), n == sizeof(text) - 2);
    CU_ASSERT_FALSE(dm_api_key_parse((struct dm_str){NULL, 0}, &parts));
    CU_ASSERT_FALSE(dm_api_key_looks_like(DM_STR("dk_liv")));
    CU_ASSERT_FALSE(dm_api_key_looks_like(DM_STR("DK_LIVE_")));
    CU_ASSERT_TRUE(dm_api_key_looks_like(DM_STR("dk_live_")));
}

CU_TestInfo *dm_api_key_text_suite(void)
{
    static CU_TestInfo tests[] = {
        {"what is made reads back", what_is_made_reads_back},
        {"no two are alike", no_two_are_alike},
        {"a key made elsewhere is read", a_key_made_elsewhere_is_read},
        {"any changed character is noticed", any_changed_character_is_noticed},
        {"other lengths are refused", other_lengths_are_refused},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

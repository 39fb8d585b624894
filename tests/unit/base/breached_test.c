/* Every password of a list is found and no other, in each of the forms such lists come in; what is
 * no such list is told by name and place. */
#include "base/breached.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define PASSWORDS 3000
#define HEX 41

static char path[] = "/tmp/dm-breached-XXXXXX";

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct dm_str password(int i, char buffer[32])
{
    snprintf(buffer, 32, "password no. %d", i);
    return dm_str_from(buffer);
}

static void to_hex(struct dm_str text, bool upper, char ret_hex[HEX])
{
    uint8_t hash[DM_SHA1_BYTES];
    dm_secret_sha1(text, hash);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(ret_hex + 2 * i, 3, upper ? "%02X" : "%02x", hash[i]);
}

static FILE *new_file(void)
{
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    FILE *file = fdopen(fd, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    return file;
}

static void write_text(const char *text)
{
    FILE *file = new_file();
    CU_ASSERT_TRUE(fputs(text, file) >= 0);
    fclose(file);
}

/* A sorted list of n passwords; every line ends in end, with a count when counted. */
static void write_list(int n, bool upper, bool counted, const char *end)
{
    char(*hashes)[HEX] = calloc((size_t)n, HEX);
    char buffer[32];
    CU_ASSERT_PTR_NOT_NULL_FATAL(hashes);
    for (int i = 0; i < n; i++)
        to_hex(password(i, buffer), upper, hashes[i]);
    qsort(hashes, (size_t)n, HEX, compare);
    FILE *file = new_file();
    for (int i = 0; i < n; i++) {
        fputs(hashes[i], file);
        if (counted)
            fprintf(file, ":%d", i * 7919 % 100000);
        fputs(end, file);
    }
    fclose(file);
    free(hashes);
}

static bool found(struct dm_str text)
{
    bool found = false;
    CU_ASSERT_EQUAL(dm_breached_find(path, text, &found, NULL), DM_OK);
    return found;
}

static void assert_holds(int n)
{
    char buffer[32];
    int missed = 0, made_up = 0;
    CU_ASSERT_EQUAL(dm_breached_check(path, NULL), DM_OK);
    for (int i = 0; i < n; i++) {
        missed += !found(password(i, buffer));
        made_up += found(password(n + i, buffer));
    }
    CU_ASSERT_EQUAL(missed, 0);
    CU_ASSERT_EQUAL(made_up, 0);
    unlink(path);
}

static void test_every_password_of_a_list_is_found_and_no_other(void)
{
    write_list(PASSWORDS, true, true, "\r\n");
    assert_holds(PASSWORDS);
    write_list(PASSWORDS, true, false, "\n");
    assert_holds(PASSWORDS);
    write_list(PASSWORDS, false, true, "\n");
    assert_holds(PASSWORDS);
}

static void test_lists_of_few_lines_are_lists(void)
{
    for (int n = 1; n < 5; n++) {
        write_list(n, true, true, "\r\n");
        assert_holds(n);
    }
    /* The last line need not end. */
    write_list(1, true, false, "");
    assert_holds(1);
}

static void test_the_hash_is_plain_sha1(void)
{
    write_text("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n");
    CU_ASSERT_TRUE(found(DM_STR("password")));
    CU_ASSERT_FALSE(found(DM_STR("Password")));
    CU_ASSERT_FALSE(found(DM_STR("")));
    unlink(path);
}

static void assert_refused(const char *why)
{
    struct dm_err err = {0};
    CU_ASSERT_EQUAL(dm_breached_check(path, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, path));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, why));
    if (!strstr(err.detail, why))
        printf("%s\n", err.detail);
}

static void test_what_is_no_list_is_told(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "is empty"},
        {"password\n123456\n", "at byte 0"},
        {"# a comment\n5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n", "at byte 0"},
        /* An NTLM list, a count that is none, a line cut short, an empty line, one that never ends. */
        {"8846F7EAEE8FB117AD06BDD830B7586C:3\n", "at byte 0"},
        {"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:many\n", "at byte 0"},
        {"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:1\n6BAA61E4C9B93F", "at byte 43"},
        {"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n\n", "at byte 41"},
        {"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000000000000000000\n",
         "at byte"},
        {"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n4BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n",
         "not sorted"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_text(cases[i].text);
        assert_refused(cases[i].why);
        unlink(path);
    }
}

static void test_what_cannot_be_read_is_told(void)
{
    struct dm_err err = {0};
    bool found = true;
    write_text("");
    unlink(path);
    assert_refused("no such file");
    CU_ASSERT_EQUAL(dm_breached_find(path, DM_STR("x"), &found, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_TRUE(found);
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    assert_refused("no regular file");
    unlink(path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    assert_refused("no regular file");
    rmdir(path);
}

static void test_an_unsorted_place_in_a_long_list_is_seen(void)
{
    write_list(PASSWORDS, true, false, "\n");
    FILE *file = fopen(path, "r+");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    /* A hundred low hashes in the middle, as of two lists one after the other. */
    fseek(file, 41L * PASSWORDS / 2, SEEK_SET);
    for (int i = 0; i < 100; i++)
        fprintf(file, "%040X\n", i);
    fclose(file);
    assert_refused("not sorted");
    unlink(path);
}

static void test_a_new_file_in_its_place_counts_at_once(void)
{
    char was[sizeof(path)];
    write_text("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n");
    CU_ASSERT_TRUE(found(DM_STR("password")));
    memcpy(was, path, sizeof(path));
    write_list(1, true, false, "\n");
    CU_ASSERT_EQUAL(rename(path, was), 0);
    memcpy(path, was, sizeof(path));
    CU_ASSERT_FALSE(found(DM_STR("password")));
    unlink(path);
}

static CU_TestInfo tests[] = {
    {"every password of a list is found and no other",
     test_every_password_of_a_list_is_found_and_no_other},
    {"lists of few lines are lists", test_lists_of_few_lines_are_lists},
    {"the hash is plain SHA-1", test_the_hash_is_plain_sha1},
    {"what is no list is told", test_what_is_no_list_is_told},
    {"what cannot be read is told", test_what_cannot_be_read_is_told},
    {"an unsorted place in a long list is seen", test_an_unsorted_place_in_a_long_list_is_seen},
    {"a new file in its place counts at once", test_a_new_file_in_its_place_counts_at_once},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_breached_suite(void)
{
    return tests;
}

/* Key files appear whole, with the folder's owner and no reader too many, and go for good. */
#include "base/jwt_key_file.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/base/base_suites.h"
#include "unit/base/key_folder.h"
#include "unit/unit.h"

#define T0 INT64_C(1795516200) /* 2026-11-24T10:30:00Z */

static unsigned mode_of(const struct dm_key_folder *folder, const char *kid)
{
    char path[256];
    struct stat info = {0};
    snprintf(path, sizeof(path), "%s/%s.pem", folder->path, kid);
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    return info.st_mode & 0777U;
}

static unsigned count_files(const struct dm_key_folder *folder)
{
    unsigned n = 0;
    DIR *dir = opendir(folder->path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2; /* . and .. */
}

static void a_made_key_signs_from_its_time_on(void)
{
    struct dm_key_folder folder;
    struct dm_err err = {0};
    char kid[DM_JWT_KID_MAX + 1] = "", second[DM_JWT_KID_MAX + 1] = "";
    struct dm_jwt_keys *keys = NULL;
    dm_key_folder_make(&folder);
    CU_ASSERT_EQUAL(dm_jwt_key_make(folder.path, T0, &err, kid), DM_OK);
    CU_ASSERT_EQUAL(strncmp(kid, "20261124T103000Z-", 17), 0);
    CU_ASSERT_EQUAL(strlen(kid), 25);
    CU_ASSERT_EQUAL(dm_jwt_key_make(folder.path, T0 + 60, &err, second), DM_OK);
    const struct dm_jwt_keys_options options = {.dir = folder.path, .token_life_s = 600};
    CU_ASSERT_EQUAL_FATAL(dm_jwt_keys_load(&options, &err, &keys), DM_OK);
    CU_ASSERT_EQUAL(dm_jwt_keys_count(keys), 2);
    CU_ASSERT_STRING_EQUAL(dm_jwt_keys_fault(keys), "");
    CU_ASSERT_STRING_EQUAL(dm_jwt_keys_info(keys, 0, T0).kid, kid);
    CU_ASSERT_EQUAL(dm_jwt_keys_info(keys, 0, T0).activates_at_s, T0);
    CU_ASSERT_EQUAL(dm_jwt_keys_info(keys, 0, T0).state, DM_JWT_CURRENT);
    CU_ASSERT_EQUAL(dm_jwt_keys_info(keys, 1, T0).state, DM_JWT_NEXT);
    dm_jwt_keys_unref(keys);
    CU_ASSERT_EQUAL(dm_jwt_key_remove(folder.path, kid, &err), DM_OK);
    CU_ASSERT_EQUAL(dm_jwt_key_remove(folder.path, kid, &err), DM_E_NOTFOUND);
    /* Nothing is left but the second: no half-written file either. */
    CU_ASSERT_EQUAL(count_files(&folder), 1);
    dm_key_folder_drop(&folder);
}

static void a_key_is_for_its_owner_and_the_folders_group_only(void)
{
    struct dm_key_folder folder;
    struct dm_err err = {0};
    char kid[DM_JWT_KID_MAX + 1];
    dm_key_folder_make(&folder);
    mode_t umask_before = umask(0);
    CU_ASSERT_EQUAL(dm_jwt_key_make(folder.path, T0, &err, kid), DM_OK);
    CU_ASSERT_EQUAL(mode_of(&folder, kid), 0600);
    CU_ASSERT_EQUAL(chmod(folder.path, 0750), 0);
    CU_ASSERT_EQUAL(dm_jwt_key_make(folder.path, T0, &err, kid), DM_OK);
    CU_ASSERT_EQUAL(mode_of(&folder, kid), 0640);
    CU_ASSERT_EQUAL(dm_jwt_key_modes(folder.path, &err), DM_OK);
    umask(umask_before);
    dm_key_folder_drop(&folder);
}

/* A key that root makes must be the service's to read. */
static void a_key_belongs_to_whom_its_folder_belongs_to(void)
{
    struct dm_key_folder folder;
    struct dm_err err = {0};
    struct stat info = {0};
    char kid[DM_JWT_KID_MAX + 1], path[256];
    dm_key_folder_make(&folder);
    /* Only root may give files away. */
    uid_t owner = geteuid() == 0 ? 12345 : geteuid();
    gid_t group = geteuid() == 0 ? 23456 : getegid();
    CU_ASSERT_EQUAL(chown(folder.path, owner, group), 0);
    CU_ASSERT_EQUAL(dm_jwt_key_make(folder.path, T0, &err, kid), DM_OK);
    snprintf(path, sizeof(path), "%s/%s.pem", folder.path, kid);
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    CU_ASSERT_EQUAL(info.st_uid, owner);
    CU_ASSERT_EQUAL(info.st_gid, group);
    dm_key_folder_drop(&folder);
}

static void a_key_or_folder_that_others_can_read_is_told(void)
{
    struct dm_key_folder folder;
    struct dm_err err = {0};
    char kid[DM_JWT_KID_MAX + 1], path[256];
    dm_key_folder_make(&folder);
    CU_ASSERT_EQUAL(dm_jwt_key_make(folder.path, T0, &err, kid), DM_OK);
    CU_ASSERT_EQUAL(dm_jwt_key_modes(folder.path, &err), DM_OK);
    snprintf(path, sizeof(path), "%s/%s.pem", folder.path, kid);
    CU_ASSERT_EQUAL(chmod(path, 0604), 0);
    CU_ASSERT_EQUAL(dm_jwt_key_modes(folder.path, &err), DM_E_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, kid));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "604"));
    CU_ASSERT_EQUAL(chmod(path, 0600), 0);
    CU_ASSERT_EQUAL(chmod(folder.path, 0755), 0);
    CU_ASSERT_EQUAL(dm_jwt_key_modes(folder.path, &err), DM_E_DENIED);
    CU_ASSERT_EQUAL(dm_jwt_key_modes("/nonexistent", &err), DM_E_NOTFOUND);
    dm_key_folder_drop(&folder);
}

static void a_folder_that_is_not_there_is_told(void)
{
    struct dm_err err = {0};
    char kid[DM_JWT_KID_MAX + 1] = "untouched";
    int lock;
    CU_ASSERT_EQUAL(dm_jwt_key_make("/nonexistent", T0, &err, kid), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "make it first"));
    CU_ASSERT_STRING_EQUAL(kid, "untouched");
    CU_ASSERT_EQUAL(dm_jwt_key_remove("/nonexistent", "a", &err), DM_E_INVALID);
    CU_ASSERT_EQUAL(dm_jwt_keys_lock("/nonexistent", &err, &lock), DM_E_INVALID);
}

static void one_at_a_time_changes_a_folder(void)
{
    struct dm_key_folder folder;
    struct dm_err err = {0};
    int lock, other;
    dm_key_folder_make(&folder);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_keys_lock(folder.path, &err, &lock), DM_OK);
    CU_ASSERT_EQUAL(dm_jwt_keys_lock(folder.path, &err, &other), DM_E_CONFLICT);
    dm_jwt_keys_unlock(lock);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_keys_lock(folder.path, &err, &other), DM_OK);
    dm_jwt_keys_unlock(other);
    dm_key_folder_drop(&folder);
}

CU_TestInfo *dm_jwt_key_file_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a made key signs from its time on", a_made_key_signs_from_its_time_on},
        {"a key is for its owner and the folder's group only",
         a_key_is_for_its_owner_and_the_folders_group_only},
        {"a key belongs to whom its folder belongs to",
         a_key_belongs_to_whom_its_folder_belongs_to},
        {"a key or folder that others can read is told",
         a_key_or_folder_that_others_can_read_is_told},
        {"a folder that is not there is told", a_folder_that_is_not_there_is_told},
        {"one at a time changes a folder", one_at_a_time_changes_a_folder},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

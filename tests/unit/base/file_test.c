/* Whole files, bounded. */
#include "base/file.h"

#include <unistd.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static void a_file_comes_whole_up_to_its_bound(void)
{
    char path[] = "/tmp/dm-file-XXXXXX";
    struct dm_arena *arena = dm_arena_new(1024, 1 << 20);
    struct dm_err err = {0};
    struct dm_str bytes = {0};
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(dm_file_read(path, 0, arena, &err, &bytes), DM_OK);
    CU_ASSERT_STR(bytes, "");
    CU_ASSERT_EQUAL_FATAL(write(fd, "0123456789", 10), 10);
    close(fd);
    CU_ASSERT_EQUAL(dm_file_read(path, 10, arena, &err, &bytes), DM_OK);
    CU_ASSERT_STR(bytes, "0123456789");
    CU_ASSERT_EQUAL(dm_file_read(path, 9, arena, &err, &bytes), DM_E_TOOBIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, path));
    unlink(path);
    dm_arena_free(arena);
}

static void what_is_no_file_is_said(void)
{
    struct dm_arena *arena = dm_arena_new(1024, 1 << 20);
    struct dm_err err = {0};
    struct dm_str bytes = {0};
    CU_ASSERT_EQUAL(dm_file_read("/nonexistent/x", 10, arena, &err, &bytes), DM_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(err.detail, "/nonexistent/x: No such file or directory");
    CU_ASSERT_EQUAL(dm_file_read("/tmp", 10, arena, &err, &bytes), DM_E_INTERNAL);
    CU_ASSERT_PTR_NULL(bytes.p);
    dm_arena_free(arena);
}

CU_TestInfo *dm_file_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a file comes whole up to its bound", a_file_comes_whole_up_to_its_bound},
        {"what is no file is said", what_is_no_file_is_said},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

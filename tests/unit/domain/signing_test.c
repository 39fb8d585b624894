/* The life of signing keys, told by a clock that the test moves. */
#include "domain/signing.h"

#include <dirent.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jwt_key_file.h"
#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

#define T0 INT64_C(1795516200) /* 2026-11-24T10:30:00Z */
#define DAY 86400
#define LEAD 900
#define LIFE 600

struct fixture {
    char dir[64];
    struct dm_settings settings;
    struct dm_err err;
    struct dm_signing_change change;
};

static const struct dm_signing_rotation whenever = {.lead_s = LEAD};
static const struct dm_signing_rotation monthly = {.lead_s = LEAD, .older_than_s = 30 * DAY};

static void setup(struct fixture *f)
{
    *f = (struct fixture){.settings = {.token_access_s = LIFE}};
    snprintf(f->dir, sizeof(f->dir), "/tmp/dm-signing-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->dir));
    f->settings.token_key_dir = f->dir;
    dm_clock_fake(T0 * 1000);
}

static void teardown(struct fixture *f)
{
    DIR *dir = opendir(f->dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    CU_ASSERT_EQUAL(rmdir(f->dir), 0);
    dm_clock_fake(0);
}

static void move_to(int64_t at_s)
{
    dm_clock_fake(at_s * 1000);
}

static enum dm_result rotate(struct fixture *f, const struct dm_signing_rotation *rotation)
{
    return dm_signing_rotate(&f->settings, rotation, &f->err, &f->change);
}

/* "current retired …" in the set's order. */
static void assert_states(struct fixture *f, const char *expected)
{
    struct dm_jwt_keys *keys = NULL;
    char text[256] = "";
    CU_ASSERT_EQUAL_FATAL(dm_signing_keys(&f->settings, &f->err, &keys), DM_OK);
    for (size_t i = 0; i < dm_jwt_keys_count(keys); i++) {
        struct dm_jwt_key_info info = dm_jwt_keys_info(keys, i, dm_clock_wall_ms() / 1000);
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
                 dm_jwt_key_state_name(info.state));
    }
    CU_ASSERT_STRING_EQUAL(text, expected);
    dm_jwt_keys_unref(keys);
}

static void the_first_key_signs_at_once(void)
{
    struct fixture f;
    setup(&f);
    CU_ASSERT_EQUAL(rotate(&f, &monthly), DM_OK);
    CU_ASSERT_EQUAL(f.change.activates_at_s, T0);
    CU_ASSERT_EQUAL(strncmp(f.change.made, "20261124T103000Z-", 17), 0);
    assert_states(&f, "current");
    teardown(&f);
}

static void a_key_lives_from_next_to_gone(void)
{
    struct fixture f;
    char first[DM_JWT_KID_MAX + 1];
    setup(&f);
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_OK);
    memcpy(first, f.change.made, sizeof(first));
    move_to(T0 + DAY);
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_OK);
    CU_ASSERT_EQUAL(f.change.activates_at_s, T0 + DAY + LEAD);
    CU_ASSERT_EQUAL(f.change.n_removed, 0);
    assert_states(&f, "current next");
    /* A second one would only lengthen the queue. */
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_E_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.detail, "2026-11-25T10:45:00"));
    move_to(T0 + DAY + LEAD);
    assert_states(&f, "retired current");
    /* Nothing is due, and the retired one is still needed. */
    CU_ASSERT_EQUAL(rotate(&f, &monthly), DM_OK);
    CU_ASSERT_EQUAL(f.change.n_removed, 0);
    move_to(T0 + DAY + LEAD + LIFE + DM_JWT_LEEWAY_S);
    assert_states(&f, "past current");
    CU_ASSERT_EQUAL(rotate(&f, &monthly), DM_OK);
    CU_ASSERT_STRING_EQUAL(f.change.made, "");
    CU_ASSERT_EQUAL_FATAL(f.change.n_removed, 1);
    CU_ASSERT_STRING_EQUAL(f.change.removed[0], first);
    assert_states(&f, "current");
    teardown(&f);
}

static void a_key_is_due_by_its_age(void)
{
    struct fixture f;
    setup(&f);
    CU_ASSERT_EQUAL(rotate(&f, &monthly), DM_OK);
    move_to(T0 + 30 * DAY - 1);
    CU_ASSERT_EQUAL(rotate(&f, &monthly), DM_OK);
    CU_ASSERT_STRING_EQUAL(f.change.made, "");
    move_to(T0 + 30 * DAY);
    CU_ASSERT_EQUAL(rotate(&f, &monthly), DM_OK);
    CU_ASSERT_STRING_NOT_EQUAL(f.change.made, "");
    /* The timer comes again before the new one signs. */
    CU_ASSERT_EQUAL(rotate(&f, &monthly), DM_OK);
    CU_ASSERT_STRING_EQUAL(f.change.made, "");
    assert_states(&f, "current next");
    teardown(&f);
}

static void a_key_that_is_needed_is_removed_at_once_only_when_that_is_said(void)
{
    struct fixture f;
    char first[DM_JWT_KID_MAX + 1], second[DM_JWT_KID_MAX + 1];
    setup(&f);
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_OK);
    memcpy(first, f.change.made, sizeof(first));
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_OK);
    memcpy(second, f.change.made, sizeof(second));
    move_to(T0 + LEAD);
    assert_states(&f, "retired current");
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, "other", true, &f.err, &f.change),
                    DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, "../x", true, &f.err, &f.change), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, second, false, &f.err, &f.change),
                    DM_E_CONFLICT);
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, first, false, &f.err, &f.change), DM_E_CONFLICT);
    assert_states(&f, "retired current");
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, first, true, &f.err, &f.change), DM_OK);
    CU_ASSERT_STRING_EQUAL(f.change.made, "");
    assert_states(&f, "current");
    /* The one that signs has a successor before it goes. */
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, second, true, &f.err, &f.change), DM_OK);
    CU_ASSERT_EQUAL(f.change.activates_at_s, T0 + LEAD);
    CU_ASSERT_STRING_EQUAL(f.change.removed[0], second);
    assert_states(&f, "current");
    teardown(&f);
}

static void a_key_that_waits_is_removed_without_ado(void)
{
    struct fixture f;
    setup(&f);
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_OK);
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_OK);
    char next[DM_JWT_KID_MAX + 1];
    memcpy(next, f.change.made, sizeof(next));
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, next, false, &f.err, &f.change), DM_OK);
    assert_states(&f, "current");
    teardown(&f);
}

static void what_cannot_be_done_is_told(void)
{
    struct fixture f;
    int lock;
    const struct dm_signing_rotation hasty = {.lead_s = 1};
    setup(&f);
    CU_ASSERT_EQUAL(rotate(&f, &hasty), DM_E_INVALID);
    CU_ASSERT_EQUAL_FATAL(dm_jwt_keys_lock(f.dir, &f.err, &lock), DM_OK);
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_E_CONFLICT);
    CU_ASSERT_EQUAL(dm_signing_retire(&f.settings, "a", true, &f.err, &f.change), DM_E_CONFLICT);
    dm_jwt_keys_unlock(lock);
    f.settings.token_algorithm = "HS256";
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.detail, "HS256"));
    f.settings.token_algorithm = "ES256";
    f.settings.token_key_dir = "/nonexistent";
    CU_ASSERT_EQUAL(rotate(&f, &whenever), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.detail, "/nonexistent"));
    teardown(&f);
}

CU_TestInfo *dm_signing_suite(void)
{
    static CU_TestInfo tests[] = {
        {"the first key signs at once", the_first_key_signs_at_once},
        {"a key lives from next to gone", a_key_lives_from_next_to_gone},
        {"a key is due by its age", a_key_is_due_by_its_age},
        {"a key that is needed is removed at once only when that is said",
         a_key_that_is_needed_is_removed_at_once_only_when_that_is_said},
        {"a key that waits is removed without ado", a_key_that_waits_is_removed_without_ado},
        {"what cannot be done is told", what_cannot_be_done_is_told},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

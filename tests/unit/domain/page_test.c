/* The page's policy names the hashes of what is in it, and a page that cannot have one is not loaded. */
#include "domain/page.h"

#include <sys/stat.h>
#include <unistd.h>

#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

#define HASH_TEXT 45

/* A data_dir whose page is what the test writes. */
struct folder {
    char dir[64], page_dir[80], path[112];
    struct dm_settings settings;
    struct dm_err err;
    struct dm_page *page;
};

static enum dm_result load(struct folder *folder, const char *html)
{
    *folder = (struct folder){.settings = {.site_name = "Tom & <Jerry>"}};
    snprintf(folder->dir, sizeof(folder->dir), "/tmp/dm-page-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder->dir));
    snprintf(folder->page_dir, sizeof(folder->page_dir), "%s/page", folder->dir);
    snprintf(folder->path, sizeof(folder->path), "%s/account.html", folder->page_dir);
    CU_ASSERT_EQUAL_FATAL(mkdir(folder->page_dir, 0700), 0);
    FILE *file = html ? fopen(folder->path, "w") : NULL;
    if (file) {
        fputs(html, file);
        fclose(file);
    }
    folder->settings.data_dir = folder->dir;
    return dm_page_load(&folder->settings, &folder->err, &folder->page);
}

static void drop(struct folder *folder)
{
    dm_page_free(folder->page);
    unlink(folder->path);
    rmdir(folder->page_dir);
    rmdir(folder->dir);
}

static bool names_hash(struct dm_str policy, const char *directive, const char *content)
{
    uint8_t digest[DM_SHA256_BYTES];
    char hash[HASH_TEXT], wanted[128];
    dm_secret_sha256(dm_str_from(content), digest);
    dm_base64_encode(digest, sizeof(digest), hash);
    snprintf(wanted, sizeof(wanted), "%s 'sha256-%s';", directive, hash);
    return strstr(policy.p, wanted) != NULL;
}

static void the_policy_lets_only_its_own_script_and_style_run(void)
{
    struct folder folder;
    CU_ASSERT_EQUAL_FATAL(
        load(&folder, "<title>{site_name}</title><style>a{}</style><script>go({x})</script>"),
        DM_OK);
    CU_ASSERT_TRUE(names_hash(folder.page->policy, "script-src", "go({x})"));
    CU_ASSERT_TRUE(names_hash(folder.page->policy, "style-src", "a{}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(folder.page->policy.p, "default-src 'none';"));
    CU_ASSERT_PTR_NULL(strstr(folder.page->policy.p, "unsafe"));
    drop(&folder);
}

static void the_site_name_is_escaped(void)
{
    struct folder folder;
    CU_ASSERT_EQUAL_FATAL(
        load(&folder, "<title>{site_name}</title><style>a{}</style><script>go()</script>"), DM_OK);
    CU_ASSERT_STR(folder.page->html, "<title>Tom &amp; &lt;Jerry&gt;</title><style>a{}</style>"
                                     "<script>go()</script>");
    drop(&folder);
}

static void a_page_that_can_have_no_policy_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "<style>a{}</style>",
        "<script>go()</script>",
        "<script>go()</script><style>a{}</style>",
        "<style>a{}</style><script>go()</script><script>again()</script>",
        "<style>a{}</style><style>b{}</style><script>go()</script>",
        "<style>a{}<script>go()</script>",
        "</style>a{}<style><script>go()</script>",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct folder folder;
        CU_ASSERT_NOT_EQUAL(load(&folder, bad[i]), DM_OK);
        CU_ASSERT_PTR_NOT_NULL(strstr(folder.err.detail, folder.path));
        drop(&folder);
    }
}

static void a_page_that_is_not_there_is_said_by_name(void)
{
    struct folder folder;
    CU_ASSERT_NOT_EQUAL(load(&folder, NULL), DM_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(folder.err.detail, folder.path));
    drop(&folder);
}

CU_TestInfo *dm_page_suite(void)
{
    static CU_TestInfo tests[] = {
        {"the policy lets only its own script and style run",
         the_policy_lets_only_its_own_script_and_style_run},
        {"the site's name is escaped", the_site_name_is_escaped},
        {"a page that can have no policy is refused", a_page_that_can_have_no_policy_is_refused},
        {"a page that is not there is said by name", a_page_that_is_not_there_is_said_by_name},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* Templates: what is wrong with a file is said with its name and line, before any mail is made of it. */
#include "domain/mail_template.h"

#include <unistd.h>

#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

/* A folder of texts that are good until a test writes one of its own. */
struct folder {
    char dir[64];
    struct dm_arena *arena;
    struct dm_err err;
    struct dm_mail_template template;
};

static const char *const files[] = {"frame.txt", "frame.html", "x.txt", "x.html"};
#define N_FILES (sizeof(files) / sizeof(files[0]))

static const char *path_of(struct folder *folder, const char *name)
{
    return dm_arena_printf(folder->arena, "%s/%s", folder->dir, name).p;
}

static void put(struct folder *folder, const char *name, const char *text)
{
    FILE *file = fopen(path_of(folder, name), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void open_folder(struct folder *folder)
{
    *folder = (struct folder){.arena = dm_arena_new(4096, 4 << 20)};
    snprintf(folder->dir, sizeof(folder->dir), "/tmp/dm-mail-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder->dir));
    put(folder, "frame.txt", "{content}-- \n{site}\n");
    put(folder, "frame.html",
        "<style>a {color: red} b {}</style><title>{subject}</title>{content}");
    put(folder, "x.txt", "Subject: Hello {name}\n\nYour {\"json\":\"{name}\"}\n");
    put(folder, "x.html", "<p>Your {name}</p>");
}

static void close_folder(struct folder *folder)
{
    for (size_t i = 0; i < N_FILES; i++)
        unlink(path_of(folder, files[i]));
    rmdir(folder->dir);
    dm_arena_free(folder->arena);
}

static enum dm_result load(struct folder *folder)
{
    static const char *const names[] = {"name", NULL};
    return dm_mail_template_load(folder->dir, "x", names, folder->arena, &folder->err,
                                 &folder->template);
}

static struct dm_str fill(struct folder *folder, struct dm_str text, bool html)
{
    const struct dm_mail_placeholder placeholders[] = {
        {"name", DM_STR("<{site}>")}, {"site", DM_STR("here")}, {"subject", DM_STR("Hi")}};
    struct dm_buf out;
    dm_buf_init(&out, folder->arena, 4096);
    dm_mail_template_fill(&out, text, placeholders, 3, html);
    CU_ASSERT_FALSE(dm_buf_failed(&out));
    return dm_buf_str(&out);
}

static void texts_stand_in_their_frames(void)
{
    struct folder folder;
    open_folder(&folder);
    CU_ASSERT_EQUAL(load(&folder), DM_OK);
    CU_ASSERT_STR(folder.template.subject, "Hello {name}");
    CU_ASSERT_STR(fill(&folder, folder.template.text, false),
                  "Your {\"json\":\"<{site}>\"}\n-- \nhere\n");
    CU_ASSERT_STR(fill(&folder, folder.template.html, true),
                  "<style>a {color: red} b {}</style><title>Hi</title>"
                  "<p>Your &lt;{site}&gt;</p>");
    close_folder(&folder);
}

static void a_broken_file_is_named_with_its_line(void)
{
    static const struct {
        const char *file, *text, *said;
    } cases[] = {
        {"x.txt", "Subject: Hi\n\nHello {name}\nand {nmae}\n",
         "x.txt:4: unknown placeholder {nmae}"},
        {"x.txt", "Subject: Hi\n\nHello {Name} {name}\n", "x.txt:3: unknown placeholder {Name}"},
        {"x.txt", "Hello {name}\n", "x.txt:1: the first line is not \"Subject: …\""},
        {"x.txt", "Subject: \n\nHello {name}\n", "x.txt:1: the first line is not \"Subject: …\""},
        {"x.txt", "Subject: Hi {name}\nHello\n",
         "x.txt:2: is not an empty line with text after it"},
        {"x.txt", "Subject: Hi\n\nHello\n", "x.txt:4: {name} is missing"},
        {"x.html", "<p>Hello</p>\n", "x.html:2: {name} is missing"},
        {"x.html", "", "x.html:1: {name} is missing"},
        {"x.html", "<p>{name}\xff</p>", "x.html:1: is not clean UTF-8 text"},
        {"frame.html", "<html>\n</html>\n", "frame.html:3: {content} is missing"},
        {"frame.txt", "{content} {name}", "frame.txt:1: unknown placeholder {name}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct folder folder;
        open_folder(&folder);
        put(&folder, cases[i].file, cases[i].text);
        CU_ASSERT_EQUAL(load(&folder), DM_E_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(folder.err.detail, cases[i].said));
        close_folder(&folder);
    }
}

static void a_missing_file_is_named(void)
{
    for (size_t i = 0; i < N_FILES; i++) {
        struct folder folder;
        open_folder(&folder);
        unlink(path_of(&folder, files[i]));
        CU_ASSERT_EQUAL(load(&folder), DM_E_NOTFOUND);
        CU_ASSERT_PTR_NOT_NULL(strstr(folder.err.detail, files[i]));
        close_folder(&folder);
    }
}

CU_TestInfo *dm_mail_template_suite(void)
{
    static CU_TestInfo tests[] = {
        {"texts stand in their frames", texts_stand_in_their_frames},
        {"a broken file is named with its line", a_broken_file_is_named_with_its_line},
        {"a missing file is named", a_missing_file_is_named},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

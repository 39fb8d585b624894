/* Every source in its order, every mistake named with its place and with what is allowed, and no
 * secret in any text. */
#include "base/config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

struct settings {
    int64_t threads;
    bool verbose;
    const char *level;
    const char *socket;
    const char *title;
    struct dm_secret password;
    struct dm_rates rates;
};

static const char *const levels[] = {"debug", "info", "warn", NULL};

static const char *title_flaw(struct dm_str value)
{
    return dm_str_find(value, '!', 0) < value.n ? "a title does not shout" : NULL;
}

static const struct dm_config_key keys[] = {
    {.name = "server.threads",
     .kind = DM_CONFIG_INT,
     .offset = offsetof(struct settings, threads),
     .initial = "64",
     .min = 1,
     .max = 640,
     .unit = "threads",
     .text = "Threads of the api door."},
    {.name = "server.verbose",
     .kind = DM_CONFIG_BOOL,
     .offset = offsetof(struct settings, verbose),
     .initial = "false",
     .reloadable = true,
     .text = "Say more."},
    {.name = "log.level",
     .kind = DM_CONFIG_CHOICE,
     .offset = offsetof(struct settings, level),
     .initial = "info",
     .choices = levels,
     .text = "The least severity."},
    {.name = "server.socket_path",
     .kind = DM_CONFIG_PATH,
     .offset = offsetof(struct settings, socket),
     .initial = "",
     .min = 0,
     .max = 107,
     .text = "Where to listen."},
    {.name = "site.title",
     .kind = DM_CONFIG_TEXT,
     .offset = offsetof(struct settings, title),
     .min = 1,
     .max = 2000,
     .reloadable = true,
     .flaw = title_flaw,
     .text = "The site's name."},
    {.name = "smtp.password",
     .kind = DM_CONFIG_SECRET,
     .offset = offsetof(struct settings, password),
     .initial = "",
     .min = 0,
     .max = 64,
     .text = "Log-in at the mail server."},
    {.name = "limits.user",
     .kind = DM_CONFIG_RATES,
     .offset = offsetof(struct settings, rates),
     .initial = "20/60 500/3600",
     .text = "Requests of one account."},
};

static const struct dm_config_table table = {keys, sizeof(keys) / sizeof(keys[0]),
                                             sizeof(struct settings), "DM_TEST_"};

/* A directory of one test, and what a load from it gave. */
struct fixture {
    char dir[32];
    char file[64];
    struct dm_config_source source;
    struct dm_err err;
    struct dm_config *config;
};

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void make_dir(const struct fixture *fixture, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
}

static void setup(struct fixture *fixture, const char *text)
{
    *fixture = (struct fixture){.dir = "/tmp/dm-config-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(fixture->dir));
    snprintf(fixture->file, sizeof(fixture->file), "%s/t.conf", fixture->dir);
    fixture->source.file = fixture->file;
    write_file(fixture, "t.conf", text);
}

static void teardown(struct fixture *fixture)
{
    char command[64];
    dm_config_free(fixture->config);
    snprintf(command, sizeof(command), "rm -r %s", fixture->dir);
    CU_ASSERT_EQUAL(system(command), 0);
}

static const struct settings *load(struct fixture *fixture)
{
    CU_ASSERT_EQUAL_FATAL(dm_config_load(&table, &fixture->source, &fixture->err, &fixture->config),
                          DM_OK);
    return dm_config_values(fixture->config);
}

/* The load fails, and says exactly this after the directory's name. */
static void assert_refused(const char *text, const char *expected)
{
    struct fixture fixture;
    setup(&fixture, text);
    CU_ASSERT_EQUAL(dm_config_load(&table, &fixture.source, &fixture.err, &fixture.config),
                    DM_E_INVALID);
    CU_ASSERT_PTR_NULL(fixture.config);
    const char *said = fixture.err.detail;
    if (strncmp(said, fixture.dir, strlen(fixture.dir)) == 0)
        said += strlen(fixture.dir) + 1;
    CU_ASSERT_STRING_EQUAL(said, expected);
    teardown(&fixture);
}

static void test_defaults_and_every_kind(void)
{
    struct fixture fixture;
    setup(&fixture, "# comment\n; comment\n\n[site]\n  title = A ; b # c\n[limits]\nuser=1/2\t \n");
    const struct settings *s = load(&fixture);
    CU_ASSERT_EQUAL(s->threads, 64);
    CU_ASSERT_FALSE(s->verbose);
    CU_ASSERT_STRING_EQUAL(s->level, "info");
    CU_ASSERT_STRING_EQUAL(s->socket, "");
    CU_ASSERT_STRING_EQUAL(s->title, "A ; b # c");
    CU_ASSERT_PTR_NULL(s->password.p);
    CU_ASSERT_EQUAL(s->rates.n, 1);
    CU_ASSERT_EQUAL(s->rates.rate[0].count, 1);
    CU_ASSERT_EQUAL(s->rates.rate[0].seconds, 2);
    teardown(&fixture);
}

static void test_later_sources_win(void)
{
    struct fixture fixture;
    char *const env[] = {"PATH=/bin", "DM_TEST_LOG_LEVEL=warn", "DM_TEST_SMTP_PASSWORD=env", NULL};
    char credentials[64];
    setup(&fixture,
          "[site]\ntitle=file\n[server]\nthreads=2\n  socket_path=/run/x\n[log]\nlevel=debug\n");
    make_dir(&fixture, "conf.d");
    make_dir(&fixture, "credentials");
    write_file(&fixture, "conf.d/01-a.conf", "[server]\nverbose = true\n");
    /* Nine files, so that a directory's own order is hardly the right one. */
    for (int i = 9; i >= 1; i--) {
        char name[32], text[32];
        snprintf(name, sizeof(name), "conf.d/%d0-b.conf", i);
        snprintf(text, sizeof(text), "[server]\nthreads = %d\n", i + 100);
        write_file(&fixture, name, text);
    }
    write_file(&fixture, "conf.d/99-c.txt", "nonsense\n");
    write_file(&fixture, "credentials/smtp.password", "from credential\n");
    snprintf(credentials, sizeof(credentials), "%s/credentials", fixture.dir);
    fixture.source.env = env;
    fixture.source.credentials_dir = credentials;
    const struct settings *s = load(&fixture);
    CU_ASSERT_EQUAL(s->threads, 109);
    CU_ASSERT_TRUE(s->verbose);
    CU_ASSERT_STRING_EQUAL(s->level, "warn");
    CU_ASSERT_STRING_EQUAL(s->socket, "/run/x");
    CU_ASSERT_EQUAL(s->password.n, 15);
    CU_ASSERT_EQUAL(memcmp(s->password.p, "from credential", 15), 0);
    teardown(&fixture);
}

static void test_mistakes_in_a_file_are_named_with_their_line(void)
{
    assert_refused("[server]\n\nthreads = 900\n",
                   "t.conf:3: server.threads: 900 is not allowed: 1 to 640 threads (default 64)");
    assert_refused("[server]\nthreads = 12abc\n",
                   "t.conf:2: server.threads: 12abc is not allowed: 1 to 640 threads (default 64)");
    assert_refused("[server]\nverbose = yes\n",
                   "t.conf:2: server.verbose: yes is not allowed: true or false (default false)");
    assert_refused("[log]\nlevel = loud\n",
                   "t.conf:2: log.level: loud is not allowed: debug, info or warn (default info)");
    assert_refused("[server]\nsocket_path = run/x\n",
                   "t.conf:2: server.socket_path: run/x is not allowed: an absolute path of at "
                   "most 107 bytes, or nothing");
    assert_refused("[site]\ntitle =\n",
                   "t.conf:2: site.title: an empty value is not allowed: 1 to 2000 bytes of text");
    assert_refused("[site]\ntitle = a\n[server]\nthread = 5\n",
                   "t.conf:4: there is no such key: server.thread");
    assert_refused("threads = 5\n", "t.conf:1: there is no such key: threads");
    assert_refused("[server]\nthreads = 5\nthreads = 6\n",
                   "t.conf:3: given twice: server.threads, first in line 2");
    assert_refused("[server]\nthreads\n", "t.conf:2: neither [section] nor key = value");
    assert_refused("[server\nthreads = 5\n", "t.conf:1: neither [section] nor key = value");
}

static void test_bad_rates_are_refused(void)
{
    static const char *const bad[] = {"20",   "0/60", "20/0",  "20/60,5/1",
                                      "-1/5", "a/b",  "1/2/3", "1/1 2/2 3/3 4/4 5/5"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[64], expected[256];
        snprintf(text, sizeof(text), "[limits]\nuser = %s\n", bad[i]);
        char shown[64];
        snprintf(shown, sizeof(shown), "%s", bad[i]);
        for (char *c = shown; *c != '\0'; c++)
            *c = *c == ' ' ? '?' : *c;
        snprintf(expected, sizeof(expected),
                 "t.conf:2: limits.user: %s is not allowed: up to 4 of COUNT/SECONDS such as "
                 "20/60 500/3600, or none (default 20/60 500/3600)",
                 shown);
        assert_refused(text, expected);
    }
}

static void test_no_rates_mean_no_limit(void)
{
    struct fixture fixture;
    setup(&fixture, "[site]\ntitle=a\n[limits]\nuser = none\n");
    CU_ASSERT_EQUAL(load(&fixture)->rates.n, 0);
    teardown(&fixture);
    setup(&fixture, "[site]\ntitle=a\n[limits]\nuser =\n");
    CU_ASSERT_EQUAL(load(&fixture)->rates.n, 0);
    teardown(&fixture);
}

static void test_long_lines_are_kept_and_longer_ones_refused(void)
{
    struct fixture fixture;
    char text[5100];
    memset(text, 'x', sizeof(text));
    memcpy(text, "[site]\ntitle=", 13);
    text[13 + 1500] = '\0';
    setup(&fixture, text);
    CU_ASSERT_EQUAL(strlen(load(&fixture)->title), 1500);
    teardown(&fixture);
    text[13 + 1500] = 'x';
    text[sizeof(text) - 1] = '\0';
    assert_refused(text, "t.conf:2: the line is too long: at most 4094 bytes");
}

static void test_a_missing_key_says_how_to_give_it(void)
{
    assert_refused("", "site.title must be given: title = ... under [site] in the file, or "
                       "DM_TEST_SITE_TITLE in the environment");
}

static void test_a_missing_file_is_an_error(void)
{
    struct dm_config_source source = {.file = "/nonexistent/t.conf"};
    struct dm_config *config = NULL;
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_config_load(&table, &source, &err, &config), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(err.detail,
                           "/nonexistent/t.conf: cannot be read: No such file or directory");
}

static void assert_env_refused(char *entry, const char *expected)
{
    char *const env[] = {"DM_TEST_SITE_TITLE=a", entry, NULL};
    struct dm_config_source source = {.env = env};
    struct dm_config *config = NULL;
    struct dm_err err;
    CU_ASSERT_EQUAL(dm_config_load(&table, &source, &err, &config), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(err.detail, expected);
    dm_config_free(config);
}

static void test_mistakes_in_the_environment_name_the_variable(void)
{
    assert_env_refused("DM_TEST_SERVER_THREADS=0", "DM_TEST_SERVER_THREADS: server.threads: 0 is "
                                                   "not allowed: 1 to 640 threads (default 64)");
    assert_env_refused("DM_TEST_SERVER_THREAD=5",
                       "DM_TEST_SERVER_THREAD in the environment: there is no such key");
    assert_env_refused("DM_TEST_SITE_TITLE=a\033[2J",
                       "DM_TEST_SITE_TITLE: site.title: a?[2J is not allowed: 1 to 2000 bytes of "
                       "text");
}

#define LONG_SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX"

static void test_a_secret_is_in_no_message(void)
{
    assert_refused("[smtp]\npassword = " LONG_SECRET "\n",
                   "t.conf:2: smtp.password: the value is not allowed: 0 to 64 bytes");
}

static void test_print_shows_values_and_origins_but_no_secret(void)
{
    struct fixture fixture;
    struct dm_buf out;
    char expected[600];
    char *const env[] = {"DM_TEST_LOG_LEVEL=warn", "DM_TEST_SMTP_PASSWORD=hunter2", NULL};
    setup(&fixture, "[site]\ntitle=a title\n");
    fixture.source.env = env;
    (void)load(&fixture);
    dm_buf_init(&out, NULL, 65536);
    dm_config_print(fixture.config, &out);
    snprintf(expected, sizeof(expected),
             "[server]\nthreads = 64  # default\nverbose = false  # default; reloadable\n\n"
             "[log]\nlevel = warn  # DM_TEST_LOG_LEVEL\n\n[server]\nsocket_path =   # default\n\n"
             "[site]\ntitle = a title  # %s:2; reloadable\n\n"
             "[smtp]\npassword = [redacted]  # DM_TEST_SMTP_PASSWORD\n\n"
             "[limits]\nuser = 20/60 500/3600  # default\n",
             fixture.file);
    CU_ASSERT_STR(dm_buf_str(&out), expected);
    dm_buf_done(&out);
    teardown(&fixture);
}

static void test_the_sample_is_a_file_that_loads(void)
{
    struct fixture fixture;
    struct dm_buf out;
    dm_buf_init(&out, NULL, 65536);
    dm_config_sample(&table, &out);
    dm_buf_add_c(&out, "[site]\ntitle = a\n");
    dm_buf_add_char(&out, '\0');
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "# Threads of the api door.\n# 1 to 640 threads (default "
                                         "64).\n#threads = 64\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "# True or false (default false). Taken over at a "
                                         "reload.\n#verbose = false\n"));
    setup(&fixture, out.p);
    CU_ASSERT_EQUAL(load(&fixture)->threads, 64);
    dm_buf_done(&out);
    teardown(&fixture);
}

static void test_a_texts_own_rule_is_told_with_its_line(void)
{
    assert_refused("[site]\ntitle = Hear me!\n", "t.conf:2: site.title: a title does not shout");
}

struct seen {
    int n;
    size_t n_bytes;
    char names[200];
};

static void note_key(void *arg, const struct dm_config_key *key)
{
    struct seen *seen = arg;
    seen->n++;
    seen->n_bytes += (size_t)snprintf(seen->names + seen->n_bytes,
                                      sizeof(seen->names) - seen->n_bytes, "%s ", key->name);
}

static void test_a_reload_takes_over_what_is_reloadable_and_holds_the_rest(void)
{
    struct fixture first, second;
    struct seen seen = {0};
    setup(&first, "[site]\ntitle = Old\n[server]\nthreads = 2\nsocket_path = /run/a\n"
                  "[smtp]\npassword = old secret\n[limits]\nuser = 1/2\n");
    setup(&second,
          "[site]\ntitle = New\n[server]\nthreads = 3\nsocket_path = /run/b\nverbose = true\n"
          "[smtp]\npassword = new secret\n[limits]\nuser = 1/3\n[log]\nlevel = warn\n");
    (void)load(&first);
    const struct settings *s = load(&second);
    dm_config_differences(first.config, second.config, note_key, &seen);
    CU_ASSERT_EQUAL(seen.n, 7);
    dm_config_hold(second.config, first.config);
    CU_ASSERT_STRING_EQUAL(s->title, "New");
    CU_ASSERT_TRUE(s->verbose);
    CU_ASSERT_EQUAL(s->threads, 2);
    CU_ASSERT_STRING_EQUAL(s->socket, "/run/a");
    CU_ASSERT_STRING_EQUAL(s->level, "info");
    CU_ASSERT_EQUAL(s->rates.rate[0].seconds, 2);
    CU_ASSERT_EQUAL(s->password.n, 10);
    seen = (struct seen){0};
    dm_config_differences(first.config, second.config, note_key, &seen);
    CU_ASSERT_STRING_EQUAL(seen.names, "server.verbose site.title ");
    /* What is held belongs to the first: it is not wiped with the second. */
    teardown(&second);
    s = dm_config_values(first.config);
    CU_ASSERT_EQUAL(memcmp(s->password.p, "old secret", 10), 0);
    teardown(&first);
}

static CU_TestInfo tests[] = {
    {"defaults, and every kind", test_defaults_and_every_kind},
    {"later sources win", test_later_sources_win},
    {"mistakes in a file are named with their line",
     test_mistakes_in_a_file_are_named_with_their_line},
    {"bad rates are refused", test_bad_rates_are_refused},
    {"no rates mean no limit", test_no_rates_mean_no_limit},
    {"long lines are kept, longer ones refused", test_long_lines_are_kept_and_longer_ones_refused},
    {"a missing key says how to give it", test_a_missing_key_says_how_to_give_it},
    {"a missing file is an error", test_a_missing_file_is_an_error},
    {"mistakes in the environment name the variable",
     test_mistakes_in_the_environment_name_the_variable},
    {"a secret is in no message", test_a_secret_is_in_no_message},
    {"print shows values and origins, but no secret",
     test_print_shows_values_and_origins_but_no_secret},
    {"a text's own rule is told with its line", test_a_texts_own_rule_is_told_with_its_line},
    {"a reload takes over what is reloadable and holds the rest",
     test_a_reload_takes_over_what_is_reloadable_and_holds_the_rest},
    {"the sample is a file that loads", test_the_sample_is_a_file_that_loads},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_config_suite(void)
{
    return tests;
}

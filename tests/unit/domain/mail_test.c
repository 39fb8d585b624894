/* Mails: a kind's texts say what its values are, in both forms; a job that can never be a mail is refused for good. */
#include "domain/mail.h"

#include "domain/job.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/world.h"
#include "unit/unit.h"

#define TOKEN "0123456789012345678901234567890123456789abc"

static const struct dm_settings settings = {
    .public_url = "https://me.example.org",
    .site_name = "Me & Co",
    .mail_from = "noreply@me.example.org",
    .mail_tls = "never",
};

static bool contains(struct dm_str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static struct dm_mail_templates *templates(void)
{
    struct dm_mail_templates *loaded = NULL;
    struct dm_err err = {0};
    enum dm_result result = dm_mail_templates_load(DM_SRCDIR "/share", &err, &loaded);
    if (result != DM_OK)
        printf("%s\n", err.detail);
    CU_ASSERT_EQUAL_FATAL(result, DM_OK);
    return loaded;
}

static struct dm_mail_words words_of(struct dm_arena *arena, enum dm_mail_kind kind,
                                     const struct dm_mail_values *values)
{
    struct dm_ctx ctx = dm_world_ctx(arena);
    struct dm_mail_words words = {0};
    struct dm_mail_templates *loaded = templates();
    CU_ASSERT_EQUAL_FATAL(dm_mail_render(loaded, &ctx, &settings, kind, values, &words), DM_OK);
    dm_mail_templates_free(loaded);
    return words;
}

static void a_confirmation_has_link_and_validity_in_both_forms(void)
{
    struct dm_arena *arena = dm_arena_new(4096, 1 << 20);
    const struct dm_mail_values values = {.token = DM_STR(TOKEN), .valid_s = 86400};
    struct dm_mail_words words = words_of(arena, DM_MAIL_CONFIRM, &values);
    CU_ASSERT_TRUE(
        contains(words.text, "\nhttps://me.example.org/account/confirm-email#token=" TOKEN "\n"));
    CU_ASSERT_TRUE(
        contains(words.html, "\"https://me.example.org/account/confirm-email#token=" TOKEN "\""));
    CU_ASSERT_TRUE(contains(words.text, "valid for 24 hours "));
    CU_ASSERT_TRUE(contains(words.html, "valid for 24 hours "));
    CU_ASSERT_TRUE(contains(words.text, "with Me & Co\n"));
    CU_ASSERT_TRUE(contains(words.html, "with Me &amp; Co "));
    dm_arena_free(arena);
}

static void every_kind_has_a_subject_and_leaves_no_placeholder(void)
{
    struct dm_arena *arena = dm_arena_new(4096, 16 << 20);
    const struct dm_mail_values values = {
        .first_name = DM_STR("Ada"),
        .token = DM_STR(TOKEN),
        .code = DM_STR("12345678"),
        .email = DM_STR("new@example.org"),
        .valid_s = 1800,
        .at_ms = 1767225600123,
    };
    for (enum dm_mail_kind kind = 1; kind < DM_MAIL_KINDS; kind++) {
        struct dm_mail_words words = words_of(arena, kind, &values);
        CU_ASSERT_TRUE(words.subject.n > 0);
        struct dm_str title =
            dm_arena_printf(arena, "<title>%.*s</title>", DM_STR_ARG(words.subject));
        CU_ASSERT_TRUE(contains(words.html, title.p));
        CU_ASSERT_EQUAL(dm_str_find(words.text, '{', 0), words.text.n);
    }
    dm_arena_free(arena);
}

static void validity_is_said_in_the_greatest_exact_unit(void)
{
    static const struct {
        int64_t seconds;
        const char *words;
    } cases[] = {{3600, "for 1 hour "}, {5400, "for 90 minutes "}, {61, "for 61 seconds "}};
    struct dm_arena *arena = dm_arena_new(4096, 1 << 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct dm_mail_values values = {.valid_s = cases[i].seconds};
        CU_ASSERT_TRUE(contains(words_of(arena, DM_MAIL_CONFIRM, &values).text, cases[i].words));
    }
    dm_arena_free(arena);
}

static void a_name_is_only_a_name(void)
{
    struct dm_arena *arena = dm_arena_new(4096, 1 << 20);
    const struct dm_mail_values values = {.first_name = DM_STR("{site} %s%n <b>\"Å\"&'</b>")};
    struct dm_mail_words words = words_of(arena, DM_MAIL_ALREADY_REGISTERED, &values);
    CU_ASSERT_TRUE(contains(words.text, "Hello {site} %s%n <b>\"Å\"&'</b>,\n"));
    CU_ASSERT_TRUE(
        contains(words.html, "Hello {site} %s%n &lt;b&gt;&quot;Å&quot;&amp;&#39;&lt;/b&gt;,</p>"));
    dm_arena_free(arena);
}

static enum dm_result run(struct dm_str kind, struct dm_str payload)
{
    struct dm_arena *arena = dm_arena_new(4096, 1 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    struct dm_mail_templates *loaded = templates();
    const struct dm_domain domain = {.settings = &settings, .mail_templates = loaded};
    const struct dm_job job = {.id = DM_STR("01900000-0000-7000-8000-000000000001"),
                               .kind = kind,
                               .payload = payload,
                               .attempt = 1,
                               .max_attempts = 3};
    enum dm_result result = dm_job_run(&domain, &ctx, &job);
    dm_mail_templates_free(loaded);
    dm_arena_free(arena);
    return result;
}

static void jobs_that_can_never_succeed_are_invalid(void)
{
    static const char *const payloads[] = {
        "not JSON",
        "[]",
        "{\"to\":1,\"kind\":\"confirm\",\"values\":{}}",
        "{\"to\":\"a@b.example\",\"kind\":\"confirm\"}",
        "{\"to\":\"a@b.example\",\"kind\":\"confirm\",\"values\":[]}",
        "{\"to\":\"a@b.example\",\"kind\":\"confirm\",\"values\":{\"token\":\"t\"}}",
        "{\"to\":\"no address\",\"kind\":\"confirm\",\"values\":{\"token\":\"t\",\"valid\":1}}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        CU_ASSERT_EQUAL(run(DM_STR("mail"), dm_str_from(payloads[i])), DM_E_INVALID);
}

/* While a release takes over, a worker of the old one meets what the new one has written. */
static void what_a_newer_release_has_written_is_for_later(void)
{
    CU_ASSERT_EQUAL(run(DM_STR("telepathy"), DM_STR("{}")), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(run(DM_STR("mail"),
                        DM_STR("{\"to\":\"a@b.example\",\"kind\":\"telepathy\",\"values\":{}}")),
                    DM_E_UNAVAILABLE);
}

CU_TestInfo *dm_mail_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a confirmation has link and validity in both forms",
         a_confirmation_has_link_and_validity_in_both_forms},
        {"every kind has a subject and leaves no placeholder",
         every_kind_has_a_subject_and_leaves_no_placeholder},
        {"validity is said in the greatest exact unit",
         validity_is_said_in_the_greatest_exact_unit},
        {"a name is only a name", a_name_is_only_a_name},
        {"jobs that can never succeed are invalid", jobs_that_can_never_succeed_are_invalid},
        {"what a newer release has written is for later",
         what_a_newer_release_has_written_is_for_later},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

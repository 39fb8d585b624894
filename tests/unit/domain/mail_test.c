/* Texts of mails: placeholders are filled once, and a job that can never be a mail is refused for good. */
#include "domain/mail.h"

#include "domain/job.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/world.h"
#include "unit/unit.h"

static const struct dm_settings settings = {
    .public_url = "https://me.example.org",
    .mail_from = "noreply@me.example.org",
    .mail_tls = "never",
};

static bool contains(struct dm_str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static struct dm_str text_of(struct dm_arena *arena, const struct dm_mail_new *mail)
{
    struct dm_ctx ctx = dm_world_ctx(arena);
    struct dm_str text = {0};
    CU_ASSERT_EQUAL_FATAL(dm_mail_text(&ctx, &settings, mail, &text), DM_OK);
    return text;
}

static void confirmation_has_token_line_command_and_validity(void)
{
    struct dm_arena *arena = dm_arena_new(4096, 1 << 20);
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_CONFIRM,
        .values = {.token = DM_STR("0123456789012345678901234567890123456789abc"),
                   .valid_s = 86400},
    };
    struct dm_str text = text_of(arena, &mail);
    CU_ASSERT_TRUE(
        contains(text, "\nYour confirmation token: 0123456789012345678901234567890123456789abc\n"));
    CU_ASSERT_TRUE(contains(text, "https://me.example.org/api/v1/auth/confirm-email "));
    CU_ASSERT_TRUE(contains(text, "'{\"token\":\"0123456789012345678901234567890123456789abc\"}'"));
    CU_ASSERT_TRUE(contains(text, "valid for 24 hours "));
    CU_ASSERT_FALSE(contains(text, "{token}"));
    CU_ASSERT_FALSE(contains(text, "{site}"));
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
        const struct dm_mail_new mail = {.kind = DM_MAIL_CONFIRM,
                                         .values = {.valid_s = cases[i].seconds}};
        CU_ASSERT_TRUE(contains(text_of(arena, &mail), cases[i].words));
    }
    dm_arena_free(arena);
}

static void placeholders_and_percent_signs_in_a_name_stay_as_they_are(void)
{
    struct dm_arena *arena = dm_arena_new(4096, 1 << 20);
    const struct dm_mail_new mail = {.kind = DM_MAIL_ALREADY_REGISTERED,
                                     .values = {.first_name = DM_STR("{token} %s%n {site}")}};
    struct dm_str text = text_of(arena, &mail);
    CU_ASSERT_TRUE(contains(text, "Hello {token} %s%n {site},\n"));
    dm_arena_free(arena);
}

static enum dm_result run(struct dm_str kind, struct dm_str payload)
{
    struct dm_arena *arena = dm_arena_new(4096, 1 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    const struct dm_domain domain = {.settings = &settings};
    const struct dm_job job = {.id = DM_STR("01900000-0000-7000-8000-000000000001"),
                               .kind = kind,
                               .payload = payload,
                               .attempt = 1,
                               .max_attempts = 3};
    enum dm_result result = dm_job_run(&domain, &ctx, &job);
    dm_arena_free(arena);
    return result;
}

static void jobs_that_can_never_succeed_are_invalid(void)
{
    CU_ASSERT_EQUAL(run(DM_STR("mail"), DM_STR("not JSON")), DM_E_INVALID);
    CU_ASSERT_EQUAL(run(DM_STR("mail"), DM_STR("[]")), DM_E_INVALID);
    CU_ASSERT_EQUAL(run(DM_STR("mail"), DM_STR("{\"to\":1,\"subject\":\"s\",\"text\":\"t\"}")),
                    DM_E_INVALID);
}

/* While a release takes over, a worker of the old one meets what the new one has written. */
static void job_of_a_kind_not_known_is_for_later(void)
{
    CU_ASSERT_EQUAL(run(DM_STR("telepathy"), DM_STR("{}")), DM_E_UNAVAILABLE);
}

CU_TestInfo *dm_mail_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a confirmation has token line, command and validity",
         confirmation_has_token_line_command_and_validity},
        {"validity is said in the greatest exact unit",
         validity_is_said_in_the_greatest_exact_unit},
        {"placeholders and percent signs in a name stay as they are",
         placeholders_and_percent_signs_in_a_name_stay_as_they_are},
        {"jobs that can never succeed are invalid", jobs_that_can_never_succeed_are_invalid},
        {"a job of a kind not known is for later", job_of_a_kind_not_known_is_for_later},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

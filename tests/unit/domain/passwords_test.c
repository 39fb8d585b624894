/* Which passwords are taken and which match, over the real hash pool and without a database. */
#include "domain/passwords.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

#define LIST DM_SRCDIR "/share/passwords/common.sha1"

struct keeper {
    struct dm_settings settings;
    struct dm_domain domain;
    struct dm_ctx ctx;
};

static void keeper_open(struct keeper *keeper)
{
    struct dm_err err;
    *keeper = (struct keeper){
        .settings = {.public_url = "https://journal.example.net",
                     .mail_from_name = "Zanzibar Journal",
                     .password_pepper = {"a pepper of at least thirty-two bytes", 37},
                     .password_cost = DM_PASSWORD_COST_MIN,
                     .password_min_length = 8,
                     .password_min_score = 3,
                     .password_breached_file = LIST},
        .ctx = {.arena = dm_arena_new(65536, 1 << 20),
                .deadline_ms = dm_clock_monotonic_ms() + 60000},
    };
    keeper->domain.settings = &keeper->settings;
    keeper->domain.hashes = dm_hash_pool_new(
        &(struct dm_hash_pool_options){.threads = 2, .queue_max = 16, .max_wait_ms = 20000});
    CU_ASSERT_PTR_NOT_NULL_FATAL(keeper->ctx.arena);
    CU_ASSERT_PTR_NOT_NULL_FATAL(keeper->domain.hashes);
    CU_ASSERT_EQUAL_FATAL(dm_passwords_prepare(&keeper->domain, &err), DM_OK);
}

static void keeper_close(struct keeper *keeper)
{
    dm_hash_pool_free(keeper->domain.hashes);
    dm_arena_free(keeper->ctx.arena);
}

static enum dm_result hash_new(struct keeper *keeper, const char *password, struct dm_str *ret_hash)
{
    const struct dm_passwords_new wanted = {
        .password = dm_str_from(password),
        .pointer = "/newPassword",
        .email = DM_STR("theodora.quillfeather@example.org"),
        .first_name = DM_STR("Theodora"),
        .last_name = DM_STR("Quillfeather"),
    };
    keeper->ctx.err = (struct dm_err){0};
    return dm_passwords_hash_new(&keeper->domain, &keeper->ctx, &wanted, ret_hash);
}

static void assert_refused(struct keeper *keeper, const char *password, const char *rule)
{
    struct dm_str hash = DM_STR("untouched");
    CU_ASSERT_EQUAL(hash_new(keeper, password, &hash), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(keeper->ctx.err.pointer, "/newPassword");
    CU_ASSERT_STRING_EQUAL(keeper->ctx.err.rule, rule);
    if (strcmp(keeper->ctx.err.rule, rule) != 0)
        printf("\"%s\": %s\n", password, keeper->ctx.err.rule);
    CU_ASSERT_PTR_NULL(strstr(keeper->ctx.err.detail, password));
    CU_ASSERT_STR(hash, "untouched");
}

static struct dm_str hash_of(struct keeper *keeper, const char *password)
{
    struct dm_str hash = {0};
    CU_ASSERT_EQUAL_FATAL(hash_new(keeper, password, &hash), DM_OK);
    return hash;
}

static bool matches(struct keeper *keeper, const char *password, struct dm_str hash)
{
    bool matches = false;
    CU_ASSERT_EQUAL(
        dm_passwords_check(&keeper->domain, &keeper->ctx, dm_str_from(password), hash, &matches),
        DM_OK);
    return matches;
}

static void password_is_the_same_however_it_is_typed(void)
{
    static const struct {
        const char *chosen, *typed;
        bool same;
    } pairs[] = {
        {"\uFB01ve wizards jump", "five wizards jump", true},
        {"five wizards jump", "\uFF46\uFF49ve wizards jump", true},
        {"\u00C5ngstr\u00F6m 4711 fjord", "A\u030Angstro\u0308m 4711 fjord", true},
        {"\U0001F989 owls hunt mice", "\U0001F989 owls hunt mice", true},
        {"  blanks on both ends  ", "  blanks on both ends  ", true},
        {"  blanks on both ends  ", "blanks on both ends", false},
        {"blanks at the end, no", "blanks at the end, no ", false},
        {"capital Letters matter", "capital letters matter", false},
        {"\U0001F989 owls hunt mice", "\U0001F98A owls hunt mice", false},
        /* Cyrillic a: looks the same, means another letter. */
        {"paper kites over Riga", "p\u0430per kites over Riga", false},
    };
    struct keeper keeper;
    keeper_open(&keeper);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        CU_ASSERT_EQUAL(matches(&keeper, pairs[i].typed, hash_of(&keeper, pairs[i].chosen)),
                        pairs[i].same);
    keeper_close(&keeper);
}

static void length_counts_code_points_of_the_normal_form(void)
{
    struct keeper keeper;
    keeper_open(&keeper);
    /* 7 and 8 letters; the ring makes no letter of its own, the ligature is two. */
    assert_refused(&keeper, "Kw9$zQ!", "too_short");
    assert_refused(&keeper, "Kw9$zQA\u030A", "too_short");
    hash_of(&keeper, "Kw9$zQ!v");
    hash_of(&keeper, "Kw9$zQ\uFB01");
    /* Three owls are twelve bytes, and three characters. */
    assert_refused(&keeper, "\U0001F989\U0001F98A\U0001F43B", "too_short");

    char most[2 * DM_PASSWORDS_POINTS_MAX + 3];
    for (int i = 0; i < DM_PASSWORDS_POINTS_MAX + 1; i++)
        memcpy(most + 2 * i, i % 3 ? "\u00E9" : i % 2 ? "\u00F1" : "\u00DF", 2);
    most[2 * DM_PASSWORDS_POINTS_MAX + 2] = '\0';
    assert_refused(&keeper, most, "too_long");
    most[2 * DM_PASSWORDS_POINTS_MAX] = '\0';
    keeper.settings.password_min_score = 0;
    hash_of(&keeper, most);
    keeper_close(&keeper);
}

static void nothing_is_cut_at_72_bytes(void)
{
    char one[74], other[74];
    struct keeper keeper;
    keeper_open(&keeper);
    keeper.settings.password_min_score = 0;
    memset(one, 'a', sizeof(one));
    one[72] = 'X';
    one[73] = '\0';
    memcpy(other, one, sizeof(one));
    other[72] = 'Y';
    struct dm_str hash = hash_of(&keeper, one);
    CU_ASSERT_TRUE(matches(&keeper, one, hash));
    CU_ASSERT_FALSE(matches(&keeper, other, hash));
    keeper_close(&keeper);
}

static void breached_passwords_are_refused(void)
{
    struct keeper keeper;
    keeper_open(&keeper);
    assert_refused(&keeper, "iloveyou", "breached");
    assert_refused(&keeper, "\uFF49love\uFF59ou", "breached");
    keeper.settings.password_breached_file = "";
    assert_refused(&keeper, "iloveyou", "too_weak");
    keeper_close(&keeper);
}

/* A list that holds what people type and not its normal form. */
static void breached_passwords_are_known_as_they_are_typed_too(void)
{
    char path[] = "/tmp/dm-passwords-XXXXXX";
    uint8_t hash[DM_SHA1_BYTES];
    struct keeper keeper;
    keeper_open(&keeper);
    FILE *file = fdopen(mkstemp(path), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    dm_secret_sha1(DM_STR("\uFB01ve wizards jump"), hash);
    for (size_t i = 0; i < sizeof(hash); i++)
        fprintf(file, "%02X", hash[i]);
    fprintf(file, ":3\r\n");
    fclose(file);
    keeper.settings.password_breached_file = path;
    assert_refused(&keeper, "\uFB01ve wizards jump", "breached");
    hash_of(&keeper, "five wizards jump");
    unlink(path);
    keeper_close(&keeper);
}

static void words_of_the_account_and_the_site_are_weak(void)
{
    static const char *const weak[] = {
        "Quillfeather",         "theodora.quillfeather", "qu1llfe4ther",
        "TheodoraQuillfeather", "journal.example.net",   "ZanzibarJournal1",
        "zanzibar zanzibar",    "quillfeather12345",     "digitalmedigitalme",
    };
    struct keeper keeper;
    keeper_open(&keeper);
    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
        assert_refused(&keeper, weak[i], "too_weak");
    keeper_close(&keeper);
}

static void no_composition_is_asked_for(void)
{
    struct keeper keeper;
    keeper_open(&keeper);
    hash_of(&keeper, "onlylowerletterswithoutend");
    hash_of(&keeper, "83920174650183");
    hash_of(&keeper, "\u044F \u043B\u044E\u0431\u043B\u044E \u0436\u0451\u043B\u0442\u044B\u0435 "
                     "\u0441\u043B\u0438\u0432\u044B");
    keeper_close(&keeper);
}

static void prepare_tells_of_a_list_that_is_none(void)
{
    struct keeper keeper;
    struct dm_err err = {0};
    keeper_open(&keeper);
    keeper.settings.password_breached_file = "/nonexistent/list.sha1";
    CU_ASSERT_EQUAL(dm_passwords_prepare(&keeper.domain, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "/nonexistent/list.sha1"));
    /* It went away while the program runs: no password is taken unseen, and none is lost. */
    struct dm_str hash;
    CU_ASSERT_EQUAL(hash_new(&keeper, "Kw9$zQ!v and more", &hash), DM_E_UNAVAILABLE);
    keeper_close(&keeper);
}

static void absent_hash_never_matches(void)
{
    struct keeper keeper;
    keeper_open(&keeper);
    CU_ASSERT_FALSE(matches(&keeper, "Kw9$zQ!v", (struct dm_str){0}));
    CU_ASSERT_FALSE(matches(&keeper, "", (struct dm_str){0}));
    keeper_close(&keeper);
}

static void rehash_is_made_only_when_the_cost_changed(void)
{
    struct keeper keeper;
    keeper_open(&keeper);
    struct dm_str stored = hash_of(&keeper, "\uFB01ve wizards jump"), made;
    CU_ASSERT_EQUAL(dm_passwords_rehash(&keeper.domain, &keeper.ctx, DM_STR("five wizards jump"),
                                        stored, &made),
                    DM_OK);
    CU_ASSERT_PTR_NULL(made.p);
    keeper.settings.password_cost++;
    CU_ASSERT_EQUAL(dm_passwords_rehash(&keeper.domain, &keeper.ctx,
                                        DM_STR("\uFB01ve wizards jump"), stored, &made),
                    DM_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made.p);
    CU_ASSERT_FALSE(dm_password_needs_rehash(made.p, DM_PASSWORD_COST_MIN + 1));
    CU_ASSERT_TRUE(matches(&keeper, "five wizards jump", made));
    keeper_close(&keeper);
}

/* Processor time of the cheapest of three checks of a wrong password. */
static double check_cost_ms(struct keeper *keeper, struct dm_str stored_hash)
{
    double least = 1e9;
    for (int i = 0; i < 3; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        CU_ASSERT_FALSE(matches(keeper, "not the password", stored_hash));
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        double ms =
            (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
        least = ms < least ? ms : least;
    }
    return least;
}

static void hash_of_a_lower_cost_takes_the_time_of_todays(void)
{
    struct keeper keeper;
    struct dm_str old;
    struct dm_err err;
    keeper_open(&keeper);
    CU_ASSERT_EQUAL_FATAL(hash_new(&keeper, "five wizards jump quickly", &old), DM_OK);
    keeper.settings.password_cost = DM_PASSWORD_COST_MIN + 2;
    CU_ASSERT_EQUAL_FATAL(dm_passwords_prepare(&keeper.domain, &err), DM_OK);
    double of_old_ms = check_cost_ms(&keeper, old);
    double of_none_ms = check_cost_ms(&keeper, (struct dm_str){0});
    CU_ASSERT_TRUE(of_old_ms > 0.8 * of_none_ms && of_old_ms < 1.25 * of_none_ms);
    keeper_close(&keeper);
}

static CU_TestInfo tests[] = {
    {"a password is the same however it is typed", password_is_the_same_however_it_is_typed},
    {"the length counts code points of the normal form",
     length_counts_code_points_of_the_normal_form},
    {"nothing is cut at 72 bytes", nothing_is_cut_at_72_bytes},
    {"breached passwords are refused", breached_passwords_are_refused},
    {"breached passwords are known as they are typed too",
     breached_passwords_are_known_as_they_are_typed_too},
    {"words of the account and the site are weak", words_of_the_account_and_the_site_are_weak},
    {"no composition is asked for", no_composition_is_asked_for},
    {"prepare tells of a list that is none", prepare_tells_of_a_list_that_is_none},
    {"an absent hash never matches", absent_hash_never_matches},
    {"a hash of a lower cost takes the time of today's",
     hash_of_a_lower_cost_takes_the_time_of_todays},
    {"a rehash is made only when the cost changed", rehash_is_made_only_when_the_cost_changed},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_passwords_suite(void)
{
    return tests;
}

/* Registration to the first check of a password, against the real database. */
#include "domain/account.h"

#include "base/id.h"
#include "base/password.h"
#include "domain/job.h"
#include "domain/passwords.h"
#include "store/account_store.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

static enum dm_result authenticate(struct dm_world *world, struct dm_str email,
                                   struct dm_str password, struct dm_account *ret_account)
{
    const struct dm_login login = {.email = email, .password = password};
    struct dm_authenticated who;
    world->ctx = dm_world_ctx(world->arena);
    enum dm_result result = dm_account_authenticate(&world->domain, &world->ctx, &login, &who);
    if (result == DM_OK)
        *ret_account = who.account;
    return result;
}

static struct dm_str id_of(struct dm_world *world, struct dm_str email)
{
    return dm_world_ask(world, "test_account_id",
                        "SELECT id FROM account WHERE email_key = lower($1)", email);
}

static void registered_and_confirmed_owner_is_authenticated(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    struct dm_account account;

    CU_ASSERT_EQUAL(dm_owner_register(&world, email, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    CU_ASSERT_EQUAL(authenticate(&world, email, DM_STR(DM_OWNER_PASSWORD), &account),
                    DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, dm_owner_mailed_token(&world, email)), DM_OK);
    CU_ASSERT_EQUAL_FATAL(authenticate(&world, email, DM_STR(DM_OWNER_PASSWORD), &account), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(account.email, email));
    CU_ASSERT_STR(account.first_name, "Ada");
    CU_ASSERT_STR(account.last_name, "Lovelace");
    CU_ASSERT_EQUAL(account.role, DM_ROLE_USER);
    CU_ASSERT_TRUE(account.email_confirmed);
    CU_ASSERT_TRUE(account.created_at_ms > INT64_C(1700000000000));
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.register", account.id), 1);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.confirm_email", account.id), 1);
    dm_world_close(&world);
}

static void address_is_one_account_in_any_case_of_letters(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    char *upper = dm_arena_cstr(world.arena, email);
    upper[0] = 'o';
    struct dm_account account;
    CU_ASSERT_EQUAL(authenticate(&world, dm_str_from(upper), DM_STR(DM_OWNER_PASSWORD), &account),
                    DM_OK);
    CU_ASSERT_EQUAL(dm_owner_register(&world, dm_str_from(upper), DM_STR(DM_OWNER_PASSWORD)),
                    DM_OK);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "already-registered"), 1);
    dm_world_close(&world);
}

static void registering_an_active_address_changes_nothing(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_account account;
    CU_ASSERT_EQUAL(dm_owner_register(&world, email, DM_STR("another long passphrase 77")), DM_OK);
    CU_ASSERT_EQUAL(authenticate(&world, email, DM_STR("another long passphrase 77"), &account),
                    DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(authenticate(&world, email, DM_STR(DM_OWNER_PASSWORD), &account), DM_OK);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "confirm"), 1);
    dm_world_close(&world);
}

/* A stranger registers the address too; its owner's token must not confirm what the stranger typed. */
static void token_confirms_what_its_own_registration_gave(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    struct dm_account account;
    CU_ASSERT_EQUAL(dm_owner_register(&world, email, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    struct dm_str owners = dm_owner_mailed_token(&world, email);
    const struct dm_registration second = {.email = email,
                                           .password = DM_STR("the stranger's choice 4711"),
                                           .first_name = DM_STR("Go to evil.example"),
                                           .last_name = DM_STR("Stranger")};
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL(dm_account_register(&world.domain, &world.ctx, &second), DM_OK);
    struct dm_str strangers = dm_owner_mailed_token(&world, email);
    CU_ASSERT_FALSE(dm_str_eq(owners, strangers));

    CU_ASSERT_EQUAL(dm_owner_confirm(&world, owners), DM_OK);
    CU_ASSERT_EQUAL(authenticate(&world, email, DM_STR(DM_OWNER_PASSWORD), &account), DM_OK);
    CU_ASSERT_STR(account.first_name, "Ada");
    CU_ASSERT_STR(account.last_name, "Lovelace");
    CU_ASSERT_EQUAL(authenticate(&world, email, DM_STR("the stranger's choice 4711"), &account),
                    DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, strangers), DM_E_INVALID);
    dm_world_close(&world);
}

static void confirmation_token_works_once(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, dm_owner_mailed_token(&world, email)), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(world.ctx.err.pointer, "/token");
    dm_world_close(&world);
}

static void expired_and_unknown_confirmation_tokens_are_refused(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    CU_ASSERT_EQUAL(dm_owner_register(&world, email, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    dm_world_do(&world, "test_expire_tokens",
                "UPDATE one_time_token SET expires_at = now() WHERE account_id = $1::uuid",
                id_of(&world, email));
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, dm_owner_mailed_token(&world, email)), DM_E_INVALID);
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, DM_STR("no such token")), DM_E_INVALID);
    CU_ASSERT_STR(dm_world_ask(&world, "test_account_state",
                               "SELECT state FROM account WHERE id = $1::uuid",
                               id_of(&world, email)),
                  "unconfirmed");
    dm_world_close(&world);
}

static void expired_tokens_are_swept(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str expired = dm_owner_address(&world);
    struct dm_str waiting = dm_owner_address(&world);
    CU_ASSERT_EQUAL(dm_owner_register(&world, expired, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    CU_ASSERT_EQUAL(dm_owner_register(&world, waiting, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    dm_world_do(&world, "test_expire_tokens",
                "UPDATE one_time_token SET expires_at = now() WHERE account_id = $1::uuid",
                id_of(&world, expired));
    world.ctx = dm_world_ctx(world.arena);
    int64_t deleted = 0;
    CU_ASSERT_EQUAL(dm_one_time_store_sweep(world.domain.pg, &world.ctx, 1000, &deleted), DM_OK);
    CU_ASSERT_TRUE(deleted >= 1);
    CU_ASSERT_PTR_NULL(
        dm_world_ask(&world, "test_token_of_account",
                     "SELECT token_hash FROM one_time_token WHERE account_id = $1::uuid",
                     id_of(&world, expired))
            .p);
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, dm_owner_mailed_token(&world, waiting)), DM_OK);
    dm_world_close(&world);
}

static enum dm_result ask_resend(struct dm_world *world, struct dm_str email)
{
    world->ctx = dm_world_ctx(world->arena);
    return dm_account_resend_confirmation(&world->domain, &world->ctx, email);
}

/* Ask, and do the worker's part. */
static enum dm_result resend(struct dm_world *world, struct dm_str email)
{
    CU_ASSERT_EQUAL_FATAL(ask_resend(world, email), DM_OK);
    struct dm_str payload = dm_world_ask(world, "test_take_resend",
                                         "DELETE FROM job"
                                         " WHERE kind = 'resend_confirmation'"
                                         " AND payload->>'email' = $1"
                                         " RETURNING payload",
                                         email);
    CU_ASSERT_PTR_NOT_NULL_FATAL(payload.p);
    const struct dm_job job = {.kind = DM_STR("resend_confirmation"), .payload = payload};
    world->ctx = dm_world_ctx(world->arena);
    return dm_job_run(&world->domain, &world->ctx, &job);
}

static void resent_token_confirms(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    struct dm_account account;
    CU_ASSERT_EQUAL(dm_owner_register(&world, email, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    struct dm_str first = dm_owner_mailed_token(&world, email);
    CU_ASSERT_EQUAL(resend(&world, email), DM_OK);
    struct dm_str second = dm_owner_mailed_token(&world, email);
    CU_ASSERT_FALSE(dm_str_eq(first, second));
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, second), DM_OK);
    CU_ASSERT_EQUAL(authenticate(&world, email, DM_STR(DM_OWNER_PASSWORD), &account), DM_OK);
    dm_world_close(&world);
}

static void resend_says_the_same_to_unknown_and_active_addresses_and_mails_nothing(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str unknown = dm_owner_address(&world);
    struct dm_str active = dm_owner_address(&world);
    dm_owner_join(&world, active);
    CU_ASSERT_EQUAL(resend(&world, unknown), DM_OK);
    CU_ASSERT_EQUAL(resend(&world, active), DM_OK);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, unknown, "%"), 0);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, active, "%"), 1);
    dm_world_close(&world);
}

/* Else the time of the answer would tell whether an address has an account. */
static void asking_for_a_token_does_the_same_for_every_address(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str waiting = dm_owner_address(&world);
    struct dm_str active = dm_owner_address(&world);
    const struct dm_str all[] = {dm_owner_address(&world), waiting, active};
    CU_ASSERT_EQUAL(dm_owner_register(&world, waiting, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    dm_owner_join(&world, active);
    for (size_t i = 0; i < 3; i++) {
        int64_t mails = dm_owner_count_mails(&world, all[i], "%");
        CU_ASSERT_EQUAL(ask_resend(&world, all[i]), DM_OK);
        CU_ASSERT_EQUAL(dm_owner_count_mails(&world, all[i], "%"), mails);
        CU_ASSERT_STR(dm_world_ask(&world, "test_count_resends",
                                   "SELECT count(*)"
                                   " FROM job"
                                   " WHERE kind = 'resend_confirmation'"
                                   " AND payload->>'email' = $1",
                                   all[i]),
                      "1");
    }
    dm_world_close(&world);
}

static void strangers_cannot_flood_a_mailbox(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    CU_ASSERT_EQUAL(dm_owner_register(&world, email, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(resend(&world, email), DM_OK);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "%"), 6);

    dm_world_do(&world, "test_age_mail_window",
                "UPDATE account SET mail_window_at = now() - interval '1 hour'"
                " WHERE id = $1::uuid",
                id_of(&world, email));
    CU_ASSERT_EQUAL(resend(&world, email), DM_OK);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "%"), 7);
    dm_world_close(&world);
}

static void weak_passwords_are_refused_by_rule(void)
{
    static const struct {
        const char *password;
        const char *rule;
    } cases[] = {
        {"short", "too_short"},           {"elf zeichen", "too_short"},
        {"aaaaaaaaaaaaaaaa", "too_weak"}, {"password1234", "breached"},
        {"lovelaceada1", "too_weak"},
    };
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(dm_owner_register(&world, email, dm_str_from(cases[i].password)),
                        DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(world.ctx.err.pointer, "/password");
        CU_ASSERT_STRING_EQUAL(world.ctx.err.rule, cases[i].rule);
    }
    char *long_one = dm_arena_alloc(world.arena, DM_PASSWORDS_POINTS_MAX + 2);
    memset(long_one, 'x', DM_PASSWORDS_POINTS_MAX + 1);
    CU_ASSERT_EQUAL(dm_owner_register(&world, email, dm_str_from(long_one)), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(world.ctx.err.rule, "too_long");
    CU_ASSERT_PTR_NULL(id_of(&world, email).p);
    dm_world_close(&world);
}

static void every_refusal_has_the_same_words(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str unknown = dm_owner_address(&world);
    struct dm_str waiting = dm_owner_address(&world);
    struct dm_str active = dm_owner_address(&world);
    struct dm_str disabled = dm_owner_address(&world);
    struct dm_account account;
    dm_owner_join(&world, active);
    dm_owner_join(&world, disabled);
    CU_ASSERT_EQUAL(dm_owner_register(&world, waiting, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    dm_world_do(&world, "test_disable", "UPDATE account SET state = 'disabled' WHERE id = $1::uuid",
                id_of(&world, disabled));

    CU_ASSERT_EQUAL(authenticate(&world, active, DM_STR("not the password"), &account),
                    DM_E_UNAUTHENTICATED);
    struct dm_err first = world.ctx.err;
    const struct dm_str others[] = {unknown, waiting, disabled};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(authenticate(&world, others[i], DM_STR(DM_OWNER_PASSWORD), &account),
                        DM_E_UNAUTHENTICATED);
        CU_ASSERT_STRING_EQUAL(world.ctx.err.detail, first.detail);
        CU_ASSERT_STRING_EQUAL(world.ctx.err.pointer, first.pointer);
        CU_ASSERT_STRING_EQUAL(world.ctx.err.rule, first.rule);
    }
    dm_world_close(&world);
}

static void hash_of_another_cost_is_made_anew(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_account account;
    const struct dm_login login = {.email = email, .password = DM_STR(DM_OWNER_PASSWORD)};
    struct dm_authenticated who;
    world.settings.password_cost = DM_PASSWORD_COST_MIN + 1;
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL_FATAL(dm_account_authenticate(&world.domain, &world.ctx, &login, &who), DM_OK);
    account = who.account;
    dm_account_refresh_hash(&world.domain, &world.ctx, account.id, login.password,
                            who.password_hash);
    struct dm_str made = dm_world_ask(
        &world, "test_hash", "SELECT password_hash FROM account WHERE id = $1::uuid", account.id);
    CU_ASSERT_FALSE(dm_password_needs_rehash(made.p, DM_PASSWORD_COST_MIN + 1));
    CU_ASSERT_EQUAL(authenticate(&world, email, DM_STR(DM_OWNER_PASSWORD), &account), DM_OK);
    dm_world_close(&world);
}

static void password_of_a_logged_in_person_is_checked(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_str id = id_of(&world, email), session_id = dm_id_new(world.arena);
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL(dm_account_check_password(&world.domain, &world.ctx, id, session_id,
                                              DM_STR(DM_OWNER_PASSWORD)),
                    DM_OK);
    CU_ASSERT_EQUAL(dm_account_check_password(&world.domain, &world.ctx, id, session_id,
                                              DM_STR("another long passphrase 77")),
                    DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(world.ctx.err.pointer, "/password");
    CU_ASSERT_STRING_EQUAL(world.ctx.err.rule, "wrong");
    dm_world_close(&world);
}

CU_TestInfo *dm_account_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a registered and confirmed owner is authenticated",
         registered_and_confirmed_owner_is_authenticated},
        {"an address is one account in any case of letters",
         address_is_one_account_in_any_case_of_letters},
        {"registering an active address changes nothing",
         registering_an_active_address_changes_nothing},
        {"a token confirms what its own registration gave",
         token_confirms_what_its_own_registration_gave},
        {"a confirmation token works once", confirmation_token_works_once},
        {"expired and unknown confirmation tokens are refused",
         expired_and_unknown_confirmation_tokens_are_refused},
        {"expired tokens are swept", expired_tokens_are_swept},
        {"a resent token confirms", resent_token_confirms},
        {"resend says the same to unknown and active addresses and mails nothing",
         resend_says_the_same_to_unknown_and_active_addresses_and_mails_nothing},
        {"asking for a token does the same for every address",
         asking_for_a_token_does_the_same_for_every_address},
        {"strangers cannot flood a mailbox", strangers_cannot_flood_a_mailbox},
        {"weak passwords are refused by rule", weak_passwords_are_refused_by_rule},
        {"every refusal has the same words", every_refusal_has_the_same_words},
        {"a hash of another cost is made anew", hash_of_another_cost_is_made_anew},
        {"the password of a logged-in person is checked",
         password_of_a_logged_in_person_is_checked},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

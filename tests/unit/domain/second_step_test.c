/* The second step and what turns it on and off, against the real database; the clock stands where the test puts it. */
#include "domain/second_step.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/totp.h"
#include "domain/mfa.h"
#include "domain/token.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

#define AT_ONCE 20
#define BEGIN_MS 1893456000000 /* 2030-01-01, where a step begins */

/* An owner with a session and an enrolled factor, whose secret the test knows from the database. */
struct owner {
    struct dm_world world;
    struct dm_str email;
    struct dm_principal principal;
    struct dm_mfa_caller caller;
    struct dm_mfa_enrolment enrolment;
    struct dm_secret secret;
};

static struct dm_session_grant log_in(struct owner *owner)
{
    struct dm_session_grant grant = {0};
    const struct dm_login login = {.email = owner->email,
                                   .password = DM_STR(DM_OWNER_PASSWORD),
                                   .address = DM_STR("192.0.2.1")};
    owner->world.ctx = dm_world_ctx(owner->world.arena);
    CU_ASSERT_EQUAL_FATAL(dm_session_login(&owner->world.domain, &owner->world.ctx, &login, &grant),
                          DM_OK);
    return grant;
}

static enum dm_result confirm(struct owner *owner, struct dm_str code)
{
    owner->world.ctx = dm_world_ctx(owner->world.arena);
    return dm_mfa_confirm(&owner->world.domain, &owner->world.ctx, &owner->caller, code);
}

/* The code of so many steps after the one that the clock stands in. */
static struct dm_str code_of(struct owner *owner, int64_t steps)
{
    int64_t step = dm_totp_step(dm_clock_wall_ms()) + steps;
    return dm_arena_printf(owner->world.arena, "%06u",
                           dm_totp_value(owner->secret, step) % 1000000);
}

static struct dm_str wrong_code(struct owner *owner)
{
    struct dm_str code = code_of(owner, 0);
    for (int i = 0; i < 10; i++) {
        struct dm_str other = dm_arena_printf(owner->world.arena, "%d%.*s", i, 5, code.p + 1);
        bool near = false;
        for (int64_t steps = -1; steps <= 1; steps++)
            near = near || dm_str_eq(other, code_of(owner, steps));
        if (!near)
            return other;
    }
    return (struct dm_str){NULL, 0};
}

static void read_secret(struct owner *owner)
{
    struct dm_world *world = &owner->world;
    struct dm_str id = dm_world_ask(world, "test_factor_id",
                                    "SELECT id FROM second_factor WHERE account_id = $1::uuid",
                                    owner->principal.account_id);
    struct dm_str sealed = dm_world_ask(
        world, "test_factor_secret", "SELECT secret FROM second_factor WHERE account_id = $1::uuid",
        owner->principal.account_id);
    const struct dm_sealed_place place = dm_second_factor_place(id);
    CU_ASSERT_EQUAL_FATAL(
        dm_sealed_open(&world->domain.sealed_keys, &world->ctx, &place, sealed, &owner->secret),
        DM_OK);
}

static void owner_open(struct owner *owner)
{
    dm_world_open(&owner->world);
    dm_clock_fake(0);
    owner->email = dm_owner_address(&owner->world);
    dm_owner_join(&owner->world, owner->email);
    struct dm_session_grant grant = log_in(owner);
    CU_ASSERT_EQUAL_FATAL(dm_token_check(&owner->world.domain, &owner->world.ctx,
                                         grant.access_token, &owner->principal),
                          DM_OK);
    owner->caller = (struct dm_mfa_caller){.principal = &owner->principal};
    owner->world.ctx = dm_world_ctx(owner->world.arena);
    CU_ASSERT_EQUAL_FATAL(dm_mfa_enrol(&owner->world.domain, &owner->world.ctx, &owner->caller,
                                       DM_STR(DM_OWNER_PASSWORD), &owner->enrolment),
                          DM_OK);
    read_secret(owner);
    dm_clock_fake(BEGIN_MS);
}

static void owner_close(struct owner *owner)
{
    dm_clock_fake(0);
    dm_world_close(&owner->world);
}

static void turn_on(struct owner *owner)
{
    CU_ASSERT_EQUAL_FATAL(confirm(owner, code_of(owner, -1)), DM_OK);
}

static struct dm_str first_step(struct owner *owner)
{
    struct dm_session_grant grant = log_in(owner);
    CU_ASSERT_PTR_NOT_NULL_FATAL(grant.mfa_token.p);
    CU_ASSERT_PTR_NULL(grant.access_token.p);
    CU_ASSERT_PTR_NULL(grant.refresh_token.p);
    return grant.mfa_token;
}

static enum dm_result second_step(struct owner *owner, struct dm_str token, struct dm_str code,
                                  struct dm_session_grant *ret_grant)
{
    const struct dm_second_step_answer answer = {.mfa_token = token, .code = code};
    owner->world.ctx = dm_world_ctx(owner->world.arena);
    return dm_second_step_answer(&owner->world.domain, &owner->world.ctx, &answer, ret_grant);
}

static bool opens(struct owner *owner, struct dm_str code)
{
    struct dm_session_grant grant = {0};
    enum dm_result result = second_step(owner, first_step(owner), code, &grant);
    CU_ASSERT_TRUE(result == DM_OK || result == DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(grant.second_step, result == DM_OK);
    return result == DM_OK;
}

static void each_step_counts_once_and_never_backwards(void)
{
    struct owner owner;
    owner_open(&owner);
    turn_on(&owner);
    CU_ASSERT_FALSE(opens(&owner, code_of(&owner, -1)));
    CU_ASSERT_TRUE(opens(&owner, code_of(&owner, 0)));
    CU_ASSERT_FALSE(opens(&owner, code_of(&owner, 0)));
    CU_ASSERT_TRUE(opens(&owner, code_of(&owner, 1)));
    CU_ASSERT_FALSE(opens(&owner, code_of(&owner, 0)));
    dm_clock_fake(BEGIN_MS + 60000);
    CU_ASSERT_FALSE(opens(&owner, code_of(&owner, -1)));
    CU_ASSERT_TRUE(opens(&owner, code_of(&owner, 0)));
    owner_close(&owner);
}

static void one_step_each_side_is_taken_and_no_more(void)
{
    struct owner owner;
    owner_open(&owner);
    turn_on(&owner);
    dm_clock_fake(BEGIN_MS + 300000);
    CU_ASSERT_FALSE(opens(&owner, code_of(&owner, -2)));
    CU_ASSERT_FALSE(opens(&owner, code_of(&owner, 2)));
    CU_ASSERT_TRUE(opens(&owner, code_of(&owner, -1)));
    dm_clock_fake(BEGIN_MS + 600000);
    CU_ASSERT_TRUE(opens(&owner, code_of(&owner, 1)));
    owner_close(&owner);
}

struct race {
    const struct dm_domain *domain;
    struct dm_str token, code;
    enum dm_result result;
};

static void *race_main(void *arg)
{
    struct race *race = arg;
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    struct dm_session_grant grant;
    const struct dm_second_step_answer answer = {.mfa_token = race->token, .code = race->code};
    race->result = dm_second_step_answer(race->domain, &ctx, &answer, &grant);
    dm_arena_free(arena);
    return NULL;
}

/* How many of the answers at once succeed; no other fails but as a wrong one does. */
static int winners(struct race *races, size_t n)
{
    pthread_t threads[AT_ONCE];
    int won = 0;
    for (size_t i = 0; i < n; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, race_main, &races[i]), 0);
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_TRUE(races[i].result == DM_OK || races[i].result == DM_E_UNAUTHENTICATED);
        won += races[i].result == DM_OK;
    }
    return won;
}

static void of_answers_at_once_with_one_code_exactly_one_succeeds(void)
{
    struct owner owner;
    struct race races[AT_ONCE];
    owner_open(&owner);
    turn_on(&owner);
    const struct dm_str codes[] = {code_of(&owner, 0), owner.enrolment.recovery_codes[0]};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < AT_ONCE; i++)
            races[i] = (struct race){
                .domain = &owner.world.domain, .token = first_step(&owner), .code = codes[k]};
        CU_ASSERT_EQUAL(winners(races, AT_ONCE), 1);
    }
    owner_close(&owner);
}

static void of_answers_at_once_to_one_token_exactly_one_succeeds(void)
{
    struct owner owner;
    struct race races[5];
    owner_open(&owner);
    turn_on(&owner);
    struct dm_str token = first_step(&owner);
    for (size_t i = 0; i < 5; i++)
        races[i] = (struct race){.domain = &owner.world.domain,
                                 .token = token,
                                 .code = owner.enrolment.recovery_codes[i]};
    CU_ASSERT_EQUAL(winners(races, 5), 1);
    struct dm_mfa_state state;
    CU_ASSERT_EQUAL(
        dm_mfa_state(&owner.world.domain, &owner.world.ctx, owner.principal.account_id, &state),
        DM_OK);
    CU_ASSERT_EQUAL(state.recovery_codes_left, DM_RECOVERY_CODES - 1);
    owner_close(&owner);
}

static void wrong_codes_stop_the_app_and_a_recovery_code_starts_it_again(void)
{
    struct owner owner;
    owner_open(&owner);
    turn_on(&owner);
    for (int i = 0; i < 9; i++)
        CU_ASSERT_FALSE(opens(&owner, wrong_code(&owner)));
    CU_ASSERT_EQUAL(dm_owner_count_mails(&owner.world, owner.email, "mfa-locked"), 0);
    CU_ASSERT_FALSE(opens(&owner, wrong_code(&owner)));
    CU_ASSERT_EQUAL(dm_owner_count_mails(&owner.world, owner.email, "mfa-locked"), 1);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&owner.world, "mfa.locked", owner.principal.account_id),
                    1);
    CU_ASSERT_FALSE(opens(&owner, code_of(&owner, 0)));
    CU_ASSERT_TRUE(opens(&owner, owner.enrolment.recovery_codes[0]));
    CU_ASSERT_TRUE(opens(&owner, code_of(&owner, 0)));
    CU_ASSERT_EQUAL(dm_owner_count_mails(&owner.world, owner.email, "mfa-locked"), 1);
    owner_close(&owner);
}

static void a_code_shown_twice_is_no_guess(void)
{
    struct owner owner;
    owner_open(&owner);
    turn_on(&owner);
    for (int i = 0; i < 12; i++)
        CU_ASSERT_FALSE(opens(&owner, code_of(&owner, -1)));
    CU_ASSERT_TRUE(opens(&owner, code_of(&owner, 0)));
    owner_close(&owner);
}

/* A hash made anew at another cost is of the same password. */
static void a_waiting_log_in_outlives_a_rehash_and_no_other_change(void)
{
    struct owner owner;
    struct dm_session_grant grant;
    owner_open(&owner);
    turn_on(&owner);
    struct dm_str before = first_step(&owner);
    owner.world.settings.password_cost++;
    struct dm_str during = first_step(&owner);
    owner.world.settings.password_cost--;
    CU_ASSERT_STR(dm_world_ask(&owner.world, "test_rehashed",
                               "SELECT left(password_hash, 6) FROM account WHERE id = $1::uuid",
                               owner.principal.account_id),
                  "$2b$11");
    CU_ASSERT_EQUAL(second_step(&owner, before, code_of(&owner, 0), &grant), DM_OK);
    CU_ASSERT_EQUAL(second_step(&owner, during, code_of(&owner, 1), &grant), DM_OK);
    struct dm_str after = first_step(&owner);
    dm_world_do(&owner.world, "test_other_password",
                "UPDATE account SET password_hash = '$2b$10$' || repeat('a', 53)"
                " WHERE id = $1::uuid",
                owner.principal.account_id);
    CU_ASSERT_EQUAL(second_step(&owner, after, owner.enrolment.recovery_codes[0], &grant),
                    DM_E_UNAUTHENTICATED);
    owner_close(&owner);
}

static void an_admin_acts_as_user_until_the_step_was_shown(void)
{
    struct owner owner;
    struct dm_session_grant grant;
    struct dm_principal principal;
    owner_open(&owner);
    owner.world.settings.mfa_required_for = "admin";
    dm_world_do(&owner.world, "test_make_admin",
                "UPDATE account SET role = 'SuperAdmin' WHERE id = $1::uuid",
                owner.principal.account_id);
    dm_clock_fake(0);
    grant = log_in(&owner);
    CU_ASSERT_TRUE(grant.enrolment_due);
    CU_ASSERT_EQUAL(
        dm_token_check(&owner.world.domain, &owner.world.ctx, grant.access_token, &principal),
        DM_OK);
    CU_ASSERT_EQUAL(principal.role, DM_ROLE_USER);
    CU_ASSERT_EQUAL(principal.scopes, dm_scope_of_role(DM_ROLE_USER));
    CU_ASSERT_EQUAL(confirm(&owner, code_of(&owner, -1)), DM_OK);
    CU_ASSERT_EQUAL(second_step(&owner, first_step(&owner), code_of(&owner, 0), &grant), DM_OK);
    CU_ASSERT_FALSE(grant.enrolment_due);
    CU_ASSERT_EQUAL(
        dm_token_check(&owner.world.domain, &owner.world.ctx, grant.access_token, &principal),
        DM_OK);
    CU_ASSERT_EQUAL(principal.role, DM_ROLE_SUPERADMIN);
    owner_close(&owner);
}

static void what_is_past_its_time_is_swept(void)
{
    struct owner owner;
    int64_t deleted = 0;
    owner_open(&owner);
    dm_world_do(&owner.world, "test_age_factor",
                "UPDATE second_factor SET created_at = created_at - interval '31 minutes'"
                " WHERE account_id = $1::uuid",
                owner.principal.account_id);
    owner.world.ctx = dm_world_ctx(owner.world.arena);
    CU_ASSERT_EQUAL(dm_second_factor_store_sweep(owner.world.domain.pg, &owner.world.ctx,
                                                 DM_SECOND_FACTOR_PENDING_S, 1000, &deleted),
                    DM_OK);
    CU_ASSERT_TRUE(deleted >= 1);
    CU_ASSERT_EQUAL(confirm(&owner, code_of(&owner, 0)), DM_E_CONFLICT);
    owner_close(&owner);
}

CU_TestInfo *dm_second_step_suite(void)
{
    static CU_TestInfo tests[] = {
        {"each step counts once and never backwards", each_step_counts_once_and_never_backwards},
        {"one step each side is taken and no more", one_step_each_side_is_taken_and_no_more},
        {"of answers at once with one code exactly one succeeds",
         of_answers_at_once_with_one_code_exactly_one_succeeds},
        {"of answers at once to one token exactly one succeeds",
         of_answers_at_once_to_one_token_exactly_one_succeeds},
        {"wrong codes stop the app and a recovery code starts it again",
         wrong_codes_stop_the_app_and_a_recovery_code_starts_it_again},
        {"a code shown twice is no guess", a_code_shown_twice_is_no_guess},
        {"a waiting log-in outlives a rehash and no other change",
         a_waiting_log_in_outlives_a_rehash_and_no_other_change},
        {"an admin acts as User until the step was shown",
         an_admin_acts_as_user_until_the_step_was_shown},
        {"what is past its time is swept", what_is_past_its_time_is_swept},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

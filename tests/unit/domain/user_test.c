/* Who may change whom, and that a SuperAdmin always remains, against the real database. */
#include "domain/user.h"

#include <pthread.h>

#include "domain/session.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

/* Whoever was a SuperAdmin before is none any more, so that each test knows who the last one is. */
static void office_open(struct dm_world *world)
{
    dm_world_open(world);
    dm_world_do(world, "test_no_admins", "UPDATE account SET role = 'User' WHERE role <> $1",
                DM_STR("User"));
}

static struct dm_str joined(struct dm_world *world, const char *role)
{
    struct dm_str email = dm_owner_address(world);
    dm_owner_join(world, email);
    struct dm_str id =
        dm_world_ask(world, "test_id_of", "SELECT id FROM account WHERE email = $1", email);
    struct dm_str both = dm_arena_printf(world->arena, "%.*s %s", DM_STR_ARG(id), role);
    dm_world_do(world, "test_set_role",
                "UPDATE account SET role = split_part($1, ' ', 2)"
                " WHERE id = split_part($1, ' ', 1)::uuid",
                both);
    return id;
}

static enum dm_result change(struct dm_world *world, struct dm_str actor, struct dm_str id,
                             const char *role, const char *state)
{
    const struct dm_user_change wanted = {
        .role = role ? dm_str_from(role) : (struct dm_str){NULL, 0},
        .state = state ? dm_str_from(state) : (struct dm_str){NULL, 0}};
    struct dm_user user;
    world->ctx = dm_world_ctx(world->arena);
    world->ctx.actor_id = actor;
    return dm_user_change(&world->domain, &world->ctx, id, &wanted, &user);
}

static bool stands(struct dm_world *world, struct dm_str id, const char *role_and_state)
{
    return dm_str_eq_c(dm_world_ask(world, "test_standing",
                                    "SELECT role || ' ' || state FROM account WHERE id = $1::uuid",
                                    id),
                       role_and_state);
}

static void an_admin_changes_users_and_nobody_above(void)
{
    struct dm_world world;
    office_open(&world);
    struct dm_str root = joined(&world, "SuperAdmin"), admin = joined(&world, "Admin");
    struct dm_str other = joined(&world, "Admin"), user = joined(&world, "User");
    CU_ASSERT_EQUAL(change(&world, admin, user, NULL, "disabled"), DM_OK);
    CU_ASSERT_TRUE(stands(&world, user, "User disabled"));
    CU_ASSERT_EQUAL(change(&world, admin, user, NULL, "active"), DM_OK);
    CU_ASSERT_TRUE(stands(&world, user, "User active"));
    CU_ASSERT_EQUAL(change(&world, admin, user, "Admin", NULL), DM_E_DENIED);
    CU_ASSERT_EQUAL(change(&world, admin, other, NULL, "disabled"), DM_E_DENIED);
    CU_ASSERT_EQUAL(change(&world, admin, root, NULL, "disabled"), DM_E_DENIED);
    CU_ASSERT_EQUAL(change(&world, user, admin, NULL, "disabled"), DM_E_DENIED);
    CU_ASSERT_TRUE(stands(&world, other, "Admin active"));
    CU_ASSERT_TRUE(stands(&world, root, "SuperAdmin active"));
    dm_world_close(&world);
}

static void an_actor_who_lost_the_role_a_moment_ago_has_none(void)
{
    struct dm_world world;
    office_open(&world);
    struct dm_str root = joined(&world, "SuperAdmin"), admin = joined(&world, "Admin");
    struct dm_str user = joined(&world, "User");
    CU_ASSERT_EQUAL(change(&world, root, admin, NULL, "disabled"), DM_OK);
    CU_ASSERT_EQUAL(change(&world, admin, user, NULL, "disabled"), DM_E_DENIED);
    CU_ASSERT_TRUE(stands(&world, user, "User active"));
    dm_world_close(&world);
}

static void a_change_ends_the_sessions_and_is_recorded_and_told(void)
{
    struct dm_world world;
    office_open(&world);
    struct dm_str root = joined(&world, "SuperAdmin");
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    const struct dm_login login = {.email = email, .password = DM_STR(DM_OWNER_PASSWORD)};
    struct dm_session_grant grant;
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL_FATAL(dm_session_login(&world.domain, &world.ctx, &login, &grant), DM_OK);
    struct dm_str id = grant.account.id;
    CU_ASSERT_EQUAL(change(&world, root, id, "Admin", NULL), DM_OK);
    CU_ASSERT_STR(dm_world_ask(&world, "test_user_end_reason",
                               "SELECT end_reason FROM session WHERE account_id = $1::uuid", id),
                  "role");
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.change_role", id), 1);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "role-changed"), 1);
    CU_ASSERT_EQUAL(change(&world, root, id, "Admin", NULL), DM_OK); /* as it is: nothing */
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.change_role", id), 1);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "role-changed"), 1);
    dm_world_close(&world);
}

static void the_last_superadmin_stays(void)
{
    struct dm_world world;
    office_open(&world);
    struct dm_str root = joined(&world, "SuperAdmin"), second = joined(&world, "User");
    CU_ASSERT_EQUAL(change(&world, root, root, "User", NULL), DM_E_CONFLICT);
    CU_ASSERT_EQUAL(change(&world, root, root, NULL, "disabled"), DM_E_CONFLICT);
    CU_ASSERT_EQUAL(change(&world, root, second, "SuperAdmin", NULL), DM_OK);
    CU_ASSERT_EQUAL(change(&world, root, root, "User", NULL), DM_OK);
    CU_ASSERT_EQUAL(change(&world, second, second, NULL, "disabled"), DM_E_CONFLICT);
    dm_world_close(&world);
}

struct demotion {
    const struct dm_domain *domain;
    struct dm_str actor, target;
    pthread_barrier_t *start;
    enum dm_result result;
};

static void *demote(void *arg)
{
    struct demotion *demotion = arg;
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    const struct dm_user_change to_user = {.role = DM_STR("User")};
    struct dm_user user;
    ctx.actor_id = demotion->actor;
    pthread_barrier_wait(demotion->start);
    demotion->result = dm_user_change(demotion->domain, &ctx, demotion->target, &to_user, &user);
    dm_arena_free(arena);
    return NULL;
}

static void of_two_superadmins_who_demote_each_other_one_remains(void)
{
    struct dm_world world;
    pthread_barrier_t start;
    pthread_t threads[2];
    office_open(&world);
    struct dm_str a = joined(&world, "SuperAdmin"), b = joined(&world, "SuperAdmin");
    struct demotion demotions[] = {{&world.domain, a, b, &start, DM_OK},
                                   {&world.domain, b, a, &start, DM_OK}};
    CU_ASSERT_EQUAL_FATAL(pthread_barrier_init(&start, NULL, 2), 0);
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, demote, &demotions[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    CU_ASSERT_TRUE((demotions[0].result == DM_OK) != (demotions[1].result == DM_OK));
    CU_ASSERT_TRUE(stands(&world, a, "SuperAdmin active") !=
                   stands(&world, b, "SuperAdmin active"));
    dm_world_close(&world);
}

static struct dm_user_admin admin_of(struct dm_str email, const char *password)
{
    return (struct dm_user_admin){.email = email,
                                  .password = dm_str_from(password),
                                  .first_name = DM_STR("Grace"),
                                  .last_name = DM_STR("Hopper"),
                                  .role = DM_STR("SuperAdmin")};
}

static void an_administrator_is_made_whole_or_not_at_all(void)
{
    struct dm_world world;
    struct dm_str id;
    office_open(&world);
    struct dm_user_admin admin = admin_of(dm_owner_address(&world), "granite owl harvest 55");
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL_FATAL(dm_user_create_admin(&world.domain, &world.ctx, &admin, &id), DM_OK);
    CU_ASSERT_TRUE(stands(&world, id, "SuperAdmin active"));
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.create_admin", id), 1);
    CU_ASSERT_EQUAL(dm_user_create_admin(&world.domain, &world.ctx, &admin, &id), DM_E_CONFLICT);
    admin = admin_of(dm_owner_address(&world), "password");
    CU_ASSERT_EQUAL(dm_user_create_admin(&world.domain, &world.ctx, &admin, &id), DM_E_INVALID);
    admin = admin_of(DM_STR("not an address"), "granite owl harvest 55");
    CU_ASSERT_EQUAL(dm_user_create_admin(&world.domain, &world.ctx, &admin, &id), DM_E_INVALID);
    dm_world_close(&world);
}

static void only_an_active_account_is_promoted(void)
{
    struct dm_world world;
    struct dm_str id;
    office_open(&world);
    struct dm_user_admin admin = admin_of(dm_owner_address(&world), "");
    world.ctx = dm_world_ctx(world.arena);
    CU_ASSERT_EQUAL(dm_user_promote(&world.domain, &world.ctx, &admin, &id), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_owner_register(&world, admin.email, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    CU_ASSERT_EQUAL(dm_user_promote(&world.domain, &world.ctx, &admin, &id), DM_E_CONFLICT);
    CU_ASSERT_EQUAL(dm_owner_confirm(&world, dm_owner_mailed_token(&world, admin.email)), DM_OK);
    CU_ASSERT_EQUAL(dm_user_promote(&world.domain, &world.ctx, &admin, &id), DM_OK);
    CU_ASSERT_TRUE(stands(&world, id, "SuperAdmin active"));
    dm_world_close(&world);
}

CU_TestInfo *dm_user_suite(void)
{
    static CU_TestInfo tests[] = {
        {"an admin changes users and nobody above", an_admin_changes_users_and_nobody_above},
        {"an actor who lost the role a moment ago has none",
         an_actor_who_lost_the_role_a_moment_ago_has_none},
        {"a change ends the sessions and is recorded and told",
         a_change_ends_the_sessions_and_is_recorded_and_told},
        {"the last SuperAdmin stays", the_last_superadmin_stays},
        {"of two SuperAdmins who demote each other one remains",
         of_two_superadmins_who_demote_each_other_one_remains},
        {"an administrator is made whole or not at all",
         an_administrator_is_made_whole_or_not_at_all},
        {"only an active account is promoted", only_an_active_account_is_promoted},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

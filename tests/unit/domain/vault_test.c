/* Every secret at rest comes under another key, whatever else is in the column, and none is lost on the way. */
#include "domain/vault.h"

#include "base/id.h"
#include "domain/startup.h"
#include "store/sealed_store.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

#define NEW_KEY "//////////////////////////////////////////8="
#define FACTORS 3

/* Some owners' factors, each sealed under the world's key. */
struct vault {
    struct dm_world world;
    struct dm_str factors[FACTORS];
};

static struct dm_str seal(struct vault *vault, struct dm_str row_id)
{
    const struct dm_sealed_place place = {"second_factor", "secret", row_id};
    struct dm_str sealed = {NULL, 0};
    CU_ASSERT_EQUAL_FATAL(dm_sealed_close(&vault->world.domain.sealed_keys, &vault->world.ctx,
                                          &place, (struct dm_secret){"the secret", 10}, &sealed),
                          DM_OK);
    return sealed;
}

static void set_secret(struct vault *vault, size_t i, struct dm_str sealed)
{
    struct dm_str both = dm_arena_printf(vault->world.arena, "%.*s %.*s",
                                         DM_STR_ARG(vault->factors[i]), DM_STR_ARG(sealed));
    dm_world_do(&vault->world, "test_set_secret",
                "UPDATE second_factor SET secret = split_part($1, ' ', 2)"
                " WHERE id = split_part($1, ' ', 1)::uuid",
                both);
}

static void add_factor(struct vault *vault, size_t i)
{
    struct dm_world *world = &vault->world;
    struct dm_str email = dm_owner_address(world);
    dm_owner_join(world, email);
    vault->factors[i] = dm_id_new(world->arena);
    struct dm_str all =
        dm_arena_printf(world->arena, "%.*s %.*s %.*s", DM_STR_ARG(email),
                        DM_STR_ARG(vault->factors[i]), DM_STR_ARG(seal(vault, vault->factors[i])));
    dm_world_do(world, "test_add_factor",
                "INSERT INTO second_factor (id, account_id, kind, secret, created_by, updated_by)"
                " SELECT split_part($1, ' ', 2)::uuid, id, 'totp', split_part($1, ' ', 3), id, id"
                " FROM account WHERE email = split_part($1, ' ', 1)",
                all);
}

static void vault_open(struct vault *vault)
{
    dm_world_open(&vault->world);
    dm_world_do(&vault->world, "test_no_factors", "DELETE FROM second_factor WHERE $1 = 'all'",
                DM_STR("all"));
    for (size_t i = 0; i < FACTORS; i++)
        add_factor(vault, i);
}

/* From now on another key seals; the one before still opens, or is forgotten. */
static void change_key(struct vault *vault, bool forget)
{
    struct dm_settings *settings = &vault->world.settings;
    struct dm_err err;
    if (!forget)
        settings->encryption_previous_key = settings->encryption_key;
    settings->encryption_key = (struct dm_secret){NEW_KEY, sizeof(NEW_KEY) - 1};
    CU_ASSERT_EQUAL_FATAL(dm_startup_sealed_keys(settings, &err, &vault->world.domain.sealed_keys),
                          DM_OK);
}

static struct dm_vault_walk renew(struct vault *vault)
{
    struct dm_vault_walk walk = {.column = &dm_sealed_columns[0]};
    while (!walk.done) {
        vault->world.ctx = dm_world_ctx(vault->world.arena);
        CU_ASSERT_EQUAL_FATAL(dm_vault_renew(&vault->world.domain, &vault->world.ctx, &walk),
                              DM_OK);
    }
    return walk;
}

static struct dm_vault_census count(struct vault *vault)
{
    struct dm_vault_census census = {0};
    vault->world.ctx = dm_world_ctx(vault->world.arena);
    CU_ASSERT_EQUAL_FATAL(
        dm_vault_count(&vault->world.domain, &vault->world.ctx, &dm_sealed_columns[0], &census),
        DM_OK);
    return census;
}

static bool opens(struct vault *vault, size_t i)
{
    const struct dm_sealed_place place = {"second_factor", "secret", vault->factors[i]};
    struct dm_secret plain;
    struct dm_str sealed =
        dm_world_ask(&vault->world, "test_read_secret",
                     "SELECT secret FROM second_factor WHERE id = $1::uuid", vault->factors[i]);
    return dm_sealed_open(&vault->world.domain.sealed_keys, &vault->world.ctx, &place, sealed,
                          &plain) == DM_OK &&
           plain.n == 10 && memcmp(plain.p, "the secret", 10) == 0 &&
           dm_sealed_is_current(&vault->world.domain.sealed_keys, sealed);
}

static void all_values_come_under_the_new_key_and_stay_what_they_are(void)
{
    struct vault vault;
    vault_open(&vault);
    change_key(&vault, false);
    CU_ASSERT_EQUAL(count(&vault).previous, FACTORS);
    struct dm_vault_walk walk = renew(&vault);
    CU_ASSERT_EQUAL(walk.renewed, FACTORS);
    CU_ASSERT_EQUAL(walk.unknown_key + walk.damaged, 0);
    CU_ASSERT_EQUAL(count(&vault).current, FACTORS);
    for (size_t i = 0; i < FACTORS; i++)
        CU_ASSERT_TRUE(opens(&vault, i));
    CU_ASSERT_EQUAL(renew(&vault).renewed, 0);
    dm_world_close(&vault.world);
}

static void a_damaged_value_is_counted_and_does_not_stop_the_others(void)
{
    struct vault vault;
    vault_open(&vault);
    set_secret(&vault, 1, seal(&vault, vault.factors[0])); /* moved here from another row */
    change_key(&vault, false);
    struct dm_vault_walk walk = renew(&vault);
    CU_ASSERT_EQUAL(walk.renewed, FACTORS - 1);
    CU_ASSERT_EQUAL(walk.damaged, 1);
    CU_ASSERT_TRUE(opens(&vault, 0));
    CU_ASSERT_FALSE(opens(&vault, 1));
    CU_ASSERT_TRUE(opens(&vault, 2));
    dm_world_close(&vault.world);
}

static void values_under_a_key_that_is_gone_are_left_and_named(void)
{
    struct vault vault;
    vault_open(&vault);
    struct dm_str old_id =
        dm_arena_str(vault.world.arena, dm_str_from(vault.world.domain.sealed_keys.current.id));
    change_key(&vault, true);
    struct dm_vault_census census = count(&vault);
    CU_ASSERT_EQUAL(census.unknown, FACTORS);
    CU_ASSERT_TRUE(dm_str_eq(census.unknown_key_id, old_id));
    struct dm_vault_walk walk = renew(&vault);
    CU_ASSERT_EQUAL(walk.unknown_key, FACTORS);
    CU_ASSERT_EQUAL(walk.renewed, 0);
    CU_ASSERT_EQUAL(count(&vault).unknown, FACTORS);
    dm_world_close(&vault.world);
}

CU_TestInfo *dm_vault_suite(void)
{
    static CU_TestInfo tests[] = {
        {"all values come under the new key and stay what they are",
         all_values_come_under_the_new_key_and_stay_what_they_are},
        {"a damaged value is counted and does not stop the others",
         a_damaged_value_is_counted_and_does_not_stop_the_others},
        {"values under a key that is gone are left and named",
         values_under_a_key_that_is_gone_are_left_and_named},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

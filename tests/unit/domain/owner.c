/* What the owner of an account does in the database suites, through the domain's own functions. */
#include "unit/domain/owner.h"

#include "base/id.h"
#include "unit/unit.h"

struct dm_str dm_owner_address(struct dm_world *world)
{
    char hex[33];
    dm_id_hex(hex, 32);
    return dm_arena_printf(world->arena, "Owner.%s@Example.org", hex);
}

enum dm_result dm_owner_register(struct dm_world *world, struct dm_str email,
                                 struct dm_str password)
{
    const struct dm_registration registration = {
        .email = email,
        .password = password,
        .first_name = DM_STR("Ada"),
        .last_name = DM_STR("Lovelace"),
    };
    world->ctx = dm_world_ctx(world->arena);
    return dm_account_register(&world->domain, &world->ctx, &registration);
}

struct dm_str dm_owner_mailed(struct dm_world *world, struct dm_str email, const char *kind,
                              const char *value)
{
    struct dm_str key = dm_arena_printf(world->arena, "%.*s|%s|%s", DM_STR_ARG(email), kind, value);
    return dm_world_ask(world, "test_newest_mail",
                        "SELECT payload->'values'->>split_part($1, '|', 3)"
                        " FROM job"
                        " WHERE kind = 'mail'"
                        " AND payload->>'to' = split_part($1, '|', 1)"
                        " AND payload->>'kind' = split_part($1, '|', 2)"
                        " ORDER BY id DESC"
                        " LIMIT 1",
                        key);
}

struct dm_str dm_owner_mailed_token(struct dm_world *world, struct dm_str email)
{
    return dm_owner_mailed(world, email, "confirm", "token");
}

static int64_t count(struct dm_str cell)
{
    int64_t n = -1;
    CU_ASSERT_TRUE(dm_str_to_int(cell, 0, INT64_MAX, &n));
    return n;
}

int64_t dm_owner_count_mails(struct dm_world *world, struct dm_str email, const char *kind)
{
    struct dm_str both = dm_arena_printf(world->arena, "%.*s|%s", DM_STR_ARG(email), kind);
    return count(dm_world_ask(world, "test_count_mails",
                              "SELECT count(*)"
                              " FROM job"
                              " WHERE kind = 'mail'"
                              " AND payload->>'to' || '|' || (payload->>'kind') LIKE $1",
                              both));
}

enum dm_result dm_owner_confirm(struct dm_world *world, struct dm_str token)
{
    const struct dm_one_time_proof proof = {.token = token};
    world->ctx = dm_world_ctx(world->arena);
    return dm_account_confirm_email(&world->domain, &world->ctx, &proof);
}

void dm_owner_join(struct dm_world *world, struct dm_str email)
{
    CU_ASSERT_EQUAL_FATAL(dm_owner_register(world, email, DM_STR(DM_OWNER_PASSWORD)), DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_owner_confirm(world, dm_owner_mailed_token(world, email)), DM_OK);
}

int64_t dm_owner_count_audit(struct dm_world *world, const char *action, struct dm_str entity_id)
{
    struct dm_str both = dm_arena_printf(world->arena, "%s %.*s", action, DM_STR_ARG(entity_id));
    return count(dm_world_ask(world, "test_count_audit",
                              "SELECT count(*)"
                              " FROM audit_event"
                              " WHERE action || ' ' || entity_id = $1",
                              both));
}

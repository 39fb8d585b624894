/* API keys against the real database: what one that is shown opens, what is remembered of it, and that no use is lost. */
#include "domain/api_key.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/id.h"
#include "domain/api_key_check.h"
#include "domain/api_key_text.h"
#include "store/api_key_store.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

#define HOUR_MS (3600 * 1000)

static void open_world(struct dm_world *world, size_t cache_entries, struct dm_str *ret_owner_id)
{
    dm_world_open(world);
    world->settings.api_keys_max = 25;
    world->domain.api_key_cache = dm_api_key_cache_new(cache_entries);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->domain.api_key_cache);
    struct dm_str email = dm_owner_address(world);
    dm_owner_join(world, email);
    *ret_owner_id =
        dm_world_ask(world, "api_key_test_owner", "SELECT id FROM account WHERE email = $1", email);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ret_owner_id->p);
}

static void close_world(struct dm_world *world)
{
    dm_cache_free(world->domain.api_key_cache);
    dm_world_close(world);
}

static struct dm_api_key make(struct dm_world *world, struct dm_str owner_id)
{
    struct dm_str scopes[] = {DM_STR("personality:read")};
    const struct dm_api_key_write write = {.name = DM_STR("A program"), .scopes = {scopes, 1}};
    struct dm_api_key key = {0};
    world->ctx = dm_world_ctx(world->arena);
    world->ctx.actor_id = owner_id;
    const struct dm_owned owned = {owner_id, dm_id_new(world->arena)};
    CU_ASSERT_EQUAL_FATAL(dm_api_key_create(&world->domain, &world->ctx, owned, &write, &key),
                          DM_OK);
    return key;
}

static enum dm_result check(struct dm_world *world, struct dm_str text,
                            struct dm_principal *ret_principal)
{
    world->ctx = dm_world_ctx(world->arena);
    return dm_api_key_check(&world->domain, &world->ctx, text, ret_principal);
}

static void a_key_opens_what_it_was_given(void)
{
    struct dm_world world;
    struct dm_str owner_id;
    open_world(&world, 16, &owner_id);
    struct dm_api_key key = make(&world, owner_id);
    /* Read, then remembered. */
    for (int i = 0; i < 2; i++) {
        struct dm_principal principal = {0};
        CU_ASSERT_EQUAL_FATAL(check(&world, key.text, &principal), DM_OK);
        CU_ASSERT_EQUAL(principal.credential, DM_CREDENTIAL_API_KEY);
        CU_ASSERT_TRUE(dm_str_eq(principal.account_id, owner_id));
        CU_ASSERT_TRUE(dm_str_eq(principal.key_id, key.id));
        CU_ASSERT_EQUAL(principal.scopes, DM_SCOPE_PERSONALITY_READ);
        CU_ASSERT_EQUAL(principal.role, DM_ROLE_USER);
        CU_ASSERT_TRUE(dm_str_starts(principal.key_mark, key.id));
    }
    close_world(&world);
}

static void another_secret_of_the_same_id_opens_nothing(void)
{
    struct dm_world world;
    struct dm_str owner_id;
    open_world(&world, 16, &owner_id);
    struct dm_api_key key = make(&world, owner_id);
    char forged[DM_API_KEY_TEXT];
    struct dm_api_key_parts parts;
    struct dm_principal principal = {0};
    dm_api_key_make(key.id, forged, &parts);
    CU_ASSERT_EQUAL(check(&world, dm_str_from(forged), &principal), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(check(&world, key.text, &principal), DM_OK);
    CU_ASSERT_EQUAL(check(&world, dm_str_from(forged), &principal), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(check(&world, key.text, &principal), DM_OK);
    dm_api_key_make(dm_id_new(world.arena), forged, &parts);
    CU_ASSERT_EQUAL(check(&world, dm_str_from(forged), &principal), DM_E_UNAUTHENTICATED);
    close_world(&world);
}

static bool stands(struct dm_world *world, struct dm_str mark)
{
    bool alive = false;
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL(dm_api_key_store_alive(world->domain.pg, &world->ctx, mark, &alive), DM_OK);
    return alive;
}

static void what_is_remembered_holds_until_it_is_forgotten_and_its_mark_tells(void)
{
    struct dm_world world;
    struct dm_str owner_id;
    struct dm_principal principal = {0}, again = {0};
    open_world(&world, 16, &owner_id);
    struct dm_api_key key = make(&world, owner_id);
    CU_ASSERT_EQUAL_FATAL(check(&world, key.text, &principal), DM_OK);
    CU_ASSERT_TRUE(stands(&world, principal.key_mark));
    const struct dm_owned owned = {owner_id, key.id};
    CU_ASSERT_EQUAL(dm_api_key_revoke(&world.domain, &world.ctx, owned, (struct dm_opt_int){0}),
                    DM_OK);
    CU_ASSERT_EQUAL(check(&world, key.text, &again), DM_OK);
    CU_ASSERT_FALSE(stands(&world, again.key_mark));
    dm_api_key_forget(&world.domain, key.id);
    CU_ASSERT_EQUAL(check(&world, key.text, &again), DM_E_UNAUTHENTICATED);
    close_world(&world);
}

static void an_owner_who_changes_makes_every_mark_fall(void)
{
    struct dm_world world;
    struct dm_str owner_id;
    struct dm_principal principal = {0};
    struct dm_list marks = {NULL, 0};
    struct dm_pg_conn *conn;
    open_world(&world, 16, &owner_id);
    struct dm_api_key key = make(&world, owner_id);
    (void)make(&world, owner_id);
    CU_ASSERT_EQUAL_FATAL(check(&world, key.text, &principal), DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(world.domain.pg, &world.ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL(dm_api_key_store_renew_all(conn, &world.ctx, owner_id, &marks), DM_OK);
    CU_ASSERT_EQUAL(dm_pg_commit(conn, &world.ctx), DM_OK);
    CU_ASSERT_EQUAL_FATAL(marks.n, 2);
    const struct dm_str *mark = marks.items;
    CU_ASSERT_TRUE(dm_str_eq(mark[0], principal.key_mark) ||
                   dm_str_eq(mark[1], principal.key_mark));
    CU_ASSERT_FALSE(stands(&world, principal.key_mark));
    dm_api_key_forget(&world.domain, key.id);
    CU_ASSERT_EQUAL(check(&world, key.text, &principal), DM_OK);
    CU_ASSERT_TRUE(stands(&world, principal.key_mark));
    close_world(&world);
}

static void the_secret_before_a_roll_ends_with_its_overlap_also_when_it_is_remembered(void)
{
    struct dm_world world;
    struct dm_str owner_id;
    struct dm_principal principal = {0};
    struct dm_api_key rolled = {0};
    open_world(&world, 16, &owner_id);
    struct dm_api_key key = make(&world, owner_id);
    const struct dm_owned owned = {owner_id, key.id};
    CU_ASSERT_EQUAL_FATAL(dm_api_key_roll(&world.domain, &world.ctx, owned, 60, &rolled), DM_OK);
    CU_ASSERT_EQUAL(check(&world, key.text, &principal), DM_OK);
    CU_ASSERT_EQUAL(check(&world, rolled.text, &principal), DM_OK);
    dm_clock_fake(dm_clock_wall_ms() + HOUR_MS);
    CU_ASSERT_EQUAL(check(&world, key.text, &principal), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(check(&world, rolled.text, &principal), DM_OK);
    dm_clock_fake(dm_clock_wall_ms() + (int64_t)DM_API_KEY_LIFE_MAX_S * 1000);
    CU_ASSERT_EQUAL(check(&world, rolled.text, &principal), DM_E_UNAUTHENTICATED);
    dm_clock_fake(0);
    close_world(&world);
}

static int64_t counted(struct dm_world *world, struct dm_str key_id)
{
    int64_t n = -1;
    struct dm_str text = dm_world_ask(world, "api_key_test_counted",
                                      "SELECT requests FROM api_key_use WHERE key_id = $1", key_id);
    CU_ASSERT_TRUE(dm_str_to_int(text, 0, INT64_MAX, &n));
    return n;
}

#define USERS 8
#define USES 200
struct user {
    struct dm_world *world;
    struct dm_str text;
};

static void *use(void *arg)
{
    const struct user *user = arg;
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    for (int i = 0; i < USES; i++) {
        struct dm_ctx ctx = dm_world_ctx(arena);
        struct dm_principal principal = {0};
        if (dm_api_key_check(&user->world->domain, &ctx, user->text, &principal) == DM_OK)
            dm_api_key_count(&user->world->domain, &ctx, principal.key_id);
        dm_arena_reset(arena);
    }
    dm_arena_free(arena);
    return NULL;
}

static void no_use_is_lost_by_many_at_once(void)
{
    struct dm_world world;
    struct dm_str owner_id;
    pthread_t threads[USERS];
    open_world(&world, 16, &owner_id);
    struct dm_api_key key = make(&world, owner_id);
    struct user user = {&world, key.text};
    for (size_t i = 0; i < USERS; i++)
        pthread_create(&threads[i], NULL, use, &user);
    for (size_t i = 0; i < USERS; i++)
        pthread_join(threads[i], NULL);
    /* The first one was written at once, the others wait for the minute to pass. */
    CU_ASSERT_TRUE(counted(&world, key.id) < USERS * USES);
    dm_api_key_count_all(&world.domain, &world.ctx);
    CU_ASSERT_EQUAL(counted(&world, key.id), USERS * USES);
    close_world(&world);
}

/* More keys than fit: each that gives its place up has its uses written. */
static void no_use_is_lost_for_want_of_room(void)
{
    struct dm_world world;
    struct dm_str owner_id;
    struct dm_api_key keys[10];
    int64_t sum = 0;
    open_world(&world, 4, &owner_id);
    for (size_t i = 0; i < 10; i++)
        keys[i] = make(&world, owner_id);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 10; i++) {
            struct dm_principal principal = {0};
            CU_ASSERT_EQUAL_FATAL(check(&world, keys[i].text, &principal), DM_OK);
            dm_api_key_count(&world.domain, &world.ctx, principal.key_id);
            dm_api_key_count(&world.domain, &world.ctx, principal.key_id);
        }
    }
    dm_api_key_count_all(&world.domain, &world.ctx);
    for (size_t i = 0; i < 10; i++)
        sum += counted(&world, keys[i].id);
    CU_ASSERT_EQUAL(sum, 60);
    close_world(&world);
}

CU_TestInfo *dm_api_key_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a key opens what it was given", a_key_opens_what_it_was_given},
        {"another secret of the same id opens nothing",
         another_secret_of_the_same_id_opens_nothing},
        {"what is remembered holds until it is forgotten, and its mark tells",
         what_is_remembered_holds_until_it_is_forgotten_and_its_mark_tells},
        {"an owner who changes makes every mark fall", an_owner_who_changes_makes_every_mark_fall},
        {"the secret before a roll ends with its overlap, also when it is remembered",
         the_secret_before_a_roll_ends_with_its_overlap_also_when_it_is_remembered},
        {"no use is lost by many at once", no_use_is_lost_by_many_at_once},
        {"no use is lost for want of room", no_use_is_lost_for_want_of_room},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

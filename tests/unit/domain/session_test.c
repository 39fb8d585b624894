/* Sessions against the real database: log-in, rotation under races, reuse, the end. */
#include "domain/session.h"

#include <pthread.h>

#include "domain/refresh.h"
#include "domain/token.h"
#include "store/session_store.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

#define REFRESHERS 8

static struct dm_session_grant login(struct dm_world *world, struct dm_str email)
{
    const struct dm_login in = {.email = email,
                                .password = DM_STR(DM_OWNER_PASSWORD),
                                .user_agent = DM_STR("test\xff"),
                                .address = DM_STR("192.0.2.1")};
    struct dm_session_grant grant = {0};
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL_FATAL(dm_session_login(&world->domain, &world->ctx, &in, &grant), DM_OK);
    return grant;
}

static enum dm_result refresh(struct dm_world *world, struct dm_str token,
                              struct dm_session_grant *ret_grant)
{
    world->ctx = dm_world_ctx(world->arena);
    return dm_refresh(&world->domain, &world->ctx, token, ret_grant);
}

static struct dm_principal principal_of(struct dm_world *world,
                                        const struct dm_session_grant *grant)
{
    struct dm_principal principal = {0};
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL_FATAL(
        dm_token_check(&world->domain, &world->ctx, grant->access_token, &principal), DM_OK);
    return principal;
}

static bool alive(struct dm_world *world, struct dm_str session_id)
{
    bool is_alive = false;
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL(dm_session_store_alive(world->domain.pg, &world->ctx, session_id, &is_alive),
                    DM_OK);
    return is_alive;
}

static void login_opens_a_session_for_the_account(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email);
    struct dm_principal principal = principal_of(&world, &grant);
    CU_ASSERT_EQUAL(grant.refresh_token.n, DM_REFRESH_TOKEN_TEXT);
    CU_ASSERT_TRUE(dm_str_eq(grant.account.email, email));
    CU_ASSERT_TRUE(dm_str_eq(principal.account_id, grant.account.id));
    CU_ASSERT_EQUAL(principal.scopes, dm_scope_of_role(DM_ROLE_USER));
    CU_ASSERT_TRUE(grant.access_expires_at_ms < grant.refresh_expires_at_ms);
    CU_ASSERT_TRUE(alive(&world, principal.session_id));
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "session.create", principal.session_id), 1);
    CU_ASSERT_STR(dm_world_ask(&world, "test_client",
                               "SELECT address || ' ' || coalesce(user_agent, 'none')"
                               " FROM session WHERE id = $1::uuid",
                               principal.session_id),
                  "192.0.2.1 none");
    dm_world_close(&world);
}

static void no_token_is_stored_as_it_is(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email);
    CU_ASSERT_STR(dm_world_ask(&world, "test_find_token",
                               "SELECT count(*) FROM session s"
                               " WHERE strpos(s::text, left($1, 22)) > 0"
                               " OR strpos(s::text, right($1, 43)) > 0",
                               grant.refresh_token),
                  "0");
    dm_world_close(&world);
}

static void refresh_replaces_the_token_and_keeps_the_session(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email);
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    for (int i = 0; i < 3; i++) {
        struct dm_session_grant next;
        CU_ASSERT_EQUAL_FATAL(refresh(&world, grant.refresh_token, &next), DM_OK);
        CU_ASSERT_FALSE(dm_str_eq(next.refresh_token, grant.refresh_token));
        CU_ASSERT_TRUE(dm_str_eq(principal_of(&world, &next).session_id, session_id));
        grant = next;
    }
    dm_world_close(&world);
}

/* The client lost the reply and asks again. */
static void token_shown_again_within_the_grace_gives_the_same_successor(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email), first, again;
    CU_ASSERT_EQUAL_FATAL(refresh(&world, grant.refresh_token, &first), DM_OK);
    CU_ASSERT_EQUAL_FATAL(refresh(&world, grant.refresh_token, &again), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(first.refresh_token, again.refresh_token));
    CU_ASSERT_EQUAL(refresh(&world, again.refresh_token, &first), DM_OK);
    dm_world_close(&world);
}

static void assert_family_dead(struct dm_world *world, struct dm_str email,
                               struct dm_str session_id, struct dm_str good_token)
{
    struct dm_session_grant grant;
    CU_ASSERT_FALSE(alive(world, session_id));
    CU_ASSERT_EQUAL(refresh(world, good_token, &grant), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_owner_count_audit(world, "session.reuse_detected", session_id), 1);
    CU_ASSERT_EQUAL(dm_owner_count_mails(world, email, "session-reuse"), 1);
}

static void token_shown_again_after_the_grace_ends_the_session(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email), next, stolen;
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    CU_ASSERT_EQUAL_FATAL(refresh(&world, grant.refresh_token, &next), DM_OK);
    dm_world_do(&world, "test_age_rotation",
                "UPDATE session SET rotated_at = rotated_at - interval '11 s' WHERE id = $1::uuid",
                session_id);
    CU_ASSERT_EQUAL(refresh(&world, grant.refresh_token, &stolen), DM_E_UNAUTHENTICATED);
    assert_family_dead(&world, email, session_id, next.refresh_token);
    dm_world_close(&world);
}

static void token_whose_successor_was_used_ends_the_session_within_the_grace_too(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email), second, third, stolen;
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    CU_ASSERT_EQUAL_FATAL(refresh(&world, grant.refresh_token, &second), DM_OK);
    CU_ASSERT_EQUAL_FATAL(refresh(&world, second.refresh_token, &third), DM_OK);
    CU_ASSERT_EQUAL(refresh(&world, grant.refresh_token, &stolen), DM_E_UNAUTHENTICATED);
    assert_family_dead(&world, email, session_id, third.refresh_token);
    dm_world_close(&world);
}

static void reuse_in_one_session_leaves_the_others_alone(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant one = login(&world, email), other = login(&world, email), next;
    CU_ASSERT_EQUAL_FATAL(refresh(&world, one.refresh_token, &next), DM_OK);
    CU_ASSERT_EQUAL_FATAL(refresh(&world, next.refresh_token, &next), DM_OK);
    CU_ASSERT_EQUAL(refresh(&world, one.refresh_token, &next), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(refresh(&world, other.refresh_token, &next), DM_OK);
    dm_world_close(&world);
}

struct refresher {
    struct dm_world *world;
    struct dm_str token;
    pthread_barrier_t *start;
    enum dm_result result;
    char successor[DM_REFRESH_TOKEN_TEXT + 1];
};

static void *refresh_at_once(void *arg)
{
    struct refresher *refresher = arg;
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    struct dm_session_grant grant;
    pthread_barrier_wait(refresher->start);
    refresher->result = dm_refresh(&refresher->world->domain, &ctx, refresher->token, &grant);
    if (refresher->result == DM_OK)
        memcpy(refresher->successor, grant.refresh_token.p, DM_REFRESH_TOKEN_TEXT);
    dm_arena_free(arena);
    return NULL;
}

/* Several tabs refresh at the same moment. */
static void refreshers_at_once_get_the_same_successor(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email);
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    for (int round = 0; round < 10; round++) {
        pthread_barrier_t start;
        pthread_t threads[REFRESHERS];
        struct refresher refreshers[REFRESHERS];
        pthread_barrier_init(&start, NULL, REFRESHERS);
        for (int i = 0; i < REFRESHERS; i++) {
            refreshers[i] =
                (struct refresher){.world = &world, .token = grant.refresh_token, .start = &start};
            CU_ASSERT_EQUAL_FATAL(
                pthread_create(&threads[i], NULL, refresh_at_once, &refreshers[i]), 0);
        }
        for (int i = 0; i < REFRESHERS; i++)
            pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&start);
        for (int i = 0; i < REFRESHERS; i++) {
            CU_ASSERT_EQUAL(refreshers[i].result, DM_OK);
            CU_ASSERT_STRING_EQUAL(refreshers[i].successor, refreshers[0].successor);
        }
        grant.refresh_token = dm_arena_str(world.arena, dm_str_from(refreshers[0].successor));
    }
    CU_ASSERT_TRUE(alive(&world, session_id));
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "session.reuse_detected", session_id), 0);
    dm_world_close(&world);
}

struct rotator {
    struct dm_world *world;
    struct dm_session_rotation rotation;
    pthread_barrier_t *start;
    enum dm_result result;
};

static void *rotate_at_once(void *arg)
{
    struct rotator *rotator = arg;
    struct dm_arena *arena = dm_arena_new(65536, 1 << 20);
    struct dm_ctx ctx = dm_world_ctx(arena);
    struct dm_session_row row;
    pthread_barrier_wait(rotator->start);
    rotator->result =
        dm_session_store_rotate(rotator->world->domain.pg, &ctx, &rotator->rotation, &row);
    dm_arena_free(arena);
    return NULL;
}

static void of_rotators_at_once_exactly_one_succeeds(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email);
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    char next[DM_SHA256_HEX];
    dm_secret_sha256_hex(DM_STR("next"), next);
    const struct dm_session_rotation rotation = {
        .family_hash =
            dm_world_ask(&world, "test_family",
                         "SELECT family_hash FROM session WHERE id = $1::uuid", session_id),
        .presented_hash =
            dm_world_ask(&world, "test_refresh",
                         "SELECT refresh_hash FROM session WHERE id = $1::uuid", session_id),
        .next_hash = dm_str_from(next),
        .idle_s = 60,
    };

    pthread_barrier_t start;
    pthread_t threads[REFRESHERS];
    struct rotator rotators[REFRESHERS];
    pthread_barrier_init(&start, NULL, REFRESHERS);
    for (int i = 0; i < REFRESHERS; i++) {
        rotators[i] = (struct rotator){.world = &world, .rotation = rotation, .start = &start};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, rotate_at_once, &rotators[i]), 0);
    }
    int succeeded = 0, not_good = 0;
    for (int i = 0; i < REFRESHERS; i++) {
        pthread_join(threads[i], NULL);
        succeeded += rotators[i].result == DM_OK;
        not_good += rotators[i].result == DM_E_NOTFOUND;
    }
    pthread_barrier_destroy(&start);
    CU_ASSERT_EQUAL(succeeded, 1);
    CU_ASSERT_EQUAL(not_good, REFRESHERS - 1);
    dm_world_close(&world);
}

static void logout_ends_the_session_at_once(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email), next;
    struct dm_principal principal = principal_of(&world, &grant);
    for (int i = 0; i < 2; i++) {
        world.ctx = dm_world_ctx(world.arena);
        CU_ASSERT_EQUAL(dm_session_logout(&world.domain, &world.ctx, &principal), DM_OK);
    }
    CU_ASSERT_FALSE(alive(&world, principal.session_id));
    CU_ASSERT_EQUAL(refresh(&world, grant.refresh_token, &next), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "session.logout", principal.session_id), 1);
    CU_ASSERT_EQUAL(dm_owner_count_mails(&world, email, "session-reuse"), 0);
    dm_world_close(&world);
}

static struct dm_list end_all(struct dm_world *world, struct dm_str account_id,
                              struct dm_str except_id)
{
    struct dm_pg_conn *conn;
    struct dm_list ended = {0};
    world->ctx = dm_world_ctx(world->arena);
    CU_ASSERT_EQUAL_FATAL(dm_pg_begin(world->domain.pg, &world->ctx, &conn), DM_OK);
    CU_ASSERT_EQUAL_FATAL(dm_pg_end(conn, &world->ctx,
                                    dm_session_end_all(conn, &world->ctx, account_id, except_id,
                                                       DM_SESSION_END_PASSWORD, &ended)),
                          DM_OK);
    dm_session_kill_ended(&world->domain, &world->ctx, &ended);
    return ended;
}

static void ending_all_spares_the_one_session_and_other_accounts(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world), stranger = dm_owner_address(&world);
    dm_owner_join(&world, email);
    dm_owner_join(&world, stranger);
    struct dm_session_grant grants[3] = {login(&world, email), login(&world, email),
                                         login(&world, stranger)};
    struct dm_principal own = principal_of(&world, &grants[0]);
    struct dm_principal other = principal_of(&world, &grants[1]);
    struct dm_principal foreign = principal_of(&world, &grants[2]);

    struct dm_list ended = end_all(&world, own.account_id, own.session_id);
    CU_ASSERT_EQUAL_FATAL(ended.n, 1);
    CU_ASSERT_TRUE(dm_str_eq(*(struct dm_str *)ended.items, other.session_id));
    CU_ASSERT_TRUE(alive(&world, own.session_id));
    CU_ASSERT_FALSE(alive(&world, other.session_id));
    CU_ASSERT_TRUE(alive(&world, foreign.session_id));
    CU_ASSERT_STR(dm_world_ask(&world, "test_end_reason",
                               "SELECT end_reason FROM session WHERE id = $1::uuid",
                               other.session_id),
                  "password");
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.end_sessions", own.account_id), 1);

    CU_ASSERT_EQUAL(end_all(&world, own.account_id, (struct dm_str){0}).n, 1);
    CU_ASSERT_FALSE(alive(&world, own.session_id));
    CU_ASSERT_EQUAL(end_all(&world, own.account_id, (struct dm_str){0}).n, 0);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "account.end_sessions", own.account_id), 2);
    dm_world_close(&world);
}

static void idle_session_is_over(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email), next;
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    dm_world_do(&world, "test_idle",
                "UPDATE session SET idle_expires_at = now() WHERE id = $1::uuid", session_id);
    CU_ASSERT_FALSE(alive(&world, session_id));
    CU_ASSERT_EQUAL(refresh(&world, grant.refresh_token, &next), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "session.reuse_detected", session_id), 0);
    dm_world_close(&world);
}

static void refreshing_never_passes_the_absolute_end(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email), next;
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    dm_world_do(&world, "test_absolute",
                "UPDATE session SET absolute_expires_at = idle_expires_at WHERE id = $1::uuid",
                session_id);
    CU_ASSERT_EQUAL_FATAL(refresh(&world, grant.refresh_token, &next), DM_OK);
    CU_ASSERT_EQUAL(next.refresh_expires_at_ms, grant.refresh_expires_at_ms);
    dm_world_close(&world);
}

static void disabled_account_has_no_session(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    dm_owner_join(&world, email);
    struct dm_session_grant grant = login(&world, email), next;
    struct dm_str session_id = principal_of(&world, &grant).session_id;
    dm_world_do(&world, "test_disable", "UPDATE account SET state = 'disabled' WHERE id = $1::uuid",
                grant.account.id);
    CU_ASSERT_FALSE(alive(&world, session_id));
    CU_ASSERT_EQUAL(refresh(&world, grant.refresh_token, &next), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "session.reuse_detected", session_id), 0);
    dm_world_close(&world);
}

static void made_up_refresh_tokens_are_refused(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_session_grant grant;
    char made_up[DM_REFRESH_TOKEN_TEXT + 1] = {0};
    memset(made_up, 'A', DM_REFRESH_TOKEN_TEXT);
    CU_ASSERT_EQUAL(refresh(&world, dm_str_from(made_up), &grant), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(refresh(&world, DM_STR("short"), &grant), DM_E_UNAUTHENTICATED);
    CU_ASSERT_EQUAL(refresh(&world, DM_STR(""), &grant), DM_E_UNAUTHENTICATED);
    dm_world_close(&world);
}

static void sessions_long_over_are_swept(void)
{
    static const struct {
        const char *name, *sql;
        bool swept;
    } cases[] = {
        {"test_session_past",
         "UPDATE session SET idle_expires_at = now() - interval '31 days',"
         " absolute_expires_at = now() - interval '31 days' WHERE id = $1::uuid",
         true},
        {"test_session_ended",
         "UPDATE session SET ended_at = now() - interval '31 days', end_reason = 'logout'"
         " WHERE id = $1::uuid",
         true},
        {"test_session_ended_of_late",
         "UPDATE session SET ended_at = now() - interval '29 days', end_reason = 'logout'"
         " WHERE id = $1::uuid",
         false},
        {"test_session_left_alone",
         "UPDATE session SET idle_expires_at = now() - interval '31 days' WHERE id = $1::uuid",
         false},
        {"test_session_in_use", "UPDATE session SET last_used_at = now() WHERE id = $1::uuid",
         false},
    };
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str email = dm_owner_address(&world);
    struct dm_str ids[sizeof(cases) / sizeof(cases[0])];
    dm_owner_join(&world, email);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dm_session_grant grant = login(&world, email);
        ids[i] = principal_of(&world, &grant).session_id;
        dm_world_do(&world, cases[i].name, cases[i].sql, ids[i]);
    }
    int64_t deleted = 0, all = 0;
    do {
        world.ctx = dm_world_ctx(world.arena);
        CU_ASSERT_EQUAL_FATAL(
            dm_session_store_sweep(world.domain.pg, &world.ctx, 30 * 86400, 1, &deleted), DM_OK);
        CU_ASSERT_TRUE(deleted <= 1);
        all += deleted;
    } while (deleted > 0);
    CU_ASSERT_TRUE(all >= 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dm_str found = dm_world_ask(&world, "test_find_session",
                                           "SELECT id FROM session WHERE id = $1::uuid", ids[i]);
        CU_ASSERT_EQUAL(found.p == NULL, cases[i].swept);
    }
    dm_world_close(&world);
}

CU_TestInfo *dm_session_suite(void)
{
    static CU_TestInfo tests[] = {
        {"log-in opens a session for the account", login_opens_a_session_for_the_account},
        {"no token is stored as it is", no_token_is_stored_as_it_is},
        {"refresh replaces the token and keeps the session",
         refresh_replaces_the_token_and_keeps_the_session},
        {"a token shown again within the grace gives the same successor",
         token_shown_again_within_the_grace_gives_the_same_successor},
        {"a token shown again after the grace ends the session",
         token_shown_again_after_the_grace_ends_the_session},
        {"a token whose successor was used ends the session within the grace too",
         token_whose_successor_was_used_ends_the_session_within_the_grace_too},
        {"reuse in one session leaves the others alone",
         reuse_in_one_session_leaves_the_others_alone},
        {"refreshers at once get the same successor", refreshers_at_once_get_the_same_successor},
        {"of rotators at once exactly one succeeds", of_rotators_at_once_exactly_one_succeeds},
        {"log-out ends the session at once", logout_ends_the_session_at_once},
        {"ending all spares the one session and other accounts",
         ending_all_spares_the_one_session_and_other_accounts},
        {"an idle session is over", idle_session_is_over},
        {"refreshing never passes the absolute end", refreshing_never_passes_the_absolute_end},
        {"a disabled account has no session", disabled_account_has_no_session},
        {"made-up refresh tokens are refused", made_up_refresh_tokens_are_refused},
        {"sessions long over are swept", sessions_long_over_are_swept},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

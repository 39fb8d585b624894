/* Which principal may call which row, and the challenge when it may not. */
#include "edge/auth.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static enum dm_result permit(enum dm_auth auth, struct dm_principal principal)
{
    struct dm_request request = {.remote_address = DM_STR("192.0.2.1")};
    struct dm_route route = {.auth = auth, .scope = DM_SCOPE_PERSONALITY_WRITE};
    struct dm_call call = {.route = &route, .request = &request, .principal = principal};
    return dm_auth_permit(&call);
}

static void asks_for_the_role(void)
{
    static const enum dm_role roles[] = {DM_ROLE_NONE, DM_ROLE_USER, DM_ROLE_ADMIN,
                                         DM_ROLE_SUPERADMIN};
    for (size_t i = 0; i < 4; i++) {
        struct dm_principal principal = {.role = roles[i], .scopes = dm_scope_all()};
        CU_ASSERT_EQUAL(permit(DM_AUTH_ADMIN, principal), i >= 2 ? DM_OK : DM_E_DENIED);
        CU_ASSERT_EQUAL(permit(DM_AUTH_SUPERADMIN, principal), i >= 3 ? DM_OK : DM_E_DENIED);
    }
}

static void asks_for_the_scope(void)
{
    struct dm_principal principal = {.role = DM_ROLE_SUPERADMIN,
                                     .scopes = DM_SCOPE_PERSONALITY_READ};
    CU_ASSERT_EQUAL(permit(DM_AUTH_USER, principal), DM_E_DENIED);
    principal.scopes |= DM_SCOPE_PERSONALITY_WRITE;
    CU_ASSERT_EQUAL(permit(DM_AUTH_USER, principal), DM_OK);
}

static void asks_for_a_persons_session(void)
{
    struct dm_principal principal = {.credential = DM_CREDENTIAL_API_KEY, .role = DM_ROLE_USER};
    CU_ASSERT_EQUAL(permit(DM_AUTH_JWT, principal), DM_E_DENIED);
    principal.credential = DM_CREDENTIAL_SESSION;
    CU_ASSERT_EQUAL(permit(DM_AUTH_JWT, principal), DM_OK);
}

static void never_permits_a_row_without_auth(void)
{
    struct dm_principal principal = {.role = DM_ROLE_SUPERADMIN, .scopes = dm_scope_all()};
    CU_ASSERT_EQUAL(permit(DM_AUTH_UNSAID, principal), DM_E_INTERNAL);
}

static void names_the_missing_scope(void)
{
    struct dm_arena *arena = dm_arena_new(4096, 65536);
    struct dm_response response;
    dm_response_init(&response, arena, 1024);
    struct dm_request request = {0};
    struct dm_route route = {.auth = DM_AUTH_USER, .scope = DM_SCOPE_CONVERSATION_WRITE};
    struct dm_call call = {
        .ctx = {.arena = arena}, .route = &route, .request = &request, .response = &response};
    dm_auth_challenge(&call, DM_E_DENIED);
    CU_ASSERT_STR(dm_response_header_of(&response, "WWW-Authenticate"),
                  "Bearer error=\"insufficient_scope\", scope=\"conversation:write\"");
    dm_arena_free(arena);
}

CU_TestInfo *dm_auth_suite(void)
{
    static CU_TestInfo tests[] = {
        {"asks for the role", asks_for_the_role},
        {"asks for the scope", asks_for_the_scope},
        {"asks for a person's session", asks_for_a_persons_session},
        {"never permits a row without auth", never_permits_a_row_without_auth},
        {"names the missing scope", names_the_missing_scope},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* Which principal may call which row, and the challenge when it may not. */
#include "edge/auth.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static enum dm_result permit_row(struct dm_route route, struct dm_principal principal)
{
    struct dm_request request = {.remote_address = DM_STR("192.0.2.1")};
    struct dm_call call = {.route = &route, .request = &request, .principal = principal};
    return dm_auth_permit(&call);
}

static enum dm_result permit(enum dm_auth auth, struct dm_principal principal)
{
    enum dm_scope scope = auth == DM_AUTH_USER ? DM_SCOPE_PERSONALITY_WRITE : DM_SCOPE_NONE;
    return permit_row((struct dm_route){.auth = auth, .scope = scope}, principal);
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

/* A key of an admin, for what a row may ask. */
static struct dm_principal key_with(unsigned scopes)
{
    return (struct dm_principal){
        .credential = DM_CREDENTIAL_API_KEY, .role = DM_ROLE_ADMIN, .scopes = scopes};
}

static void a_key_opens_an_admin_row_only_by_its_scope(void)
{
    struct dm_route open = {
        .name = "admin.read", .auth = DM_AUTH_ADMIN, .scope = DM_SCOPE_ADMIN_READ};
    struct dm_route closed = {.name = "admin.write", .auth = DM_AUTH_ADMIN};
    CU_ASSERT_EQUAL(permit_row(open, key_with(DM_SCOPE_ADMIN_READ)), DM_OK);
    CU_ASSERT_EQUAL(permit_row(open, key_with(DM_SCOPE_PERSONALITY_READ)), DM_E_DENIED);
    CU_ASSERT_EQUAL(permit_row(closed, key_with(dm_scope_all())), DM_E_DENIED);
    struct dm_principal demoted = key_with(DM_SCOPE_ADMIN_READ);
    demoted.role = DM_ROLE_USER;
    CU_ASSERT_EQUAL(permit_row(open, demoted), DM_E_DENIED);
}

static void a_key_opens_only_its_rows_from_its_networks(void)
{
    struct dm_route route = {
        .name = "thing.get", .auth = DM_AUTH_USER, .scope = DM_SCOPE_PERSONALITY_READ};
    struct dm_principal key = key_with(DM_SCOPE_PERSONALITY_READ);
    CU_ASSERT_EQUAL(permit_row(route, key), DM_OK);
    key.key_routes = DM_STR("other.* thing.list");
    CU_ASSERT_EQUAL(permit_row(route, key), DM_E_DENIED);
    key.key_routes = DM_STR("other.* thing.*");
    CU_ASSERT_EQUAL(permit_row(route, key), DM_OK);
    key.key_ranges = DM_STR("198.51.100.0/24");
    CU_ASSERT_EQUAL(permit_row(route, key), DM_E_DENIED);
    key.key_ranges = DM_STR("198.51.100.0/24 192.0.2.0/24");
    CU_ASSERT_EQUAL(permit_row(route, key), DM_OK);
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
        {"a key opens an admin row only by its scope", a_key_opens_an_admin_row_only_by_its_scope},
        {"a key opens only its rows, from its networks",
         a_key_opens_only_its_rows_from_its_networks},
        {"never permits a row without auth", never_permits_a_row_without_auth},
        {"names the missing scope", names_the_missing_scope},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

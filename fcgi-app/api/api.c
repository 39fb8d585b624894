/* The index of what there is: resources, majors, old paths. A new resource adds its line here and its file to subdir.am. */
#include "api/api.h"

static const struct dm_routes *const resources[] = {
    &dm_account_change_routes, &dm_account_reset_routes, &dm_account_routes,
    &dm_api_key_routes,        &dm_audit_routes,         &dm_auth_routes,
    &dm_conversation_routes,   &dm_health_routes,        &dm_memory_routes,
    &dm_message_routes,        &dm_mfa_routes,           &dm_page_routes,
    &dm_pattern_routes,        &dm_personal_routes,      &dm_personality_routes,
    &dm_session_routes,        &dm_site_routes,          &dm_trait_routes,
    &dm_user_routes,
};

static const struct dm_version versions[] = {
    {.major = 1, .released_s = 1795392000}, /* 2026-11-23 */
};

/* What there was before majors: found below v1 since its first day. */
static const struct dm_alias aliases[] = {
    {.path = "/api/auth", .successor = "/api/v1/auth", .deprecated = DM_API_MVP},
    {.path = "/api/conversation", .successor = "/api/v1/conversations", .deprecated = DM_API_MVP},
    {.path = "/api/conversations", .successor = "/api/v1/conversations", .deprecated = DM_API_MVP},
    {.path = "/api/personality", .successor = "/api/v1/personality", .deprecated = DM_API_MVP},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum dm_result dm_api_router(struct dm_err *err, struct dm_router **ret_router)
{
    const struct dm_surface surface = {
        .resources = resources,
        .n_resources = COUNT(resources),
        .versions = versions,
        .n_versions = COUNT(versions),
        .aliases = aliases,
        .n_aliases = COUNT(aliases),
    };
    return dm_router_new(&surface, err, ret_router);
}

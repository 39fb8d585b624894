/* The index of resources: a new one adds its line here and its file to subdir.am. */
#include "api/api.h"

enum dm_result dm_api_router(struct dm_err *err, struct dm_router **ret_router)
{
    static const struct dm_routes *const resources[] = {
        &dm_account_change_routes, &dm_account_reset_routes, &dm_account_routes,
        &dm_api_key_routes,        &dm_audit_routes,         &dm_auth_routes,
        &dm_conversation_routes,   &dm_health_routes,        &dm_memory_routes,
        &dm_message_routes,        &dm_mfa_routes,           &dm_page_routes,
        &dm_pattern_routes,        &dm_personal_routes,      &dm_personality_routes,
        &dm_session_routes,        &dm_site_routes,          &dm_trait_routes,
        &dm_user_routes,
    };
    return dm_router_new(resources, sizeof(resources) / sizeof(resources[0]), err, ret_router);
}

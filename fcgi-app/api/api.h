/* The public surface: the index of all rows, a line a resource. */
#ifndef DM_API_API_H
#define DM_API_API_H

#include "edge/route.h"

extern const struct dm_routes dm_account_change_routes;
extern const struct dm_routes dm_account_reset_routes;
extern const struct dm_routes dm_account_routes;
extern const struct dm_routes dm_audit_routes;
extern const struct dm_routes dm_api_key_routes;
extern const struct dm_routes dm_auth_routes;
extern const struct dm_routes dm_conversation_routes;
extern const struct dm_routes dm_health_routes;
extern const struct dm_routes dm_memory_routes;
extern const struct dm_routes dm_message_routes;
extern const struct dm_routes dm_mfa_routes;
extern const struct dm_routes dm_page_routes;
extern const struct dm_routes dm_pattern_routes;
extern const struct dm_routes dm_personal_routes;
extern const struct dm_routes dm_personality_routes;
extern const struct dm_routes dm_session_routes;
extern const struct dm_routes dm_site_routes;
extern const struct dm_routes dm_trait_routes;
extern const struct dm_routes dm_user_routes;

/* The end of all that was there before majors: a year after v1's first day. */
#define DM_API_MVP_AT_S 1795392000     /* 2026-11-23 */
#define DM_API_MVP_SUNSET_S 1826928000 /* 2027-11-23 */
#define DM_API_MVP                                                                                 \
    {                                                                                              \
        .at_s = DM_API_MVP_AT_S, .sunset_s = DM_API_MVP_SUNSET_S, .notice = "/api/versions"        \
    }

/* All rows, checked. Caller frees with dm_router_free. */
DM_MUST_CHECK enum dm_result dm_api_router(struct dm_err *err, struct dm_router **ret_router);

#endif

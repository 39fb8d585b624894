/* The limiting stage's table: limit class and role to the settings' windows; and the fields that tell the caller how much is left. */
#include "edge/limit.h"

#include "domain/settings.h"

#define OF_ROLE SIZE_MAX /* the role's own windows */

static const struct {
    const char *name;
    size_t offset; /* in struct dm_settings */
    bool by_address;
} classes[] = {
    [DM_LIMIT_READ] = {"call", OF_ROLE, false},
    [DM_LIMIT_WRITE] = {"call", OF_ROLE, false},
    [DM_LIMIT_AUTH] = {"auth", offsetof(struct dm_settings, limits_auth), true},
    [DM_LIMIT_MODEL] = {"model", offsetof(struct dm_settings, limits_model), false},
    [DM_LIMIT_EXPORT] = {"export", offsetof(struct dm_settings, limits_export), false},
};

static const size_t roles[] = {
    [DM_ROLE_NONE] = offsetof(struct dm_settings, limits_anonymous),
    [DM_ROLE_USER] = offsetof(struct dm_settings, limits_user),
    [DM_ROLE_ADMIN] = offsetof(struct dm_settings, limits_admin),
    [DM_ROLE_SUPERADMIN] = offsetof(struct dm_settings, limits_superadmin),
};

struct dm_limit dm_limit_of(const struct dm_settings *settings, enum dm_limit_class class,
                            enum dm_role role)
{
    static const struct dm_rates none = {0};
    if (class == DM_LIMIT_NONE)
        return (struct dm_limit){.name = "none", .rates = &none};
    size_t offset = classes[class].offset == OF_ROLE ? roles[role] : classes[class].offset;
    return (struct dm_limit){
        .name = classes[class].name,
        .rates = (const struct dm_rates *)(const void *)((const char *)settings + offset),
        .by_address = classes[class].by_address,
    };
}

void dm_limit_headers(struct dm_response *response, struct dm_ctx *ctx,
                      const struct dm_gate_answer *answer)
{
    if (answer->limit == 0)
        return;
    struct dm_arena *arena = ctx->arena;
    dm_response_header(response, "RateLimit-Policy",
                       dm_arena_printf(arena, "\"default\";q=%lld;w=%lld", (long long)answer->limit,
                                       (long long)answer->window_s));
    dm_response_header(response, "RateLimit",
                       dm_arena_printf(arena, "\"default\";r=%lld;t=%lld",
                                       (long long)answer->remaining, (long long)answer->reset_s));
    dm_response_header_int(response, ctx, "X-RateLimit-Limit", answer->limit);
    dm_response_header_int(response, ctx, "X-RateLimit-Remaining", answer->remaining);
    dm_response_header_int(response, ctx, "X-RateLimit-Reset", answer->reset_s);
}

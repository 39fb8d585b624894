/* The context's own words: what every layer says when the arena has no more to give. */
#include "base/ctx.h"

enum dm_result dm_ctx_nomem(struct dm_ctx *ctx)
{
    return dm_err_set(&ctx->err, DM_E_NOMEM,
                      "out of memory, or the bound of %zu bytes in use reached",
                      dm_arena_used(ctx->arena));
}

/* The chain of providers. The built-in responder needs nothing but the database and stands last in it. */
#include "domain/model.h"

#include "domain/builtin.h"

static const struct dm_model *const chain[] = {
    &dm_builtin_model,
};

enum dm_result dm_model_generate(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 const struct dm_model_request *request,
                                 struct dm_model_reply *ret_reply)
{
    enum dm_result r = DM_E_UNAVAILABLE;
    for (size_t i = 0; i < sizeof(chain) / sizeof(chain[0]); i++) {
        struct dm_model_reply reply = {0};
        r = chain[i]->generate(domain, ctx, request, &reply);
        if (r != DM_OK)
            continue;
        reply.fallback = i > 0;
        *ret_reply = reply;
        break;
    }
    return r;
}

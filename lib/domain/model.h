/*
 * What turns a message into a reply in a self's voice. A provider is a row of one function; the chain asks them in order until one answers.
 * Whoever asks holds no database connection while a model thinks, and every provider ends by ctx->deadline_ms.
 */
#ifndef DM_DOMAIN_MODEL_H
#define DM_DOMAIN_MODEL_H

#include "domain/domain.h"
#include "domain/profile.h"
#include "store/message_store.h"

#define DM_REPLY_POINTS_MAX 10000 /* of a reply's text: code points */

struct dm_model_request {
    const struct dm_profile *profile; /* the self that answers */
    struct dm_str message;            /* what was said to it; UTF-8 */
};

/* An item that the reply was made of. */
struct dm_model_source {
    const char *kind;      /* "profile", "example", "memory", "trait"; static */
    struct dm_str id;      /* of the memory or trait, else absent */
    struct dm_str pointer; /* into the profile's document (RFC 6901), else absent: "/location" */
    struct dm_str text;    /* of the item */
};

#define DM_MODEL_SOURCES_MAX 4

struct dm_model_reply {
    struct dm_str text; /* 1 to DM_REPLY_POINTS_MAX code points; lives in the arena */
    const char *provider, *model, *finish_reason; /* static */
    struct dm_usage usage;
    struct dm_model_source sources[DM_MODEL_SOURCES_MAX];
    size_t n_sources; /* 0: nothing fitted, the self says that it does not know */
    bool fallback;    /* set by the chain: not made by its first provider */
};

struct dm_model {
    const char *name; /* "builtin" */
    /* *ret_reply comes zeroed. */
    enum dm_result (*generate)(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_model_request *request,
                               struct dm_model_reply *ret_reply);
};

/* Ask the chain. The last provider's error when none answers. */
DM_MUST_CHECK enum dm_result dm_model_generate(const struct dm_domain *domain, struct dm_ctx *ctx,
                                               const struct dm_model_request *request,
                                               struct dm_model_reply *ret_reply);

#endif

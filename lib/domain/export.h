/* Everything that is held about an account, as one JSON document (GDPR, articles 15 and 20). */
#ifndef DM_DOMAIN_EXPORT_H
#define DM_DOMAIN_EXPORT_H

#include "base/ctx.h"
#include "domain/domain.h"

/* Where the document goes, piece by piece. write: false when it can take no more, with *err filled. */
struct dm_export_sink {
    bool (*write)(void *arg, struct dm_str text, struct dm_err *err);
    void *arg;
};

/*
 * The whole as it stands at one moment, in bounded memory whatever its size. No secret and no hash of one is in it. That it was given out is
 * written to the audit trail. What was written before an error is no document.
 */
DM_MUST_CHECK enum dm_result dm_export(const struct dm_domain *domain, struct dm_ctx *ctx,
                                       struct dm_str account_id, const struct dm_export_sink *sink);

#endif

/* Whose limits a call counts against, and how the caller learns of them (draft-ietf-httpapi-ratelimit-headers, and the older X-RateLimit fields). */
#ifndef DM_EDGE_LIMIT_H
#define DM_EDGE_LIMIT_H

#include "domain/gate.h"
#include "edge/response.h"
#include "edge/route.h"

struct dm_limit {
    const char *name;             /* of the counter; callers have one each */
    const struct dm_rates *rates; /* n 0: none */
    bool by_address;              /* even when the account is known */
};

/* The limits of a class for a caller of the role (DM_ROLE_NONE: anonymous). */
struct dm_limit dm_limit_of(const struct dm_settings *settings, enum dm_limit_class class,
                            enum dm_role role);
/* Set the fields from the gate's answer; nothing when no limit was kept. Retry-After is the problem document's business. */
void dm_limit_headers(struct dm_response *response, struct dm_ctx *ctx,
                      const struct dm_gate_answer *answer);

#endif

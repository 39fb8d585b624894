/*
 * The limiting stage: whose windows a call counts against and what it costs there, and how the caller learns of them
 * (draft-ietf-httpapi-ratelimit-headers, and the older X-RateLimit fields).
 */
#ifndef DM_EDGE_LIMIT_H
#define DM_EDGE_LIMIT_H

#include "domain/gate.h"
#include "edge/call.h"

/* What a request of the class counts against, for a caller of the role (DM_ROLE_NONE: anonymous). */
struct dm_limit {
    struct dm_gate_limit counters[DM_GATE_COUNTERS_MAX];
    size_t n;
    bool by_address; /* even when the account is known */
};
const char *dm_limit_name(enum dm_limit_class class); /* in metrics and logs: "read" */
struct dm_limit dm_limit_of(const struct dm_settings *settings, enum dm_limit_class class,
                            enum dm_role role);

/*
 * Count the call in its row's class (an unrouted one as a read) and set the reply's fields; results are dm_gate_check's. The
 * words of an error that the call carries already stay, unless this is one. Retry-After is the problem document's business.
 */
DM_MUST_CHECK enum dm_result dm_limit_call(struct dm_call *call);
/*
 * A refresh is counted for its session, which only the handler can tell, and not for its address, which many people may share:
 * there the row's class only looks whether there is room. Before the token is judged; family_hash: of its session's tokens.
 */
DM_MUST_CHECK enum dm_result dm_limit_session(struct dm_call *call, struct dm_str family_hash);
/* A token was shown that is not ours: count that for the address, as a log-in. */
DM_MUST_CHECK enum dm_result dm_limit_guess(struct dm_call *call);
/* Set the fields from what the gate answered to the limits. Nothing when no limit was kept. */
void dm_limit_headers(struct dm_response *response, struct dm_ctx *ctx,
                      const struct dm_limit *limit, const struct dm_gate_answer *answer);

#endif

/*
 * Idempotency-Key: a call that creates, sent again with the same key, gets the first reply again instead of acting twice. The claim also
 * fixes the new entity's id, so that a retry after a crash finds what the first try made.
 */
#ifndef DM_EDGE_IDEMPOTENCY_H
#define DM_EDGE_IDEMPOTENCY_H

#include "edge/call.h"
#include "edge/problem.h"
#include "store/idempotency_store.h"

struct dm_idempotency {
    bool claimed; /* ours to end */
    bool first;   /* no try before this one */
    struct dm_idempotency_claim claim;
};

/* The key in the header: 1 to 255 visible ASCII characters, in quotation marks or bare. False when it is none. A view of header. */
bool dm_idempotency_key(struct dm_str header, struct dm_str *ret_key);

/*
 * Claim the call's key, if its row honours one, the caller is known and sent one: then call->new_id is the claim's. With *ret_replayed the reply is
 * complete: the stored one. DM_PROBLEM_CONFLICT: the first try is still running; DM_PROBLEM_KEY_REUSED: the key came with another
 * request; DM_PROBLEM_VALIDATION: it is no key.
 */
DM_MUST_CHECK enum dm_problem
dm_idempotency_begin(struct dm_call *call, struct dm_idempotency *idempotency, bool *ret_replayed);
/*
 * After the handler: store the reply when the call succeeded; give the claim back when it failed by the caller's doing, for that has
 * no effect. After any other failure, or when an earlier try may have had an effect (a commit may have gone through unseen), the claim
 * stays until its lease ends: the next try takes the same id. ctx.err is left as it was.
 */
void dm_idempotency_end(struct dm_call *call, const struct dm_idempotency *idempotency,
                        enum dm_result result);

#endif

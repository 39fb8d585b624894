/*
 * The audit trail as a hash chain. Each event gets a number without gaps and a hash of itself and of the seal before, keyed by a secret that
 * the database does not know: who can write to the database can neither change, remove, insert nor reorder an event unseen. Sealing comes
 * after the event's transaction, so that no request waits for another's.
 *
 * What the database alone cannot show is that the whole end of it was put back to an earlier state, head and all. So the head is written to
 * the log as well (worker/sealer.c), and dm_audit_verify takes one that is known.
 */
#ifndef DM_DOMAIN_AUDIT_CHAIN_H
#define DM_DOMAIN_AUDIT_CHAIN_H

#include "base/ctx.h"
#include "base/secret.h"
#include "domain/domain.h"

#define DM_AUDIT_SEAL_ROWS 500 /* events sealed in one transaction, at most */
#define DM_AUDIT_LATE_S 600    /* an event that is not sealed by then is a fault */

struct dm_audit_head {
    int64_t seq; /* 0: nothing sealed yet */
    char hash[DM_SHA256_HEX];
};

/*
 * Seal what waits, oldest first, DM_AUDIT_SEAL_ROWS events at most: *ret_sealed of them. 0 also when another worker is at it. *ret_head: where
 * the chain ends now; untouched when another worker is at it.
 */
DM_MUST_CHECK enum dm_result dm_audit_seal(const struct dm_domain *domain, struct dm_ctx *ctx,
                                           int64_t *ret_sealed, struct dm_audit_head *ret_head);

/*
 * Remove the oldest events when they are past audit.keep_s, a thousand at most: *ret_removed of them. What is removed is verified first:
 * DM_E_STALE when it is not as it was sealed, and nothing is removed.
 */
DM_MUST_CHECK enum dm_result dm_audit_trim(const struct dm_domain *domain, struct dm_ctx *ctx,
                                           int64_t *ret_removed);

struct dm_audit_fault {
    int64_t seq;            /* 0: it has none */
    struct dm_str event_id; /* may be absent */
    const char
        *kind; /* "changed", "missing", "inserted", "unsealed", "truncated", "anchor", "head" */
    const char *text; /* one sentence */
};

struct dm_audit_verdict {
    int64_t anchor_seq; /* the last one that retention has removed */
    struct dm_audit_head head;
    int64_t n_checked, n_faults;
};

struct dm_audit_verification {
    struct dm_audit_head known; /* a head from the log that must be in the chain; seq 0: none */
    void (*fault)(void *arg, const struct dm_audit_fault *fault); /* called as they are found */
    void *arg;
};

/* Read the whole trail, in bounded memory, as it stands at one moment. DM_OK also with faults. Every page of it must be read by ctx's deadline. */
DM_MUST_CHECK enum dm_result dm_audit_verify(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             const struct dm_audit_verification *how,
                                             struct dm_audit_verdict *ret_verdict);

#endif

/*
 * Before any work is done for a caller: is the session still alive, and is there room under the limits? One round trip to Redis; without Redis
 * the session is read from PostgreSQL and a limiter of this process alone takes over, within the same request.
 */
#ifndef DM_DOMAIN_GATE_H
#define DM_DOMAIN_GATE_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"
#include "store/gate_store.h"

struct dm_local_limiter; /* the fallback: bounded memory, thread-safe */
struct dm_local_limiter *dm_local_limiter_new(size_t entries_max); /* NULL when out of memory */
void dm_local_limiter_free(struct dm_local_limiter *limiter);      /* NULL allowed */

/* One counter of the caller's: "call" in the role's windows, "auth", "model" … in their own. */
struct dm_gate_limit {
    const char *name;
    const struct dm_rates *rates; /* n 0: no limit */
    int64_t cost; /* units that the request takes of each window; 0: it only needs room for one */
};

struct dm_gate_request {
    const struct dm_principal *principal;
    struct dm_str address; /* the caller's, from the proxy; an IPv6 one counts with its /64 */
    bool by_address;       /* count by address also when the account is known */
    struct dm_str whose;   /* given: count for this one instead: "session:<hash>" */
    struct dm_gate_limit limits[DM_GATE_COUNTERS_MAX]; /* all must have room */
    size_t n_limits;
};

struct dm_gate_result {
    struct dm_gate_answer answer; /* windows' counter: among those limits that have rates */
    bool degraded;                /* Redis did not answer */
    bool shadow;                  /* limits.mode: nobody is refused, nor told */
};

/*
 * DM_OK: go on; with limits.mode shadow the verdict may still be another than allowed. DM_E_LIMITED: over the limit, or blocked
 * for having been so too often, figures in *ret_result. DM_E_UNAUTHENTICATED: the session has ended, or the API key is no longer as it
 * was read. Another: that could be read nowhere. *ret_result is set in the first three cases.
 *
 * A caller that Redis says is blocked is refused by this process for a second without asking again.
 */
DM_MUST_CHECK enum dm_result dm_gate_check(const struct dm_domain *domain,
                                           struct dm_local_limiter *limiter, struct dm_ctx *ctx,
                                           const struct dm_gate_request *request,
                                           struct dm_gate_result *ret_result);
/*
 * What counts as one caller: the address, of an IPv6 one its /64, for a host has all of that to choose from. "unknown" when it is absent.
 * Absent when the arena is full.
 */
struct dm_str dm_gate_network(struct dm_ctx *ctx, struct dm_str address);
/*
 * Sessions, by id, and API keys, by mark, are over for everyone at once (after PostgreSQL has it so). Best effort: what Redis does not
 * hear, domain/revocation.c does.
 */
void dm_gate_kill(const struct dm_domain *domain, struct dm_ctx *ctx,
                  const struct dm_str *session_ids, size_t n);

#endif

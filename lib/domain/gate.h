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

struct dm_gate_request {
    const struct dm_principal *principal;
    struct dm_str address; /* the caller's, from the proxy; an IPv6 one counts with its /64 */
    bool by_address;       /* count by address also when the account is known */
    const struct dm_rates *rates; /* windows to keep; n 0: none */
    const char *limit_class;      /* names the counter: callers have one a class */
};

struct dm_gate_result {
    struct dm_gate_answer answer;
    bool degraded; /* Redis did not answer */
};

/*
 * DM_OK: go on. DM_E_LIMITED: over the limit, figures in *ret_result. DM_E_UNAUTHENTICATED: the session has ended. Another: the
 * session could be read nowhere. *ret_result is set in the first two cases.
 */
DM_MUST_CHECK enum dm_result dm_gate_check(const struct dm_domain *domain,
                                           struct dm_local_limiter *limiter, struct dm_ctx *ctx,
                                           const struct dm_gate_request *request,
                                           struct dm_gate_result *ret_result);
/* The sessions end for everyone at once (after PostgreSQL has it so). Best effort: a cached "alive" ends by itself. */
void dm_gate_kill(const struct dm_domain *domain, struct dm_ctx *ctx,
                  const struct dm_str *session_ids, size_t n);

#endif

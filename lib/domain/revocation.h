/*
 * May Redis be believed when it says that a session is alive, or that an API key stands as it was read? It may not have heard of the
 * end: it was down, or out of the ender's reach, or came back with what it knew before. So whoever ends a
 * session or changes a key also says so through PostgreSQL, in the ending's transaction (NOTIFY), and each process of
 * the API keeps what has ended for as long as Redis may go on vouching for it. While a process does
 * not hear PostgreSQL, it believes Redis in nothing.
 */
#ifndef DM_DOMAIN_REVOCATION_H
#define DM_DOMAIN_REVOCATION_H

#include "domain/domain.h"

/* The ear: a thread of its own. domain: borrowed; pg_options: for a connection of its own. NULL when
 * out of memory or threads. Caller frees with dm_revocation_free. */
struct dm_revocations *dm_revocation_new(const struct dm_domain *domain,
                                         const struct dm_pg_options *pg_options);
void dm_revocation_free(struct dm_revocations *revocations); /* NULL allowed */

/* Is what Redis says of the session or key, by its id, as good as PostgreSQL's word? NULL: always. */
bool dm_revocation_trusts_redis(struct dm_revocations *revocations, struct dm_str id);

#endif

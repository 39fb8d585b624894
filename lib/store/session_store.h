/* Sessions: one row a log-in, holding the refresh token's hash and its predecessor's. */
#ifndef DM_STORE_SESSION_STORE_H
#define DM_STORE_SESSION_STORE_H

#include "store/pg.h"

/* Is the session there, not ended and not past its time? */
DM_MUST_CHECK enum dm_result dm_session_store_alive(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    struct dm_str session_id, bool *ret_alive);

#endif

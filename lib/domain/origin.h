/* Where a request came from, as it is kept and told to the owner of an account: the network address and what the client calls itself. */
#ifndef DM_DOMAIN_ORIGIN_H
#define DM_DOMAIN_ORIGIN_H

#include "base/str.h"

struct dm_origin {
    struct dm_str user_agent; /* at most 256 code points; may be absent */
    struct dm_str address;    /* at most 64; may be absent */
};

/* From what the client and the proxy sent: what is not clean UTF-8 becomes absent, what is too long is cut. Borrowed from both. */
struct dm_origin dm_origin_of(struct dm_str user_agent, struct dm_str address);

#endif

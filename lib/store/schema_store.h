/* Does the database have the schema that this program was built for? */
#ifndef DM_STORE_SCHEMA_STORE_H
#define DM_STORE_SCHEMA_STORE_H

#include "store/pg.h"

/* DM_E_NOTFOUND: err->detail names the first table that is missing, or may not be used by our role.
 */
DM_MUST_CHECK enum dm_result dm_schema_store_check(struct dm_pg *pg, struct dm_ctx *ctx);

#endif

/* Who asks? The credential of a request, checked, as a principal; and whether that principal may call a row. */
#ifndef DM_EDGE_AUTH_H
#define DM_EDGE_AUTH_H

#include "edge/call.h"

/*
 * For rows that ask for a credential; on others the principal stays anonymous, whatever was sent. DM_OK: call->principal is
 * who asks. DM_E_UNAUTHENTICATED: no credential, or a bad one; the principal stays anonymous. DM_E_SYNTAX: two credentials. Another: it could not be checked.
 */
DM_MUST_CHECK enum dm_result dm_auth_identify(struct dm_call *call);
/*
 * The gate says that the credential no longer stands. An API key may only have been changed since it was read, so it is read again: true, and
 * *ret_identified is what dm_auth_identify says now. A session that has ended has ended: false.
 */
DM_MUST_CHECK bool dm_auth_renew(struct dm_call *call, enum dm_result *ret_identified);
/* May the principal call the row? DM_E_DENIED; DM_E_NOTFOUND for a row that only the machine itself may know. */
DM_MUST_CHECK enum dm_result dm_auth_permit(struct dm_call *call);
/* WWW-Authenticate (RFC 6750 §3) after DM_E_UNAUTHENTICATED or DM_E_DENIED. */
void dm_auth_challenge(struct dm_call *call, enum dm_result result);

#endif

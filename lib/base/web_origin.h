/* Lists of web origins (RFC 6454 §6.2): "https://app.example https://admin.example:8443". */
#ifndef DM_BASE_WEB_ORIGIN_H
#define DM_BASE_WEB_ORIGIN_H

#include <stdbool.h>

#include "base/str.h"

/*
 * NULL, or what is wrong with the list, in words for whoever wrote it. Each must be written as browsers send it: scheme and host in lower
 * case, a port only when it is not the scheme's own, nothing after it. Neither "*" nor "null" is an origin that can be trusted.
 */
const char *dm_web_origin_list_flaw(struct dm_str list);
/* Is exactly this origin in the list? */
bool dm_web_origin_list_has(struct dm_str list, struct dm_str origin);

#endif

/* Media types: what a caller accepts, and what a body says it is (RFC 9110 §8.3, §12.5.1). */
#ifndef DM_EDGE_MEDIA_H
#define DM_EDGE_MEDIA_H

#include <stdbool.h>

#include "base/str.h"

/* Does an Accept header let application/json, application/problem+json or media (may be NULL) through? An absent one lets all. */
bool dm_media_accepted(struct dm_str accept, const char *media);
/* Is a Content-Type JSON (charset utf-8 or unsaid)? With patch, application/merge-patch+json is too. */
bool dm_media_is_json(struct dm_str content_type, bool patch);

#endif

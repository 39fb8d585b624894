/*
 * Passwords that are known from breaches: a file of SHA-1 hashes in the form of Have I Been Pwned's download ordered by hash: a line of 40
 * hexadecimal digits each, then optionally ':' and a count, ending in LF or CRLF, sorted. Nothing is loaded: each question is a binary
 * search by pread(), some 30 reads in 40 GB. The file is opened for each question, so a new one put in its place counts at once.
 */
#ifndef DM_BASE_BREACHED_H
#define DM_BASE_BREACHED_H

#include <stdbool.h>

#include "base/result.h"
#include "base/str.h"

/*
 * Once at a start: is there such a file, and is it sorted? Looks at 1,000 lines spread evenly, and the last. DM_E_UNAVAILABLE: it is missing,
 * unreadable, empty, no such list or not sorted; err->detail says which, and where.
 */
DM_MUST_CHECK enum dm_result dm_breached_check(const char *path, struct dm_err *err);
/* Is the password's SHA-1 in the file? DM_E_UNAVAILABLE as above, as far as this search came across it. */
DM_MUST_CHECK enum dm_result dm_breached_find(const char *path, struct dm_str password,
                                              bool *ret_found, struct dm_err *err);

#endif

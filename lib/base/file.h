/* Small files read whole: texts that a program loads at its start. */
#ifndef DM_BASE_FILE_H
#define DM_BASE_FILE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/result.h"
#include "base/str.h"

/*
 * The file's bytes, in the arena. Errors name the path: DM_E_NOTFOUND (cannot be opened), DM_E_TOOBIG (over max_bytes),
 * DM_E_NOMEM, DM_E_INTERNAL (cannot be read).
 */
DM_MUST_CHECK enum dm_result dm_file_read(const char *path, size_t max_bytes,
                                          struct dm_arena *arena, struct dm_err *err,
                                          struct dm_str *ret_bytes);

#endif

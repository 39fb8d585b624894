/* Identifiers: UUIDv7 (RFC 9562 §5.7) in lower-case text, and random hex for trace and correlation ids. */
#ifndef DM_BASE_ID_H
#define DM_BASE_ID_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

#define DM_UUID_TEXT 37 /* 36 characters and NUL */

/* A new UUIDv7; ids made by one process are strictly increasing, also within a millisecond. */
void dm_id_uuid7(char ret_text[DM_UUID_TEXT]);
/* The same, in the arena; absent when the arena is full. */
struct dm_str dm_id_new(struct dm_arena *arena);
/* 36 characters, hyphens in place, hex of either case; any version. */
bool dm_id_is_uuid(struct dm_str s);
/* n random hex digits and NUL; n is even, at most 64. */
void dm_id_hex(char *ret_text, size_t n);

#endif

/*
 * Unicode's normalisation form KC (UAX #15). Only user of libutf8proc.
 */
#ifndef DM_BASE_UNICODE_H
#define DM_BASE_UNICODE_H

#include "base/arena.h"
#include "base/str.h"

/*
 * s, which must be valid UTF-8, in NFKC: what looks and means the same becomes the same bytes. s itself when it is ASCII, else in the
 * arena; absent when that is full. At most 18 times as many code points as s has.
 */
struct dm_str dm_unicode_nfkc(struct dm_arena *arena, struct dm_str s);

#endif

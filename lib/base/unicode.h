/*
 * Unicode: normalisation (UAX #15), and what of a text can be seen. Every text given here must be valid UTF-8. Only user of libutf8proc.
 */
#ifndef DM_BASE_UNICODE_H
#define DM_BASE_UNICODE_H

#include "base/arena.h"
#include "base/str.h"

/*
 * s in NFKC: what looks and means the same becomes the same bytes. s itself when it is ASCII, else in the arena; absent when that is
 * full. At most 18 times as many code points as s has.
 */
struct dm_str dm_unicode_nfkc(struct dm_arena *arena, struct dm_str s);
/*
 * s in NFC: the same characters, however they were typed, become the same bytes. s itself when nothing in it could change, else in the
 * arena; absent when that is full. At most 3 times as many code points as s has.
 */
struct dm_str dm_unicode_nfc(struct dm_arena *arena, struct dm_str s);
/* Nothing in s leaves a mark: blanks, controls, format characters and fillers alone, or nothing at all. */
bool dm_unicode_is_blank(struct dm_str s);
/*
 * s holds what cannot be seen but changes what is: direction (UAX #9), zero width, tags, fillers, line ends, characters of private use
 * and none at all. A joiner (U+200C, U+200D) is in its place behind a letter of a script that joins, and in emoji.
 */
bool dm_unicode_has_hidden(struct dm_str s);

#endif

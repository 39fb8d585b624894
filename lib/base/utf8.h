/*
 * UTF-8 (RFC 3629): validity and counting in code points. Overlong forms, surrogates and code points over U+10FFFF are
 * invalid.
 */
#ifndef DM_BASE_UTF8_H
#define DM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

bool dm_utf8_valid(struct dm_str s);
/* Code points in s, which must be valid. */
size_t dm_utf8_count(struct dm_str s);
/* The longest prefix of valid s with at most max_points code points. */
struct dm_str dm_utf8_clip(struct dm_str s, size_t max_points);
/* A C0 or C1 control character, U+007F or a line end of Unicode's (U+2028, U+2029) is in s. In a text tab, LF, CR and Unicode's line ends do not count. */
bool dm_utf8_has_control(struct dm_str s, bool text);
/* Encode one code point; returns 1 to 4 bytes written. */
size_t dm_utf8_encode(uint32_t point, char ret_bytes[4]);

#endif

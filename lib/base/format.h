/* Text formats that requests use, checked by syntax. */
#ifndef DM_BASE_FORMAT_H
#define DM_BASE_FORMAT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Dot-string@domain of RFC 5321 §4.1.2: local part at most 64 bytes, whole at most 254, domain of LDH labels with a dot, the last not a number. */
bool dm_format_is_email(struct dm_str s);
/* The form under which an address is unique: ASCII lower case. Lives in the arena. */
struct dm_str dm_format_email_key(struct dm_arena *arena, struct dm_str email);
/*
 * A language tag (BCP 47, RFC 5646 §2.1): "en", "pt-BR", "de-CH-1996". Not taken: extended languages ("zh-yue" is "yue", §4.5) and the tags
 * that only grandfathers know.
 */
bool dm_format_is_language(struct dm_str s);
/* A URI with its scheme (RFC 3986 §3), each part by its grammar; no IPvFuture. Characters beyond ASCII must be percent-encoded. */
bool dm_format_is_uri(struct dm_str s);
/* 1 to max bytes, all of [A-Za-z0-9._-]. */
bool dm_format_is_token(struct dm_str s, size_t max_bytes);
/* Percent-encode all but the unreserved characters (RFC 3986 §2.3), for a part of a URI. Lives in the arena. */
struct dm_str dm_format_url_encode(struct dm_arena *arena, struct dm_str s);
/* Decode application/x-www-form-urlencoded text (%XX and '+'). False on a bad escape. Lives in the arena. */
bool dm_format_url_decode(struct dm_arena *arena, struct dm_str s, struct dm_str *ret);

/* Seconds since 1970 as HTTP writes a date (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". Lives in the arena. */
struct dm_str dm_format_http_date(struct dm_arena *arena, int64_t at_s);

#endif

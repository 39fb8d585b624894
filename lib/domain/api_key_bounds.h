/*
 * What a key may be bound to beside its scopes: the rows it is for and the networks it may be used from. Both are kept as words with a
 * space between them, each in its one form; absent or empty: not bound.
 */
#ifndef DM_DOMAIN_API_KEY_BOUNDS_H
#define DM_DOMAIN_API_KEY_BOUNDS_H

#include <stdbool.h>

#include "base/ctx.h"
#include "base/str.h"

#define DM_API_KEY_ROUTES_MAX 20
#define DM_API_KEY_ROUTE_CHARS_MAX 64
#define DM_API_KEY_RANGES_MAX 20
/* Longest text of either, without NUL. */
#define DM_API_KEY_ROUTES_CHARS (DM_API_KEY_ROUTES_MAX * (DM_API_KEY_ROUTE_CHARS_MAX + 1))
#define DM_API_KEY_RANGES_CHARS (DM_API_KEY_RANGES_MAX * 50)

/* One pattern: a row's name ("personality.get") or the rows that begin alike ("personality.*"). */
bool dm_api_key_pattern_covers(struct dm_str pattern, const char *route_name);
bool dm_api_key_routes_cover(struct dm_str routes, const char *route_name);
/* address: as the proxy gives it. One that cannot be read lies in no network. */
bool dm_api_key_ranges_cover(struct dm_str ranges, struct dm_str address);

/*
 * Networks as they were written (items: struct dm_str) to the text that is kept. DM_E_INVALID at "/allowedIpRanges/<i>": "format". Lives in
 * the arena.
 */
DM_MUST_CHECK enum dm_result
dm_api_key_ranges_text(struct dm_ctx *ctx, const struct dm_list *ranges, struct dm_str *ret_text);
/* Words to text and back (items: struct dm_str). Live in the arena. */
DM_MUST_CHECK enum dm_result dm_api_key_words_text(struct dm_ctx *ctx, const struct dm_list *words,
                                                   struct dm_str *ret_text);
DM_MUST_CHECK enum dm_result dm_api_key_words(struct dm_ctx *ctx, struct dm_str text,
                                              struct dm_list *ret_words);

#endif

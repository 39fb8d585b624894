/*
 * Reading JSON that is not a request's body (token claims, job payloads, stored documents): parse, look, copy out.
 * With edge/shape.c the only user of json-c. Types are checked before every read, and lengths are never strlen's.
 */
#ifndef DM_BASE_JSON_H
#define DM_BASE_JSON_H

#include "base/arena.h"
#include "base/result.h"
#include "base/str.h"

struct dm_json; /* a parsed document */

/* Passes dm_json_text_check first (same errors). Caller frees with dm_json_free. */
DM_MUST_CHECK enum dm_result dm_json_parse(struct dm_str text, struct dm_err *err,
                                           struct dm_json **ret_doc);
void dm_json_free(struct dm_json *doc); /* NULL allowed */

/*
 * Members of the document's top-level object. Each returns false when the document is no object, the member is missing,
 * null or of another type; *ret untouched. Strings are copied to the arena.
 */
bool dm_json_get_string(const struct dm_json *doc, const char *name, struct dm_arena *arena,
                        struct dm_str *ret);
bool dm_json_get_int(const struct dm_json *doc, const char *name, int64_t *ret);
bool dm_json_get_num(const struct dm_json *doc, const char *name, double *ret); /* integers too */
bool dm_json_get_bool(const struct dm_json *doc, const char *name, bool *ret);
/* The member is an object: a document of its own. Caller frees with dm_json_free. */
bool dm_json_get_object(const struct dm_json *doc, const char *name, struct dm_json **ret_doc);
/* The member is an array of strings: a list of struct dm_str in the arena. */
bool dm_json_get_strings(const struct dm_json *doc, const char *name, struct dm_arena *arena,
                         struct dm_list *ret);

#endif

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

/*
 * Any value of a document, for those who walk through all of it. Borrowed from the document; a zero struct is what is not there, and
 * JSON's null.
 */
struct dm_json_value {
    void *node;
};
enum dm_json_kind {
    DM_JSON_KIND_NULL = 0,
    DM_JSON_KIND_BOOLEAN,
    DM_JSON_KIND_NUMBER,
    DM_JSON_KIND_STRING,
    DM_JSON_KIND_ARRAY,
    DM_JSON_KIND_OBJECT,
};
struct dm_json_value dm_json_root(const struct dm_json *doc);
enum dm_json_kind dm_json_kind(struct dm_json_value value);
/* The whole value as compact JSON text; valid until the next call on it, or the document's end. */
struct dm_str dm_json_text(struct dm_json_value value);
struct dm_str dm_json_string_of(struct dm_json_value value); /* absent: it is no string */
bool dm_json_number_of(struct dm_json_value value, double *ret);
bool dm_json_is_true(struct dm_json_value value);
bool dm_json_same(struct dm_json_value a, struct dm_json_value b); /* members in any order */
struct dm_json_value dm_json_member(struct dm_json_value object, struct dm_str name);
size_t dm_json_items(struct dm_json_value array); /* 0: it is no array */
struct dm_json_value dm_json_item(struct dm_json_value array, size_t index);
/* The members one by one, in the text's order: *cursor is zero at first. False at the end, and of what is no object. */
struct dm_json_cursor {
    bool begun;
    void *next;
};
bool dm_json_next(struct dm_json_value object, struct dm_json_cursor *cursor,
                  struct dm_str *ret_name, struct dm_json_value *ret_value);

/*
 * Visit every string of the document, names of members apart, in their order. pointer (RFC 6901) leads to it, and is cut when it is longer
 * than DM_JSON_POINTER_MAX bytes. Both are valid during the visit.
 */
#define DM_JSON_POINTER_MAX 160
typedef void dm_json_visit(void *arg, struct dm_str pointer, struct dm_str value);
void dm_json_each_string(const struct dm_json *doc, dm_json_visit *visit, void *arg);

#endif

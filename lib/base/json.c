/*
 * Reads JSON that comes from ourselves or from a peer rather than in a request's body. json-c's
 * tree stays in this file: what leaves it is copied, with the type checked before each read.
 */
#include "base/json.h"

#include <math.h>

#include <json-c/json.h>

#include "base/json_text.h"

/* Far over any token or payload of ours, far under the int that json-c counts in. */
#define TEXT_BYTES_MAX ((size_t)16 * 1024 * 1024)

struct dm_json {
    json_object *root; /* NULL is JSON's null */
};

enum dm_result dm_json_parse(struct dm_str text, struct dm_err *err, struct dm_json **ret_doc)
{
    const struct dm_json_limits limits = {TEXT_BYTES_MAX, DM_JSON_DEPTH_MAX};
    enum dm_result r = dm_json_text_check(text, limits, err);
    if (r != DM_OK)
        return r;
    struct dm_json *doc = malloc(sizeof(*doc));
    /* json-c counts a scalar inside the innermost bracket as one level more. */
    json_tokener *tokener = json_tokener_new_ex(DM_JSON_DEPTH_MAX + 1);
    if (doc == NULL || tokener == NULL) {
        r = dm_err_set(err, DM_E_NOMEM, "out of memory for a JSON text of %zu bytes", text.n);
        goto done;
    }
    doc->root = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    /* A bare number has no end before its NUL. */
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        doc->root = json_tokener_parse_ex(tokener, "", 1);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    if (error != json_tokener_success) {
        r = dm_err_set(err, DM_E_INTERNAL, "json-c refuses a checked text: %s",
                       json_tokener_error_desc(error));
        goto done;
    }
    *ret_doc = doc;
    doc = NULL;
done:
    if (tokener != NULL)
        json_tokener_free(tokener);
    free(doc);
    return r;
}

void dm_json_free(struct dm_json *doc)
{
    if (doc == NULL)
        return;
    json_object_put(doc->root);
    free(doc);
}

/* NULL when there is no such member or it is null. */
static json_object *member(const struct dm_json *doc, const char *name)
{
    json_object *value = NULL;
    if (!json_object_is_type(doc->root, json_type_object) ||
        !json_object_object_get_ex(doc->root, name, &value))
        return NULL;
    return value;
}

/* A copy; absent when value is no string or the arena is full. */
static struct dm_str copy_string(json_object *value, struct dm_arena *arena)
{
    const struct dm_str absent = {NULL, 0};
    if (!json_object_is_type(value, json_type_string))
        return absent;
    return dm_arena_str(arena, (struct dm_str){json_object_get_string(value),
                                               (size_t)json_object_get_string_len(value)});
}

bool dm_json_get_string(const struct dm_json *doc, const char *name, struct dm_arena *arena,
                        struct dm_str *ret)
{
    struct dm_str copy = copy_string(member(doc, name), arena);
    if (copy.p == NULL)
        return false;
    *ret = copy;
    return true;
}

bool dm_json_get_int(const struct dm_json *doc, const char *name, int64_t *ret)
{
    json_object *value = member(doc, name);
    if (!json_object_is_type(value, json_type_int))
        return false;
    int64_t v = json_object_get_int64(value);
    /* json-c clamps: what was greater shows as unsigned, what was less cannot be told from
     * INT64_MIN. */
    if (v == INT64_MIN || (v == INT64_MAX && json_object_get_uint64(value) != INT64_MAX))
        return false;
    *ret = v;
    return true;
}

bool dm_json_get_num(const struct dm_json *doc, const char *name, double *ret)
{
    json_object *value = member(doc, name);
    if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
        return false;
    double v = json_object_get_double(value);
    if (!isfinite(v))
        return false;
    *ret = v;
    return true;
}

bool dm_json_get_bool(const struct dm_json *doc, const char *name, bool *ret)
{
    json_object *value = member(doc, name);
    if (!json_object_is_type(value, json_type_boolean))
        return false;
    *ret = json_object_get_boolean(value);
    return true;
}

bool dm_json_get_object(const struct dm_json *doc, const char *name, struct dm_json **ret_doc)
{
    json_object *value = member(doc, name);
    struct dm_json *object = malloc(sizeof(*object));
    if (object == NULL || !json_object_is_type(value, json_type_object)) {
        free(object);
        return false;
    }
    object->root = json_object_get(value);
    *ret_doc = object;
    return true;
}

bool dm_json_get_strings(const struct dm_json *doc, const char *name, struct dm_arena *arena,
                         struct dm_list *ret)
{
    json_object *value = member(doc, name);
    if (!json_object_is_type(value, json_type_array))
        return false;
    size_t n = json_object_array_length(value);
    struct dm_str *items = dm_arena_array(arena, n, sizeof(*items));
    if (items == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        items[i] = copy_string(json_object_array_get_idx(value, i), arena);
        if (items[i].p == NULL)
            return false;
    }
    *ret = (struct dm_list){items, n};
    return true;
}

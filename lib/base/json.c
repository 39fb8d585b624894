/*
 * Reads JSON that comes from ourselves or from a peer rather than in a request's body. json-c's
 * tree stays in this file: what leaves it is copied, with the type checked before each read.
 */
#include "base/json.h"

#include <math.h>

#include <json-c/json.h>

#include "base/buf.h"
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

struct dm_json_value dm_json_root(const struct dm_json *doc)
{
    return (struct dm_json_value){doc->root};
}

enum dm_json_kind dm_json_kind(struct dm_json_value value)
{
    static const enum dm_json_kind kinds[] = {
        [json_type_null] = DM_JSON_KIND_NULL,     [json_type_boolean] = DM_JSON_KIND_BOOLEAN,
        [json_type_double] = DM_JSON_KIND_NUMBER, [json_type_int] = DM_JSON_KIND_NUMBER,
        [json_type_object] = DM_JSON_KIND_OBJECT, [json_type_array] = DM_JSON_KIND_ARRAY,
        [json_type_string] = DM_JSON_KIND_STRING,
    };
    return kinds[json_object_get_type(value.node)];
}

struct dm_str dm_json_text(struct dm_json_value value)
{
    size_t n = 0;
    const char *text = json_object_to_json_string_length(
        value.node, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
    return (struct dm_str){text, n};
}

struct dm_str dm_json_string_of(struct dm_json_value value)
{
    if (!json_object_is_type(value.node, json_type_string))
        return (struct dm_str){NULL, 0};
    return (struct dm_str){json_object_get_string(value.node),
                           (size_t)json_object_get_string_len(value.node)};
}

bool dm_json_number_of(struct dm_json_value value, double *ret)
{
    if (dm_json_kind(value) != DM_JSON_KIND_NUMBER)
        return false;
    *ret = json_object_get_double(value.node);
    return true;
}

bool dm_json_is_true(struct dm_json_value value)
{
    return json_object_is_type(value.node, json_type_boolean) &&
           json_object_get_boolean(value.node);
}

bool dm_json_same(struct dm_json_value a, struct dm_json_value b)
{
    return json_object_equal(a.node, b.node) != 0;
}

struct dm_json_value dm_json_member(struct dm_json_value object, struct dm_str name)
{
    struct dm_json_cursor cursor = {0};
    struct dm_json_value value;
    struct dm_str found;
    while (dm_json_next(object, &cursor, &found, &value))
        if (dm_str_eq(found, name))
            return value;
    return (struct dm_json_value){NULL};
}

size_t dm_json_items(struct dm_json_value array)
{
    return json_object_is_type(array.node, json_type_array) ? json_object_array_length(array.node)
                                                            : 0;
}

struct dm_json_value dm_json_item(struct dm_json_value array, size_t index)
{
    return (struct dm_json_value){
        index < dm_json_items(array) ? json_object_array_get_idx(array.node, index) : NULL};
}

bool dm_json_next(struct dm_json_value object, struct dm_json_cursor *cursor,
                  struct dm_str *ret_name, struct dm_json_value *ret_value)
{
    if (!json_object_is_type(object.node, json_type_object))
        return false;
    struct lh_entry *entry =
        cursor->begun ? cursor->next : json_object_get_object(object.node)->head;
    cursor->begun = true;
    if (entry == NULL)
        return false;
    cursor->next = entry->next;
    *ret_name = dm_str_from(lh_entry_k(entry));
    ret_value->node = lh_entry_v(entry);
    return true;
}

struct visitor {
    dm_json_visit *visit;
    void *arg;
    struct dm_buf pointer;
};

/* One step down, with the escapes of RFC 6901 §3. What does not fit any more is left out. */
static void go_down(struct visitor *v, const char *name)
{
    dm_buf_add_char(&v->pointer, '/');
    for (const char *c = name; *c; c++) {
        if (*c == '~' || *c == '/')
            dm_buf_add_c(&v->pointer, *c == '~' ? "~0" : "~1");
        else
            dm_buf_add_char(&v->pointer, *c);
    }
}

static void go_up(struct visitor *v, size_t mark)
{
    v->pointer.n = mark;
    v->pointer.failed = false;
}

static void visit_all(struct visitor *v, json_object *value)
{
    size_t mark = v->pointer.n;
    if (json_object_is_type(value, json_type_string)) {
        v->visit(v->arg, dm_buf_str(&v->pointer),
                 (struct dm_str){json_object_get_string(value),
                                 (size_t)json_object_get_string_len(value)});
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            go_down(v, name);
            visit_all(v, member);
            go_up(v, mark);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            char index[24];
            snprintf(index, sizeof(index), "%zu", i);
            go_down(v, index);
            visit_all(v, json_object_array_get_idx(value, i));
            go_up(v, mark);
        }
    }
}

void dm_json_each_string(const struct dm_json *doc, dm_json_visit *visit, void *arg)
{
    struct visitor v = {.visit = visit, .arg = arg};
    dm_buf_init(&v.pointer, NULL, DM_JSON_POINTER_MAX);
    visit_all(&v, doc->root);
    dm_buf_done(&v.pointer);
}

/*
 * JSON out: a handler's struct written as the reply's body along the shape's fields, and, before a
 * merge patch, what a client would have sent for it. On the path of every read, so it allocates
 * nothing of its own.
 */
#include "edge/shape_internal.h"

static void encode(const struct dm_shape *shape, const void *value, bool sent,
                   struct dm_json_writer *w);

static bool is_absent(const struct dm_field *field, const void *at)
{
    switch (field->kind) {
    case DM_STRING:
    case DM_JSON_OBJECT:
    case DM_JSON_ARRAY:
        return ((const struct dm_str *)at)->p == NULL;
    case DM_INTEGER:
        return !((const struct dm_opt_int *)at)->set;
    case DM_NUMBER:
        return !((const struct dm_opt_num *)at)->set;
    case DM_BOOLEAN:
        return !((const struct dm_opt_bool *)at)->set;
    case DM_TIME:
        return !((const struct dm_opt_time *)at)->set;
    case DM_OBJECT:
        return *(void *const *)at == NULL;
    case DM_ARRAY:
        break;
    }
    /* A list without items is empty rather than absent, unless null has a meaning of its own. */
    const struct dm_list *list = at;
    return list->items == NULL && list->n == 0 && field->nullable;
}

static void encode_items(const struct dm_field *field, const struct dm_list *list, bool sent,
                         struct dm_json_writer *w)
{
    const struct dm_shape *shape = field->shape;
    const char *item = list->items;
    dm_json_array_begin(w);
    for (size_t i = 0; i < list->n; i++) {
        if (shape == NULL)
            dm_json_string(w, ((const struct dm_str *)list->items)[i]);
        else
            encode(shape, item + i * shape->size, sent, w);
    }
    dm_json_array_end(w);
}

static void encode_value(const struct dm_field *field, const void *at, bool sent,
                         struct dm_json_writer *w)
{
    switch (field->kind) {
    case DM_STRING:
        dm_json_string(w, *(const struct dm_str *)at);
        break;
    case DM_INTEGER:
        dm_json_int(w, ((const struct dm_opt_int *)at)->v);
        break;
    case DM_NUMBER:
        dm_json_num(w, ((const struct dm_opt_num *)at)->v);
        break;
    case DM_BOOLEAN:
        dm_json_bool(w, ((const struct dm_opt_bool *)at)->v);
        break;
    case DM_TIME:
        dm_json_time(w, ((const struct dm_opt_time *)at)->ms);
        break;
    case DM_OBJECT:
        encode(field->shape, *(void *const *)at, sent, w);
        break;
    case DM_ARRAY:
        encode_items(field, at, sent, w);
        break;
    case DM_JSON_OBJECT:
    case DM_JSON_ARRAY:
        dm_json_raw(w, *(const struct dm_str *)at);
        break;
    }
}

/* A client that has no items need not send the list, and where some are due must not. */
static bool is_unsent(const struct dm_field *field, const void *at, bool absent)
{
    return field->read_only || absent ||
           (field->kind == DM_ARRAY && !field->required && ((const struct dm_list *)at)->n == 0);
}

static void encode(const struct dm_shape *shape, const void *value, bool sent,
                   struct dm_json_writer *w)
{
    dm_json_object_begin(w);
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct dm_field *field = &shape->fields[i];
        const void *at = dm_field_of(field, value);
        bool absent = is_absent(field, at);
        if (sent ? is_unsent(field, at, absent) : absent && !field->nullable)
            continue;
        dm_json_name(w, field->name);
        if (absent)
            dm_json_null(w);
        else
            encode_value(field, at, sent, w);
    }
    dm_json_object_end(w);
}

void dm_shape_encode(const struct dm_shape *shape, const void *value, struct dm_json_writer *w)
{
    encode(shape, value, false, w);
}

void dm_shape_encode_sent(const struct dm_shape *shape, const void *value, struct dm_json_writer *w)
{
    encode(shape, value, true, w);
}

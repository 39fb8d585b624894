/*
 * JSON in: what serve.c gives a handler as struct. The text is checked by RFC 8259 before json-c
 * sees it; here the tree is walked along the shape's fields, every type checked before it is read.
 * The only file of the edge that includes json-c.
 */
#include "edge/shape.h"

#include <json-c/json.h>
#include <math.h>

#include "base/json_text.h"
#include "base/utf8.h"
#include "edge/shape_internal.h"

/* Integers beyond this are not exact in a double, so that 1e300 is no integer to us. */
#define EXACT_MAX 9007199254740992.0
/* What a stored document may take as JSON before a patch is merged into it. */
#define CURRENT_BYTES_MAX (4u << 20)

static void decode_object(struct dm_decoder *d, const struct dm_shape *shape, json_object *object,
                          void *base);

/* False: not JSON, or no memory. JSON null is NULL in json-c. The caller gives *ret_root back with
 * json_object_put. */
static bool parse(struct dm_str text, json_object **ret_root)
{
    json_tokener *tokener = json_tokener_new_ex(DM_JSON_DEPTH_MAX);
    if (tokener == NULL)
        return false;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    json_object *root = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    /* A number at the very end is known to be whole only when something follows. */
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        root = json_tokener_parse_ex(tokener, "", 1);
    bool parsed = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    if (parsed)
        *ret_root = root;
    return parsed;
}

static struct dm_str text_of(json_object *value)
{
    return (struct dm_str){json_object_get_string(value),
                           (size_t)json_object_get_string_len(value)};
}

/* json-c clamps what does not fit; the ends of its ranges therefore count as out of range. */
static bool int_of(json_object *value, int64_t *ret)
{
    int64_t v = json_object_get_int64(value);
    if (v == INT64_MIN || json_object_get_uint64(value) > INT64_MAX)
        return false;
    *ret = v;
    return true;
}

/* A number that we can hold: an integer of 64 bits or a finite double. */
static bool holds_number(json_object *value)
{
    int64_t v;
    return json_object_is_type(value, json_type_int) ? int_of(value, &v)
                                                     : isfinite(json_object_get_double(value));
}

static void violate_number(struct dm_decoder *d)
{
    dm_decoder_violate(d, "out_of_range", "must be a number of ordinary size");
}

static void decode_int(struct dm_decoder *d, const struct dm_field *field, json_object *value,
                       struct dm_opt_int *ret)
{
    int64_t v;
    if (json_object_is_type(value, json_type_int)) {
        if (int_of(value, &v))
            dm_check_int(d, field, v, ret);
        else
            dm_decoder_violate(d, "out_of_range", "must be an integer of 64 bits");
        return;
    }
    double number = json_object_get_double(value);
    if (!json_object_is_type(value, json_type_double) || trunc(number) != number)
        dm_decoder_violate(d, "type", "must be an integer");
    else if (fabs(number) > EXACT_MAX)
        dm_decoder_violate(d, "out_of_range", "must be an integer of 64 bits");
    else
        dm_check_int(d, field, (int64_t)number, ret);
}

static void decode_num(struct dm_decoder *d, const struct dm_field *field, json_object *value,
                       struct dm_opt_num *ret)
{
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        dm_decoder_violate(d, "type", "must be a number");
    else if (!holds_number(value))
        violate_number(d);
    else
        dm_check_num(d, field, json_object_get_double(value), ret);
}

/* An item that must be an object of shape. */
static void decode_nested(struct dm_decoder *d, const struct dm_shape *shape, json_object *value,
                          void *base)
{
    if (json_object_is_type(value, json_type_object))
        decode_object(d, shape, value, base);
    else
        dm_decoder_violate(d, "type", "must be an object");
}

/* A document that is kept as JSON is written from its tree: what was brought to its one form goes back there. */
static void put_back(struct dm_decoder *d, json_object *value, const struct dm_str *kept)
{
    if (kept->p == NULL || dm_str_eq(*kept, text_of(value)))
        return;
    if (json_object_set_string_len(value, kept->p, (int)kept->n) == 0)
        d->out_of_memory = true;
}

static void decode_item(struct dm_decoder *d, const struct dm_field *field, json_object *value,
                        void *item)
{
    if (field->shape != NULL) {
        decode_nested(d, field->shape, value, item);
    } else if (json_object_is_type(value, json_type_string)) {
        dm_check_item(d, field, text_of(value), item);
        put_back(d, value, item);
    } else {
        dm_decoder_violate(d, "type", "must be a string");
    }
}

static void decode_items(struct dm_decoder *d, const struct dm_field *field, json_object *array,
                         struct dm_list *ret)
{
    size_t n = json_object_array_length(array);
    size_t size = field->shape != NULL ? field->shape->size : sizeof(struct dm_str);
    /* A list that is far too long is not read item by item as well. */
    size_t before = d->n_violations;
    dm_check_count(d, field, n);
    if (d->n_violations > before)
        return;
    char *items = dm_decoder_alloc(d, n, size);
    if (items == NULL)
        return;
    for (size_t i = 0; i < n && !d->out_of_memory; i++) {
        size_t mark = dm_decoder_down_index(d, i);
        decode_item(d, field, json_object_array_get_idx(array, i), items + i * size);
        dm_decoder_up(d, mark);
    }
    *ret = (struct dm_list){items, n};
}

static void check_free_text(struct dm_decoder *d, struct dm_str text)
{
    if (dm_utf8_has_control(text, true))
        dm_decoder_violate(d, "format",
                           "must not have control characters other than tab and line breaks");
}

/*
 * Free-form JSON is its author's, but may hold no number that json-c has clamped, since that would be kept wrongly, and no control
 * characters.
 */
static void check_free(struct dm_decoder *d, json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_object: {
        json_object_object_foreach(value, name, member)
        {
            size_t mark = dm_decoder_down(d, dm_str_from(name));
            check_free_text(d, dm_str_from(name));
            check_free(d, member);
            dm_decoder_up(d, mark);
        }
        break;
    }
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            size_t mark = dm_decoder_down_index(d, i);
            check_free(d, json_object_array_get_idx(value, i));
            dm_decoder_up(d, mark);
        }
        break;
    case json_type_int:
    case json_type_double:
        if (!holds_number(value))
            violate_number(d);
        break;
    case json_type_string:
        check_free_text(d, text_of(value));
        break;
    case json_type_null:
    case json_type_boolean:
        break;
    }
}

/* Kept as it came, white space apart: order of members and digits of numbers stay. */
static void keep_json(struct dm_decoder *d, json_object *value, struct dm_str *ret)
{
    size_t n = 0;
    const char *text = json_object_to_json_string_length(
        value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
    if (text == NULL)
        d->out_of_memory = true;
    else
        *ret = dm_decoder_keep(d, (struct dm_str){text, n});
}

static void decode_json_object(struct dm_decoder *d, const struct dm_field *field,
                               json_object *object, struct dm_str *ret)
{
    dm_check_count(d, field, (size_t)json_object_object_length(object));
    if (field->shape == NULL) {
        check_free(d, object);
    } else {
        /* Decoded for the checks alone. */
        void *checked = dm_decoder_alloc(d, 1, field->shape->size);
        if (checked != NULL)
            decode_object(d, field->shape, object, checked);
    }
    keep_json(d, object, ret);
}

static void decode_json_array(struct dm_decoder *d, const struct dm_field *field,
                              json_object *array, struct dm_str *ret)
{
    struct dm_list checked = {NULL, 0};
    decode_items(d, field, array, &checked);
    keep_json(d, array, ret);
}

static void *decode_pointer(struct dm_decoder *d, const struct dm_shape *shape, json_object *object)
{
    void *nested = dm_decoder_alloc(d, 1, shape->size);
    if (nested != NULL)
        decode_object(d, shape, object, nested);
    return nested;
}

/* The JSON type that a kind asks for; numbers are told apart by their own readers. */
static enum json_type type_of(enum dm_kind kind)
{
    switch (kind) {
    case DM_STRING:
    case DM_TIME:
        return json_type_string;
    case DM_BOOLEAN:
        return json_type_boolean;
    case DM_OBJECT:
    case DM_JSON_OBJECT:
        return json_type_object;
    case DM_ARRAY:
    case DM_JSON_ARRAY:
        return json_type_array;
    case DM_INTEGER:
    case DM_NUMBER:
        break;
    }
    return json_type_null;
}

static void violate_type(struct dm_decoder *d, enum json_type wanted)
{
    const char *words = wanted == json_type_string    ? "a string"
                        : wanted == json_type_boolean ? "true or false"
                        : wanted == json_type_object  ? "an object"
                                                      : "an array";
    dm_decoder_violate(d, "type", "must be %s", words);
}

/* value is not null. at: where the struct keeps this member. */
static void decode_value(struct dm_decoder *d, const struct dm_field *field, json_object *value,
                         void *at)
{
    enum json_type wanted = type_of(field->kind);
    if (wanted != json_type_null && !json_object_is_type(value, wanted)) {
        violate_type(d, wanted);
        return;
    }
    switch (field->kind) {
    case DM_STRING:
        dm_check_string(d, field, text_of(value), at);
        put_back(d, value, at);
        break;
    case DM_TIME:
        dm_check_time(d, text_of(value), at);
        break;
    case DM_BOOLEAN:
        *(struct dm_opt_bool *)at = (struct dm_opt_bool){true, json_object_get_boolean(value)};
        break;
    case DM_INTEGER:
        decode_int(d, field, value, at);
        break;
    case DM_NUMBER:
        decode_num(d, field, value, at);
        break;
    case DM_OBJECT:
        *(void **)at = decode_pointer(d, field->shape, value);
        break;
    case DM_ARRAY:
        decode_items(d, field, value, at);
        break;
    case DM_JSON_OBJECT:
        decode_json_object(d, field, value, at);
        break;
    case DM_JSON_ARRAY:
        decode_json_array(d, field, value, at);
        break;
    }
}

bool dm_shape_initial(struct dm_decoder *d, const struct dm_field *field, void *base)
{
    json_object *value = NULL;
    if (!parse(dm_str_from(field->initial), &value) || value == NULL)
        return false;
    decode_value(d, field, value, dm_field_at(field, base));
    json_object_put(value);
    return true;
}

static void decode_member(struct dm_decoder *d, const struct dm_field *field, json_object *object,
                          void *base)
{
    size_t mark = dm_decoder_down(d, dm_str_from(field->name));
    json_object *value = json_object_object_get(object, field->name);
    if (value != NULL)
        decode_value(d, field, value, dm_field_at(field, base));
    else if (field->required)
        dm_decoder_violate(d, "required", "must be given");
    else if (field->initial != NULL && !dm_shape_initial(d, field, base))
        d->out_of_memory = true; /* its syntax was checked at the start */
    dm_decoder_up(d, mark);
}

static void decode_object(struct dm_decoder *d, const struct dm_shape *shape, json_object *object,
                          void *base)
{
    json_object_object_foreach(object, name, value)
    {
        (void)value;
        const struct dm_field *field = dm_shape_field(shape, dm_str_from(name));
        if (field != NULL && !field->read_only)
            continue;
        size_t mark = dm_decoder_down(d, dm_str_from(name));
        if (field == NULL)
            dm_decoder_violate(d, "unknown", "is not a member of this document");
        else
            dm_decoder_violate(d, "read_only", "is set by the service and cannot be given");
        dm_decoder_up(d, mark);
    }
    for (size_t i = 0; i < shape->n_fields && !d->out_of_memory; i++)
        if (!shape->fields[i].read_only)
            decode_member(d, &shape->fields[i], object, base);
}

static enum dm_result decode_root(const struct dm_shape *shape, struct dm_ctx *ctx,
                                  json_object *root, void **ret_value,
                                  struct dm_violation **ret_violations)
{
    struct dm_decoder d;
    dm_decoder_init(&d, ctx);
    void *value = dm_decoder_alloc(&d, 1, shape->size);
    if (value != NULL)
        decode_nested(&d, shape, root, value);
    enum dm_result result = dm_decoder_result(&d, ret_violations);
    if (result == DM_OK)
        *ret_value = value;
    return result;
}

static enum dm_result parse_checked(const struct dm_shape *shape, struct dm_ctx *ctx,
                                    struct dm_str json, json_object **ret_root)
{
    struct dm_json_limits limits = {
        .max_bytes = shape->max_bytes != 0 ? shape->max_bytes : json.n,
        .max_depth = shape->max_depth != 0 ? shape->max_depth : DM_SHAPE_DEPTH,
    };
    enum dm_result result = dm_json_text_check(json, limits, &ctx->err);
    if (result != DM_OK)
        return result;
    if (json.n > INT32_MAX)
        return dm_err_set(&ctx->err, DM_E_TOOBIG, "The document is too long.");
    return parse(json, ret_root) ? DM_OK : dm_ctx_nomem(ctx);
}

enum dm_result dm_shape_decode(const struct dm_shape *shape, struct dm_ctx *ctx, struct dm_str json,
                               void **ret_value, struct dm_violation **ret_violations)
{
    json_object *root = NULL;
    enum dm_result result = parse_checked(shape, ctx, json, &root);
    if (result != DM_OK)
        return result;
    result = decode_root(shape, ctx, root, ret_value, ret_violations);
    json_object_put(root);
    return result;
}

/*
 * RFC 7396 §2. Takes target; returns what the caller puts, or NULL: a null result, or no memory
 * (*ret_failed). Parts of patch are shared.
 */
static json_object *merge(json_object *target, json_object *patch, bool *ret_failed)
{
    if (!json_object_is_type(patch, json_type_object)) {
        json_object_put(target);
        return json_object_get(patch);
    }
    if (!json_object_is_type(target, json_type_object)) {
        json_object_put(target);
        target = json_object_new_object();
        if (target == NULL) {
            *ret_failed = true;
            return NULL;
        }
    }
    json_object_object_foreach(patch, name, change)
    {
        if (change == NULL) {
            json_object_object_del(target, name);
            continue;
        }
        json_object *old = json_object_get(json_object_object_get(target, name));
        json_object *merged = merge(old, change, ret_failed);
        if (*ret_failed || json_object_object_add(target, name, merged) != 0) {
            *ret_failed = true;
            break;
        }
    }
    return target;
}

/* What a client would have sent for current. */
static enum dm_result tree_of(const struct dm_shape *shape, struct dm_ctx *ctx, const void *current,
                              json_object **ret_root)
{
    struct dm_buf text;
    struct dm_json_writer w;
    dm_buf_init(&text, NULL, CURRENT_BYTES_MAX);
    dm_json_writer_init(&w, &text);
    dm_shape_encode_sent(shape, current, &w);
    bool parsed = !dm_buf_failed(&text) && parse(dm_buf_str(&text), ret_root);
    dm_buf_done(&text);
    if (!parsed)
        return dm_err_set(&ctx->err, DM_E_INTERNAL, "what is stored of %s is not JSON",
                          shape->name);
    return DM_OK;
}

static enum dm_result check_size(const struct dm_shape *shape, struct dm_ctx *ctx,
                                 json_object *root)
{
    size_t n = 0;
    if (shape->max_bytes == 0)
        return DM_OK;
    if (json_object_to_json_string_length(
            root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n) == NULL)
        return dm_ctx_nomem(ctx);
    if (n > shape->max_bytes)
        return dm_err_set(&ctx->err, DM_E_TOOBIG, "The merged document has more than %zu bytes.",
                          shape->max_bytes);
    return DM_OK;
}

enum dm_result dm_shape_merge(const struct dm_shape *shape, struct dm_ctx *ctx, const void *current,
                              struct dm_str patch, void **ret_value,
                              struct dm_violation **ret_violations)
{
    json_object *changes = NULL;
    json_object *root = NULL;
    bool failed = false;
    enum dm_result result = parse_checked(shape, ctx, patch, &changes);
    if (result != DM_OK)
        return result;
    if (json_object_is_type(changes, json_type_object))
        result = tree_of(shape, ctx, current, &root);
    if (result == DM_OK)
        root = merge(root, changes, &failed);
    if (failed)
        result = dm_ctx_nomem(ctx);
    if (result == DM_OK)
        result = check_size(shape, ctx, root);
    if (result == DM_OK)
        result = decode_root(shape, ctx, root, ret_value, ret_violations);
    json_object_put(root);
    json_object_put(changes);
    return result;
}

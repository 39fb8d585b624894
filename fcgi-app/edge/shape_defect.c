/*
 * The rules that a table of fields must keep, asked once at the start: what shape.c and
 * shape_encode.c take for granted on every request.
 */
#include <stdarg.h>

#include "edge/shape_internal.h"

/* An arena for trying out the initial values of one field. */
#define TRY_BLOCK_BYTES 4096
#define TRY_BYTES_MAX (1u << 20)

/* The sentence found last; valid until the thread's next call. */
static _Thread_local char sentence[256];

DM_PRINTF(3, 4)
static const char *defect(const struct dm_shape *shape, const struct dm_field *field,
                          const char *fmt, ...)
{
    char words[160];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(words, sizeof(words), fmt, args) < 0)
        words[0] = '\0';
    va_end(args);
    snprintf(sentence, sizeof(sentence), "shape %s, field %s: %s",
             shape->name != NULL ? shape->name : "(unnamed)",
             field != NULL && field->name != NULL ? field->name : "(none)", words);
    return sentence;
}

/* Bytes of the C member; 0: no such kind. */
static size_t size_of(enum dm_kind kind)
{
    switch (kind) {
    case DM_STRING:
    case DM_JSON_OBJECT:
    case DM_JSON_ARRAY:
        return sizeof(struct dm_str);
    case DM_INTEGER:
        return sizeof(struct dm_opt_int);
    case DM_NUMBER:
        return sizeof(struct dm_opt_num);
    case DM_BOOLEAN:
        return sizeof(struct dm_opt_bool);
    case DM_TIME:
        return sizeof(struct dm_opt_time);
    case DM_OBJECT:
        return sizeof(void *);
    case DM_ARRAY:
        return sizeof(struct dm_list);
    }
    return 0;
}

static size_t alignment_of(enum dm_kind kind)
{
    return kind == DM_BOOLEAN ? _Alignof(struct dm_opt_bool) : _Alignof(struct dm_str);
}

static const char *place_defect(const struct dm_shape *shape, const struct dm_field *field)
{
    size_t size = size_of(field->kind);
    if (size == 0)
        return defect(shape, field, "its kind is unsaid");
    if (field->offset > shape->size || size > shape->size - field->offset)
        return defect(shape, field, "lies outside the struct");
    if (field->offset % alignment_of(field->kind) != 0)
        return defect(shape, field, "lies where no member of its kind can");
    for (const struct dm_field *other = shape->fields; other < field; other++) {
        if (strcmp(other->name, field->name) == 0)
            return defect(shape, field, "its name occurs twice");
        if (other->offset < field->offset + size &&
            field->offset < other->offset + size_of(other->kind))
            return defect(shape, field, "shares memory with %s", other->name);
    }
    return NULL;
}

static bool holds_strings(const struct dm_field *field)
{
    return field->kind == DM_STRING ||
           ((field->kind == DM_ARRAY || field->kind == DM_JSON_ARRAY) && field->shape == NULL);
}

static const char *format_defect(const struct dm_shape *shape, const struct dm_field *field)
{
    if (field->format != DM_LINE && !holds_strings(field))
        return defect(shape, field, "has a format but holds no strings");
    bool choices = field->choices != NULL && field->choices[0] != NULL;
    if ((field->format == DM_CHOICE) != choices)
        return defect(shape, field, "choices and format DM_CHOICE belong together");
    if ((size_t)field->format > (size_t)DM_FORMAT_LAST)
        return defect(shape, field, "its format is unknown");
    return NULL;
}

static const char *bounds_defect(const struct dm_shape *shape, const struct dm_field *field)
{
    bool counts = field->kind != DM_INTEGER && field->kind != DM_NUMBER;
    if (field->min > field->max)
        return defect(shape, field, "min is above max");
    if (counts && field->min < 0)
        return defect(shape, field, "min is a count and below 0");
    if (dm_field_bounded(field) &&
        (field->kind == DM_BOOLEAN || field->kind == DM_TIME || field->kind == DM_OBJECT))
        return defect(shape, field, "has bounds, but nothing that they could bound");
    if (field->item_max != 0 && (field->kind == DM_STRING || !holds_strings(field)))
        return defect(shape, field, "has item_max but no items that are strings");
    return NULL;
}

/* Decoded for real, so that a default is never refused by the rule beside it. */
static const char *initial_defect(const struct dm_shape *shape, const struct dm_field *field)
{
    if (field->initial == NULL)
        return NULL;
    if (field->read_only)
        return defect(shape, field, "has an initial value that no request can come to need");
    struct dm_ctx ctx = {.arena = dm_arena_new(TRY_BLOCK_BYTES, TRY_BYTES_MAX)};
    if (ctx.arena == NULL)
        return defect(shape, field, "no memory to try its initial value");
    struct dm_decoder d;
    struct dm_violation *violations = NULL;
    dm_decoder_init(&d, &ctx);
    void *scratch = dm_decoder_alloc(&d, 1, shape->size);
    bool good = scratch != NULL && dm_shape_initial(&d, field, scratch) &&
                dm_decoder_result(&d, &violations) == DM_OK;
    dm_arena_free(ctx.arena);
    return good ? NULL : defect(shape, field, "its initial value breaks its own rules");
}

static const char *shape_defect(const struct dm_shape *shape, unsigned depth);

static const char *nested_defect(const struct dm_shape *shape, const struct dm_field *field,
                                 unsigned depth)
{
    if (field->shape == NULL)
        return field->kind == DM_OBJECT ? defect(shape, field, "an object needs a shape") : NULL;
    if (field->kind != DM_OBJECT && field->kind != DM_ARRAY && field->kind != DM_JSON_OBJECT &&
        field->kind != DM_JSON_ARRAY)
        return defect(shape, field, "has a shape, but its kind takes none");
    if (field->kind == DM_JSON_OBJECT && dm_field_bounded(field))
        return defect(shape, field, "counts the members of an object that has a shape");
    return shape_defect(field->shape, depth + 1);
}

static const char *field_defect(const struct dm_shape *shape, const struct dm_field *field,
                                unsigned depth)
{
    if (field->name == NULL || field->name[0] == '\0')
        return defect(shape, NULL, "a field has no name");
    const char *found = place_defect(shape, field);
    if (found == NULL)
        found = format_defect(shape, field);
    if (found == NULL)
        found = bounds_defect(shape, field);
    if (found == NULL)
        found = nested_defect(shape, field, depth);
    if (found == NULL)
        found = initial_defect(shape, field);
    return found;
}

static const char *shape_defect(const struct dm_shape *shape, unsigned depth)
{
    /* Deeper than any document may be: a shape that holds itself has been seen often enough. */
    if (depth >= DM_SHAPE_DEPTH)
        return NULL;
    if (shape->name == NULL || shape->name[0] == '\0')
        return defect(shape, NULL, "the shape has no name");
    if (shape->size == 0 || (shape->fields == NULL && shape->n_fields > 0))
        return defect(shape, NULL, "the shape has no size or no fields");
    for (size_t i = 0; i < shape->n_fields; i++) {
        const char *found = field_defect(shape, &shape->fields[i], depth);
        if (found != NULL)
            return found;
    }
    return NULL;
}

const char *dm_shape_defect(const struct dm_shape *shape)
{
    return shape_defect(shape, 0);
}

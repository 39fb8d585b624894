/*
 * The shape as JSON Schema 2020-12, for the OpenAPI document: what shape.c checks, told to clients
 * and to those who make clients. Where a request differs from the reply it has a schema of its own,
 * and so has a merge patch: there a member may be left out, and null takes one away.
 */
#include "edge/shape_internal.h"

static void name_num(struct dm_json_writer *w, const char *name, double value)
{
    dm_json_name(w, name);
    dm_json_num(w, value);
}

/* "type": "string", or ["string", "null"]. */
static void write_type(struct dm_json_writer *w, const char *type, bool nullable)
{
    if (!nullable) {
        dm_json_name_string(w, "type", type);
        return;
    }
    dm_json_name(w, "type");
    dm_json_array_begin(w);
    dm_json_string(w, dm_str_from(type));
    dm_json_string(w, DM_STR("null"));
    dm_json_array_end(w);
}

/* Lengths of at least 0 go without saying. */
static void write_bounds(struct dm_json_writer *w, const struct dm_field *field,
                         const char *min_name, const char *max_name, bool min_from_zero)
{
    if (!dm_field_bounded(field))
        return;
    if (!min_from_zero || field->min > 0)
        name_num(w, min_name, field->min);
    name_num(w, max_name, field->max);
}

static void write_format(struct dm_json_writer *w, const struct dm_field *field, bool nullable)
{
    static const char *const names[] = {
        [DM_UUID] = "uuid",
        [DM_EMAIL] = "email",
        [DM_PASSWORD] = "password",
        [DM_URI] = "uri",
    };
    size_t format = (size_t)field->format;
    if (format < sizeof(names) / sizeof(names[0]) && names[format] != NULL)
        dm_json_name_string(w, "format", names[format]);
    if (field->format != DM_CHOICE)
        return;
    dm_json_name(w, "enum");
    dm_json_array_begin(w);
    for (const char *const *choice = field->choices; *choice != NULL; choice++)
        dm_json_string(w, dm_str_from(*choice));
    if (nullable)
        dm_json_null(w);
    dm_json_array_end(w);
}

static void write_ref(struct dm_json_writer *w, const char *name, const char *suffix)
{
    char ref[200];
    snprintf(ref, sizeof(ref), "#/components/schemas/%s%s", name, suffix);
    dm_json_name_string(w, "$ref", ref);
}

enum dm_form dm_form_below(const struct dm_field *field, enum dm_form form)
{
    bool items = field->kind == DM_ARRAY || field->kind == DM_JSON_ARRAY;
    return items && form == DM_FORM_PATCH ? DM_FORM_REQUEST : form;
}

static void write_nested(struct dm_json_writer *w, const struct dm_field *field, bool nullable,
                         enum dm_form form)
{
    const char *suffix = dm_form_suffix(field->shape, dm_form_below(field, form));
    if (!nullable) {
        write_ref(w, field->shape->name, suffix);
        return;
    }
    dm_json_name(w, "anyOf");
    dm_json_array_begin(w);
    dm_json_object_begin(w);
    write_ref(w, field->shape->name, suffix);
    dm_json_object_end(w);
    dm_json_object_begin(w);
    dm_json_name_string(w, "type", "null");
    dm_json_object_end(w);
    dm_json_array_end(w);
}

static void write_array(struct dm_json_writer *w, const struct dm_field *field, bool nullable,
                        enum dm_form form)
{
    write_type(w, "array", nullable);
    write_bounds(w, field, "minItems", "maxItems", true);
    dm_json_name(w, "items");
    dm_json_object_begin(w);
    if (field->shape != NULL) {
        write_ref(w, field->shape->name, dm_form_suffix(field->shape, dm_form_below(field, form)));
    } else {
        dm_json_name_string(w, "type", "string");
        name_num(w, "maxLength", dm_field_item_max(field));
        write_format(w, field, false);
    }
    dm_json_object_end(w);
}

static void write_kind(struct dm_json_writer *w, const struct dm_field *field, bool nullable,
                       enum dm_form form)
{
    switch (field->kind) {
    case DM_STRING:
        write_type(w, "string", nullable);
        write_bounds(w, field, "minLength", "maxLength", true);
        write_format(w, field, nullable);
        break;
    case DM_INTEGER:
        write_type(w, "integer", nullable);
        write_bounds(w, field, "minimum", "maximum", false);
        break;
    case DM_NUMBER:
        write_type(w, "number", nullable);
        write_bounds(w, field, "minimum", "maximum", false);
        break;
    case DM_BOOLEAN:
        write_type(w, "boolean", nullable);
        break;
    case DM_TIME:
        write_type(w, "string", nullable);
        dm_json_name_string(w, "format", "date-time");
        break;
    case DM_JSON_OBJECT:
        if (field->shape == NULL) {
            write_type(w, "object", nullable);
            write_bounds(w, field, "minProperties", "maxProperties", true);
            break;
        }
        write_nested(w, field, nullable, form);
        break;
    case DM_OBJECT:
        write_nested(w, field, nullable, form);
        break;
    case DM_ARRAY:
    case DM_JSON_ARRAY:
        write_array(w, field, nullable, form);
        break;
    }
}

void dm_field_schema(const struct dm_field *field, struct dm_json_writer *w)
{
    dm_json_object_begin(w);
    write_kind(w, field, field->nullable, DM_FORM_REQUEST);
    if (field->initial != NULL) {
        dm_json_name(w, "default");
        dm_json_raw(w, dm_str_from(field->initial));
    }
    dm_json_object_end(w);
}

void dm_field_description(const struct dm_field *field, struct dm_json_writer *w)
{
    char text[512];
    if (field->text == NULL && field->unit == NULL)
        return;
    if (field->format == DM_NAME)
        snprintf(text, sizeof(text),
                 "%s; one line, without < and >, nor anything that cannot be seen",
                 field->text != NULL ? field->text : field->name);
    else if (field->text == NULL || field->unit == NULL)
        snprintf(text, sizeof(text), "%s", field->text != NULL ? field->text : field->unit);
    else
        snprintf(text, sizeof(text), "%s (%s)", field->text, field->unit);
    dm_json_name_string(w, "description", text);
}

/* In a request null stands for a member that is left out (shape.c); in a patch it takes one away. */
static bool may_be_null(const struct dm_field *field, enum dm_form form)
{
    return field->nullable || form == DM_FORM_PATCH ||
           (form == DM_FORM_REQUEST && !field->required);
}

static void write_property(struct dm_json_writer *w, const struct dm_field *field,
                           enum dm_form form)
{
    bool patch = form == DM_FORM_PATCH;
    dm_json_name(w, field->name);
    dm_json_object_begin(w);
    write_kind(w, field, may_be_null(field, form), form);
    dm_field_description(field, w);
    if (field->initial != NULL && !patch) {
        dm_json_name(w, "default");
        dm_json_raw(w, dm_str_from(field->initial));
    }
    if (field->read_only) {
        dm_json_name(w, "readOnly");
        dm_json_bool(w, true);
    }
    dm_json_object_end(w);
}

static bool has(enum dm_form form, const struct dm_field *field)
{
    return form == DM_FORM_REPLY || !field->read_only;
}

/* What has an initial value is always there in a reply. */
static bool is_due(enum dm_form form, const struct dm_field *field)
{
    return field->required || (form == DM_FORM_REPLY && field->initial != NULL);
}

static void write_required(const struct dm_shape *shape, enum dm_form form,
                           struct dm_json_writer *w)
{
    bool begun = false;
    for (size_t i = 0; i < shape->n_fields; i++) {
        if (!has(form, &shape->fields[i]) || !is_due(form, &shape->fields[i]))
            continue;
        if (!begun) {
            dm_json_name(w, "required");
            dm_json_array_begin(w);
            begun = true;
        }
        dm_json_string(w, dm_str_from(shape->fields[i].name));
    }
    if (begun)
        dm_json_array_end(w);
}

/* depth: a shape that holds itself has been seen often enough when no document may be deeper. */
static bool differs_by_way(const struct dm_shape *shape, unsigned depth)
{
    for (size_t i = 0; i < shape->n_fields && depth < DM_SHAPE_DEPTH; i++) {
        const struct dm_field *field = &shape->fields[i];
        if (field->read_only || field->initial != NULL ||
            (field->shape != NULL && differs_by_way(field->shape, depth + 1)))
            return true;
    }
    return false;
}

const char *dm_form_suffix(const struct dm_shape *shape, enum dm_form form)
{
    bool differs = differs_by_way(shape, 0);
    switch (form) {
    case DM_FORM_REQUEST:
        return differs ? "Write" : "";
    case DM_FORM_PATCH:
        return differs ? "WritePatch" : "Patch";
    case DM_FORM_REPLY:
        break;
    }
    return "";
}

void dm_form_schema(const struct dm_shape *shape, enum dm_form form, struct dm_json_writer *w)
{
    dm_json_object_begin(w);
    dm_json_name_string(w, "type", "object");
    dm_json_name(w, "properties");
    dm_json_object_begin(w);
    for (size_t i = 0; i < shape->n_fields; i++)
        if (has(form, &shape->fields[i]))
            write_property(w, &shape->fields[i], form);
    dm_json_object_end(w);
    if (form != DM_FORM_PATCH)
        write_required(shape, form, w);
    dm_json_name(w, "additionalProperties");
    dm_json_bool(w, false);
    dm_json_object_end(w);
}

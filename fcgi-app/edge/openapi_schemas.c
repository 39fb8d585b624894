/* The document's schemas: each shape that a row names, and all those within, once for each form that differs. */
#include "edge/openapi_internal.h"

struct dm_openapi_schema {
    char *name;
    const struct dm_shape *shape;
    enum dm_form form;
};

/* NULL: there is no more memory. */
static struct dm_openapi_schema *schema_new(struct dm_openapi_schemas *s)
{
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 64 : s->cap * 2;
        struct dm_openapi_schema *list = dm_arena_array(s->arena, cap, sizeof(*list));
        if (list == NULL)
            return NULL;
        if (s->n > 0)
            memcpy(list, s->list, s->n * sizeof(*list));
        s->list = list;
        s->cap = cap;
    }
    return &s->list[s->n++];
}

static struct dm_openapi_schema *schema_named(struct dm_openapi_schemas *s, struct dm_str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (dm_str_eq_c(name, s->list[i].name))
            return &s->list[i];
    return NULL;
}

/* The schema of a shape in a form, new or told anew; NULL: all is told already, or s->result says why not. */
static struct dm_openapi_schema *schema_of(struct dm_openapi_schemas *s,
                                           const struct dm_shape *shape, enum dm_form form)
{
    struct dm_str name =
        dm_arena_printf(s->arena, "%s%s", shape->name, dm_form_suffix(shape, form));
    struct dm_openapi_schema *schema = name.p != NULL ? schema_named(s, name) : NULL;
    bool taken = dm_str_eq_c(name, "Problem") || dm_str_eq_c(name, "ProblemError");
    if (taken || (schema != NULL && schema->shape != shape)) {
        s->result = DM_E_INVALID;
        return NULL;
    }
    if (schema != NULL && (schema->form == form || schema->form == DM_FORM_REPLY))
        return NULL;
    if (schema != NULL) {
        schema->form = DM_FORM_REPLY;
        return schema;
    }
    schema = name.p != NULL ? schema_new(s) : NULL;
    if (schema == NULL)
        s->result = DM_E_NOMEM;
    else
        *schema = (struct dm_openapi_schema){(char *)name.p, shape, form};
    return schema;
}

void dm_openapi_schemas_add(struct dm_openapi_schemas *s, const struct dm_shape *shape,
                            enum dm_form form)
{
    if (schema_of(s, shape, form) == NULL)
        return;
    for (size_t i = 0; i < shape->n_fields && s->result == DM_OK; i++) {
        const struct dm_field *field = &shape->fields[i];
        if (field->shape != NULL && (form == DM_FORM_REPLY || !field->read_only))
            dm_openapi_schemas_add(s, field->shape, dm_form_below(field, form));
    }
}

static int compare_schemas(const void *a, const void *b)
{
    return strcmp(((const struct dm_openapi_schema *)a)->name,
                  ((const struct dm_openapi_schema *)b)->name);
}

/* RFC 9457 §3.1, with our members. */
static const char problem_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"type\":{\"type\":\"string\",\"format\":\"uri\",\"description\":\"Stable code of the kind of "
    "problem\"},"
    "\"title\":{\"type\":\"string\"},"
    "\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
    "\"detail\":{\"type\":\"string\"},"
    "\"instance\":{\"type\":\"string\",\"description\":\"The request's path\"},"
    "\"correlationId\":{\"type\":\"string\"},"
    "\"errors\":{\"type\":\"array\",\"maxItems\":51,\"items\":{\"$ref\":"
    "\"#/components/schemas/ProblemError\"}}},"
    "\"required\":[\"type\",\"title\",\"status\"],\"additionalProperties\":false}";
static const char problem_error_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"pointer\":{\"type\":\"string\",\"description\":\"JSON Pointer (RFC 6901) of the bad "
    "member\"},"
    "\"code\":{\"type\":\"string\"},"
    "\"message\":{\"type\":\"string\"}},"
    "\"required\":[\"pointer\",\"code\",\"message\"],\"additionalProperties\":false}";

void dm_openapi_schemas_write(struct dm_openapi_schemas *s, struct dm_json_writer *w)
{
    if (s->n > 1)
        qsort(s->list, s->n, sizeof(*s->list), compare_schemas);
    dm_json_name_object(w, "schemas");
    dm_json_name(w, "Problem");
    dm_json_raw(w, dm_str_from(problem_schema));
    dm_json_name(w, "ProblemError");
    dm_json_raw(w, dm_str_from(problem_error_schema));
    for (size_t i = 0; i < s->n; i++) {
        const struct dm_openapi_schema *schema = &s->list[i];
        dm_json_name(w, schema->name);
        dm_form_schema(schema->shape, schema->form, w);
    }
    dm_json_object_end(w);
}

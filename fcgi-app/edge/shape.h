/*
 * Shapes: one table of fields from which a request's JSON is checked and decoded into a C struct, a reply encoded, and the schema of the
 * OpenAPI document printed. One table serves both ways: what a client may not write is read_only. With lib/base/json.c the only user of
 * json-c. Decoding tells every bad field at once, each with its JSON Pointer; unknown members are errors.
 */
#ifndef DM_EDGE_SHAPE_H
#define DM_EDGE_SHAPE_H

#include <stddef.h>

#include "base/ctx.h"
#include "base/json_write.h"
#include "base/result.h"
#include "base/str.h"

/* What a member is, and what keeps it in the struct. */
enum dm_kind {
    DM_STRING = 1, /* struct dm_str; min and max count code points; one line unless DM_TEXT */
    DM_INTEGER,    /* struct dm_opt_int */
    DM_NUMBER,     /* struct dm_opt_num */
    DM_BOOLEAN,    /* struct dm_opt_bool */
    DM_TIME,       /* struct dm_opt_time; RFC 3339 */
    DM_OBJECT,     /* pointer to the struct of .shape, NULL when absent */
    /* struct dm_list of structs of .shape, or of struct dm_str when .shape is NULL; min and max count items */
    DM_ARRAY,
    /* struct dm_str: an object kept as JSON text; free-form, or checked against .shape */
    DM_JSON_OBJECT,
    /* struct dm_str: an array kept as JSON text; items checked against .shape, or strings when NULL */
    DM_JSON_ARRAY,
};

/*
 * What a string must be besides its length, which is that of what is kept. LINE, NAME and TEXT that may not be empty may not be blank
 * either.
 */
enum dm_format {
    DM_LINE = 0, /* no control characters; kept in NFC */
    DM_NAME, /* as LINE, but nothing that passes for markup or that cannot be seen: others read it beside what is ours */
    DM_TEXT, /* control characters tab, LF, CR allowed; kept to the letter */
    DM_UUID, /* lower-cased */
    DM_EMAIL,
    DM_LANGUAGE, /* BCP 47 */
    DM_TIMEZONE, /* a name in this machine's time zone database */
    DM_URI,      /* RFC 3986 */
    DM_CHOICE,   /* one of .choices */
    DM_PASSWORD, /* as TEXT; OpenAPI format "password" */
    DM_FORMAT_LAST = DM_PASSWORD,
};

struct dm_field {
    const char *name; /* camelCase */
    enum dm_kind kind;
    size_t offset;
    enum dm_format format;
    bool required;   /* in a request: must be there and not null. In a reply: always there */
    bool read_only;  /* in a reply; refused in a request like an unknown member */
    bool nullable;   /* in a reply: null rather than left out when absent */
    double min, max; /* length, value or number of items; both 0: no bound */
    double item_max; /* strings in an array: code points each; 0: 200 */
    /* JSON text taken when a request leaves the member out, so that a reply always has it; NULL: stays absent */
    const char *initial;
    const char *const *choices; /* NULL-terminated */
    const struct dm_shape *shape;
    const char *unit;
    const char *text;
};

struct dm_shape {
    const char *name; /* the schema's name in OpenAPI: "Profile" */
    size_t size;      /* of the C struct */
    const struct dm_field *fields;
    size_t n_fields;
    size_t max_bytes;   /* of the whole document; 0: the request's own bound */
    unsigned max_depth; /* 0: 10 levels */
};

#define DM_SHAPE(type, schema_name, field_table)                                                   \
    {                                                                                              \
        .name = (schema_name), .size = sizeof(type), .fields = (field_table),                      \
        .n_fields = sizeof(field_table) / sizeof((field_table)[0])                                 \
    }

/* One bad field of a request. */
struct dm_violation {
    char pointer[160]; /* RFC 6901 */
    /* static: "required", "unknown", "type", "too_short", "too_long", "out_of_range", "format", "markup", "hidden", "blank" … */
    const char *code;
    char message[160];
    struct dm_violation *next; /* in the order they were met; at most DM_VIOLATIONS_MAX */
};
#define DM_VIOLATIONS_MAX 50

/*
 * Decode a request's body. DM_E_SYNTAX: not JSON or not UTF-8; DM_E_TOOBIG: too deep or too long;
 * DM_E_INVALID: *ret_violations lists what is wrong. On DM_OK *ret_value is the shape's struct. All in ctx's arena.
 */
DM_MUST_CHECK enum dm_result dm_shape_decode(const struct dm_shape *shape, struct dm_ctx *ctx,
                                             struct dm_str json, void **ret_value,
                                             struct dm_violation **ret_violations);

/*
 * JSON Merge Patch (RFC 7396): encode current (a struct of shape), merge patch into it, decode and check the result as above.
 */
DM_MUST_CHECK enum dm_result dm_shape_merge(const struct dm_shape *shape, struct dm_ctx *ctx,
                                            const void *current, struct dm_str patch,
                                            void **ret_value, struct dm_violation **ret_violations);

/* Decode a query string ("limit=20&cursor=…"): members of kinds STRING, INTEGER, NUMBER, BOOLEAN, TIME. Twice the same is an error. */
DM_MUST_CHECK enum dm_result dm_shape_decode_query(const struct dm_shape *shape, struct dm_ctx *ctx,
                                                   struct dm_str query, void **ret_value,
                                                   struct dm_violation **ret_violations);

/* Write a struct of the shape as a JSON object. Absent members are left out unless nullable. */
void dm_shape_encode(const struct dm_shape *shape, const void *value, struct dm_json_writer *w);

/* Which documents of a shape a schema is about. */
enum dm_form {
    DM_FORM_REPLY,
    DM_FORM_REQUEST, /* no read-only members; what has an initial value may be left out */
    DM_FORM_PATCH,   /* a merge patch of a request: nothing is due, every member may be null */
};
/* A form's schema is named as its shape with this behind: "", "Write", "Patch", "WritePatch". Static. */
const char *dm_form_suffix(const struct dm_shape *shape, enum dm_form form);
/* The form as a JSON Schema 2020-12 object, nested shapes by $ref "#/components/schemas/NAME". */
void dm_form_schema(const struct dm_shape *shape, enum dm_form form, struct dm_json_writer *w);

/* The field of that name; NULL when there is none. */
const struct dm_field *dm_shape_field(const struct dm_shape *shape, struct dm_str name);

/* The rules a table must keep (offsets within size, names unique, choices where due): a sentence on the first breach, else NULL. */
const char *dm_shape_defect(const struct dm_shape *shape);

#endif

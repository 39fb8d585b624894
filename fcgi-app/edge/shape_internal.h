/*
 * Shared by the shape_*.c files: the state of one decoding and the checks that JSON bodies and
 * query strings have in common. For no one else.
 */
#ifndef DM_EDGE_SHAPE_INTERNAL_H
#define DM_EDGE_SHAPE_INTERNAL_H

#include "edge/shape.h"

/* Levels of a document when the shape does not say. */
#define DM_SHAPE_DEPTH 10
/* Code points of a string in an array when the field does not say. */
#define DM_SHAPE_ITEM_MAX 200

/* One document being decoded: where we are in it, and what was wrong so far. */
struct dm_decoder {
    struct dm_ctx *ctx;
    struct dm_violation *first;
    struct dm_violation **end;
    size_t n_violations;
    bool out_of_memory;
    size_t pointer_n;
    char pointer[sizeof(((struct dm_violation *)0)->pointer)];
};

void dm_decoder_init(struct dm_decoder *d, struct dm_ctx *ctx);
/* Go down to a member or an item; returns what dm_decoder_up takes. A pointer too long for its
 * array is cut. */
size_t dm_decoder_down(struct dm_decoder *d, struct dm_str name);
size_t dm_decoder_down_index(struct dm_decoder *d, size_t index);
void dm_decoder_up(struct dm_decoder *d, size_t mark);
/* code: static. Past DM_VIOLATIONS_MAX nothing is added. The words never hold the value. */
DM_PRINTF(3, 4)
void dm_decoder_violate(struct dm_decoder *d, const char *code, const char *fmt, ...);
void *dm_decoder_alloc(struct dm_decoder *d, size_t n, size_t size);
struct dm_str dm_decoder_keep(struct dm_decoder *d, struct dm_str s); /* a copy in the arena */
/* DM_OK; or DM_E_INVALID with the violations; or DM_E_NOMEM. */
DM_MUST_CHECK enum dm_result dm_decoder_result(const struct dm_decoder *d,
                                               struct dm_violation **ret_violations);

/* The struct's member at field's offset. */
void *dm_field_at(const struct dm_field *field, void *base);
const void *dm_field_of(const struct dm_field *field, const void *base);
bool dm_field_bounded(const struct dm_field *field);
double dm_field_item_max(const struct dm_field *field);

/* What a string must be: length in code points (bounded: min to max) and the field's format. */
void dm_check_string(struct dm_decoder *d, const struct dm_field *field, struct dm_str s,
                     struct dm_str *ret);
/* The same for a string in an array. */
void dm_check_item(struct dm_decoder *d, const struct dm_field *field, struct dm_str s,
                   struct dm_str *ret);
void dm_check_int(struct dm_decoder *d, const struct dm_field *field, int64_t v,
                  struct dm_opt_int *ret);
void dm_check_num(struct dm_decoder *d, const struct dm_field *field, double v,
                  struct dm_opt_num *ret);
void dm_check_time(struct dm_decoder *d, struct dm_str s, struct dm_opt_time *ret);
/* Number of items of an array, or of members of an object. */
void dm_check_count(struct dm_decoder *d, const struct dm_field *field, size_t n);

/* Decode field's initial as if it had been sent. False: it is not JSON. */
bool dm_shape_initial(struct dm_decoder *d, const struct dm_field *field, void *base);

/* As dm_shape_encode, but what a client would send: no read-only members and no nulls. */
void dm_shape_encode_sent(const struct dm_shape *shape, const void *value,
                          struct dm_json_writer *w);

/* The form of what hangs on field: an array in a patch is replaced whole, so that its items are no patches. */
enum dm_form dm_form_below(const struct dm_field *field, enum dm_form form);
/* The schema of one member of a request, without its description. */
void dm_field_schema(const struct dm_field *field, struct dm_json_writer *w);
/* "The age, in years." from text and unit; writes nothing when there is neither. */
void dm_field_description(const struct dm_field *field, struct dm_json_writer *w);

#endif

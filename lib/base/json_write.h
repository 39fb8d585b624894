/*
 * JSON written straight into a buffer: the one way this code base makes JSON. Commas are the writer's business: it puts one where
 * one is due.
 */
#ifndef DM_BASE_JSON_WRITE_H
#define DM_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct dm_json_writer {
    struct dm_buf *out; /* borrowed */
    bool comma_due;
};

void dm_json_writer_init(struct dm_json_writer *w, struct dm_buf *out);
void dm_json_object_begin(struct dm_json_writer *w);
void dm_json_object_end(struct dm_json_writer *w);
void dm_json_array_begin(struct dm_json_writer *w);
void dm_json_array_end(struct dm_json_writer *w);
void dm_json_name(struct dm_json_writer *w, const char *name); /* then exactly one value */
/* Values. An absent string is null; bytes that are not UTF-8 become U+FFFD. */
void dm_json_string(struct dm_json_writer *w, struct dm_str s);
void dm_json_int(struct dm_json_writer *w, int64_t v);
void dm_json_num(struct dm_json_writer *w,
                 double v); /* shortest text that reads back; not finite: null */
void dm_json_bool(struct dm_json_writer *w, bool v);
void dm_json_null(struct dm_json_writer *w);
void dm_json_time(struct dm_json_writer *w, int64_t wall_ms); /* RFC 3339 string */
/* JSON text that is known to be valid, as it is; absent: null. */
void dm_json_raw(struct dm_json_writer *w, struct dm_str json);

/* A name, and with it its value, or the object or array that begins. */
void dm_json_name_string(struct dm_json_writer *w, const char *name, const char *value);
void dm_json_name_object(struct dm_json_writer *w, const char *name);
void dm_json_name_array(struct dm_json_writer *w, const char *name);

#endif

/* W3C Trace Context (https://www.w3.org/TR/trace-context/): read `traceparent`, start a span of our own, pass it on. */
#ifndef DM_BASE_TRACE_H
#define DM_BASE_TRACE_H

#include <stdbool.h>

#include "base/str.h"

struct dm_trace {
    char trace_id[33];       /* 32 lower-case hex digits and NUL */
    char span_id[17];        /* this unit of work's own */
    char parent_span_id[17]; /* "" when we are the root */
    bool sampled;
};

/* Continue the caller's trace, or start one when the header is absent or malformed (all-zero ids are malformed). */
void dm_trace_start(struct dm_trace *trace, struct dm_str traceparent);
/* "00-<trace-id>-<span-id>-<flags>", 55 characters and NUL: for calls further out. */
#define DM_TRACEPARENT_TEXT 56
void dm_trace_format(const struct dm_trace *trace, char ret_text[DM_TRACEPARENT_TEXT]);

#endif

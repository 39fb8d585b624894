/*
 * The place of one unit of work in a trace that may have begun elsewhere. A header that we cannot
 * read costs the caller its link to us, never its request.
 */
#include "base/trace.h"

#include "base/id.h"

/* Offsets in version-traceid-parentid-flags. */
#define TRACE_ID_AT 3
#define PARENT_ID_AT 36
#define FLAGS_AT 53
#define TEXT_BYTES (DM_TRACEPARENT_TEXT - 1)

/* Lower-case hex digits only, as the standard demands. */
static bool is_hex(struct dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

static bool is_id(struct dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '0')
            return is_hex(s);
    return false;
}

static bool is_traceparent(struct dm_str s)
{
    if (s.n < TEXT_BYTES || s.p[TRACE_ID_AT - 1] != '-' || s.p[PARENT_ID_AT - 1] != '-' ||
        s.p[FLAGS_AT - 1] != '-')
        return false;
    struct dm_str version = dm_str_slice(s, 0, 2);
    if (!is_hex(version) || dm_str_eq_c(version, "ff"))
        return false;
    /* Later versions may add parts of their own after ours. */
    if (s.n > TEXT_BYTES && (dm_str_eq_c(version, "00") || s.p[TEXT_BYTES] != '-'))
        return false;
    return is_id(dm_str_slice(s, TRACE_ID_AT, 32)) && is_id(dm_str_slice(s, PARENT_ID_AT, 16)) &&
           is_hex(dm_str_slice(s, FLAGS_AT, 2));
}

void dm_trace_start(struct dm_trace *trace, struct dm_str traceparent)
{
    *trace = (struct dm_trace){0};
    bool root = !is_traceparent(traceparent);
    char hex[16 + 32 + 1];
    dm_id_hex(hex, root ? 16 + 32 : 16);
    memcpy(trace->span_id, hex, 16);
    if (root) {
        memcpy(trace->trace_id, hex + 16, 32);
        trace->sampled = true;
        return;
    }
    memcpy(trace->trace_id, traceparent.p + TRACE_ID_AT, 32);
    memcpy(trace->parent_span_id, traceparent.p + PARENT_ID_AT, 16);
    /* The lowest bit, so of the last hex digit: odd are 1, 3, 5, 7, 9, b, d and f. */
    trace->sampled = strchr("13579bdf", traceparent.p[FLAGS_AT + 1]) != NULL;
}

void dm_trace_format(const struct dm_trace *trace, char ret_text[DM_TRACEPARENT_TEXT])
{
    snprintf(ret_text, DM_TRACEPARENT_TEXT, "00-%s-%s-%s", trace->trace_id, trace->span_id,
             trace->sampled ? "01" : "00");
}

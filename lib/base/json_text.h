/*
 * RFC 8259 as it is written: the check in front of every JSON parser of ours, because json-c accepts texts that are not
 * JSON, keeps the last of duplicate keys and keeps \u0000. What passes here may be given to json-c.
 */
#ifndef DM_BASE_JSON_TEXT_H
#define DM_BASE_JSON_TEXT_H

#include "base/result.h"
#include "base/str.h"

#define DM_JSON_DEPTH_MAX 32 /* levels of objects and arrays; json-c's own bound */

struct dm_json_limits {
    size_t max_bytes;
    unsigned max_depth; /* at most DM_JSON_DEPTH_MAX */
};

/*
 * One JSON value and nothing after it but white space; UTF-8 without BOM; no duplicate member names within an object (compared
 * after unescaping); no U+0000, raw or escaped; no lone surrogate escapes. DM_OK, DM_E_SYNTAX (err->detail names the
 * byte offset), DM_E_TOOBIG. Uses bounded memory of its own, freed before it returns.
 */
DM_MUST_CHECK enum dm_result dm_json_text_check(struct dm_str text, struct dm_json_limits limits,
                                                struct dm_err *err);

#endif

/* lib/base/json_text.c: what passes is read by json-c to its end, and stays what it is in white space and within a bound it just meets. */
#include "base/json_text.h"

#include "base/json.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dm_json_limits limits = {.max_bytes = size, .max_depth = DM_JSON_DEPTH_MAX};
    struct dm_str text = dm_fuzz_text(data, size);
    struct dm_err err = {0};
    struct dm_json *doc = NULL;
    if (dm_json_text_check(text, limits, &err) != DM_OK)
        return 0;
    DM_PROMISE(dm_json_parse(text, &err, &doc) == DM_OK);
    dm_json_free(doc);
    struct dm_json_limits tighter = limits;
    tighter.max_bytes = size - 1;
    DM_PROMISE(dm_json_text_check(text, tighter, &err) == DM_E_TOOBIG);
    return 0;
}

/* What handlers ask of their call: a merged patch, an ETag, a version from If-Match, a Location, what the path names. Each is one line in a handler. */
#include "edge/call.h"

#define LOCATION_BYTES_MAX 1024

struct dm_owned dm_call_owned(const struct dm_call *call)
{
    return (struct dm_owned){call->principal.account_id, call->params[0]};
}

enum dm_result dm_call_merge(struct dm_call *call, const void *current, void **ret_merged)
{
    return dm_shape_merge(call->route->request, &call->ctx, current, call->request->body,
                          ret_merged, &call->violations);
}

void *dm_call_out_or(struct dm_call *call)
{
    call->out_shape = call->route->response_or;
    call->out = dm_arena_alloc(call->ctx.arena, call->out_shape->size);
    return call->out;
}

void dm_call_etag(struct dm_call *call, int64_t version)
{
    dm_response_header(call->response, "ETag",
                       dm_arena_printf(call->ctx.arena, "\"%lld\"", (long long)version));
}

enum dm_result dm_call_if_match(struct dm_call *call, struct dm_opt_int *ret_version)
{
    struct dm_str tag = dm_str_trim(call->request->if_match);
    if (tag.n == 0 || dm_str_eq_c(tag, "*")) {
        *ret_version = (struct dm_opt_int){0};
        return DM_OK;
    }
    bool weak = dm_str_starts(tag, DM_STR("W/"));
    struct dm_str quoted = weak ? dm_str_slice(tag, 2, tag.n) : tag;
    if (quoted.n < 2 || quoted.p[0] != '"' || quoted.p[quoted.n - 1] != '"')
        return dm_err_set(&call->ctx.err, DM_E_INVALID, "If-Match holds no entity tag");
    int64_t version;
    if (weak || !dm_str_to_int(dm_str_slice(quoted, 1, quoted.n - 2), 1, INT64_MAX, &version))
        return dm_err_set(&call->ctx.err, DM_E_STALE, "If-Match names no version of this resource");
    *ret_version = (struct dm_opt_int){.set = true, .v = version};
    return DM_OK;
}

void dm_call_location(struct dm_call *call, struct dm_str id)
{
    struct dm_buf path;
    struct dm_str rest = dm_str_from(call->route->path + 1); /* behind the first '/' */
    struct dm_str part;
    size_t n_params = 0;
    dm_buf_init(&path, call->ctx.arena, LOCATION_BYTES_MAX);
    dm_buf_add_c(&path, DM_API_BASE);
    while (dm_str_next(&rest, '/', &part)) {
        dm_buf_add_char(&path, '/');
        dm_buf_add(&path, part.p[0] == '{' ? call->params[n_params++] : part);
    }
    dm_buf_add_char(&path, '/');
    dm_buf_add(&path, id);
    if (!dm_buf_failed(&path))
        dm_response_header(call->response, "Location", dm_buf_str(&path));
}

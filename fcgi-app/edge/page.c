/*
 * Lists by keyset: a cursor is the last item's id in base64url, opaque to clients, so that another
 * sort key may stand there one day.
 */
#include "edge/page.h"

#include "base/id.h"
#include "base/secret.h"

static const struct dm_field page_query_fields[] = {DM_PAGE_QUERY_FIELDS};
const struct dm_shape dm_page_query_shape =
    DM_SHAPE(struct dm_page_query, "PageQuery", page_query_fields);

enum dm_result dm_page_slice(struct dm_call *call, struct dm_slice *ret_slice)
{
    const struct dm_page_query *query = call->query;
    struct dm_str id = {NULL, 0};
    if (query->cursor.p != NULL &&
        !(dm_base64url_decode(call->ctx.arena, query->cursor, &id) && dm_id_is_uuid(id)))
        return dm_err_set_field(&call->ctx.err, "/cursor", "format",
                                "must be the nextCursor of an earlier page");
    *ret_slice = (struct dm_slice){id, query->limit.v};
    return DM_OK;
}

/* The list's own shape tells where an item keeps its id. */
static struct dm_str last_id(const struct dm_shape *list_shape, const struct dm_list *items)
{
    const struct dm_shape *shape = dm_shape_field(list_shape, DM_STR("items"))->shape;
    size_t at = (items->n - 1) * shape->size + dm_shape_field(shape, DM_STR("id"))->offset;
    return *(const struct dm_str *)(const void *)((const char *)items->items + at);
}

enum dm_result dm_page_end(struct dm_call *call, enum dm_result result, bool more)
{
    struct dm_page *page = call->out;
    if (result != DM_OK || !more)
        return result;
    page->next_cursor =
        dm_base64url_encode(call->ctx.arena, last_id(call->route->response, &page->items));
    return page->next_cursor.p != NULL ? DM_OK : dm_ctx_nomem(&call->ctx);
}

/*
 * Lists: `?limit=&cursor=` in, {items, nextCursor} out, keyset paging. A cursor is the opaque text of the last item's sort key.
 */
#ifndef DM_EDGE_PAGE_H
#define DM_EDGE_PAGE_H

#include "edge/call.h"

struct dm_page_query {
    struct dm_opt_int limit; /* 1..100, 20 when absent */
    struct dm_str cursor;
};
extern const struct dm_shape dm_page_query_shape;

/* The struct of every list reply. */
struct dm_page {
    struct dm_list items;
    struct dm_str next_cursor;
};
/* The fields of a list of item_shape: use as `static const struct dm_field x_page_fields[] = DM_PAGE_FIELDS(&x_shape);`. */
#define DM_PAGE_FIELDS(item_shape)                                                                 \
    {                                                                                              \
        {.name = "items",                                                                          \
         .kind = DM_ARRAY,                                                                         \
         .offset = offsetof(struct dm_page, items),                                                \
         .required = true,                                                                         \
         .shape = (item_shape),                                                                    \
         .text = "this page"},                                                                     \
        {                                                                                          \
            .name = "nextCursor", .kind = DM_STRING,                                               \
            .offset = offsetof(struct dm_page, next_cursor), .nullable = true, .required = true,   \
            .text = "give it as cursor to read on; null at the end"                                \
        }                                                                                          \
    }

/*
 * The key to go on after, as the list functions of the domain take it: absent at the beginning. Ids are UUIDv7, so that id order is the
 * order of creation. DM_E_INVALID on a cursor that is none of ours.
 */
DM_MUST_CHECK enum dm_result dm_page_after(struct dm_call *call, struct dm_str *ret_after_id,
                                           int64_t *ret_limit);
/* The cursor that goes on after last_id. Lives in the arena. */
struct dm_str dm_page_cursor(struct dm_call *call, struct dm_str last_id);

#endif

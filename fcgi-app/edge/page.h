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
/* Its fields, for a list with filters: the query's struct begins with a struct dm_page_query, and its table with these. */
#define DM_PAGE_QUERY_FIELDS                                                                       \
    {.name = "limit",                                                                              \
     .kind = DM_INTEGER,                                                                           \
     .offset = offsetof(struct dm_page_query, limit),                                              \
     .min = 1,                                                                                     \
     .max = 100,                                                                                   \
     .initial = "20",                                                                              \
     .unit = "items",                                                                              \
     .text = "How many to give at most"},                                                          \
    {                                                                                              \
        .name = "cursor", .kind = DM_STRING, .offset = offsetof(struct dm_page_query, cursor),     \
        .min = 1, .max = 200, .text = "nextCursor of the page before"                              \
    }

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

/* What call->query, which begins with a struct dm_page_query, asks for, as the list functions of the domain take it. DM_E_INVALID on a cursor that is none of ours. */
DM_MUST_CHECK enum dm_result dm_page_slice(struct dm_call *call, struct dm_slice *ret_slice);
/*
 * The handler's result, with nextCursor set in call->out (a struct dm_page whose items are those of the row's response) when the list
 * succeeded and there is more to read. Items have a member "id".
 */
DM_MUST_CHECK enum dm_result dm_page_end(struct dm_call *call, enum dm_result result, bool more);

#endif

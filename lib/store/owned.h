/*
 * How a caller names what is his: owner and id travel together, so that no statement can forget the
 * owner. What is absent and what is someone else's are the same to every statement.
 */
#ifndef DM_STORE_OWNED_H
#define DM_STORE_OWNED_H

#include "base/str.h"

struct dm_owned {
    struct dm_str owner_id; /* account */
    struct dm_str id;
};

/* One page of a list in order of ids, which are UUIDv7: in order of creation, oldest first. */
struct dm_slice {
    struct dm_str after_id; /* absent: from the beginning */
    int64_t limit;          /* items, at least 1 */
};

/* Statements read one row over the limit; this takes it off again and tells whether it was there.
 */
static inline bool dm_slice_cut(struct dm_slice slice, struct dm_list *list)
{
    if (list->n <= (size_t)slice.limit)
        return false;
    list->n = (size_t)slice.limit;
    return true;
}

#endif

/*
 * What many stores do alike with their own statements: read a list page by page, and add a row that
 * an earlier try may have added already.
 */
#ifndef DM_STORE_ROWS_H
#define DM_STORE_ROWS_H

#include "store/owned.h"
#include "store/pg.h"

/* A list: its statement, and how a row becomes an item. */
struct dm_rows_list {
    /* Its last two parameters are the slice: the id to go on after, and how many rows at most. */
    const struct dm_pg_stmt *stmt;
    size_t item_size;
    void (*read)(const struct dm_pg_result *rows, size_t row, void *ret_item);
};

/* stmt's parameters: owner, slice. */
DM_MUST_CHECK enum dm_result dm_rows_of_owner(struct dm_pg *pg, struct dm_ctx *ctx,
                                              const struct dm_rows_list *list,
                                              struct dm_str owner_id, struct dm_slice slice,
                                              struct dm_list *ret_list, bool *ret_more);
/* stmt's parameters: profile, its owner, slice. It begins at the profile: one row of NULLs is "none", no row is DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_rows_of_profile(struct dm_pg *pg, struct dm_ctx *ctx,
                                                const struct dm_rows_list *list,
                                                struct dm_owned profile, struct dm_slice slice,
                                                struct dm_list *ret_list, bool *ret_more);

/* How a row is added: both give the row; add gives none when its id is there already. find's parameters are the first ones of add's. */
struct dm_rows_new {
    const struct dm_pg_stmt *add, *find;
};

/* *ret_rows is the row as it stands, *ret_new whether it was added now. What find returns when neither gives it: DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_rows_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         const struct dm_rows_new *how,
                                         const struct dm_pg_param *params,
                                         struct dm_pg_result *ret_rows, bool *ret_new);

#endif

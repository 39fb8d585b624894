/*
 * Everything that is held about an account: one table, a row a table of the database, from which both erasure and export go. So nothing can be
 * kept that is not exported, or the reason stands beside it. A new table that knows an account adds its row, or the tests fail.
 */
#ifndef DM_STORE_PERSONAL_STORE_H
#define DM_STORE_PERSONAL_STORE_H

#include "store/pg.h"

struct dm_personal {
    const char *table;
    /* Delete some of the account's rows. $1: the account, $2: how many at most. NULL: they stay, kept says why. */
    const struct dm_pg_stmt *erase;
    const char *kept;
    /* The account's rows in order: key, and the row as a JSON object. $1: the account, $2: the key to go on after, $3: how many at most.
     * NULL: they are not given out, withheld says why. */
    const struct dm_pg_stmt *read;
    const char *withheld;
    const char *member; /* of the exported document */
    bool single;        /* one object, not an array */
    int64_t page_rows;  /* as many as are surely read in a few megabytes */
};

/* In the order in which they may go: what refers to another table comes before it. The account itself is the last that goes. */
extern const struct dm_personal dm_personal_tables[];
extern const size_t dm_personal_n_tables;

#define DM_ERASE_ROWS 1000

/* Delete at most DM_ERASE_ROWS of the account's rows and count them in the erasure; within the caller's transaction. */
DM_MUST_CHECK enum dm_result dm_personal_store_erase(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                     const struct dm_personal *table,
                                                     struct dm_str account_id,
                                                     struct dm_str erasure_id, int64_t *ret_erased);

struct dm_personal_row {
    struct dm_str key, json;
};
/* One page: a list of struct dm_personal_row. after absent: the first. */
DM_MUST_CHECK enum dm_result dm_personal_store_read(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                    const struct dm_personal *table,
                                                    struct dm_str account_id, struct dm_str after,
                                                    struct dm_list *ret_rows);

/* The account is closed: nobody logs in any more, and its erasure is written down. Locked by the caller. */
DM_MUST_CHECK enum dm_result dm_personal_store_close(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                     struct dm_str account_id,
                                                     struct dm_str erasure_id,
                                                     int64_t *ret_requested_at_ms);
/* What has been erased so far, as a JSON object of counts by table; the erasure is complete from now on. */
DM_MUST_CHECK enum dm_result dm_personal_store_complete(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        struct dm_str erasure_id,
                                                        struct dm_str *ret_counts);
/* Jobs that are not about the account, but that it caused, or that carry its address, as those that a stranger caused. */
DM_MUST_CHECK enum dm_result dm_personal_store_erase_jobs_to(struct dm_pg_conn *conn,
                                                             struct dm_ctx *ctx,
                                                             struct dm_str email,
                                                             struct dm_str account_id);

#endif

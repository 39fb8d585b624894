/*
 * What the log-in guard remembers of one key: how many tries have failed, and until when none is
 * looked at. A key names an e-mail address, a device, a network or a session without showing it.
 * All times are the database's.
 */
#ifndef DM_STORE_GUARD_STORE_H
#define DM_STORE_GUARD_STORE_H

#include "store/pg.h"

struct dm_guard_row {
    int64_t failures;        /* since window_at_ms, and since the last lock */
    int64_t failures_in_row; /* since the last success, however long ago */
    int64_t window_at_ms;
    int64_t retry_at_ms;     /* no try is looked at before */
    int64_t locked_until_ms; /* nor before this */
    int64_t now_ms;          /* when the row was locked */
};

/* The key's row, made if it is not there, locked until the transaction ends. */
DM_MUST_CHECK enum dm_result dm_guard_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                 struct dm_str key, struct dm_guard_row *ret_row);
/* Store all but now_ms. */
DM_MUST_CHECK enum dm_result dm_guard_store_save(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                 struct dm_str key, const struct dm_guard_row *row);
/* Forget a key, and the devices of the account with this address ("d:" and the id), if there is one. */
DM_MUST_CHECK enum dm_result dm_guard_store_clear(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  struct dm_str key, struct dm_str email_key);
/* Is the key locked now, or has it had max_in_row failures? */
DM_MUST_CHECK enum dm_result dm_guard_store_is_locked(struct dm_pg *pg, struct dm_ctx *ctx,
                                                      struct dm_str key, int64_t max_in_row,
                                                      bool *ret_locked);
/* Delete rows nobody has touched for keep_s, but those with max_in_row failures, at most limit. */
DM_MUST_CHECK enum dm_result dm_guard_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                  int64_t keep_s, int64_t max_in_row, int64_t limit,
                                                  int64_t *ret_deleted);

#endif

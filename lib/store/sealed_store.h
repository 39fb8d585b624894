/*
 * Where sealed values stand: the one list of columns, for what has to walk through all of them. A value is read and written by its
 * own noun's store.
 */
#ifndef DM_STORE_SEALED_STORE_H
#define DM_STORE_SEALED_STORE_H

#include "store/pg.h"

struct dm_sealed_column {
    const char *table, *column;
    const struct dm_pg_stmt *stale;   /* not under a key */
    const struct dm_pg_stmt *replace; /* one value */
    const struct dm_pg_stmt *census;  /* how many under each key */
};

#define DM_SEALED_COLUMNS 1
extern const struct dm_sealed_column dm_sealed_columns[DM_SEALED_COLUMNS];

struct dm_sealed_value {
    struct dm_str row_id, sealed;
};

struct dm_sealed_count {
    struct dm_str key_id;
    int64_t n;
};

/* Values that are not under the key, by row id, after after_id (absent: from the first). Items: struct dm_sealed_value. */
DM_MUST_CHECK enum dm_result dm_sealed_store_stale(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   const struct dm_sealed_column *column,
                                                   const char *key_id, struct dm_str after_id,
                                                   int64_t limit, struct dm_list *ret_values);
/* Put sealed in the place of old, in a transaction of its own. *ret_replaced is false, and nothing changes, when old no longer stands there. */
DM_MUST_CHECK enum dm_result dm_sealed_store_replace(struct dm_pg *pg, struct dm_ctx *ctx,
                                                     const struct dm_sealed_column *column,
                                                     const struct dm_sealed_value *old,
                                                     struct dm_str sealed, bool *ret_replaced);
/* Items: struct dm_sealed_count, by key id. */
DM_MUST_CHECK enum dm_result dm_sealed_store_census(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    const struct dm_sealed_column *column,
                                                    struct dm_list *ret_counts);

#endif

/* An account's row as it is selected: by account_store.c alone, by session_store.c with a session. */
#ifndef DM_STORE_ACCOUNT_ROW_H
#define DM_STORE_ACCOUNT_ROW_H

#include "store/account_store.h"

/* A: what stands before each name, "" or an alias and a point. */
#define DM_ACCOUNT_COLUMNS(A)                                                                      \
    " " A "id, " A "email, " A "password_hash, " A "first_name, " A "last_name, " A "role, " A     \
    "state, " A "created_at, " A "updated_at, " A "second_step_at IS NOT NULL, " A                 \
    "registered_from"
#define DM_ACCOUNT_N_COLUMNS 11

/* From those columns of the first row, the first of them being number column. */
void dm_account_row_read(const struct dm_pg_result *result, size_t column,
                         struct dm_account_row *ret_row);

#endif

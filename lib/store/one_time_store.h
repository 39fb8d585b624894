/*
 * One-time tokens: what was mailed to prove that somebody reads an address, as hashes. Each is good for one purpose, once,
 * until its time by the database's clock. Lock the account's row before changing its tokens.
 */
#ifndef DM_STORE_ONE_TIME_STORE_H
#define DM_STORE_ONE_TIME_STORE_H

#include "store/pg.h"

#define DM_ONE_TIME_CODE_TRIES 5 /* wrong codes that a token bears */

struct dm_one_time_row {
    struct dm_str token_hash; /* SHA-256 hex */
    struct dm_str account_id;
    struct dm_str purpose;   /* "confirm_email", "reset_password", "change_email" */
    struct dm_str email_key; /* where it is mailed to */
    struct dm_str code_hash; /* keyed, 64 hex digits */
    /* confirm_email: what confirming makes the account's */
    struct dm_str password_hash, first_name, last_name;
    /* change_email: the address it becomes, and the session that asked */
    struct dm_str new_email, session_id;
};

DM_MUST_CHECK enum dm_result dm_one_time_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                   const struct dm_one_time_row *row,
                                                   int64_t valid_s);
/* Whose token is it that can be used now? DM_E_NOTFOUND: unknown, used or past its time. */
DM_MUST_CHECK enum dm_result dm_one_time_store_account(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       struct dm_str purpose,
                                                       struct dm_str token_hash,
                                                       struct dm_str *ret_account_id);
/* Of any number of callers at once exactly one uses it; DM_E_NOTFOUND for the rest. */
DM_MUST_CHECK enum dm_result dm_one_time_store_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                   struct dm_str purpose, struct dm_str token_hash,
                                                   struct dm_one_time_row *ret_row);

struct dm_one_time_try {
    struct dm_str purpose, email_key, code_hash;
};
/*
 * Which of the tokens mailed to the address has this code? A wrong one is counted at each of them that still bears it, with
 * their accounts' rows locked. ret_row: token_hash and account_id; token_hash is absent when none has it, account_id then
 * is one whose count went up, if any.
 */
DM_MUST_CHECK enum dm_result dm_one_time_store_try_code(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        const struct dm_one_time_try *one,
                                                        struct dm_one_time_row *ret_row);
/* Delete the account's tokens of a purpose (absent: of all), used ones too. */
DM_MUST_CHECK enum dm_result dm_one_time_store_drop(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                    struct dm_str account_id,
                                                    struct dm_str purpose);
/* Delete tokens past their time, at most limit rows. */
DM_MUST_CHECK enum dm_result dm_one_time_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                     int64_t limit, int64_t *ret_deleted);

#endif

/*
 * Accounts and the one-time tokens mailed to their owners. Tokens come as the SHA-256 hex of what
 * was mailed; their times are judged by the database's clock.
 */
#ifndef DM_STORE_ACCOUNT_STORE_H
#define DM_STORE_ACCOUNT_STORE_H

#include "store/pg.h"

struct dm_account_row {
    struct dm_str id, email, first_name, last_name;
    struct dm_str password_hash;
    struct dm_str role;  /* "User", "Admin", "SuperAdmin" */
    bool second_step;    /* log-in asks for one */
    struct dm_str state; /* "unconfirmed", "active", "disabled" */
    int64_t created_at_ms, updated_at_ms;
};

struct dm_account_new {
    struct dm_str id, email, email_key, password_hash, first_name, last_name;
};

struct dm_one_time_token {
    struct dm_str token_hash; /* SHA-256 hex */
    struct dm_str account_id;
    const char *purpose; /* "confirm_email" */
    /* confirm_email: what confirming makes the account's */
    struct dm_str password_hash, first_name, last_name;
    int64_t valid_s;
};

/* DM_E_NOTFOUND when there is none. */
DM_MUST_CHECK enum dm_result dm_account_store_by_id(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    struct dm_str id,
                                                    struct dm_account_row *ret_row);
DM_MUST_CHECK enum dm_result dm_account_store_by_email(struct dm_pg *pg, struct dm_ctx *ctx,
                                                       struct dm_str email_key,
                                                       struct dm_account_row *ret_row);
/* The same, locked until the transaction ends. */
DM_MUST_CHECK enum dm_result dm_account_store_lock_by_email(struct dm_pg_conn *conn,
                                                            struct dm_ctx *ctx,
                                                            struct dm_str email_key,
                                                            struct dm_account_row *ret_row);

DM_MUST_CHECK enum dm_result dm_account_store_lock_by_id(struct dm_pg_conn *conn,
                                                         struct dm_ctx *ctx, struct dm_str id,
                                                         struct dm_account_row *ret_row);

/* A new unconfirmed account of role User. *ret_added is false, and nothing is written, when the
 * address has one already. */
DM_MUST_CHECK enum dm_result dm_account_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  const struct dm_account_new *account,
                                                  bool *ret_added);
/* Somebody registers an address anew that nobody has confirmed: the newest password and names
 * stand. account->id is the row's. */
DM_MUST_CHECK enum dm_result dm_account_store_register_again(struct dm_pg_conn *conn,
                                                             struct dm_ctx *ctx,
                                                             const struct dm_account_new *account);
/* Count a mail caused by somebody who is not logged in: false when window_s already saw max of
 * them. */
DM_MUST_CHECK enum dm_result dm_account_store_count_mail(struct dm_pg_conn *conn,
                                                         struct dm_ctx *ctx, struct dm_str id,
                                                         int64_t max, int64_t window_s,
                                                         bool *ret_allowed);

DM_MUST_CHECK enum dm_result dm_account_store_add_token(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        const struct dm_one_time_token *token);
/*
 * Use a confirm_email token: the account becomes active with the password and names the token was
 * made for, and its other tokens of that purpose are gone. DM_E_NOTFOUND: unknown, used, past its time, or
 * the account does not wait for it.
 */
DM_MUST_CHECK enum dm_result dm_account_store_confirm(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                      struct dm_str token_hash,
                                                      struct dm_str *ret_account_id);
/* Delete one-time tokens past their time, at most limit rows. */
DM_MUST_CHECK enum dm_result dm_account_store_sweep_tokens(struct dm_pg *pg, struct dm_ctx *ctx,
                                                           int64_t limit, int64_t *ret_deleted);
/* Replace a hash by one of the same password at another cost, unless it has changed meanwhile. */
DM_MUST_CHECK enum dm_result dm_account_store_rehash(struct dm_pg *pg, struct dm_ctx *ctx,
                                                     struct dm_str id, struct dm_str old_hash,
                                                     struct dm_str new_hash);

#endif

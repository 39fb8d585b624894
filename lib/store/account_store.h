/* Accounts: one row each, unique by address. */
#ifndef DM_STORE_ACCOUNT_STORE_H
#define DM_STORE_ACCOUNT_STORE_H

#include "store/pg.h"

struct dm_account_row {
    struct dm_str id, email, first_name, last_name;
    struct dm_str password_hash;
    struct dm_str role;            /* "User", "Admin", "SuperAdmin" */
    bool second_step;              /* log-in asks for one */
    struct dm_str state;           /* "unconfirmed", "active", "disabled" */
    struct dm_str registered_from; /* of the newest registration, until it is confirmed */
    int64_t created_at_ms, updated_at_ms;
};

struct dm_account_new {
    struct dm_str id, email, email_key, password_hash, first_name, last_name;
    struct dm_str registered_from; /* network address; may be absent */
};

/* What confirming an address makes the account's. Absent names leave those that stand. */
struct dm_account_confirmed {
    struct dm_str id, password_hash, first_name, last_name;
};

/* DM_E_NOTFOUND when there is none. */
DM_MUST_CHECK enum dm_result dm_account_store_by_id(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    struct dm_str id,
                                                    struct dm_account_row *ret_row);
DM_MUST_CHECK enum dm_result dm_account_store_by_email(struct dm_pg *pg, struct dm_ctx *ctx,
                                                       struct dm_str email_key,
                                                       struct dm_account_row *ret_row);
/* The same within a transaction; and locked until it ends. */
DM_MUST_CHECK enum dm_result dm_account_store_find_by_email(struct dm_pg_conn *conn,
                                                            struct dm_ctx *ctx,
                                                            struct dm_str email_key,
                                                            struct dm_account_row *ret_row);
DM_MUST_CHECK enum dm_result dm_account_store_lock_by_id(struct dm_pg_conn *conn,
                                                         struct dm_ctx *ctx, struct dm_str id,
                                                         struct dm_account_row *ret_row);
DM_MUST_CHECK enum dm_result dm_account_store_lock_by_email(struct dm_pg_conn *conn,
                                                            struct dm_ctx *ctx,
                                                            struct dm_str email_key,
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

/* The account becomes active. DM_E_NOTFOUND: it is not unconfirmed. */
DM_MUST_CHECK enum dm_result dm_account_store_confirm(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                      const struct dm_account_confirmed *confirmed);
/* Delete unconfirmed accounts whose newest registration is older than keep_s and who have no token left, at most limit rows. */
DM_MUST_CHECK enum dm_result dm_account_store_sweep(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                    int64_t keep_s, int64_t limit,
                                                    int64_t *ret_deleted);
/* An active account's new password. old_hash: the one that stands, or nothing is changed (DM_E_NOTFOUND); absent: any. */
DM_MUST_CHECK enum dm_result dm_account_store_set_password(struct dm_pg_conn *conn,
                                                           struct dm_ctx *ctx, struct dm_str id,
                                                           struct dm_str old_hash,
                                                           struct dm_str new_hash);
/* DM_E_CONFLICT: another account has the address. */
DM_MUST_CHECK enum dm_result dm_account_store_set_email(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        struct dm_str id, struct dm_str email,
                                                        struct dm_str email_key);
/* Make way for who has proved that the address is theirs: an account that nobody confirmed goes. */
DM_MUST_CHECK enum dm_result dm_account_store_drop_unconfirmed(struct dm_pg_conn *conn,
                                                               struct dm_ctx *ctx,
                                                               struct dm_str email_key,
                                                               bool *ret_dropped);
DM_MUST_CHECK enum dm_result dm_account_store_set_names(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        struct dm_str id, struct dm_str first_name,
                                                        struct dm_str last_name,
                                                        struct dm_account_row *ret_row);
/* Replace a hash by one of the same password at another cost, unless it has changed meanwhile. */
DM_MUST_CHECK enum dm_result dm_account_store_rehash(struct dm_pg *pg, struct dm_ctx *ctx,
                                                     struct dm_str id, struct dm_str old_hash,
                                                     struct dm_str new_hash);

#endif

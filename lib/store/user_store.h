/*
 * Accounts as administrators see and change them. Changes wait for each other, one at a time: who is a SuperAdmin changes with them, so no
 * order of rows would keep them out of each other's way. Then the active SuperAdmins, the account that is changed and the one that acts are
 * locked against everything else.
 */
#ifndef DM_STORE_USER_STORE_H
#define DM_STORE_USER_STORE_H

#include "store/account_store.h"
#include "store/owned.h"
#include "store/pg.h"

struct dm_user {
    struct dm_str id, email, first_name, last_name;
    struct dm_str role;  /* "User", "Admin", "SuperAdmin" */
    struct dm_str state; /* "unconfirmed", "active", "disabled", "erasing" */
    struct dm_opt_bool email_confirmed;
    struct dm_opt_time created_at, updated_at;
    /* Of one that is read alone. */
    struct dm_opt_int sessions; /* open now */
    struct dm_opt_bool mfa;     /* log-in asks for a second step */
    struct dm_opt_bool locked;  /* after too many failed log-ins; set by domain/user.c */
    struct dm_opt_time last_login_at;
};

/* What absent members say nothing about. */
struct dm_user_query {
    struct dm_str email_prefix; /* of the address in lower case */
    struct dm_str role, state;
};

/* By address when email_prefix is given, else oldest first. Items: struct dm_user. */
DM_MUST_CHECK enum dm_result dm_user_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                const struct dm_user_query *query,
                                                struct dm_slice slice, struct dm_list *ret_list,
                                                bool *ret_more);
/* DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_user_store_find(struct dm_pg *pg, struct dm_ctx *ctx,
                                                struct dm_str id, struct dm_user *ret_user);

/* Wait for the changes before, then lock every active SuperAdmin; how many there are. Before any other lock on an account. */
DM_MUST_CHECK enum dm_result dm_user_store_lock_superadmins(struct dm_pg_conn *conn,
                                                            struct dm_ctx *ctx, int64_t *ret_count);
/* Lock both, in order of ids; actor_id may be absent or the same: then *ret_actor is zero or the same. DM_E_NOTFOUND: no such target. */
DM_MUST_CHECK enum dm_result dm_user_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                struct dm_str target_id, struct dm_str actor_id,
                                                struct dm_user *ret_target,
                                                struct dm_user *ret_actor);
/* state "active" becomes "unconfirmed" for one whose address nobody has confirmed. */
DM_MUST_CHECK enum dm_result dm_user_store_change(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  struct dm_str id, struct dm_str role,
                                                  struct dm_str state);

/* A new account, active and confirmed. *ret_added is false, and nothing is written, when the address has one already. */
DM_MUST_CHECK enum dm_result dm_user_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               const struct dm_account_new *account,
                                               struct dm_str role, bool *ret_added);

#endif

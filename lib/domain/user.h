/*
 * Administration of accounts. An Admin looks after Users; whoever is more than a User is changed by a SuperAdmin only, and so is every role.
 * One active SuperAdmin always remains, however many changes are made at once. What is taken from an account takes effect in the same instant:
 * its sessions end.
 */
#ifndef DM_DOMAIN_USER_H
#define DM_DOMAIN_USER_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "domain/principal.h"
#include "store/user_store.h"

/* Items: struct dm_user. email_prefix in any case of its letters. */
DM_MUST_CHECK enum dm_result dm_user_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          const struct dm_user_query *query, struct dm_slice slice,
                                          struct dm_list *ret_list, bool *ret_more);
/* DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_user_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                                         struct dm_str id, struct dm_user *ret_user);

struct dm_user_change {
    struct dm_str role;  /* absent: as it is */
    struct dm_str state; /* "active", "disabled"; absent: as it is */
};
/*
 * DM_E_DENIED: the actor's role does not reach that far. DM_E_CONFLICT: it is the last SuperAdmin, or the account is being erased. Sessions
 * end and the owner gets a mail.
 */
DM_MUST_CHECK enum dm_result dm_user_change(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_str id, const struct dm_user_change *change,
                                            struct dm_user *ret_user);
/* End all sessions. */
DM_MUST_CHECK enum dm_result dm_user_logout(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_str id);

/* Open the account for log-ins again, after too many have failed. */
DM_MUST_CHECK enum dm_result dm_user_unlock(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            struct dm_str id);

/*
 * Within a transaction that takes an account away, before any other lock: DM_E_CONFLICT when it is the last active SuperAdmin. The account
 * is locked.
 */
DM_MUST_CHECK enum dm_result dm_user_lock_for_removal(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                      struct dm_str id, struct dm_user *ret_user);

/* What whoever has the server's keys may do: no actor's role is asked for. */
struct dm_user_admin {
    struct dm_str email, password, first_name, last_name;
    struct dm_str role; /* "Admin", "SuperAdmin" */
};
/*
 * A new account, confirmed at once. DM_E_CONFLICT: the address has one already. DM_E_INVALID: it is no address, or the password breaks a rule
 * (dm_passwords_hash_new).
 */
DM_MUST_CHECK enum dm_result dm_user_create_admin(const struct dm_domain *domain,
                                                  struct dm_ctx *ctx,
                                                  const struct dm_user_admin *admin,
                                                  struct dm_str *ret_id);
/* Give the active account of admin->email the role. DM_E_NOTFOUND: no account; DM_E_CONFLICT: it is not active. */
DM_MUST_CHECK enum dm_result dm_user_promote(const struct dm_domain *domain, struct dm_ctx *ctx,
                                             const struct dm_user_admin *admin,
                                             struct dm_str *ret_id);

#endif

/* Devices that an account has logged in from, and whether their device tokens are still good. */
#ifndef DM_STORE_DEVICE_STORE_H
#define DM_STORE_DEVICE_STORE_H

#include "store/pg.h"

struct dm_device_seen {
    struct dm_str id; /* for a new row */
    struct dm_str account_id;
    struct dm_str fingerprint; /* SHA-256 hex of user agent and network */
    struct dm_str name;        /* 1 to 100 characters */
};

/* Is it a trusted device of the account? False too when either is absent. */
DM_MUST_CHECK enum dm_result dm_device_store_known(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   struct dm_str id, struct dm_str account_id,
                                                   bool *ret_known);
/* A known device logs in again, under this name. DM_E_NOTFOUND: it is no longer trusted. */
DM_MUST_CHECK enum dm_result dm_device_store_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                 const struct dm_device_seen *device);
/*
 * An active account logs in from a device that did not say which it is: the trusted one with this
 * fingerprint, else a new one. *ret_surprises: the account had others before, and none with this
 * fingerprint. DM_E_NOTFOUND: the account is not active. Locks the account against changes.
 */
DM_MUST_CHECK enum dm_result dm_device_store_meet(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  const struct dm_device_seen *device,
                                                  struct dm_str *ret_id, bool *ret_surprises);
/* No device token of the account given so far is good any more. */
DM_MUST_CHECK enum dm_result dm_device_store_distrust(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                      struct dm_str account_id);
/* Delete devices without a session that nobody has used for keep_s, at most limit rows. */
DM_MUST_CHECK enum dm_result dm_device_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   int64_t keep_s, int64_t limit,
                                                   int64_t *ret_deleted);

#endif

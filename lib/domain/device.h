/*
 * Devices: what an account has logged in from. At log-in a device is given a token, signed by the
 * site, by which it is known the next time, so that strangers' failures are not held against it.
 * The token proves nothing but that: it opens no session. It is good until the password is reset.
 */
#ifndef DM_DOMAIN_DEVICE_H
#define DM_DOMAIN_DEVICE_H

#include "base/ctx.h"
#include "domain/domain.h"

#define DM_DEVICE_TOKEN_MAX 128 /* characters of what is taken for a device token */

/* As the client sent them; may be absent. */
struct dm_device_client {
    struct dm_str user_agent, address;
};

/* "Firefox on Windows": what a user agent says of itself, for people. Lives in the arena; never
 * absent, never more than 100 characters. */
struct dm_str dm_device_name(struct dm_ctx *ctx, struct dm_str user_agent);

/*
 * Whose device is it? *ret_device_id is the trusted device of the account that token names, absent
 * when it names none (forged, another account's, no longer trusted): nobody is told which.
 * account_id absent: none, after the same work.
 */
DM_MUST_CHECK enum dm_result dm_device_identify(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                struct dm_str token, struct dm_str account_id,
                                                struct dm_str *ret_device_id);

struct dm_device {
    struct dm_str id;
    bool is_new; /* not the account's first one, and never seen before */
};
/*
 * Within the transaction of a log-in that succeeded: the device identified, or else the one that
 * looks like this client, or a new one. DM_E_NOTFOUND: the account is not active.
 */
DM_MUST_CHECK enum dm_result dm_device_log_in(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              struct dm_str account_id, struct dm_str device_id,
                                              const struct dm_device_client *client,
                                              struct dm_device *ret_device);
/* Within the caller's transaction, account locked: no device token of the account given so far is
 * good any more (a password reset: who had the mail may not be who had the devices). */
DM_MUST_CHECK enum dm_result dm_device_distrust(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                struct dm_str account_id);
/* The device's token. Lives in the arena, absent when that is full. */
struct dm_str dm_device_token(const struct dm_domain *domain, struct dm_ctx *ctx,
                              struct dm_str device_id);

#endif

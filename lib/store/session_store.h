/*
 * Sessions: one row a log-in, however often it is refreshed. All refresh tokens of a session share
 * a secret part, the family; the row holds its hash and the hash of the one token that is good now.
 * The database's clock judges all times.
 */
#ifndef DM_STORE_SESSION_STORE_H
#define DM_STORE_SESSION_STORE_H

#include "store/account_store.h"
#include "store/owned.h"
#include "store/pg.h"

#define DM_SESSION_CHANNEL "digitalme_session_ended" /* NOTIFY on commit */

/* Why a session ended. */
enum dm_session_end {
    DM_SESSION_END_LOGOUT = 1,
    DM_SESSION_END_LOGOUT_ALL,
    DM_SESSION_END_REUSE,    /* a refresh token came up again */
    DM_SESSION_END_ENDED,    /* by its owner, from another session */
    DM_SESSION_END_PASSWORD, /* changed */
    DM_SESSION_END_RESET,    /* of the password */
    DM_SESSION_END_ROLE,
    DM_SESSION_END_DISABLED,
    DM_SESSION_END_ERASED,
    DM_SESSION_END_MFA,
    DM_SESSION_END_EMAIL, /* changed */
};
const char *dm_session_end_name(enum dm_session_end reason); /* "logout" … as it is stored */

struct dm_session_new {
    struct dm_str id, account_id;
    /* That the log-in was checked against; absent: not compared. */
    struct dm_str password_hash;
    bool second_step;                        /* it was shown in this log-in */
    struct dm_str family_hash, refresh_hash; /* SHA-256 hex */
    int64_t idle_s, absolute_s;
    struct dm_str device_id;
    struct dm_str user_agent; /* at most 256 code points; may be absent */
    struct dm_str address;    /* at most 64; may be absent */
};

struct dm_session_rotation {
    struct dm_str family_hash;
    struct dm_str presented_hash, next_hash;
    int64_t idle_s;
};

struct dm_session_row {
    struct dm_str id;
    struct dm_account_row account; /* its owner's */
    struct dm_str refresh_hash;
    bool second_step; /* was shown in it */
    bool usable;      /* not ended, not past its time, its account active */
    int64_t idle_expires_at_ms;
    int64_t rotated_ago_ms; /* negative: never rotated */
};

/* A session as its owner sees it. */
struct dm_session_item {
    struct dm_str id;
    struct dm_str device;              /* "Firefox on Windows" */
    struct dm_str user_agent, address; /* may be absent */
    struct dm_opt_time created_at, last_used_at, expires_at;
    struct dm_opt_bool current; /* set by the domain */
};
/* Those that have not ended. Items: struct dm_session_item. */
DM_MUST_CHECK enum dm_result dm_session_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   struct dm_str account_id, struct dm_slice slice,
                                                   struct dm_list *ret_list, bool *ret_more);
/* Is the session there, not ended and not past its time? */
DM_MUST_CHECK enum dm_result dm_session_store_alive(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    struct dm_str session_id, bool *ret_alive);
/*
 * A new session; *ret_idle_expires_at_ms is wall time. DM_E_NOTFOUND: the account is no longer
 * active, its password has changed since it was read, or it asks for a second step that was not shown.
 */
DM_MUST_CHECK enum dm_result dm_session_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  const struct dm_session_new *session,
                                                  int64_t *ret_idle_expires_at_ms);
/*
 * Compare and set: next takes the place of presented, if that is the token that is good now. One
 * statement and one transaction, so that of any number of callers at once exactly one succeeds. DM_E_NOTFOUND: it is
 * not good now; dm_session_store_lock tells why.
 */
DM_MUST_CHECK enum dm_result dm_session_store_rotate(struct dm_pg *pg, struct dm_ctx *ctx,
                                                     const struct dm_session_rotation *rotation,
                                                     struct dm_session_row *ret_row);
/* The session of a family, locked until the transaction ends. */
DM_MUST_CHECK enum dm_result dm_session_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                   struct dm_str family_hash,
                                                   struct dm_session_row *ret_row);
/* DM_E_NOTFOUND when it has ended already or is not the account's. */
DM_MUST_CHECK enum dm_result dm_session_store_end(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  struct dm_str session_id,
                                                  struct dm_str account_id,
                                                  enum dm_session_end reason);
/* All that have not ended, but except_id (absent: all). Items: struct dm_str, their ids. */
DM_MUST_CHECK enum dm_result dm_session_store_end_all(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                      struct dm_str account_id,
                                                      struct dm_str except_id,
                                                      enum dm_session_end reason,
                                                      struct dm_list *ret_ids);
/* Ids of at most limit sessions that ended within the last within_s. Items: struct dm_str. */
DM_MUST_CHECK enum dm_result dm_session_store_ended(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    int64_t within_s, int64_t limit,
                                                    struct dm_list *ret_ids);
/* Delete sessions that ended, or could at most have lasted until, keep_s ago: at most limit rows. One that was left alone for too long stays until
 * then, so that no index need know of it. */
DM_MUST_CHECK enum dm_result dm_session_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    int64_t keep_s, int64_t limit,
                                                    int64_t *ret_deleted);

#endif

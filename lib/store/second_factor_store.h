/*
 * Second factors, recovery codes, and the log-ins that wait for their second step. The caller's transaction has locked the account's
 * row before any of these but dm_second_factor_store_state and the sweep, so that what one of them says holds until it commits.
 */
#ifndef DM_STORE_SECOND_FACTOR_STORE_H
#define DM_STORE_SECOND_FACTOR_STORE_H

#include "store/pg.h"

/* The account that somebody wants to prove to be theirs, locked. */
struct dm_second_factor_account {
    struct dm_str id, email, first_name, last_name, role;
    bool active;
    struct dm_opt_time second_step_at; /* unset: log-in asks for none */
    int64_t created_at_ms, updated_at_ms;
};

struct dm_second_factor {
    struct dm_str id, secret; /* sealed */
    bool confirmed, fresh;    /* fresh: made not longer than the pending time ago */
    bool locked;              /* no code is taken now */
    int64_t last_step;
};

/* A factor nobody has shown a code of yet. */
struct dm_second_factor_new {
    struct dm_str id, account_id, secret;
};

struct dm_second_factor_state {
    struct dm_opt_time since; /* unset: off */
    int64_t codes_left;
    struct dm_str role;
};

/* How wrong codes stop the factor: every lock_after failures for lock_s, after failures_max for good. */
struct dm_second_factor_guard {
    int64_t lock_after, lock_s, failures_max;
};

struct dm_mfa_challenge_new {
    struct dm_str token_hash, account_id, password_hash;
    struct dm_str device_id; /* absent: not known */
    int64_t valid_s;
};

/* What the first step left for the second. */
struct dm_mfa_challenge {
    struct dm_str password_hash, device_id;
};

/* DM_E_NOTFOUND: no such account. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_state(struct dm_pg *pg, struct dm_ctx *ctx,
                                                          struct dm_str account_id,
                                                          struct dm_second_factor_state *ret_state);

/* Lock the account's row. DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result
dm_second_factor_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str account_id,
                            struct dm_second_factor_account *ret_account);
DM_MUST_CHECK enum dm_result
dm_second_factor_store_lock_by_email(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                     struct dm_str email_key,
                                     struct dm_second_factor_account *ret_account);
/* The account that waits for its second step under this token. */
DM_MUST_CHECK enum dm_result
dm_second_factor_store_lock_by_token(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                     struct dm_str token_hash,
                                     struct dm_second_factor_account *ret_account);

/* Put a pending factor in the place of one that nobody confirmed. DM_E_CONFLICT: a confirmed one stands. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_put(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        const struct dm_second_factor_new *factor);
/* DM_E_NOTFOUND: the account has none. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_get(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        struct dm_str account_id, int64_t pending_s,
                                                        struct dm_second_factor *ret_factor);
/* A code of the step was shown. *ret_newer is false, and nothing changes, unless it is newer than all before. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_step(struct dm_pg_conn *conn,
                                                         struct dm_ctx *ctx, struct dm_str id,
                                                         int64_t step, bool *ret_newer);
/* A wrong code was shown. *ret_locked: that was one too many just now. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_fail(struct dm_pg_conn *conn,
                                                         struct dm_ctx *ctx, struct dm_str id,
                                                         const struct dm_second_factor_guard *guard,
                                                         bool *ret_locked);
/* The owner proved themselves otherwise: wrong codes are forgotten. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_forgive(struct dm_pg_conn *conn,
                                                            struct dm_ctx *ctx,
                                                            struct dm_str account_id);
/* From now on log-in asks for the factor; the session has shown it. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_turn_on(struct dm_pg_conn *conn,
                                                            struct dm_ctx *ctx,
                                                            struct dm_str account_id,
                                                            struct dm_str factor_id,
                                                            struct dm_str session_id);
/* All of the account's factors, codes and waiting log-ins go; its sessions have shown none any more. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_turn_off(struct dm_pg_conn *conn,
                                                             struct dm_ctx *ctx,
                                                             struct dm_str account_id);

/* The codes from now on, by their hashes; all before are gone. n: at most 32. */
DM_MUST_CHECK enum dm_result
dm_second_factor_store_put_codes(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                 struct dm_str account_id, const struct dm_str *hashes, size_t n);
/* Use a code: once only. DM_E_NOTFOUND: none of the account's, or used. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_use_code(struct dm_pg_conn *conn,
                                                             struct dm_ctx *ctx,
                                                             struct dm_str account_id,
                                                             struct dm_str hash, int64_t *ret_left);

/* In a transaction of its own: the account is active, asks for a second step, and has this password. Else DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result
dm_mfa_challenge_store_add(struct dm_pg *pg, struct dm_ctx *ctx,
                           const struct dm_mfa_challenge_new *challenge,
                           int64_t *ret_expires_at_ms);
/* Spend one of the token's tries. DM_E_NOTFOUND: it has none left, is used or past its time, or the password has changed. */
DM_MUST_CHECK enum dm_result dm_mfa_challenge_store_try(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        struct dm_str token_hash, int64_t tries_max,
                                                        struct dm_mfa_challenge *ret_challenge);
/* It has served. */
DM_MUST_CHECK enum dm_result dm_mfa_challenge_store_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        struct dm_str token_hash);
/* Delete challenges past their time, and factors nobody confirmed for pending_s, at most limit rows of each. */
DM_MUST_CHECK enum dm_result dm_second_factor_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                          int64_t pending_s, int64_t limit,
                                                          int64_t *ret_deleted);

#endif

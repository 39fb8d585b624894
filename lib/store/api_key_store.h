/*
 * API keys: a row a key, with the hash of its secret and, after a roll, of the one before it. Every change counts the
 * row's version up: what a program remembers of a key is of one version, and its mark in Redis names it. How often a key
 * is used stands in a row of its own. Whoever changes a key also says so on DM_SESSION_CHANNEL. The database's clock judges all times.
 */
#ifndef DM_STORE_API_KEY_STORE_H
#define DM_STORE_API_KEY_STORE_H

#include "store/owned.h"
#include "store/pg.h"

/* Why a key was revoked. */
enum dm_api_key_end { DM_API_KEY_END_OWNER = 1, DM_API_KEY_END_ADMIN, DM_API_KEY_END_LEAK };

/* Texts as domain/api_key_bounds.h and principal.h have them: words with a space between them. */
struct dm_api_key_values {
    struct dm_str name, scopes, routes, ranges;
    int64_t expires_at_ms;
};

struct dm_api_key_row {
    struct dm_str id, account_id;
    struct dm_api_key_values values;
    struct dm_opt_time previous_until; /* while the secret before a roll is good */
    int64_t version;
    struct dm_opt_time revoked_at;
    struct dm_str revoke_reason; /* "owner", "admin", "leak"; absent: not revoked */
    struct dm_opt_time last_used_at;
    int64_t requests;
    int64_t created_at_ms, updated_at_ms;
    struct dm_str created_by, updated_by;
};

/* What a key opens, read to check one that is shown. */
struct dm_api_key_grant {
    struct dm_str account_id, role;
    struct dm_str secret_hash, previous_hash; /* previous: absent unless it is good now */
    struct dm_opt_time previous_until;
    struct dm_str scopes, routes, ranges;
    int64_t expires_at_ms, version;
    int64_t idle_ms; /* since its last use; INT64_MAX: never used */
};

/* Whom to tell of a key. */
struct dm_api_key_owner {
    struct dm_str email, first_name;
};

/* The account, locked until the transaction ends, and how many keys it has that are not over. DM_E_NOTFOUND: it is not active. */
DM_MUST_CHECK enum dm_result
dm_api_key_store_lock_account(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str account_id,
                              struct dm_str *ret_role, int64_t *ret_keys);
/* Add, unless the id is there already: then *ret_new is false, and *ret_row is what stands. */
DM_MUST_CHECK enum dm_result dm_api_key_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  struct dm_owned key,
                                                  const struct dm_api_key_values *values,
                                                  struct dm_str secret_hash,
                                                  struct dm_api_key_row *ret_row, bool *ret_new);
/* Those of an account that are not revoked. Items: struct dm_api_key_row. */
DM_MUST_CHECK enum dm_result dm_api_key_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   struct dm_str account_id, struct dm_slice slice,
                                                   struct dm_list *ret_list, bool *ret_more);
/* Those of all accounts, revoked ones too. */
DM_MUST_CHECK enum dm_result dm_api_key_store_list_all(struct dm_pg *pg, struct dm_ctx *ctx,
                                                       struct dm_slice slice,
                                                       struct dm_list *ret_list, bool *ret_more);
/* DM_E_NOTFOUND when it is revoked. */
DM_MUST_CHECK enum dm_result dm_api_key_store_get(struct dm_pg *pg, struct dm_ctx *ctx,
                                                  struct dm_owned key,
                                                  struct dm_api_key_row *ret_row);
/*
 * The three that change a key that is not revoked. version: the one that must stand; unset: any. *ret_row is the key as it stands
 * then. DM_E_NOTFOUND; DM_E_STALE: another version stands.
 */
DM_MUST_CHECK enum dm_result dm_api_key_store_update(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                     struct dm_owned key, struct dm_opt_int version,
                                                     const struct dm_api_key_values *values,
                                                     struct dm_api_key_row *ret_row);
DM_MUST_CHECK enum dm_result dm_api_key_store_roll(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                   struct dm_owned key, struct dm_str secret_hash,
                                                   int64_t overlap_s,
                                                   struct dm_api_key_row *ret_row);
/* key.owner_id absent: whoever's it is. */
DM_MUST_CHECK enum dm_result dm_api_key_store_revoke(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                     struct dm_owned key, struct dm_opt_int version,
                                                     enum dm_api_key_end reason,
                                                     struct dm_api_key_row *ret_row);
/*
 * Another version for all keys of an account that are not revoked, since what they open has changed with it. Items of *ret_marks: struct
 * dm_str, the marks that no longer stand.
 */
DM_MUST_CHECK enum dm_result dm_api_key_store_renew_all(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                        struct dm_str account_id,
                                                        struct dm_list *ret_marks);
/* Ids of at most limit keys that were changed within the last within_s. Items: struct dm_str. */
DM_MUST_CHECK enum dm_result dm_api_key_store_changed(struct dm_pg *pg, struct dm_ctx *ctx,
                                                      int64_t within_s, int64_t limit,
                                                      struct dm_list *ret_ids);
/* DM_E_NOTFOUND: no such key, revoked, past its time, or its owner not active. */
DM_MUST_CHECK enum dm_result dm_api_key_store_grant(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    struct dm_str id,
                                                    struct dm_api_key_grant *ret_grant);
/* Does what the mark ("<id>.<version>") stands for still hold? */
DM_MUST_CHECK enum dm_result dm_api_key_store_alive(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    struct dm_str mark, bool *ret_alive);
/* Count requests made with the key just now. Nothing happens when it is gone. */
DM_MUST_CHECK enum dm_result dm_api_key_store_count(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    struct dm_str id, int64_t requests);
/* Whose is the secret, be it the one before a roll, also when that or the key is past its time? DM_E_NOTFOUND: nobody's, or revoked. */
DM_MUST_CHECK enum dm_result dm_api_key_store_owner(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                    struct dm_str id, struct dm_str secret_hash,
                                                    struct dm_api_key_owner *ret_owner);
/* Delete keys that have been over for keep_s, at most limit rows. */
DM_MUST_CHECK enum dm_result dm_api_key_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                    int64_t keep_s, int64_t limit,
                                                    int64_t *ret_deleted);

#endif

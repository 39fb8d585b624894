/*
 * One-time tokens: what is mailed to an address so that who reads it can prove so. Each mail has a link with a token of 256 bits and a
 * code of eight digits that can be typed; both are stored as hashes, and good for one purpose, once, for a time. A code bears
 * five wrong tries, however parallel; the link lives on.
 */
#ifndef DM_DOMAIN_ONE_TIME_H
#define DM_DOMAIN_ONE_TIME_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "store/account_store.h"
#include "store/one_time_store.h"

enum dm_one_time_purpose {
    DM_ONE_TIME_CONFIRM_EMAIL = 1,
    DM_ONE_TIME_RESET_PASSWORD, /* a new one takes the place of those before */
    DM_ONE_TIME_CHANGE_EMAIL,   /* so does this one */
};

#define DM_ONE_TIME_CODE_TEXT 9 /* eight digits and NUL */

/* What a mail says. */
struct dm_one_time_words {
    char token[DM_TOKEN_TEXT];
    char code[DM_ONE_TIME_CODE_TEXT];
    int64_t valid_s;
};

/* What somebody shows who has read the mail: its token, or the address it came to and its code. */
struct dm_one_time_proof {
    struct dm_str token;
    struct dm_str email, code;
};

/*
 * Within the causing transaction, with the account's row locked. row: what the token is for, without purpose and hashes.
 */
DM_MUST_CHECK enum dm_result dm_one_time_add(const struct dm_domain *domain,
                                             struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                             enum dm_one_time_purpose purpose,
                                             const struct dm_one_time_row *row,
                                             struct dm_one_time_words *ret_words);
/*
 * Which token does the proof stand for? *ret_hash is for dm_one_time_use; nothing is used up yet. A code is tried here, in a
 * transaction of its own: a wrong one is counted and written to the audit trail, in the same way for an address that nothing was mailed to.
 * DM_E_INVALID: "required" or "not_both" when the proof is neither a token alone nor address and code; "invalid_code" at "/code".
 */
DM_MUST_CHECK enum dm_result dm_one_time_find(const struct dm_domain *domain, struct dm_ctx *ctx,
                                              enum dm_one_time_purpose purpose,
                                              const struct dm_one_time_proof *proof,
                                              struct dm_str *ret_hash);
/* Whose token is it? Uses nothing up. DM_E_NOTFOUND as dm_one_time_use. */
DM_MUST_CHECK enum dm_result dm_one_time_account(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                 enum dm_one_time_purpose purpose,
                                                 struct dm_str hash,
                                                 struct dm_account_row *ret_account);
/*
 * Use it: the account's row is locked, and all its other tokens die. Of any number of callers at once one succeeds.
 * DM_E_NOTFOUND: unknown, used or past its time; dm_one_time_refuse has the words.
 */
DM_MUST_CHECK enum dm_result dm_one_time_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                             enum dm_one_time_purpose purpose, struct dm_str hash,
                                             struct dm_one_time_row *ret_row,
                                             struct dm_account_row *ret_account);
/* DM_E_INVALID at what was shown: "invalid_token" at "/token", or "invalid_code" at "/code". */
enum dm_result dm_one_time_refuse(struct dm_ctx *ctx, const struct dm_one_time_proof *proof);

#endif

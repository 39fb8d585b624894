/*
 * The rules of one-time tokens, between account.c with its brothers and store/one_time_store.c. A code's hash is keyed and covers its
 * purpose and address, so that it is worth nothing elsewhere, nor to who reads the database without the pepper.
 */
#include "domain/one_time.h"

#include <stdio.h>

#include "base/format.h"
#include "store/audit_store.h"

#define CODE_DIGITS (DM_ONE_TIME_CODE_TEXT - 1)
#define CODES 100000000u /* how many there are */
#define HASH_TEXT (2 * DM_SHA256_BYTES + 1)

static const struct {
    const char *name;
    size_t valid_s; /* where in the settings */
    bool newest_only;
} purposes[] = {
    [DM_ONE_TIME_CONFIRM_EMAIL] = {"confirm_email", offsetof(struct dm_settings, account_confirm_s),
                                   false},
    [DM_ONE_TIME_RESET_PASSWORD] = {"reset_password", offsetof(struct dm_settings, account_reset_s),
                                    true},
    [DM_ONE_TIME_CHANGE_EMAIL] = {"change_email",
                                  offsetof(struct dm_settings, account_change_email_s), true},
};

static struct dm_str name_of(enum dm_one_time_purpose purpose)
{
    return dm_str_from(purposes[purpose].name);
}

static int64_t valid_s_of(const struct dm_settings *settings, enum dm_one_time_purpose purpose)
{
    return *(const int64_t *)(const void *)((const char *)settings + purposes[purpose].valid_s);
}

static void code_new(char ret_code[DM_ONE_TIME_CODE_TEXT])
{
    uint64_t random; /* of so many bits that no code is likelier than another to speak of */
    dm_secret_random(&random, sizeof(random));
    snprintf(ret_code, DM_ONE_TIME_CODE_TEXT, "%08u", (unsigned)(random % CODES));
}

/* The digits of a code as people type it, in groups or not; absent when it is none. */
static struct dm_str code_typed(struct dm_str text, char digits[DM_ONE_TIME_CODE_TEXT])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ' ' || text.p[i] == '-')
            continue;
        if (text.p[i] < '0' || text.p[i] > '9' || n == CODE_DIGITS)
            return (struct dm_str){0};
        digits[n++] = text.p[i];
    }
    digits[n] = '\0';
    return n == CODE_DIGITS ? (struct dm_str){digits, n} : (struct dm_str){0};
}

/* Keyed; absent when the arena is full. */
static struct dm_str code_hash(const struct dm_domain *domain, struct dm_ctx *ctx,
                               enum dm_one_time_purpose purpose, struct dm_str email_key,
                               struct dm_str code)
{
    uint8_t key[DM_DERIVED_BYTES], mac[DM_SHA256_BYTES];
    char hex[HASH_TEXT];
    /* A space is in none of the three. */
    struct dm_str message = dm_arena_printf(ctx->arena, "%s %.*s %.*s", purposes[purpose].name,
                                            DM_STR_ARG(email_key), DM_STR_ARG(code));
    if (message.p == NULL)
        return message;
    dm_secret_derive(domain->settings->password_pepper, "one-time code", key);
    dm_secret_hmac_sha256((struct dm_secret){(const char *)key, sizeof(key)}, message, mac);
    dm_secret_wipe(key, sizeof(key));
    for (size_t i = 0; i < sizeof(mac); i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    return dm_arena_str(ctx->arena, dm_str_from(hex));
}

static struct dm_str token_hash(struct dm_ctx *ctx, struct dm_str token)
{
    char hex[DM_SHA256_HEX];
    dm_secret_sha256_hex(token, hex);
    return dm_arena_str(ctx->arena, dm_str_from(hex));
}

enum dm_result dm_one_time_add(const struct dm_domain *domain, struct dm_pg_conn *conn,
                               struct dm_ctx *ctx, enum dm_one_time_purpose purpose,
                               const struct dm_one_time_row *given,
                               struct dm_one_time_words *ret_words)
{
    struct dm_one_time_words words = {.valid_s = valid_s_of(domain->settings, purpose)};
    dm_secret_token(words.token);
    code_new(words.code);
    struct dm_one_time_row row = *given;
    row.purpose = name_of(purpose);
    row.token_hash = token_hash(ctx, dm_str_from(words.token));
    row.code_hash = code_hash(domain, ctx, purpose, row.email_key, dm_str_from(words.code));
    if (row.token_hash.p == NULL || row.code_hash.p == NULL)
        return dm_ctx_nomem(ctx);

    enum dm_result result = DM_OK;
    if (purposes[purpose].newest_only)
        result = dm_one_time_store_drop(conn, ctx, row.account_id, row.purpose);
    if (result == DM_OK)
        result = dm_one_time_store_add(conn, ctx, &row, words.valid_s);
    if (result == DM_OK)
        *ret_words = words;
    return result;
}

enum dm_result dm_one_time_refuse(struct dm_ctx *ctx, const struct dm_one_time_proof *proof)
{
    if (proof->token.p != NULL)
        return dm_err_set_field(&ctx->err, "/token", "invalid_token",
                                "the token is unknown, used or past its time");
    return dm_err_set_field(&ctx->err, "/code", "invalid_code",
                            "the code is wrong, used, past its time or was tried too often");
}

static enum dm_result check_form(struct dm_ctx *ctx, const struct dm_one_time_proof *proof)
{
    if (proof->token.p != NULL && proof->code.p != NULL)
        return dm_err_set_field(&ctx->err, "/code", "not_both",
                                "give token, or email and code, not both");
    if (proof->token.p != NULL && proof->email.p != NULL)
        return dm_err_set_field(&ctx->err, "/email", "not_both",
                                "give token, or email and code, not both");
    if (proof->token.p != NULL)
        return DM_OK;
    if (proof->email.p == NULL && proof->code.p == NULL)
        return dm_err_set_field(&ctx->err, "/token", "required",
                                "give token, or email and code instead");
    if (proof->email.p == NULL)
        return dm_err_set_field(&ctx->err, "/email", "required", "give it with code");
    if (proof->code.p == NULL)
        return dm_err_set_field(&ctx->err, "/code", "required", "give it with email");
    return DM_OK;
}

/* What is found has no token_hash when the code was wrong, which is committed all the same. */
static enum dm_result try_in(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                             const struct dm_one_time_try *one, struct dm_one_time_row *ret_found)
{
    enum dm_result result = dm_one_time_store_try_code(conn, ctx, one, ret_found);
    if (result != DM_OK || ret_found->token_hash.p != NULL)
        return result;
    const struct dm_audit_event event = {
        .action = "account.code_refused", .entity = "account", .entity_id = ret_found->account_id};
    return dm_audit_store_add(conn, ctx, &event);
}

static enum dm_result find_by_code(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   enum dm_one_time_purpose purpose,
                                   const struct dm_one_time_proof *proof, struct dm_str *ret_hash)
{
    char digits[DM_ONE_TIME_CODE_TEXT];
    struct dm_str code = code_typed(proof->code, digits);
    if (code.p == NULL)
        return dm_one_time_refuse(ctx, proof);
    struct dm_one_time_try one = {.purpose = name_of(purpose),
                                  .email_key = dm_format_email_key(ctx->arena, proof->email)};
    if (one.email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    one.code_hash = code_hash(domain, ctx, purpose, one.email_key, code);
    if (one.code_hash.p == NULL)
        return dm_ctx_nomem(ctx);

    struct dm_pg_conn *conn;
    struct dm_one_time_row found;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, try_in(conn, ctx, &one, &found));
    if (result != DM_OK)
        return result;
    if (found.token_hash.p == NULL)
        return dm_one_time_refuse(ctx, proof);
    *ret_hash = found.token_hash;
    return DM_OK;
}

enum dm_result dm_one_time_find(const struct dm_domain *domain, struct dm_ctx *ctx,
                                enum dm_one_time_purpose purpose,
                                const struct dm_one_time_proof *proof, struct dm_str *ret_hash)
{
    enum dm_result result = check_form(ctx, proof);
    if (result != DM_OK)
        return result;
    if (proof->token.p == NULL)
        return find_by_code(domain, ctx, purpose, proof, ret_hash);
    struct dm_str hash = token_hash(ctx, proof->token);
    if (hash.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_hash = hash;
    return DM_OK;
}

enum dm_result dm_one_time_account(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   enum dm_one_time_purpose purpose, struct dm_str hash,
                                   struct dm_account_row *ret_account)
{
    struct dm_pg_conn *conn;
    struct dm_str account_id;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx,
                       dm_one_time_store_account(conn, ctx, name_of(purpose), hash, &account_id));
    if (result != DM_OK)
        return result;
    return dm_account_store_by_id(domain->pg, ctx, account_id, ret_account);
}

enum dm_result dm_one_time_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                               enum dm_one_time_purpose purpose, struct dm_str hash,
                               struct dm_one_time_row *ret_row, struct dm_account_row *ret_account)
{
    struct dm_str account_id;
    enum dm_result result =
        dm_one_time_store_account(conn, ctx, name_of(purpose), hash, &account_id);
    if (result == DM_OK)
        result = dm_account_store_lock_by_id(conn, ctx, account_id, ret_account);
    if (result == DM_OK)
        result = dm_one_time_store_use(conn, ctx, name_of(purpose), hash, ret_row);
    if (result == DM_OK)
        result = dm_one_time_store_drop(conn, ctx, account_id, (struct dm_str){0});
    return result;
}

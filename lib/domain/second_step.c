/*
 * The second step, between api/auth.c and store/second_factor_store.c. All of one account's codes are judged under its row's lock, so
 * that of any number of requests with one code exactly one succeeds and no try goes uncounted.
 */
#include "domain/second_step.h"

#include "base/clock.h"
#include "base/totp.h"
#include "domain/device.h"
#include "domain/mail.h"
#include "domain/recovery_code.h"
#include "store/audit_store.h"

/* Of a million codes three fit at a time. Ten wrong ones in a row, and fifteen minutes pass before the next; after a hundred (NIST SP
 * 800-63B §5.2.2) only a recovery code opens, which nobody guesses. */
static const struct dm_second_factor_guard guard = {
    .lock_after = 10, .lock_s = 900, .failures_max = 100};

bool dm_second_step_required(const struct dm_settings *settings, enum dm_role role)
{
    return role >= DM_ROLE_ADMIN && dm_str_eq_c(dm_str_from(settings->mfa_required_for), "admin");
}

struct dm_sealed_place dm_second_factor_place(struct dm_str factor_id)
{
    return (struct dm_sealed_place){"second_factor", "secret", factor_id};
}

static enum dm_result refuse(struct dm_ctx *ctx)
{
    return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED,
                      "the code is wrong or was used, or the log-in has to begin anew");
}

enum dm_result dm_second_step_ask(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  const struct dm_account *account,
                                  const struct dm_session_facts *facts,
                                  struct dm_session_grant *ret_grant)
{
    char token[DM_TOKEN_TEXT], hash[DM_SHA256_HEX];
    dm_secret_token(token);
    dm_secret_sha256_hex(dm_str_from(token), hash);
    struct dm_session_grant grant = {.mfa_token = dm_arena_str(ctx->arena, dm_str_from(token))};
    if (grant.mfa_token.p == NULL)
        return dm_ctx_nomem(ctx);
    const struct dm_mfa_challenge_new challenge = {
        .token_hash = dm_str_from(hash),
        .account_id = account->id,
        .password_hash = facts->password_hash,
        .device_id = facts->device_id,
        .valid_s = domain->settings->mfa_token_s,
    };
    enum dm_result result =
        dm_mfa_challenge_store_add(domain->pg, ctx, &challenge, &grant.mfa_expires_at_ms);
    if (result == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the account has just changed");
    if (result == DM_OK)
        *ret_grant = grant;
    return result;
}

/* Does the code fit the factor's secret, and in which step? DM_E_INTERNAL: the secret cannot be read. */
static enum dm_result fits_secret(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  const struct dm_second_factor *factor, struct dm_str code,
                                  bool *ret_fits, int64_t *ret_step)
{
    const struct dm_sealed_place place = dm_second_factor_place(factor->id);
    struct dm_secret secret;
    if (dm_sealed_open(&domain->sealed_keys, ctx, &place, factor->secret, &secret) != DM_OK) {
        ctx->err.code = DM_E_INTERNAL; /* its words are for the log */
        return DM_E_INTERNAL;
    }
    *ret_fits = dm_totp_check(secret, code, dm_clock_wall_ms(), ret_step);
    return DM_OK;
}

/* Digits alone, as apps show them in groups: "123 456". Absent when it is no such code. */
static struct dm_str digits_of(struct dm_ctx *ctx, struct dm_str typed)
{
    char digits[DM_TOTP_DIGITS];
    size_t n = 0;
    for (size_t i = 0; i < typed.n; i++) {
        if (typed.p[i] == ' ' || typed.p[i] == '-')
            continue;
        if (typed.p[i] < '0' || typed.p[i] > '9' || n == sizeof(digits))
            return (struct dm_str){NULL, 0};
        digits[n++] = typed.p[i];
    }
    return dm_arena_str(ctx->arena, (struct dm_str){digits, n});
}

enum dm_result dm_second_step_first(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                    struct dm_ctx *ctx, const struct dm_second_factor *factor,
                                    struct dm_str code, bool *ret_right)
{
    bool fits = false;
    int64_t step = 0;
    enum dm_result result = fits_secret(domain, ctx, factor, digits_of(ctx, code), &fits, &step);
    return result == DM_OK && fits
               ? dm_second_factor_store_step(conn, ctx, factor->id, step, ret_right)
               : result;
}

static enum dm_result audit(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                            struct dm_str account_id)
{
    const struct dm_audit_event event = {
        .action = action, .entity = "account", .entity_id = account_id};
    return dm_audit_store_add(conn, ctx, &event);
}

/* One check of a code. */
struct attempt {
    const struct dm_domain *domain;
    struct dm_pg_conn *conn;
    const struct dm_second_factor_account *account;
    const struct dm_device_client *client;
};

static enum dm_result tell(const struct attempt *attempt, struct dm_ctx *ctx,
                           enum dm_mail_kind kind, int64_t codes_left)
{
    const struct dm_mail_new mail = {
        .kind = kind,
        .account_id = attempt->account->id,
        .to = attempt->account->email,
        .values = {.first_name = attempt->account->first_name,
                   .at_ms = dm_clock_wall_ms(),
                   .device = dm_device_name(ctx, attempt->client->user_agent),
                   .address = attempt->client->address,
                   .codes_left = codes_left},
    };
    return dm_mail_enqueue(attempt->conn, ctx, attempt->domain->settings, &mail);
}

static enum dm_result count_failure(const struct attempt *attempt, struct dm_ctx *ctx,
                                    struct dm_str factor_id)
{
    bool locked = false;
    enum dm_result result =
        dm_second_factor_store_fail(attempt->conn, ctx, factor_id, &guard, &locked);
    if (result != DM_OK || !locked)
        return result;
    result = audit(attempt->conn, ctx, "mfa.locked", attempt->account->id);
    return result == DM_OK ? tell(attempt, ctx, DM_MAIL_MFA_LOCKED, 0) : result;
}

static enum dm_result check_totp(const struct attempt *attempt, struct dm_ctx *ctx,
                                 struct dm_str digits, bool *ret_right)
{
    struct dm_second_factor factor;
    bool fits = false;
    int64_t step = 0;
    enum dm_result result = dm_second_factor_store_get(attempt->conn, ctx, attempt->account->id,
                                                       DM_SECOND_FACTOR_PENDING_S, &factor);
    if (result != DM_OK || !factor.confirmed || factor.locked)
        return result == DM_E_NOTFOUND ? DM_OK : result;
    result = fits_secret(attempt->domain, ctx, &factor, digits, &fits, &step);
    if (result != DM_OK)
        return result;
    /* A code shown twice is refused, but whoever shows it does not guess. */
    return fits ? dm_second_factor_store_step(attempt->conn, ctx, factor.id, step, ret_right)
                : count_failure(attempt, ctx, factor.id);
}

static enum dm_result check_recovery_code(const struct attempt *attempt, struct dm_ctx *ctx,
                                          struct dm_str typed, bool *ret_right)
{
    struct dm_str account_id = attempt->account->id;
    struct dm_str hash = dm_recovery_code_hash(attempt->domain->settings, ctx, account_id, typed);
    int64_t left = 0;
    if (hash.p == NULL)
        return DM_OK;
    enum dm_result result =
        dm_second_factor_store_use_code(attempt->conn, ctx, account_id, hash, &left);
    if (result != DM_OK)
        return result == DM_E_NOTFOUND ? DM_OK : result;
    ctx->actor_id = account_id;
    result = dm_second_factor_store_forgive(attempt->conn, ctx, account_id);
    if (result == DM_OK)
        result = audit(attempt->conn, ctx, "mfa.recovery_code_used", account_id);
    if (result == DM_OK)
        result = tell(attempt, ctx, DM_MAIL_RECOVERY_CODE_USED, left);
    if (result == DM_OK)
        *ret_right = true;
    return result;
}

enum dm_result dm_second_step_check(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                    struct dm_ctx *ctx,
                                    const struct dm_second_factor_account *account,
                                    const struct dm_device_client *client, struct dm_str code,
                                    bool *ret_right)
{
    const struct attempt attempt = {domain, conn, account, client};
    struct dm_str digits = digits_of(ctx, code);
    bool right = false;
    enum dm_result result = DM_OK;
    if (account->second_step_at.set)
        result = digits.n == DM_TOTP_DIGITS ? check_totp(&attempt, ctx, digits, &right)
                                            : check_recovery_code(&attempt, ctx, code, &right);
    if (result == DM_OK)
        *ret_right = right;
    return result;
}

/* What the second step has shown, for opening the session. */
struct proof {
    bool good;
    struct dm_second_factor_account account;
    struct dm_mfa_challenge challenge;
};

static enum dm_result prove_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                               struct dm_ctx *ctx, const struct dm_second_step_answer *answer,
                               struct proof *proof)
{
    char hash[DM_SHA256_HEX];
    dm_secret_sha256_hex(answer->mfa_token, hash);
    struct dm_str token_hash = dm_str_from(hash);
    enum dm_result result =
        dm_second_factor_store_lock_by_token(conn, ctx, token_hash, &proof->account);
    if (result == DM_OK)
        result = dm_mfa_challenge_store_try(conn, ctx, token_hash, DM_SECOND_STEP_TRIES,
                                            &proof->challenge);
    if (result != DM_OK)
        return result == DM_E_NOTFOUND ? DM_OK : result;
    result = dm_second_step_check(domain, conn, ctx, &proof->account, &answer->client, answer->code,
                                  &proof->good);
    if (result == DM_OK && !proof->good)
        result = audit(conn, ctx, "mfa.failed", proof->account.id);
    else if (result == DM_OK)
        result = dm_mfa_challenge_store_use(conn, ctx, token_hash);
    return result;
}

enum dm_result dm_second_step_answer(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_second_step_answer *answer,
                                     struct dm_session_grant *ret_grant)
{
    struct dm_pg_conn *conn;
    struct proof proof = {0};
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, prove_in(domain, conn, ctx, answer, &proof));
    if (result != DM_OK)
        return result;
    if (!proof.good)
        return refuse(ctx);
    struct dm_account account;
    result = dm_account_get(domain, ctx, proof.account.id, &account);
    if (result != DM_OK)
        return result == DM_E_NOTFOUND ? refuse(ctx) : result;
    const struct dm_session_facts facts = {
        .password_hash = proof.challenge.password_hash,
        .device_id = proof.challenge.device_id,
        .second_step = true,
        .user_agent = answer->client.user_agent,
        .address = answer->client.address,
    };
    return dm_session_open(domain, ctx, &account, &facts, ret_grant);
}

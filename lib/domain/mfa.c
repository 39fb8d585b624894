/* The rules of second factors, between api/mfa.c, ctl/user.c and store/second_factor_store.c. */
#include "domain/mfa.h"

#include "base/clock.h"
#include "base/format.h"
#include "base/id.h"
#include "base/totp.h"
#include "domain/device.h"
#include "domain/mail.h"
#include "store/audit_store.h"

enum dm_result dm_mfa_state(const struct dm_domain *domain, struct dm_ctx *ctx,
                            struct dm_str account_id, struct dm_mfa_state *ret_state)
{
    struct dm_second_factor_state row;
    enum dm_result result = dm_second_factor_store_state(domain->pg, ctx, account_id, &row);
    if (result == DM_OK)
        *ret_state = (struct dm_mfa_state){
            .since = row.since,
            .recovery_codes_left = row.since.set ? row.codes_left : 0,
            .required = dm_second_step_required(domain->settings, dm_role_of(row.role)),
        };
    return result;
}

/* One change under way: its transaction, whose account it is, and what it brings about. */
struct change {
    const struct dm_domain *domain;
    struct dm_pg_conn *conn;
    const struct dm_mfa_caller *caller; /* NULL: the operator */
    struct dm_second_factor_account account;
    struct dm_list ended; /* sessions */
    bool wrong_code;
};

static enum dm_result audit(const struct change *change, struct dm_ctx *ctx, const char *action)
{
    const struct dm_audit_event event = {
        .action = action,
        .entity = "account",
        .entity_id = change->account.id,
        .detail =
            change->caller == NULL ? DM_STR("{\"by\":\"digitalmectl\"}") : (struct dm_str){NULL, 0},
    };
    return dm_audit_store_add(change->conn, ctx, &event);
}

static enum dm_result tell(const struct change *change, struct dm_ctx *ctx, enum dm_mail_kind kind)
{
    const struct dm_device_client unknown = {0};
    const struct dm_device_client *client = change->caller ? &change->caller->client : &unknown;
    const struct dm_mail_new mail = {
        .kind = kind,
        .account_id = change->account.id,
        .to = change->account.email,
        .values = {.first_name = change->account.first_name,
                   .at_ms = dm_clock_wall_ms(),
                   .device = dm_device_name(ctx, client->user_agent),
                   .address = client->address},
    };
    return dm_mail_enqueue(change->conn, ctx, change->domain->settings, &mail);
}

/* Record the change: in the audit trail and to the owner. */
static enum dm_result record(const struct change *change, struct dm_ctx *ctx, const char *action,
                             enum dm_mail_kind kind)
{
    enum dm_result result = audit(change, ctx, action);
    return result == DM_OK ? tell(change, ctx, kind) : result;
}

static enum dm_result begin(struct change *change, struct dm_ctx *ctx)
{
    enum dm_result result = dm_pg_begin(change->domain->pg, ctx, &change->conn);
    if (result != DM_OK)
        return result;
    result = dm_second_factor_store_lock(change->conn, ctx, change->caller->principal->account_id,
                                         &change->account);
    if (result != DM_OK)
        dm_pg_rollback(change->conn, ctx);
    return result;
}

/* A wrong code is committed, since it counts, and then told. */
static enum dm_result end(const struct change *change, struct dm_ctx *ctx, enum dm_result result)
{
    result = dm_pg_end(change->conn, ctx, result);
    if (result == DM_OK)
        dm_session_kill_ended(change->domain, ctx, &change->ended);
    if (result == DM_OK && change->wrong_code)
        return dm_err_set_field(&ctx->err, "/code", "wrong", "the code is wrong or was used");
    return result;
}

/* The app shows "issuer (address)"; both stand in the label too, as the key URI format asks. */
static struct dm_str otpauth_uri(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_str email, struct dm_str secret)
{
    struct dm_str issuer =
        dm_format_url_encode(ctx->arena, dm_str_from(domain->settings->site_name));
    struct dm_str label = dm_format_url_encode(ctx->arena, email);
    if (issuer.p == NULL || label.p == NULL)
        return (struct dm_str){NULL, 0};
    return dm_arena_printf(
        ctx->arena,
        "otpauth://totp/%.*s:%.*s?secret=%.*s&issuer=%.*s&algorithm=SHA1&digits=%d&period=%d",
        DM_STR_ARG(issuer), DM_STR_ARG(label), DM_STR_ARG(secret), DM_STR_ARG(issuer),
        DM_TOTP_DIGITS, DM_TOTP_STEP_S);
}

static enum dm_result put_secret(const struct change *change, struct dm_ctx *ctx,
                                 struct dm_mfa_enrolment *enrolment)
{
    uint8_t key[DM_TOTP_KEY_BYTES];
    char text[DM_TOTP_KEY_TEXT];
    dm_secret_random(key, sizeof(key));
    dm_base32_encode(key, sizeof(key), text);
    enrolment->secret = dm_arena_str(ctx->arena, dm_str_from(text));
    enrolment->otpauth_uri =
        otpauth_uri(change->domain, ctx, change->account.email, enrolment->secret);

    struct dm_second_factor_new factor = {.id = dm_id_new(ctx->arena),
                                          .account_id = change->account.id};
    const struct dm_sealed_place place = dm_second_factor_place(factor.id);
    if (enrolment->secret.p == NULL || enrolment->otpauth_uri.p == NULL || factor.id.p == NULL)
        return dm_ctx_nomem(ctx);
    enum dm_result result =
        dm_sealed_close(&change->domain->sealed_keys, ctx, &place,
                        (struct dm_secret){(const char *)key, sizeof(key)}, &factor.secret);
    dm_secret_wipe(key, sizeof(key));
    dm_secret_wipe(text, sizeof(text));
    return result == DM_OK ? dm_second_factor_store_put(change->conn, ctx, &factor) : result;
}

static enum dm_result put_codes(const struct change *change, struct dm_ctx *ctx,
                                struct dm_str ret_codes[DM_RECOVERY_CODES])
{
    struct dm_str hashes[DM_RECOVERY_CODES];
    enum dm_result result =
        dm_recovery_codes_new(change->domain->settings, ctx, change->account.id, ret_codes, hashes);
    return result == DM_OK ? dm_second_factor_store_put_codes(change->conn, ctx, change->account.id,
                                                              hashes, DM_RECOVERY_CODES)
                           : result;
}

static enum dm_result check_password(const struct change *change, struct dm_ctx *ctx,
                                     struct dm_str password)
{
    const struct dm_principal *principal = change->caller->principal;
    return dm_account_check_password(change->domain, ctx, principal->account_id,
                                     principal->session_id, password);
}

enum dm_result dm_mfa_enrol(const struct dm_domain *domain, struct dm_ctx *ctx,
                            const struct dm_mfa_caller *caller, struct dm_str password,
                            struct dm_mfa_enrolment *ret_enrolment)
{
    struct change change = {.domain = domain, .caller = caller};
    struct dm_mfa_enrolment enrolment;
    enum dm_result result = check_password(&change, ctx, password);
    if (result == DM_OK)
        result = begin(&change, ctx);
    if (result != DM_OK)
        return result;
    result = put_secret(&change, ctx, &enrolment);
    if (result == DM_OK)
        result = put_codes(&change, ctx, enrolment.recovery_codes);
    if (result == DM_OK)
        result = audit(&change, ctx, "mfa.enrol");
    result = end(&change, ctx, result);
    if (result == DM_OK)
        *ret_enrolment = enrolment;
    return result;
}

static enum dm_result confirm_in(struct change *change, struct dm_ctx *ctx, struct dm_str code)
{
    const struct dm_principal *principal = change->caller->principal;
    struct dm_second_factor factor = {0};
    enum dm_result result = dm_second_factor_store_get(change->conn, ctx, change->account.id,
                                                       DM_SECOND_FACTOR_PENDING_S, &factor);
    if (result == DM_E_NOTFOUND || (result == DM_OK && (factor.confirmed || !factor.fresh)))
        return dm_err_set(&ctx->err, DM_E_CONFLICT, "no enrolment waits for its first code");
    bool right = false;
    if (result == DM_OK)
        result = dm_second_step_first(change->domain, change->conn, ctx, &factor, code, &right);
    change->wrong_code = !right;
    if (result != DM_OK || !right)
        return result;
    result = dm_second_factor_store_turn_on(change->conn, ctx, change->account.id, factor.id,
                                            principal->session_id);
    if (result == DM_OK)
        result = dm_session_end_all(change->conn, ctx, change->account.id, principal->session_id,
                                    DM_SESSION_END_MFA, &change->ended);
    return result == DM_OK ? record(change, ctx, "mfa.confirm", DM_MAIL_MFA_ON) : result;
}

enum dm_result dm_mfa_confirm(const struct dm_domain *domain, struct dm_ctx *ctx,
                              const struct dm_mfa_caller *caller, struct dm_str code)
{
    struct change change = {.domain = domain, .caller = caller};
    enum dm_result result = begin(&change, ctx);
    return result == DM_OK ? end(&change, ctx, confirm_in(&change, ctx, code)) : result;
}

/* Password and code. On DM_OK the transaction is open, and change->wrong_code says whether to go on. */
static enum dm_result begin_proved(struct change *change, struct dm_ctx *ctx,
                                   const struct dm_mfa_proof *proof)
{
    enum dm_result result = check_password(change, ctx, proof->password);
    if (result == DM_OK)
        result = begin(change, ctx);
    if (result != DM_OK)
        return result;
    bool right = false;
    if (!change->account.second_step_at.set)
        result = dm_err_set(&ctx->err, DM_E_CONFLICT, "no second factor is on");
    else
        result = dm_second_step_check(change->domain, change->conn, ctx, &change->account,
                                      &change->caller->client, proof->code, &right);
    change->wrong_code = !right;
    if (result != DM_OK)
        dm_pg_rollback(change->conn, ctx);
    return result;
}

static enum dm_result turn_off(struct change *change, struct dm_ctx *ctx, struct dm_str spared)
{
    enum dm_result result = dm_second_factor_store_turn_off(change->conn, ctx, change->account.id);
    return result == DM_OK ? dm_session_end_all(change->conn, ctx, change->account.id, spared,
                                                DM_SESSION_END_MFA, &change->ended)
                           : result;
}

enum dm_result dm_mfa_remove(const struct dm_domain *domain, struct dm_ctx *ctx,
                             const struct dm_mfa_caller *caller, const struct dm_mfa_proof *proof)
{
    struct change change = {.domain = domain, .caller = caller};
    enum dm_result result = begin_proved(&change, ctx, proof);
    if (result != DM_OK)
        return result;
    if (!change.wrong_code) {
        /* An access token that says Admin would outlive what it stands on. */
        bool needed = dm_second_step_required(domain->settings, dm_role_of(change.account.role));
        result = turn_off(&change, ctx,
                          needed ? (struct dm_str){NULL, 0} : caller->principal->session_id);
        if (result == DM_OK)
            result = record(&change, ctx, "mfa.remove", DM_MAIL_MFA_OFF);
    }
    return end(&change, ctx, result);
}

enum dm_result dm_mfa_renew_codes(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  const struct dm_mfa_caller *caller,
                                  const struct dm_mfa_proof *proof,
                                  struct dm_str ret_codes[DM_RECOVERY_CODES])
{
    struct change change = {.domain = domain, .caller = caller};
    enum dm_result result = begin_proved(&change, ctx, proof);
    if (result != DM_OK)
        return result;
    if (!change.wrong_code) {
        result = put_codes(&change, ctx, ret_codes);
        if (result == DM_OK)
            result = record(&change, ctx, "mfa.renew_codes", DM_MAIL_RECOVERY_CODES_NEW);
    }
    return end(&change, ctx, result);
}

enum dm_result dm_mfa_reset(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str email,
                            struct dm_mfa_reset *ret_reset)
{
    struct change change = {.domain = domain};
    struct dm_str email_key = dm_format_email_key(ctx->arena, email);
    if (email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &change.conn);
    if (result != DM_OK)
        return result;
    result = dm_second_factor_store_lock_by_email(change.conn, ctx, email_key, &change.account);
    if (result == DM_OK && !change.account.second_step_at.set)
        result = dm_err_set(&ctx->err, DM_E_CONFLICT, "no second factor is on");
    if (result == DM_OK)
        result = turn_off(&change, ctx, (struct dm_str){NULL, 0});
    if (result == DM_OK)
        result = record(&change, ctx, "mfa.reset", DM_MAIL_MFA_RESET);
    result = end(&change, ctx, result);
    if (result == DM_OK)
        *ret_reset = (struct dm_mfa_reset){change.account.id, change.ended.n};
    return result;
}

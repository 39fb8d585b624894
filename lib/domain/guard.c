/*
 * The rules of the log-in guard, between domain/session.c and store/guard_store.c. A try locks its
 * keys' rows in one transaction, device or address first and network last, so that tries at once
 * are judged one after the other.
 */
#include "domain/guard.h"

#include "base/format.h"
#include "base/json.h"
#include "base/json_write.h"
#include "domain/device.h"
#include "domain/gate.h"
#include "domain/mail.h"
#include "store/account_store.h"
#include "store/audit_store.h"
#include "store/guard_store.h"

#define PAYLOAD_BYTES_MAX 4096
#define DELAY_DOUBLED_MAX 20 /* a million times the first one is as good as for ever */

/* How a kind of key counts. */
struct rule {
    int64_t failures; /* that lock it, within window_ms */
    int64_t window_ms, lock_ms;
    int64_t delay_ms;        /* after the second failure; doubled for each further one */
    int64_t failures_in_row; /* that seal it; 0: none do */
};

struct key {
    struct dm_str text;
    struct rule rule;
    struct dm_guard_row row;
};

static struct rule person_rule(const struct dm_settings *settings)
{
    return (struct rule){
        .failures = settings->lockout_failures,
        .window_ms = settings->lockout_window_s * 1000,
        .lock_ms = settings->lockout_lock_s * 1000,
        .delay_ms = settings->lockout_delay_s * 1000,
        .failures_in_row = settings->lockout_failures_max,
    };
}

static struct rule network_rule(const struct dm_settings *settings)
{
    return (struct rule){
        .failures = settings->lockout_address_failures,
        .window_ms = settings->lockout_window_s * 1000,
        .lock_ms = settings->lockout_lock_s * 1000,
    };
}

static bool is_sealed(const struct key *key)
{
    return key->rule.failures_in_row > 0 && key->row.failures_in_row >= key->rule.failures_in_row;
}

static bool is_open(const struct key *key)
{
    return key->row.now_ms >= key->row.retry_at_ms && key->row.now_ms >= key->row.locked_until_ms &&
           !is_sealed(key);
}

/* None after the first failure, then once, twice, four times … the rule's. */
static int64_t delay_after(const struct rule *rule, int64_t failures)
{
    int64_t doubled = failures - 2 < DELAY_DOUBLED_MAX ? failures - 2 : DELAY_DOUBLED_MAX;
    return failures < 2 ? 0 : rule->delay_ms << doubled;
}

/* One more failure. True when it locks or seals the key. */
static bool fail(struct key *key)
{
    struct dm_guard_row *row = &key->row;
    if (row->now_ms - row->window_at_ms >= key->rule.window_ms) {
        row->window_at_ms = row->now_ms;
        row->failures = 0;
    }
    row->failures++;
    row->failures_in_row++;
    if (row->failures < key->rule.failures && !is_sealed(key)) {
        row->retry_at_ms = row->now_ms + delay_after(&key->rule, row->failures);
        return false;
    }
    row->failures = 0;
    row->locked_until_ms = row->now_ms + key->rule.lock_ms;
    return true;
}

static void succeed(struct key *key)
{
    key->row.failures = 0;
    key->row.failures_in_row = 0;
}

/* "e:" and a keyed hash, so that the table names nobody. Absent when the arena is full. */
static struct dm_str hashed_key(const struct dm_domain *domain, struct dm_ctx *ctx, char kind,
                                struct dm_str what)
{
    uint8_t secret[DM_DERIVED_BYTES], mac[DM_SHA384_BYTES];
    dm_secret_derive(domain->settings->password_pepper, "login guard", secret);
    dm_secret_hmac_sha384((struct dm_secret){(const char *)secret, sizeof(secret)}, what, mac);
    dm_secret_wipe(secret, sizeof(secret));
    struct dm_str hash =
        dm_base64url_encode(ctx->arena, (struct dm_str){(const char *)mac, DM_SHA256_BYTES});
    if (hash.p == NULL)
        return hash;
    return dm_arena_printf(ctx->arena, "%c:%.*s", kind, DM_STR_ARG(hash));
}

static enum dm_result lock_key(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str text,
                               struct rule rule, struct key *ret_key)
{
    if (text.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_key = (struct key){.text = text, .rule = rule};
    return dm_guard_store_lock(conn, ctx, text, &ret_key->row);
}

/* What a try is counted under. */
struct keys {
    struct key key[2];
    size_t n;
};

static enum dm_result lock_device(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                  struct dm_ctx *ctx, struct dm_str device_id, struct keys *keys)
{
    struct dm_str text = dm_arena_printf(ctx->arena, "d:%.*s", DM_STR_ARG(device_id));
    enum dm_result result = lock_key(conn, ctx, text, person_rule(domain->settings), &keys->key[0]);
    if (result == DM_OK)
        keys->n = is_sealed(&keys->key[0]) ? 0 : 1;
    return result;
}

static enum dm_result lock_keys(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, const struct dm_guard_try *attempt,
                                struct keys *keys)
{
    const struct dm_settings *settings = domain->settings;
    enum dm_result result = DM_OK;
    keys->n = 0;
    if (attempt->device_id.p != NULL)
        result = lock_device(domain, conn, ctx, attempt->device_id, keys);
    if (result != DM_OK || keys->n > 0)
        return result;

    struct dm_str network = dm_gate_network(ctx, attempt->address);
    if (network.p == NULL)
        return dm_ctx_nomem(ctx);
    result = lock_key(conn, ctx, hashed_key(domain, ctx, 'e', attempt->email_key),
                      person_rule(settings), &keys->key[0]);
    if (result == DM_OK)
        result = lock_key(conn, ctx, hashed_key(domain, ctx, 'n', network), network_rule(settings),
                          &keys->key[1]);
    keys->n = 2;
    return result;
}

static enum dm_result add_job(const struct dm_domain *domain, struct dm_pg_conn *conn,
                              struct dm_ctx *ctx, const struct dm_guard_try *attempt,
                              const struct key *key)
{
    struct dm_buf payload;
    struct dm_json_writer w;
    dm_buf_init(&payload, ctx->arena, PAYLOAD_BYTES_MAX);
    dm_json_writer_init(&w, &payload);
    dm_json_object_begin(&w);
    dm_json_name(&w, "email");
    dm_json_string(&w, attempt->email);
    dm_json_name(&w, "device");
    dm_json_string(&w, dm_device_name(ctx, attempt->user_agent));
    dm_json_name(&w, "address");
    dm_json_string(&w, attempt->address.p != NULL ? attempt->address : DM_STR("unknown"));
    dm_json_name(&w, "atMs");
    dm_json_int(&w, key->row.now_ms);
    dm_json_name(&w, "sealed");
    dm_json_bool(&w, is_sealed(key));
    dm_json_object_end(&w);
    if (dm_buf_failed(&payload))
        return dm_ctx_nomem(ctx);
    const struct dm_job_new job = {
        .kind = "login_locked",
        .payload = dm_buf_str(&payload),
        .max_attempts = domain->settings->worker_attempts,
    };
    return dm_job_store_add(conn, ctx, &job);
}

static enum dm_result audit_refused(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    const struct dm_guard_try *attempt, bool counts)
{
    const struct dm_audit_event event = {
        .action = "account.login_refused",
        .entity = "account",
        .entity_id = attempt->account_id,
        .detail =
            counts ? DM_STR("{\"reason\":\"credentials\"}") : DM_STR("{\"reason\":\"paused\"}"),
    };
    return dm_audit_store_add(conn, ctx, &event);
}

static enum dm_result settle_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, const struct dm_guard_try *attempt,
                                bool *ret_counts)
{
    struct keys keys;
    enum dm_result result = lock_keys(domain, conn, ctx, attempt, &keys);
    if (result != DM_OK)
        return result;
    bool counts = true, locks = false;
    for (size_t i = 0; i < keys.n; i++)
        counts = counts && is_open(&keys.key[i]);
    if (counts && attempt->right) {
        succeed(&keys.key[0]);
    } else if (counts) {
        locks = fail(&keys.key[0]);
        if (keys.n > 1)
            (void)fail(&keys.key[1]);
    }

    for (size_t i = 0; i < keys.n && result == DM_OK; i++)
        result = dm_guard_store_save(conn, ctx, keys.key[i].text, &keys.key[i].row);
    if (result == DM_OK && !(counts && attempt->right))
        result = audit_refused(conn, ctx, attempt, counts);
    if (result == DM_OK && locks)
        result = add_job(domain, conn, ctx, attempt, &keys.key[0]);
    if (result == DM_OK && counts && attempt->right && attempt->device_id.p != NULL)
        result = dm_guard_clear(domain, conn, ctx, attempt->email_key);
    *ret_counts = counts;
    return result;
}

enum dm_result dm_guard_settle(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_guard_try *attempt, bool *ret_counts)
{
    struct dm_pg_conn *conn;
    bool counts = false;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, settle_in(domain, conn, ctx, attempt, &counts));
    if (result == DM_OK)
        *ret_counts = counts;
    return result;
}

static enum dm_result settle_session_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                        struct dm_ctx *ctx, struct dm_str session_id, bool right,
                                        int64_t *ret_wait_ms)
{
    struct key key;
    struct dm_str text = dm_arena_printf(ctx->arena, "s:%.*s", DM_STR_ARG(session_id));
    enum dm_result result = lock_key(conn, ctx, text, person_rule(domain->settings), &key);
    if (result != DM_OK)
        return result;
    const struct dm_guard_row *row = &key.row;
    *ret_wait_ms = 0;
    if (!is_open(&key)) {
        int64_t until =
            row->retry_at_ms > row->locked_until_ms ? row->retry_at_ms : row->locked_until_ms;
        int64_t wait_ms = until - row->now_ms;
        *ret_wait_ms = wait_ms > 0 ? wait_ms : key.rule.lock_ms;
        return DM_OK;
    }
    if (right)
        succeed(&key);
    else
        (void)fail(&key);
    const struct dm_audit_event event = {
        .action = "session.password_refused", .entity = "session", .entity_id = session_id};
    if (!right)
        result = dm_audit_store_add(conn, ctx, &event);
    return result == DM_OK ? dm_guard_store_save(conn, ctx, text, row) : result;
}

enum dm_result dm_guard_settle_session(const struct dm_domain *domain, struct dm_ctx *ctx,
                                       struct dm_str session_id, bool right)
{
    struct dm_pg_conn *conn;
    int64_t wait_ms = 0;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result =
        dm_pg_end(conn, ctx, settle_session_in(domain, conn, ctx, session_id, right, &wait_ms));
    if (result != DM_OK || wait_ms == 0)
        return result;
    result = dm_err_set(&ctx->err, DM_E_LIMITED, "too many wrong passwords");
    ctx->err.retry_after_s = (int)((wait_ms + 999) / 1000);
    return result;
}

enum dm_result dm_guard_clear(const struct dm_domain *domain, struct dm_pg_conn *conn,
                              struct dm_ctx *ctx, struct dm_str email_key)
{
    struct dm_str key = hashed_key(domain, ctx, 'e', email_key);
    if (key.p == NULL)
        return dm_ctx_nomem(ctx);
    return dm_guard_store_clear(conn, ctx, key, email_key);
}

enum dm_result dm_guard_is_locked(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  struct dm_str email_key, bool *ret_locked)
{
    struct dm_str key = hashed_key(domain, ctx, 'e', email_key);
    if (key.p == NULL)
        return dm_ctx_nomem(ctx);
    return dm_guard_store_is_locked(domain->pg, ctx, key,
                                    person_rule(domain->settings).failures_in_row, ret_locked);
}

/* What the worker is told of a lock. */
struct lock {
    struct dm_str email, device, address;
    int64_t at_ms;
    bool sealed;
};

static enum dm_result read_lock(struct dm_ctx *ctx, struct dm_str payload, struct lock *ret_lock)
{
    struct dm_json *json;
    if (dm_json_parse(payload, &ctx->err, &json) != DM_OK)
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload is not JSON");
    bool whole = dm_json_get_string(json, "email", ctx->arena, &ret_lock->email) &&
                 dm_json_get_string(json, "device", ctx->arena, &ret_lock->device) &&
                 dm_json_get_string(json, "address", ctx->arena, &ret_lock->address) &&
                 dm_json_get_int(json, "atMs", &ret_lock->at_ms) &&
                 dm_json_get_bool(json, "sealed", &ret_lock->sealed);
    dm_json_free(json);
    return whole ? DM_OK : dm_err_set(&ctx->err, DM_E_INVALID, "the payload lacks a member");
}

static enum dm_result tell_owner(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct lock *lock)
{
    struct dm_account_row row;
    struct dm_str email_key = dm_format_email_key(ctx->arena, lock->email);
    if (email_key.p == NULL)
        return dm_ctx_nomem(ctx);
    enum dm_result result = dm_account_store_lock_by_email(conn, ctx, email_key, &row);
    if (result == DM_E_NOTFOUND || (result == DM_OK && !dm_str_eq_c(row.state, "active")))
        return DM_OK;
    const struct dm_audit_event event = {
        .action = lock->sealed ? "account.login_sealed" : "account.login_locked",
        .entity = "account",
        .entity_id = row.id,
    };
    if (result == DM_OK)
        result = dm_audit_store_add(conn, ctx, &event);
    if (result != DM_OK)
        return result;
    const struct dm_mail_new mail = {
        .kind = lock->sealed ? DM_MAIL_LOGIN_SEALED : DM_MAIL_LOGIN_LOCKED,
        .account_id = row.id,
        .to = row.email,
        .values = {.first_name = row.first_name,
                   .device = lock->device,
                   .address = lock->address,
                   .at_ms = lock->at_ms,
                   .valid_s = domain->settings->lockout_lock_s},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

enum dm_result dm_guard_run_locked(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   const struct dm_job *job)
{
    struct lock lock;
    struct dm_pg_conn *conn;
    enum dm_result result = read_lock(ctx, job->payload, &lock);
    if (result == DM_OK)
        result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    return dm_pg_end(conn, ctx, tell_owner(domain, conn, ctx, &lock));
}

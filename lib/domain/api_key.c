/*
 * The rules of API keys, between api/api_key.c and store/api_key_store.c. Whoever changes a key takes its old version's mark from Redis after
 * the commit, so that no instance goes on with what it remembers of it. Who shows a key is api_key_check.c's to find out.
 */
#include "domain/api_key.h"

#include "base/clock.h"
#include "domain/api_key_bounds.h"
#include "domain/api_key_text.h"
#include "domain/gate.h"
#include "domain/mail.h"
#include "store/api_key_store.h"
#include "store/audit_store.h"

/* The texts that are kept, as what is given out. */
static enum dm_result key_of(struct dm_ctx *ctx, const struct dm_api_key_row *row,
                             struct dm_api_key *ret_key)
{
    struct dm_api_key key = {
        .content = {.name = row->values.name, .expires_at = {true, row->values.expires_at_ms}},
        .id = row->id,
        .account_id = row->account_id,
        .previous_until = row->previous_until,
        .last_used_at = row->last_used_at,
        .revoked_at = row->revoked_at,
        .requests = {true, row->requests},
        .revoke_reason = row->revoke_reason,
        .version = row->version,
        .created_at = {true, row->created_at_ms},
        .updated_at = {true, row->updated_at_ms},
        .created_by = row->created_by,
        .updated_by = row->updated_by,
    };
    enum dm_result r = dm_api_key_words(ctx, row->values.scopes, &key.content.scopes);
    if (r == DM_OK)
        r = dm_api_key_words(ctx, row->values.routes, &key.content.routes);
    if (r == DM_OK)
        r = dm_api_key_words(ctx, row->values.ranges, &key.content.ranges);
    if (r == DM_OK)
        *ret_key = key;
    return r;
}

static enum dm_result keys_of(struct dm_ctx *ctx, const struct dm_list *rows,
                              struct dm_list *ret_list)
{
    const struct dm_api_key_row *row = rows->items;
    struct dm_api_key *keys = dm_arena_array(ctx->arena, rows->n, sizeof(*keys));
    if (keys == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < rows->n; i++) {
        enum dm_result r = key_of(ctx, &row[i], &keys[i]);
        if (r != DM_OK)
            return r;
    }
    *ret_list = (struct dm_list){keys, rows->n};
    return DM_OK;
}

enum dm_result dm_api_key_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct dm_str account_id, struct dm_slice slice,
                               struct dm_list *ret_list, bool *ret_more)
{
    struct dm_list rows = {0};
    enum dm_result r = dm_api_key_store_list(domain->pg, ctx, account_id, slice, &rows, ret_more);
    return r == DM_OK ? keys_of(ctx, &rows, ret_list) : r;
}

enum dm_result dm_api_key_list_all(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   struct dm_slice slice, struct dm_list *ret_list, bool *ret_more)
{
    struct dm_list rows = {0};
    enum dm_result r = dm_api_key_store_list_all(domain->pg, ctx, slice, &rows, ret_more);
    return r == DM_OK ? keys_of(ctx, &rows, ret_list) : r;
}

enum dm_result dm_api_key_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                              struct dm_owned key, struct dm_api_key *ret_key)
{
    struct dm_api_key_row row = {0};
    enum dm_result r = dm_api_key_store_get(domain->pg, ctx, key, &row);
    return r == DM_OK ? key_of(ctx, &row, ret_key) : r;
}

/* The scopes asked for, in the order and form that is kept. */
static enum dm_result scopes_text(struct dm_ctx *ctx, const struct dm_list *names,
                                  struct dm_str *ret_text)
{
    const struct dm_str *name = names->items;
    unsigned scopes = 0;
    for (size_t i = 0; i < names->n; i++)
        scopes |= dm_scope_parse(name[i]);
    struct dm_str text = dm_scope_text(ctx->arena, scopes);
    if (text.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_text = text;
    return DM_OK;
}

/* from_ms: the key's creation. */
static enum dm_result check_life(struct dm_ctx *ctx, struct dm_opt_time wanted, int64_t from_ms,
                                 int64_t *ret_expires_at_ms)
{
    int64_t expires_at_ms = wanted.set ? wanted.ms : from_ms + (int64_t)DM_API_KEY_LIFE_S * 1000;
    if (expires_at_ms <= dm_clock_wall_ms() ||
        expires_at_ms > from_ms + (int64_t)DM_API_KEY_LIFE_MAX_S * 1000)
        return dm_err_set_field(&ctx->err, "/expiresAt", "out_of_range",
                                "must lie in the future, at most two years after the key's "
                                "creation");
    *ret_expires_at_ms = expires_at_ms;
    return DM_OK;
}

static enum dm_result values_of(struct dm_ctx *ctx, const struct dm_api_key_write *write,
                                int64_t created_at_ms, struct dm_api_key_values *ret_values)
{
    struct dm_api_key_values values = {.name = write->name};
    enum dm_result r = scopes_text(ctx, &write->scopes, &values.scopes);
    if (r == DM_OK)
        r = dm_api_key_words_text(ctx, &write->routes, &values.routes);
    if (r == DM_OK)
        r = dm_api_key_ranges_text(ctx, &write->ranges, &values.ranges);
    if (r == DM_OK)
        r = check_life(ctx, write->expires_at, created_at_ms, &values.expires_at_ms);
    if (r == DM_OK)
        *ret_values = values;
    return r;
}

/* Nobody gives a key what he may not do himself. */
static enum dm_result check_scopes(struct dm_ctx *ctx, struct dm_str scopes, struct dm_str role)
{
    unsigned beyond = dm_scope_parse(scopes) & ~dm_scope_of_role(dm_role_of(role));
    if (beyond == 0)
        return DM_OK;
    struct dm_str names = dm_scope_text(ctx->arena, beyond);
    return dm_err_set_field(&ctx->err, "/scopes", "not_yours", "your role does not have %.*s",
                            DM_STR_ARG(names));
}

/* detail: a JSON object; absent: none. */
static enum dm_result audit(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                            struct dm_str id, struct dm_str detail)
{
    const struct dm_audit_event event = {
        .action = action, .entity = "api_key", .entity_id = id, .detail = detail};
    return dm_audit_store_add(conn, ctx, &event);
}

/* Networks are addresses, and stay out of the trail. */
static enum dm_result audit_scopes(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                                   const struct dm_api_key_row *row)
{
    struct dm_str detail =
        dm_arena_printf(ctx->arena, "{\"scopes\":\"%.*s\"}", DM_STR_ARG(row->values.scopes));
    return detail.p != NULL ? audit(conn, ctx, action, row->id, detail) : dm_ctx_nomem(ctx);
}

/* After the commit: the version before row's is over for every instance. */
static void kill_previous(const struct dm_domain *domain, struct dm_ctx *ctx,
                          const struct dm_api_key_row *row)
{
    struct dm_str mark =
        dm_arena_printf(ctx->arena, "%.*s.%lld", DM_STR_ARG(row->id), (long long)row->version - 1);
    if (mark.p != NULL)
        dm_gate_kill(domain, ctx, &mark, 1);
}

static enum dm_result create_in(const struct dm_settings *settings, struct dm_pg_conn *conn,
                                struct dm_ctx *ctx, struct dm_owned key,
                                const struct dm_api_key_values *values, struct dm_str secret_hash,
                                struct dm_api_key_row *ret_row, bool *ret_new)
{
    struct dm_str role;
    int64_t keys;
    enum dm_result r = dm_api_key_store_lock_account(conn, ctx, key.owner_id, &role, &keys);
    if (r == DM_OK)
        r = check_scopes(ctx, values->scopes, role);
    if (r == DM_OK)
        r = dm_api_key_store_add(conn, ctx, key, values, secret_hash, ret_row, ret_new);
    if (r != DM_OK || !*ret_new)
        return r;
    if (keys >= settings->api_keys_max)
        return dm_err_set(&ctx->err, DM_E_CONFLICT,
                          "The account has %lld keys, and may have no more: revoke one first.",
                          (long long)keys);
    return audit_scopes(conn, ctx, "api_key.create", ret_row);
}

enum dm_result dm_api_key_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_owned key, const struct dm_api_key_write *write,
                                 struct dm_api_key *ret_key)
{
    struct dm_api_key_values values;
    enum dm_result r = values_of(ctx, write, dm_clock_wall_ms(), &values);
    if (r != DM_OK)
        return r;
    char text[DM_API_KEY_TEXT];
    struct dm_api_key_parts parts;
    dm_api_key_make(key.id, text, &parts);

    struct dm_pg_conn *conn;
    struct dm_api_key_row row = {0};
    struct dm_api_key made;
    bool is_new = false;
    r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = create_in(domain->settings, conn, ctx, key, &values, dm_str_from(parts.secret_hash), &row,
                  &is_new);
    r = dm_pg_end(conn, ctx, r);
    if (r == DM_OK)
        r = key_of(ctx, &row, &made);
    if (r != DM_OK)
        return r;
    if (is_new)
        made.text = dm_arena_str(ctx->arena, dm_str_from(text));
    dm_secret_wipe(text, sizeof(text));
    *ret_key = made;
    return DM_OK;
}

static enum dm_result replace_in(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_owned key,
                                 struct dm_opt_int version, const struct dm_api_key_values *values,
                                 struct dm_api_key_row *ret_row)
{
    struct dm_str role;
    int64_t keys;
    enum dm_result r = dm_api_key_store_lock_account(conn, ctx, key.owner_id, &role, &keys);
    if (r == DM_OK)
        r = check_scopes(ctx, values->scopes, role);
    if (r == DM_OK)
        r = dm_api_key_store_update(conn, ctx, key, version, values, ret_row);
    return r == DM_OK ? audit_scopes(conn, ctx, "api_key.update", ret_row) : r;
}

enum dm_result dm_api_key_replace(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  struct dm_owned key, struct dm_opt_int version,
                                  const struct dm_api_key_write *write, struct dm_api_key *ret_key)
{
    struct dm_api_key_row row = {0};
    struct dm_api_key_values values;
    struct dm_pg_conn *conn;
    enum dm_result r = dm_api_key_store_get(domain->pg, ctx, key, &row);
    if (r == DM_OK)
        r = values_of(ctx, write, row.created_at_ms, &values);
    if (r == DM_OK)
        r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = dm_pg_end(conn, ctx, replace_in(conn, ctx, key, version, &values, &row));
    if (r != DM_OK)
        return r;
    kill_previous(domain, ctx, &row);
    return key_of(ctx, &row, ret_key);
}

static enum dm_result roll_in(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_owned key,
                              struct dm_str secret_hash, int64_t overlap_s,
                              struct dm_api_key_row *ret_row)
{
    enum dm_result r = dm_api_key_store_roll(conn, ctx, key, secret_hash, overlap_s, ret_row);
    struct dm_str detail = dm_arena_printf(ctx->arena, "{\"overlapS\":%lld}", (long long)overlap_s);
    if (r == DM_OK && detail.p == NULL)
        return dm_ctx_nomem(ctx);
    return r == DM_OK ? audit(conn, ctx, "api_key.roll", key.id, detail) : r;
}

enum dm_result dm_api_key_roll(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct dm_owned key, int64_t overlap_s, struct dm_api_key *ret_key)
{
    char text[DM_API_KEY_TEXT];
    struct dm_api_key_parts parts;
    struct dm_api_key_row row = {0};
    struct dm_api_key rolled;
    struct dm_pg_conn *conn;
    dm_api_key_make(key.id, text, &parts);
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = dm_pg_end(conn, ctx,
                  roll_in(conn, ctx, key, dm_str_from(parts.secret_hash), overlap_s, &row));
    if (r != DM_OK)
        return r;
    kill_previous(domain, ctx, &row);
    r = key_of(ctx, &row, &rolled);
    if (r != DM_OK)
        return r;
    rolled.text = dm_arena_str(ctx->arena, dm_str_from(text));
    dm_secret_wipe(text, sizeof(text));
    *ret_key = rolled;
    return DM_OK;
}

static enum dm_result revoke_in(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_owned key,
                                struct dm_opt_int version, enum dm_api_key_end reason,
                                struct dm_api_key_row *ret_row)
{
    enum dm_result r = dm_api_key_store_revoke(conn, ctx, key, version, reason, ret_row);
    if (r != DM_OK)
        return r;
    struct dm_str detail =
        dm_arena_printf(ctx->arena, "{\"reason\":\"%.*s\"}", DM_STR_ARG(ret_row->revoke_reason));
    return detail.p != NULL ? audit(conn, ctx, "api_key.revoke", key.id, detail)
                            : dm_ctx_nomem(ctx);
}

static enum dm_result revoke(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct dm_owned key, struct dm_opt_int version,
                             enum dm_api_key_end reason)
{
    struct dm_pg_conn *conn;
    struct dm_api_key_row row = {0};
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = dm_pg_end(conn, ctx, revoke_in(conn, ctx, key, version, reason, &row));
    if (r == DM_OK)
        kill_previous(domain, ctx, &row);
    return r;
}

enum dm_result dm_api_key_revoke(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_owned key, struct dm_opt_int version)
{
    return revoke(domain, ctx, key, version, DM_API_KEY_END_OWNER);
}

enum dm_result dm_api_key_revoke_any(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     struct dm_str id)
{
    const struct dm_owned key = {.id = id};
    return revoke(domain, ctx, key, (struct dm_opt_int){0}, DM_API_KEY_END_ADMIN);
}

/* The host that a URL names, which is all we repeat of it: its path may hold the key. Absent when it names none. */
static struct dm_str host_of(struct dm_str url)
{
    const struct dm_str absent = {NULL, 0};
    size_t colon = dm_str_find(url, ':', 0);
    if (!dm_str_eq_c(dm_str_slice(url, colon, 3), "://"))
        return absent;
    struct dm_str host = dm_str_slice(url, colon + 3, url.n);
    size_t n = 0;
    while (n < host.n && n < 253 &&
           ((host.p[n] >= 'a' && host.p[n] <= 'z') || (host.p[n] >= 'A' && host.p[n] <= 'Z') ||
            (host.p[n] >= '0' && host.p[n] <= '9') || host.p[n] == '.' || host.p[n] == '-'))
        n++;
    bool ends = n == host.n || host.p[n] == '/' || host.p[n] == ':' || host.p[n] == '?';
    return n > 0 && ends ? dm_str_slice(host, 0, n) : absent;
}

static enum dm_result tell_owner(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct dm_api_key_owner *owner,
                                 const struct dm_api_key_row *row, struct dm_str site)
{
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_API_KEY_LEAK,
        .account_id = row->account_id,
        .to = owner->email,
        .values = {.first_name = owner->first_name, .key_name = row->values.name, .found_at = site},
    };
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

static enum dm_result leak_in(const struct dm_domain *domain, struct dm_pg_conn *conn,
                              struct dm_ctx *ctx, const struct dm_api_key_parts *parts,
                              struct dm_str site, struct dm_api_key_row *ret_row)
{
    struct dm_owned key = {.id = dm_str_from(parts->id)};
    struct dm_api_key_owner owner;
    enum dm_result r =
        dm_api_key_store_owner(conn, ctx, key.id, dm_str_from(parts->secret_hash), &owner);
    if (r == DM_OK)
        r = revoke_in(conn, ctx, key, (struct dm_opt_int){0}, DM_API_KEY_END_LEAK, ret_row);
    if (r != DM_OK)
        return r;
    struct dm_str detail = dm_arena_printf(ctx->arena, "{\"site\":\"%.*s\"}", DM_STR_ARG(site));
    if (detail.p == NULL)
        return dm_ctx_nomem(ctx);
    r = audit(conn, ctx, "api_key.leak", key.id, detail);
    return r == DM_OK ? tell_owner(domain, conn, ctx, &owner, ret_row, site) : r;
}

enum dm_result dm_api_key_report_leak(const struct dm_domain *domain, struct dm_ctx *ctx,
                                      struct dm_str text, struct dm_str url)
{
    struct dm_api_key_parts parts;
    struct dm_api_key_row row = {0};
    struct dm_pg_conn *conn;
    if (!dm_api_key_parse(text, &parts))
        return DM_OK;
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = dm_pg_end(conn, ctx, leak_in(domain, conn, ctx, &parts, host_of(url), &row));
    if (r == DM_OK)
        kill_previous(domain, ctx, &row);
    return r == DM_E_NOTFOUND ? DM_OK : r;
}

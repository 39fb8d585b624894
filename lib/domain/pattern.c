/* Patterns of a profile: how the self behaves at certain times. Each write leaves an audit row in its transaction. */
#include "domain/pattern.h"

#include "base/json.h"
#include "store/audit_store.h"

enum dm_result dm_pattern_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct dm_owned profile, struct dm_slice slice,
                               struct dm_list *ret_list, bool *ret_more)
{
    return dm_pattern_store_list(domain->pg, ctx, profile, slice, ret_list, ret_more);
}

static bool hour_at(struct dm_str hours, size_t at, int64_t *ret_hour)
{
    return dm_str_to_int(dm_str_slice(hours, at, 2), 0, 24, ret_hour);
}

static bool hours_ok(struct dm_str hours)
{
    int64_t from, to;
    return hours.n == 5 && hours.p[2] == '-' && hour_at(hours, 0, &from) &&
           hour_at(hours, 3, &to) && from < 24 && from != to;
}

static enum dm_result check_conditions(struct dm_ctx *ctx, struct dm_str text)
{
    struct dm_json *conditions;
    enum dm_result r = dm_json_parse(text, &ctx->err, &conditions);
    if (r != DM_OK)
        return r;
    struct dm_str hours;
    if (dm_json_get_string(conditions, "hours", ctx->arena, &hours) && !hours_ok(hours))
        r = dm_err_set_field(&ctx->err, "/conditions/hours", "format",
                             "Hours are two whole hours such as \"09-17\".");
    dm_json_free(conditions);
    return r;
}

enum dm_result dm_pattern_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_owned profile, struct dm_str id,
                                 const struct dm_pattern_write *write,
                                 struct dm_pattern *ret_pattern)
{
    struct dm_pg_conn *conn;
    enum dm_result r = check_conditions(ctx, write->conditions);
    if (r == DM_OK)
        r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    struct dm_pattern made;
    bool is_new = false;
    r = dm_pattern_store_add(conn, ctx, profile, id, write, &made, &is_new);
    const struct dm_audit_event event = {"pattern.create", "pattern", id, {NULL, 0}};
    if (r == DM_OK && is_new)
        r = dm_audit_store_add(conn, ctx, &event);
    r = dm_pg_end(conn, ctx, r);
    if (r == DM_OK)
        *ret_pattern = made;
    return r;
}

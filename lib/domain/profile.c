/* The life of a profile: each write is one transaction of row, search index and audit trail. */
#include "domain/profile.h"

#include "base/json_write.h"
#include "store/audit_store.h"

#define DETAIL_BYTES_MAX 8192

static enum dm_result audit(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                            const struct dm_profile *profile)
{
    struct dm_buf detail;
    struct dm_json_writer w;
    dm_buf_init(&detail, ctx->arena, DETAIL_BYTES_MAX);
    dm_json_writer_init(&w, &detail);
    dm_json_object_begin(&w);
    dm_json_name(&w, "version");
    dm_json_int(&w, profile->version.v);
    if (profile->content.change_reason.p != NULL) {
        dm_json_name(&w, "changeReason");
        dm_json_string(&w, profile->content.change_reason);
    }
    dm_json_object_end(&w);
    if (dm_buf_failed(&detail))
        return dm_ctx_nomem(ctx);
    const struct dm_audit_event event = {action, "profile", profile->id, dm_buf_str(&detail)};
    return dm_audit_store_add(conn, ctx, &event);
}

enum dm_result dm_profile_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                              struct dm_owned profile, struct dm_profile *ret_profile)
{
    return dm_profile_store_find(domain->pg, ctx, profile, ret_profile);
}

enum dm_result dm_profile_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct dm_str owner_id, struct dm_slice slice,
                               struct dm_list *ret_list, bool *ret_more)
{
    return dm_profile_store_list(domain->pg, ctx, owner_id, slice, ret_list, ret_more);
}

enum dm_result dm_profile_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_owned profile, const struct dm_profile_write *write,
                                 struct dm_profile *ret_profile)
{
    struct dm_pg_conn *conn;
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    struct dm_profile made;
    bool is_new = false;
    r = dm_profile_store_add(conn, ctx, profile, write, &made, &is_new);
    if (r == DM_OK && is_new)
        r = dm_profile_store_index_examples(conn, ctx, profile);
    if (r == DM_OK && is_new)
        r = audit(conn, ctx, "profile.create", &made);
    r = dm_pg_end(conn, ctx, r);
    if (r == DM_OK)
        *ret_profile = made;
    return r;
}

static enum dm_result replace(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_owned profile,
                              struct dm_opt_int version, const struct dm_profile_write *write,
                              struct dm_profile *ret_profile)
{
    struct dm_profile_state state;
    enum dm_result r = dm_profile_store_lock(conn, ctx, profile, write, &state);
    if (r != DM_OK)
        return r;
    if (version.set && version.v != state.version)
        return dm_err_set(&ctx->err, DM_E_STALE, "The profile has changed since it was read.");
    r = dm_profile_store_update(conn, ctx, profile, write, ret_profile);
    if (r == DM_OK && !(state.same_examples && state.same_language))
        r = dm_profile_store_index_examples(conn, ctx, profile);
    if (r == DM_OK && !state.same_language)
        r = dm_profile_store_index_language(conn, ctx, profile);
    if (r == DM_OK)
        r = audit(conn, ctx, "profile.update", ret_profile);
    return r;
}

enum dm_result dm_profile_replace(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  struct dm_owned profile, struct dm_opt_int version,
                                  const struct dm_profile_write *write,
                                  struct dm_profile *ret_profile)
{
    struct dm_pg_conn *conn;
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    struct dm_profile saved;
    r = dm_pg_end(conn, ctx, replace(conn, ctx, profile, version, write, &saved));
    if (r == DM_OK)
        *ret_profile = saved;
    return r;
}

enum dm_result dm_profile_delete(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_owned profile, struct dm_opt_int version)
{
    struct dm_pg_conn *conn;
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = dm_profile_store_delete(conn, ctx, profile, version);
    const struct dm_audit_event event = {"profile.delete", "profile", profile.id, {NULL, 0}};
    if (r == DM_OK)
        r = dm_audit_store_add(conn, ctx, &event);
    return dm_pg_end(conn, ctx, r);
}

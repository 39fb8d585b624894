/* Traits of a profile: what the self is like. Each write leaves an audit row in its transaction. */
#include "domain/trait.h"

#include "store/audit_store.h"

enum dm_result dm_trait_list(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct dm_owned profile, struct dm_slice slice,
                             struct dm_list *ret_list, bool *ret_more)
{
    return dm_trait_store_list(domain->pg, ctx, profile, slice, ret_list, ret_more);
}

enum dm_result dm_trait_create(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct dm_owned profile, struct dm_str id,
                               const struct dm_trait_write *write, struct dm_trait *ret_trait)
{
    struct dm_pg_conn *conn;
    enum dm_result r = dm_pg_begin(domain->pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    struct dm_trait made;
    bool is_new = false;
    r = dm_trait_store_add(conn, ctx, profile, id, write, &made, &is_new);
    const struct dm_audit_event event = {"trait.create", "trait", id, {NULL, 0}};
    if (r == DM_OK && is_new)
        r = dm_audit_store_add(conn, ctx, &event);
    r = dm_pg_end(conn, ctx, r);
    if (r == DM_OK)
        *ret_trait = made;
    return r;
}

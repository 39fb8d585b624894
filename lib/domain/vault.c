/* Between ctl/secrets.c, ctl/doctor.c and store/sealed_store.c. */
#include "domain/vault.h"

/* One value from whatever key it is under to the current one. */
static enum dm_result renew(const struct dm_domain *domain, struct dm_ctx *ctx,
                            struct dm_vault_walk *walk, const struct dm_sealed_value *value)
{
    const struct dm_sealed_place place = {walk->column->table, walk->column->column, value->row_id};
    struct dm_secret plain;
    struct dm_str sealed;
    bool replaced = false;
    enum dm_result result =
        dm_sealed_open(&domain->sealed_keys, ctx, &place, value->sealed, &plain);
    walk->unknown_key += result == DM_E_NOTFOUND;
    walk->damaged += result == DM_E_INVALID;
    if (result == DM_E_NOTFOUND || result == DM_E_INVALID)
        return DM_OK;
    if (result == DM_OK)
        result = dm_sealed_close(&domain->sealed_keys, ctx, &place, plain, &sealed);
    if (result == DM_OK)
        result = dm_sealed_store_replace(domain->pg, ctx, walk->column, value, sealed, &replaced);
    walk->renewed += replaced;
    return result;
}

enum dm_result dm_vault_renew(const struct dm_domain *domain, struct dm_ctx *ctx,
                              struct dm_vault_walk *walk)
{
    struct dm_list list;
    struct dm_str after =
        walk->after_id[0] != '\0' ? dm_str_from(walk->after_id) : (struct dm_str){NULL, 0};
    enum dm_result result =
        dm_sealed_store_stale(domain->pg, ctx, walk->column, domain->sealed_keys.current.id, after,
                              DM_VAULT_BATCH, &list);
    const struct dm_sealed_value *values = list.items;
    for (size_t i = 0; result == DM_OK && i < list.n; i++) {
        result = renew(domain, ctx, walk, &values[i]);
        snprintf(walk->after_id, sizeof(walk->after_id), "%.*s", DM_STR_ARG(values[i].row_id));
    }
    if (result == DM_OK)
        walk->done = list.n < DM_VAULT_BATCH;
    return result;
}

enum dm_result dm_vault_count(const struct dm_domain *domain, struct dm_ctx *ctx,
                              const struct dm_sealed_column *column,
                              struct dm_vault_census *ret_census)
{
    struct dm_list list;
    enum dm_result result = dm_sealed_store_census(domain->pg, ctx, column, &list);
    if (result != DM_OK)
        return result;
    const struct dm_sealed_count *counts = list.items;
    struct dm_vault_census census = {0};
    for (size_t i = 0; i < list.n; i++) {
        if (dm_str_eq_c(counts[i].key_id, domain->sealed_keys.current.id)) {
            census.current += counts[i].n;
        } else if (dm_str_eq_c(counts[i].key_id, domain->sealed_keys.previous.id)) {
            census.previous += counts[i].n;
        } else {
            census.unknown += counts[i].n;
            census.unknown_key_id = counts[i].key_id;
        }
    }
    *ret_census = census;
    return DM_OK;
}

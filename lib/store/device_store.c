/* The statements on device, under domain/device.c. */
#include "store/device_store.h"

static const struct dm_pg_stmt device_known = {
    .name = "device_known",
    .sql = "SELECT EXISTS ("
           " SELECT 1"
           " FROM device"
           " WHERE id = $1::uuid"
           " AND account_id = $2::uuid"
           " AND trusted)",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_device_store_known(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str id,
                                     struct dm_str account_id, bool *ret_known)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_text(account_id)};
    struct dm_pg_result found;
    enum dm_result result = dm_pg_run(pg, ctx, &device_known, params, &found);
    if (result == DM_OK)
        *ret_known = dm_pg_cell_bool(&found, 0, 0);
    return result;
}

/* The account before its device, as everywhere. */
#define LOCK_OWNER                                                                                 \
    "WITH owner AS MATERIALIZED ("                                                                 \
    " SELECT id"                                                                                   \
    " FROM account"                                                                                \
    " WHERE id = $2::uuid"                                                                         \
    " AND state = 'active'"                                                                        \
    " FOR SHARE)"

static const struct dm_pg_stmt device_use = {
    .name = "device_use",
    .sql =
        LOCK_OWNER " UPDATE device d"
                   " SET name = $3, last_used_at = now(), updated_at = now(), updated_by = $2::uuid"
                   " FROM owner o"
                   " WHERE d.id = $1::uuid"
                   " AND d.account_id = o.id"
                   " AND d.trusted"
                   " RETURNING d.id",
    .n_params = 3,
    .rows = DM_PG_ONE,
};

enum dm_result dm_device_store_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                   const struct dm_device_seen *device)
{
    const struct dm_pg_param params[] = {dm_pg_text(device->id), dm_pg_text(device->account_id),
                                         dm_pg_text(device->name)};
    return dm_pg_exec(conn, ctx, &device_use, params, NULL);
}

static const struct dm_pg_stmt device_meet = {
    .name = "device_meet",
    .sql =
        LOCK_OWNER ","
                   " before AS ("
                   " SELECT count(*) > 0 AS any, coalesce(bool_or(fingerprint = $3), false) AS same"
                   " FROM device"
                   " WHERE account_id = $2::uuid),"
                   " met AS ("
                   " INSERT INTO device (id, account_id, fingerprint, name, created_by, updated_by)"
                   " SELECT $1::uuid, id, $3, $4, id, id"
                   " FROM owner"
                   " ON CONFLICT (account_id, fingerprint) WHERE trusted"
                   " DO UPDATE SET last_used_at = now(), updated_at = now()"
                   " RETURNING id, id = $1::uuid AS is_new)"
                   " SELECT met.id, met.is_new AND before.any AND NOT before.same"
                   " FROM met, before",
    .n_params = 4,
    .rows = DM_PG_ONE,
};

enum dm_result dm_device_store_meet(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    const struct dm_device_seen *device, struct dm_str *ret_id,
                                    bool *ret_surprises)
{
    const struct dm_pg_param params[] = {dm_pg_text(device->id), dm_pg_text(device->account_id),
                                         dm_pg_text(device->fingerprint), dm_pg_text(device->name)};
    struct dm_pg_result met;
    enum dm_result result = dm_pg_exec(conn, ctx, &device_meet, params, &met);
    if (result != DM_OK)
        return result;
    *ret_id = dm_pg_cell(&met, 0, 0);
    *ret_surprises = dm_pg_cell_bool(&met, 0, 1);
    return DM_OK;
}

static const struct dm_pg_stmt device_distrust = {
    .name = "device_distrust",
    .sql = "UPDATE device"
           " SET trusted = false, updated_at = now(), updated_by = $2::uuid"
           " WHERE account_id = $1::uuid"
           " AND trusted",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_device_store_distrust(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                        struct dm_str account_id)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(ctx->actor_id)};
    return dm_pg_exec(conn, ctx, &device_distrust, params, NULL);
}

static const struct dm_pg_stmt device_sweep = {
    .name = "device_sweep",
    /* Not WHERE id IN (SELECT … LIMIT): a plan may run that more than once. */
    .sql = "WITH old AS MATERIALIZED ("
           " SELECT d.id"
           " FROM device d"
           " WHERE d.last_used_at < now() - make_interval(secs => $1)"
           " AND NOT EXISTS (SELECT 1 FROM session s WHERE s.device_id = d.id)"
           " LIMIT $2"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM device d"
           " USING old"
           " WHERE d.id = old.id",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_device_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t keep_s,
                                     int64_t limit, int64_t *ret_deleted)
{
    const struct dm_pg_param params[] = {dm_pg_int(ctx, keep_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result deleted;
    enum dm_result result = dm_pg_run(pg, ctx, &device_sweep, params, &deleted);
    if (result == DM_OK)
        *ret_deleted = (int64_t)deleted.affected;
    return result;
}

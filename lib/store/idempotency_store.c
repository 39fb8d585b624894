/*
 * Idempotency keys' statements, run by serve.c round the handlers that create things. resource_id
 * of a claim is new with each try, so it also names the try (try_id) and only who holds the lease
 * can give it back.
 */
#include "store/idempotency_store.h"

/* A row can vanish between the claim that met it and the look at it; that often in a row it cannot.
 */
#define CLAIM_TRIES 3

/*
 * The claim, or in the same round trip the row that stands against it. The holder is the server's process for the connection
 * that claimed: a program's connections die with it, so its tries can be taken over at once and not only after the lease.
 */
static enum dm_result try_claim(struct dm_pg *pg, struct dm_ctx *ctx,
                                const struct dm_idempotency_claim *claim,
                                struct dm_pg_result *ret_result)
{
    static const struct dm_pg_stmt upsert = {
        .name = "idempotency_claim",
        .sql = "WITH mine AS ("
               "    INSERT INTO idempotency_key AS k"
               "           (account_id, key, fingerprint, resource_id, try_id, holder,"
               "            lease_until, expires_at, created_by, updated_by)"
               "    SELECT $1::uuid, $2, $3, $4::uuid, $4::uuid,"
               "           pid || ' ' || extract(epoch FROM backend_start),"
               "           now() + $5 * interval '1 second', now() + $6 * interval '1 second',"
               "           $1::uuid, $1::uuid"
               "      FROM pg_stat_activity"
               "     WHERE pid = pg_backend_pid()"
               "    ON CONFLICT (account_id, key) DO UPDATE"
               "       SET resource_id = CASE WHEN k.expires_at <= now() THEN excluded.resource_id"
               "                              ELSE k.resource_id END,"
               "           expires_at = CASE WHEN k.expires_at <= now() THEN excluded.expires_at"
               "                             ELSE k.expires_at END,"
               "           created_at = CASE WHEN k.expires_at <= now() THEN now()"
               "                             ELSE k.created_at END,"
               "           fingerprint = excluded.fingerprint,"
               "           try_id = excluded.try_id,"
               "           holder = excluded.holder,"
               "           lease_until = excluded.lease_until,"
               "           status = NULL, body = NULL, location = NULL, etag = NULL,"
               "           updated_at = now()"
               "     WHERE (k.lease_until <= now()"
               "            OR NOT EXISTS ("
               "                SELECT FROM pg_stat_activity"
               "                 WHERE k.holder = pid || ' ' || extract(epoch FROM backend_start)))"
               "       AND (k.expires_at <= now()"
               "            OR (k.status IS NULL AND k.fingerprint = excluded.fingerprint))"
               "    RETURNING resource_id)"
               " SELECT true, true, resource_id, NULL::integer, NULL, NULL, NULL, NULL::bigint"
               "   FROM mine"
               " UNION ALL"
               " SELECT false, fingerprint = $3, resource_id, status, body, location, etag,"
               "        greatest(1, ceil(extract(epoch FROM lease_until - now())))::bigint"
               "   FROM idempotency_key"
               "  WHERE account_id = $1"
               "    AND key = $2"
               "    AND NOT EXISTS (SELECT FROM mine)",
        .n_params = 6,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(claim->account_id),  dm_pg_text(claim->key),
        dm_pg_text(claim->fingerprint), dm_pg_text(claim->resource_id),
        dm_pg_int(ctx, claim->lease_s), dm_pg_int(ctx, claim->keep_s),
    };
    return dm_pg_run(pg, ctx, &upsert, params, ret_result);
}

enum dm_result dm_idempotency_store_claim(struct dm_pg *pg, struct dm_ctx *ctx,
                                          const struct dm_idempotency_claim *claim,
                                          struct dm_idempotency_record *ret_record)
{
    enum { MINE, SAME_REQUEST, RESOURCE_ID, STATUS, BODY, LOCATION, ETAG, LEASE_LEFT };
    struct dm_pg_result result;
    enum dm_result r = DM_E_NOTFOUND;
    /* No row at all: the one that stood in the way was made or deleted within the same moment. */
    for (int i = 0; i < CLAIM_TRIES && r == DM_E_NOTFOUND; i++)
        r = try_claim(pg, ctx, claim, &result);
    if (r == DM_E_NOTFOUND) {
        dm_err_set(&ctx->err, DM_E_UNAVAILABLE, "idempotency_claim: the key's row never stands");
        ctx->err.retry_after_s = 1;
        return DM_E_UNAVAILABLE;
    }
    if (r != DM_OK)
        return r;
    struct dm_idempotency_record record = {
        .resource_id = dm_pg_cell(&result, 0, RESOURCE_ID),
        .status = dm_pg_cell_int(&result, 0, STATUS),
        .body = dm_pg_cell(&result, 0, BODY),
        .location = dm_pg_cell(&result, 0, LOCATION),
        .etag = dm_pg_cell(&result, 0, ETAG),
        .retry_after_s = dm_pg_cell_int(&result, 0, LEASE_LEFT),
    };
    if (dm_pg_cell_bool(&result, 0, MINE))
        record.state = DM_IDEMPOTENCY_MINE;
    else if (!dm_pg_cell_bool(&result, 0, SAME_REQUEST))
        record.state = DM_IDEMPOTENCY_MISMATCH;
    else
        record.state = record.status ? DM_IDEMPOTENCY_DONE : DM_IDEMPOTENCY_RUNNING;
    *ret_record = record;
    return DM_OK;
}

enum dm_result dm_idempotency_store_finish(struct dm_pg *pg, struct dm_ctx *ctx,
                                           const struct dm_idempotency_claim *claim,
                                           const struct dm_idempotency_record *reply)
{
    /* Also when another try has taken over: both made the same thing, and the first reply stays. */
    static const struct dm_pg_stmt update = {
        .name = "idempotency_finish",
        .sql = "UPDATE idempotency_key"
               "   SET status = $4, body = $5, location = $6, etag = $7, updated_at = now()"
               " WHERE account_id = $1"
               "   AND key = $2"
               "   AND fingerprint = $3"
               "   AND status IS NULL",
        .n_params = 7,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(claim->account_id), dm_pg_text(claim->key),  dm_pg_text(claim->fingerprint),
        dm_pg_int(ctx, reply->status), dm_pg_text(reply->body), dm_pg_text(reply->location),
        dm_pg_text(reply->etag),
    };
    return dm_pg_run(pg, ctx, &update, params, NULL);
}

enum dm_result dm_idempotency_store_release(struct dm_pg *pg, struct dm_ctx *ctx,
                                            const struct dm_idempotency_claim *claim)
{
    static const struct dm_pg_stmt delete = {
        .name = "idempotency_release",
        .sql = "DELETE FROM idempotency_key"
               " WHERE account_id = $1"
               "   AND key = $2"
               "   AND try_id = $3"
               "   AND status IS NULL",
        .n_params = 3,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(claim->account_id),
        dm_pg_text(claim->key),
        dm_pg_text(claim->resource_id),
    };
    return dm_pg_run(pg, ctx, &delete, params, NULL);
}

enum dm_result dm_idempotency_store_lapse(struct dm_pg *pg, struct dm_ctx *ctx,
                                          const struct dm_idempotency_claim *claim)
{
    static const struct dm_pg_stmt update = {
        .name = "idempotency_lapse",
        .sql = "UPDATE idempotency_key"
               "   SET lease_until = now(), updated_at = now()"
               " WHERE account_id = $1"
               "   AND key = $2"
               "   AND try_id = $3"
               "   AND status IS NULL",
        .n_params = 3,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(claim->account_id),
        dm_pg_text(claim->key),
        dm_pg_text(claim->resource_id),
    };
    return dm_pg_run(pg, ctx, &update, params, NULL);
}

enum dm_result dm_idempotency_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t limit,
                                          int64_t *ret_deleted)
{
    static const struct dm_pg_stmt delete = {
        .name = "idempotency_sweep",
        /* Not WHERE (…) IN (SELECT … LIMIT): a plan may run that more than once. */
        .sql = "WITH old AS MATERIALIZED ("
               "    SELECT account_id, key"
               "      FROM idempotency_key"
               "     WHERE expires_at <= now()"
               "       AND lease_until <= now()"
               "     ORDER BY expires_at"
               "     LIMIT $1"
               "       FOR UPDATE SKIP LOCKED)"
               " DELETE FROM idempotency_key AS k"
               "  USING old"
               "  WHERE k.account_id = old.account_id"
               "    AND k.key = old.key",
        .n_params = 1,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {dm_pg_int(ctx, limit)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_run(pg, ctx, &delete, params, &result);
    if (r == DM_OK)
        *ret_deleted = (int64_t)result.affected;
    return r;
}

/*
 * Idempotency keys: one row a caller and key. A claim fixes the id that the call's new entity gets, so that a retry after a crash finds
 * what the first try made instead of making it twice.
 */
#ifndef DM_STORE_IDEMPOTENCY_STORE_H
#define DM_STORE_IDEMPOTENCY_STORE_H

#include "store/pg.h"

enum dm_idempotency_state {
    DM_IDEMPOTENCY_MINE =
        1,                  /* go on: claimed now, or taken over from a try whose lease has ended */
    DM_IDEMPOTENCY_RUNNING, /* another try is under way: 409 */
    DM_IDEMPOTENCY_DONE,    /* replay the stored reply */
    DM_IDEMPOTENCY_MISMATCH, /* the key was used with another request: 422 */
};

struct dm_idempotency_claim {
    struct dm_str account_id;  /* the caller */
    struct dm_str key;         /* as given, without quotes */
    struct dm_str fingerprint; /* SHA-256 hex of method, path and body */
    struct dm_str resource_id; /* UUIDv7 for a new entity */
    int64_t lease_s;           /* how long this try may run */
    int64_t keep_s;            /* how long the row is honoured, but never shorter than a try runs */
};

struct dm_idempotency_record {
    enum dm_idempotency_state state;
    struct dm_str resource_id; /* MINE: the id to use, the first try's if there was one */
    int64_t status;            /* DONE: the stored reply */
    struct dm_str body, location, etag;
    int64_t retry_after_s; /* RUNNING: until the lease ends */
};

DM_MUST_CHECK enum dm_result dm_idempotency_store_claim(struct dm_pg *pg, struct dm_ctx *ctx,
                                                        const struct dm_idempotency_claim *claim,
                                                        struct dm_idempotency_record *ret_record);
/* Store the reply of a try that succeeded. */
DM_MUST_CHECK enum dm_result dm_idempotency_store_finish(struct dm_pg *pg, struct dm_ctx *ctx,
                                                         const struct dm_idempotency_claim *claim,
                                                         const struct dm_idempotency_record *reply);
/* A try that failed without effect gives its claim back: the next one may run at once, also with another body. */
DM_MUST_CHECK enum dm_result dm_idempotency_store_release(struct dm_pg *pg, struct dm_ctx *ctx,
                                                          const struct dm_idempotency_claim *claim);
/* A try whose effect is not known ends its lease: the next one with the same request goes on at once, with the same id. */
DM_MUST_CHECK enum dm_result dm_idempotency_store_lapse(struct dm_pg *pg, struct dm_ctx *ctx,
                                                        const struct dm_idempotency_claim *claim);
/* Delete what is past its time, at most limit rows. */
DM_MUST_CHECK enum dm_result dm_idempotency_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                        int64_t limit, int64_t *ret_deleted);

#endif

/*
 * The audit trail's chain: events that wait for their seal, seals, and the one row that says where the chain begins and ends. Hashes and
 * macs are made by domain/audit_chain.c; the schema's functions keep the chain without gaps and the rest out of our role's reach.
 */
#ifndef DM_STORE_AUDIT_CHAIN_STORE_H
#define DM_STORE_AUDIT_CHAIN_STORE_H

#include "store/pg.h"

/* What is sealed of an event: every column, in a fixed order, times in microseconds since 1970. */
#define DM_AUDIT_CELLS 11

/* A seal, or an event that waits for one. */
struct dm_audit_row {
    int64_t seq;            /* 0: it waits */
    struct dm_str event_id; /* as the seal has it */
    struct dm_str hash;     /* 64 hex digits */
    bool present;           /* the event is there */
    bool old;               /* retention may remove it */
    struct dm_str cells[DM_AUDIT_CELLS];
};

struct dm_audit_chain {
    int64_t anchor_seq, head_seq;          /* 0: nothing removed, nothing sealed yet */
    struct dm_str anchor_hash, anchor_mac; /* 64 hex digits; macs absent at 0 */
    struct dm_str head_hash, head_mac;
};

/* Be the one who seals or trims until the transaction ends: false when somebody else is. */
DM_MUST_CHECK enum dm_result dm_audit_chain_store_take(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       bool *ret_taken);
DM_MUST_CHECK enum dm_result dm_audit_chain_store_read(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       struct dm_audit_chain *ret_chain);
/* Events that wait, oldest first: a list of struct dm_audit_row. */
DM_MUST_CHECK enum dm_result dm_audit_chain_store_waiting(struct dm_pg_conn *conn,
                                                          struct dm_ctx *ctx, int64_t limit,
                                                          struct dm_list *ret_rows);

struct dm_audit_sealing {
    int64_t first_seq;
    struct dm_str event_ids, hashes; /* array literals: "{a,b}" */
    struct dm_str head_mac;
};
/* DM_E_CONFLICT: the chain has gone on meanwhile. */
DM_MUST_CHECK enum dm_result dm_audit_chain_store_seal(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       const struct dm_audit_sealing *sealing);

struct dm_audit_span {
    int64_t after_seq, limit;
    int64_t keep_s; /* what dm_audit_row.old goes by */
};
/* Seals in order, each with its event: a list of struct dm_audit_row. */
DM_MUST_CHECK enum dm_result dm_audit_chain_store_sealed(struct dm_pg_conn *conn,
                                                         struct dm_ctx *ctx,
                                                         struct dm_audit_span span,
                                                         struct dm_list *ret_rows);
/* Remove what is sealed up to through_seq. DM_E_INVALID: some of it is younger than keep_s or 30 days, or missing. */
DM_MUST_CHECK enum dm_result dm_audit_chain_store_trim(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       int64_t through_seq, struct dm_str mac,
                                                       int64_t keep_s);

/* Ids of events that have had no seal for late_s (a list of struct dm_str). */
DM_MUST_CHECK enum dm_result dm_audit_chain_store_late(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       int64_t late_s, int64_t limit,
                                                       struct dm_list *ret_ids);
/* Ids of events that wait for a seal but are gone (a list of struct dm_str). */
DM_MUST_CHECK enum dm_result dm_audit_chain_store_lost(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                       int64_t limit, struct dm_list *ret_ids);

#endif

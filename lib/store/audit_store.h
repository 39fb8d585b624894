/* The audit trail: one row a change, in the transaction that makes it. Rows are never changed afterwards: the API's role may only insert. */
#ifndef DM_STORE_AUDIT_STORE_H
#define DM_STORE_AUDIT_STORE_H

#include "store/pg.h"

struct dm_audit_event {
    const char *action;      /* "account.register", "session.create", "profile.update" … */
    const char *entity;      /* "account", "session", "profile" … */
    struct dm_str entity_id; /* absent when there is none */
    struct dm_str detail;    /* JSON object, no secrets; may be absent */
};

/* Actor, correlation id and trace id come from the context. */
DM_MUST_CHECK enum dm_result dm_audit_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                const struct dm_audit_event *event);

#endif

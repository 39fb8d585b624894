/* The audit trail: one row a change, in the transaction that makes it. Rows are never changed afterwards: the API's role may only insert. */
#ifndef DM_STORE_AUDIT_STORE_H
#define DM_STORE_AUDIT_STORE_H

#include "store/pg.h"

/* Found by the worker: the trail was cut off behind the program's back. */
#define DM_AUDIT_BROKEN "audit.broken"

/* Every action that there is, its entity, and what it says. What is not listed here is refused, so a new one adds its line. Sorted. */
#define DM_AUDIT_ACTIONS(X)                                                                        \
    X("account.confirm_email", "account", "the owner of the address confirmed it")                 \
    X("account.register", "account", "registered with an e-mail address")                          \
    X("account.register_again", "account", "registered anew before the address was confirmed")     \
    X(DM_AUDIT_BROKEN, "audit", "the trail's end was found elsewhere than the worker had left it") \
    X("audit.trim", "audit", "retention removed the oldest events")                                \
    X("conversation.create", "conversation", "began a conversation")                               \
    X("memory.create", "memory", "added a memory")                                                 \
    X("pattern.create", "pattern", "added a pattern")                                              \
    X("profile.create", "profile", "created a profile")                                            \
    X("profile.delete", "profile", "deleted a profile with all that belongs to it")                \
    X("profile.update", "profile", "changed a profile")                                            \
    X("session.create", "session", "logged in")                                                    \
    X("session.logout", "session", "logged out")                                                   \
    X("session.reuse_detected", "session", "a used refresh token came again; the session ended")   \
    X("trait.create", "trait", "added a trait")

struct dm_audit_event {
    const char *action;      /* of DM_AUDIT_ACTIONS */
    const char *entity;      /* the action's */
    struct dm_str entity_id; /* absent when there is none */
    struct dm_str detail;    /* JSON object, no secrets; may be absent */
};

/* Actor, correlation id and trace id come from the context. */
DM_MUST_CHECK enum dm_result dm_audit_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                const struct dm_audit_event *event);

#endif

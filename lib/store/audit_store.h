/* The audit trail: one row a change, in the transaction that makes it. Rows are never changed afterwards: the API's role may only insert. */
#ifndef DM_STORE_AUDIT_STORE_H
#define DM_STORE_AUDIT_STORE_H

#include "store/owned.h"
#include "store/pg.h"

/* Found by the worker: the trail was cut off behind the program's back. */
#define DM_AUDIT_BROKEN "audit.broken"

/* Every action that there is, its entity, and what it says. What is not listed here is refused, so a new one adds its line. Sorted. */
#define DM_AUDIT_ACTIONS(X)                                                                        \
    X("account.change_email", "account", "confirmed another e-mail address")                       \
    X("account.change_email_asked", "account", "asked for another e-mail address")                 \
    X("account.change_password", "account", "changed the password")                                \
    X("account.change_role", "account", "an administrator gave it another role")                   \
    X("account.code_refused", "account", "somebody gave a wrong code")                             \
    X("account.confirm_email", "account", "the owner of the address confirmed it")                 \
    X("account.create_admin", "account", "the operator made it, for an administrator")             \
    X("account.disable", "account", "an administrator disabled it")                                \
    X("account.drop_unconfirmed", "account", "a registration gave way to who owns the address")    \
    X("account.enable", "account", "an administrator enabled it again")                            \
    X("account.end_sessions", "account", "all of its sessions ended, but perhaps one")             \
    X("account.erase", "account", "everything of it was removed")                                  \
    X("account.export", "account", "everything held about it was given out to its owner")          \
    X("account.forgot_password", "account", "a mail for a new password was asked for")             \
    X("account.login_locked", "account", "too many log-ins failed; locked for a while")            \
    X("account.login_refused", "account", "a log-in failed, or came while log-ins were paused")    \
    X("account.login_sealed", "account",                                                           \
      "a hundred log-ins failed in a row; only a new password opens it")                           \
    X("account.register", "account", "registered with an e-mail address")                          \
    X("account.register_again", "account", "registered anew before the address was confirmed")     \
    X("account.rename", "account", "changed the name")                                             \
    X("account.request_erasure", "account", "its owner asked for it to be removed")                \
    X("account.reset_password", "account", "set a new password with a mailed token")               \
    X("account.sweep", "account", "registrations that nobody confirmed were thrown out")           \
    X("account.unlock", "account", "an administrator opened it for log-ins again")                 \
    X("api_key.create", "api_key", "made an API key")                                              \
    X("api_key.leak", "api_key", "the key was reported as leaked, and revoked")                    \
    X("api_key.revoke", "api_key", "revoked an API key")                                           \
    X("api_key.roll", "api_key", "gave the key another secret")                                    \
    X("api_key.update", "api_key", "changed an API key")                                           \
    X(DM_AUDIT_BROKEN, "audit", "the trail's end was found elsewhere than the worker had left it") \
    X("audit.trim", "audit", "retention removed the oldest events")                                \
    X("conversation.create", "conversation", "began a conversation")                               \
    X("memory.create", "memory", "added a memory")                                                 \
    X("mfa.confirm", "account", "switched the second step on")                                     \
    X("mfa.enrol", "account", "began to set up a second step")                                     \
    X("mfa.failed", "account", "a wrong code at the second step")                                  \
    X("mfa.locked", "account", "too many wrong codes at the second step")                          \
    X("mfa.recovery_code_used", "account", "used a recovery code")                                 \
    X("mfa.remove", "account", "switched the second step off")                                     \
    X("mfa.renew_codes", "account", "got new recovery codes")                                      \
    X("mfa.reset", "account", "the operator switched the second step off")                         \
    X("pattern.create", "pattern", "added a pattern")                                              \
    X("profile.create", "profile", "created a profile")                                            \
    X("profile.delete", "profile", "deleted a profile with all that belongs to it")                \
    X("profile.update", "profile", "changed a profile")                                            \
    X("session.create", "session", "logged in")                                                    \
    X("session.end", "session", "ended a session from another one")                                \
    X("session.logout", "session", "logged out")                                                   \
    X("session.password_refused", "session", "a wrong password where it was asked for again")      \
    X("session.reuse_detected", "session", "a used refresh token came again; the session ended")   \
    X("signing_key.retire", "signing_key", "removed a signing key")                                \
    X("signing_key.rotate", "signing_key", "made a new signing key")                               \
    X("trait.create", "trait", "added a trait")

struct dm_audit_event {
    const char *action;      /* of DM_AUDIT_ACTIONS */
    const char *entity;      /* the action's */
    struct dm_str entity_id; /* absent when there is none */
    struct dm_str detail;    /* JSON object, no secrets; may be absent */
};

/* Actor, correlation id and trace id come from the context. DM_E_INTERNAL: there is no such action, or not of this entity. */
DM_MUST_CHECK enum dm_result dm_audit_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                const struct dm_audit_event *event);

/* An event as it is read. */
struct dm_audit_item {
    struct dm_str id, action, entity;
    struct dm_str entity_id, actor_id;      /* absent: none */
    struct dm_str detail;                   /* JSON object; may be absent */
    struct dm_str correlation_id, trace_id; /* may be absent */
    struct dm_opt_time created_at;
    struct dm_opt_int seq; /* of its seal; unset: not sealed yet */
};

/* What absent members say nothing about. */
struct dm_audit_query {
    struct dm_str actor_id, action, entity, entity_id;
    struct dm_opt_time from, to; /* to is exclusive */
};

/* Newest first; slice.after_id is the oldest of the page before. Items: struct dm_audit_item. */
DM_MUST_CHECK enum dm_result dm_audit_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                 const struct dm_audit_query *query,
                                                 struct dm_slice slice, struct dm_list *ret_list,
                                                 bool *ret_more);

#endif

/*
 * The rules of sessions, between api/auth.c and store/session_store.c. A refresh token is FAMILY
 * (22 characters, the same through the session's life, known to its holders only) and LINK (43
 * characters). The first link is random; each next one is HMAC-SHA-384(pepper, token), cut to 256
 * bits. Who shows a family with a link that is not the good one had a real token once: that is how
 * even the oldest is recognised without a row a refresh.
 */
#include "domain/session.h"

#include <string.h>

#include "base/id.h"
#include "base/utf8.h"
#include "domain/gate.h"
#include "domain/mail.h"
#include "domain/token.h"
#include "store/audit_store.h"
#include "store/session_store.h"

#define FAMILY_TEXT 22
#define LINK_TEXT (DM_TOKEN_TEXT - 1)
/* A NUL keeps what is hashed here apart from passwords, which the same pepper goes into and which
 * hold none. */
#define CHAIN_LABEL "refresh\0"

_Static_assert(FAMILY_TEXT + LINK_TEXT == DM_REFRESH_TOKEN_TEXT, "a token is family and link");

static struct dm_str family_of(struct dm_str token)
{
    return dm_str_slice(token, 0, FAMILY_TEXT);
}

/* A random token: absent when the arena is full. */
static struct dm_str token_new(struct dm_ctx *ctx)
{
    char family[DM_TOKEN_TEXT], link[DM_TOKEN_TEXT];
    dm_secret_token(family);
    dm_secret_token(link);
    return dm_arena_printf(ctx->arena, "%.*s%s", FAMILY_TEXT, family, link);
}

/* The one token that may follow: absent when the arena is full. */
static struct dm_str token_next(const struct dm_domain *domain, struct dm_ctx *ctx,
                                struct dm_str token)
{
    char message[sizeof(CHAIN_LABEL) - 1 + DM_REFRESH_TOKEN_TEXT];
    memcpy(message, CHAIN_LABEL, sizeof(CHAIN_LABEL) - 1);
    memcpy(message + sizeof(CHAIN_LABEL) - 1, token.p, DM_REFRESH_TOKEN_TEXT);

    uint8_t mac[DM_SHA384_BYTES];
    dm_secret_hmac_sha384(domain->settings->password_pepper,
                          (struct dm_str){message, sizeof(message)}, mac);
    struct dm_str link =
        dm_base64url_encode(ctx->arena, (struct dm_str){(const char *)mac, DM_SHA256_BYTES});
    if (link.p == NULL)
        return link;
    return dm_arena_printf(ctx->arena, "%.*s%.*s", FAMILY_TEXT, token.p, DM_STR_ARG(link));
}

static struct dm_str hash_of(struct dm_ctx *ctx, struct dm_str text)
{
    char hex[DM_SHA256_HEX];
    dm_secret_sha256_hex(text, hex);
    return dm_arena_str(ctx->arena, dm_str_from(hex));
}

/* What a client sent about itself, as far as it can be kept: absent unless it is clean UTF-8. */
static struct dm_str kept(struct dm_str header, size_t max_points)
{
    if (header.p == NULL || !dm_utf8_valid(header) || dm_utf8_has_control(header, false))
        return (struct dm_str){0};
    return dm_utf8_clip(header, max_points);
}

static enum dm_result audit(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                            struct dm_str session_id)
{
    const struct dm_audit_event event = {
        .action = action, .entity = "session", .entity_id = session_id};
    return dm_audit_store_add(conn, ctx, &event);
}

/* Put the access token to what is in *grant already. */
static enum dm_result grant_access(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   struct dm_str session_id, struct dm_session_grant *grant)
{
    const struct dm_principal principal = {
        .credential = DM_CREDENTIAL_SESSION,
        .account_id = grant->account.id,
        .session_id = session_id,
        .role = grant->account.role,
        .scopes = dm_scope_all(),
    };
    return dm_token_issue(domain, ctx, &principal, &grant->access_token,
                          &grant->access_expires_at_ms);
}

static enum dm_result login_in(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                               const struct dm_session_new *session, int64_t *ret_expires_at_ms)
{
    enum dm_result result = dm_session_store_add(conn, ctx, session, ret_expires_at_ms);
    return result == DM_OK ? audit(conn, ctx, "session.create", session->id) : result;
}

static enum dm_result session_open(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   const struct dm_session_new *session, int64_t *ret_expires_at_ms)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, login_in(conn, ctx, session, ret_expires_at_ms));
    if (result == DM_E_NOTFOUND)
        return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the account has just changed");
    return result;
}

enum dm_result dm_session_login(const struct dm_domain *domain, struct dm_ctx *ctx,
                                const struct dm_login *login, struct dm_session_grant *ret_grant)
{
    struct dm_session_grant grant = {0};
    struct dm_str password_hash;
    enum dm_result result = dm_account_authenticate(domain, ctx, login->email, login->password,
                                                    &grant.account, &password_hash);
    if (result != DM_OK)
        return result;

    ctx->actor_id = grant.account.id;
    grant.refresh_token = token_new(ctx);
    if (grant.refresh_token.p == NULL)
        return dm_ctx_nomem(ctx);
    const struct dm_session_new session = {
        .id = dm_id_new(ctx->arena),
        .account_id = grant.account.id,
        .password_hash = password_hash,
        .family_hash = hash_of(ctx, family_of(grant.refresh_token)),
        .refresh_hash = hash_of(ctx, grant.refresh_token),
        .idle_s = domain->settings->session_idle_s,
        .absolute_s = domain->settings->session_absolute_s,
        .user_agent = kept(login->user_agent, 256),
        .address = kept(login->address, 64),
    };
    if (session.id.p == NULL || session.family_hash.p == NULL || session.refresh_hash.p == NULL)
        return dm_ctx_nomem(ctx);

    result = session_open(domain, ctx, &session, &grant.refresh_expires_at_ms);
    if (result == DM_OK)
        result = grant_access(domain, ctx, session.id, &grant);
    if (result != DM_OK)
        return result;
    dm_account_refresh_hash(domain, ctx, grant.account.id, login->password, password_hash);
    *ret_grant = grant;
    return DM_OK;
}

/* How a presented refresh token stands. */
enum verdict {
    VERDICT_GOOD = 1, /* it is replaced, or was a moment ago: the same successor again */
    VERDICT_OVER,     /* no session of ours, or one that has ended */
    VERDICT_REUSED,   /* it had its successor: a copy is about */
};

struct refresh {
    struct dm_session_rotation rotation;
    int64_t grace_ms;
    struct dm_session_row row;
    enum verdict verdict;
};

static enum dm_result judge(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct refresh *refresh)
{
    enum dm_result result = dm_session_store_rotate(conn, ctx, &refresh->rotation, &refresh->row);
    if (result != DM_E_NOTFOUND) {
        refresh->verdict = VERDICT_GOOD;
        return result;
    }
    refresh->verdict = VERDICT_OVER;
    result = dm_session_store_lock(conn, ctx, refresh->rotation.family_hash, &refresh->row);
    if (result != DM_OK || !refresh->row.usable)
        return result == DM_E_NOTFOUND ? DM_OK : result;

    bool successor_unused = dm_str_eq(refresh->row.refresh_hash, refresh->rotation.next_hash);
    bool within_grace = refresh->row.rotated_ago_ms <= refresh->grace_ms;
    refresh->verdict = successor_unused && within_grace ? VERDICT_GOOD : VERDICT_REUSED;
    return DM_OK;
}

/* A copy of a refresh token is about: nobody can tell the thief from the owner, so the session ends
 * for both. */
static enum dm_result end_reused(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct dm_session_row *row)
{
    enum dm_result result = dm_session_store_end(conn, ctx, row->id, row->account_id, "reuse");
    if (result == DM_OK)
        result = audit(conn, ctx, "session.reuse_detected", row->id);
    if (result != DM_OK)
        return result;
    const struct dm_mail_new mail = {
        .kind = DM_MAIL_SESSION_REUSE, .to = row->email, .values = {.first_name = row->first_name}};
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

static enum dm_result rotate(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct refresh *refresh)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = judge(conn, ctx, refresh);
    if (result == DM_OK && refresh->verdict == VERDICT_REUSED)
        result = end_reused(domain, conn, ctx, &refresh->row);
    result = dm_pg_end(conn, ctx, result);
    if (result == DM_OK && refresh->verdict == VERDICT_REUSED)
        dm_gate_kill(domain, ctx, refresh->row.id);
    return result;
}

static enum dm_result refuse(struct dm_ctx *ctx)
{
    return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the refresh token is not valid");
}

enum dm_result dm_session_refresh(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  struct dm_str refresh_token, struct dm_session_grant *ret_grant)
{
    if (refresh_token.n != DM_REFRESH_TOKEN_TEXT)
        return refuse(ctx);
    struct dm_session_grant grant = {.refresh_token = token_next(domain, ctx, refresh_token)};
    if (grant.refresh_token.p == NULL)
        return dm_ctx_nomem(ctx);
    struct refresh refresh = {
        .rotation = {.family_hash = hash_of(ctx, family_of(refresh_token)),
                     .presented_hash = hash_of(ctx, refresh_token),
                     .next_hash = hash_of(ctx, grant.refresh_token),
                     .idle_s = domain->settings->session_idle_s},
        .grace_ms = domain->settings->session_refresh_grace_s * 1000,
    };
    if (refresh.rotation.family_hash.p == NULL || refresh.rotation.presented_hash.p == NULL ||
        refresh.rotation.next_hash.p == NULL)
        return dm_ctx_nomem(ctx);

    enum dm_result result = rotate(domain, ctx, &refresh);
    if (result == DM_OK && refresh.verdict != VERDICT_GOOD)
        return refuse(ctx);
    if (result == DM_OK)
        result = dm_account_get(domain, ctx, refresh.row.account_id, &grant.account);
    if (result == DM_OK)
        result = grant_access(domain, ctx, refresh.row.id, &grant);
    if (result != DM_OK)
        return result;
    ctx->actor_id = grant.account.id;
    grant.refresh_expires_at_ms = refresh.row.idle_expires_at_ms;
    *ret_grant = grant;
    return DM_OK;
}

static enum dm_result logout_in(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                const struct dm_principal *principal)
{
    enum dm_result result =
        dm_session_store_end(conn, ctx, principal->session_id, principal->account_id, "logout");
    if (result == DM_E_NOTFOUND)
        return DM_OK;
    return result == DM_OK ? audit(conn, ctx, "session.logout", principal->session_id) : result;
}

enum dm_result dm_session_logout(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 const struct dm_principal *principal)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = dm_pg_end(conn, ctx, logout_in(conn, ctx, principal));
    if (result == DM_OK)
        dm_gate_kill(domain, ctx, principal->session_id);
    return result;
}

/*
 * The rules of refresh tokens, between api/auth.c and store/session_store.c. A token is FAMILY (22
 * characters, the same through the session's life, known to its holders only) and LINK (43
 * characters). The first link is random; each next one is HMAC-SHA-384(pepper, token), cut to 256
 * bits. Who shows a family with a link that is not the good one had a real token once: that is how
 * even the oldest is recognised without a row a refresh.
 */
#include "domain/refresh.h"

#include <string.h>

#include "domain/account_internal.h"
#include "domain/gate.h"
#include "domain/mail.h"
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

enum dm_result dm_refresh_token_new(struct dm_ctx *ctx, struct dm_refresh_token *ret_token)
{
    char family[DM_TOKEN_TEXT], link[DM_TOKEN_TEXT];
    dm_secret_token(family);
    dm_secret_token(link);
    struct dm_refresh_token token = {
        .text = dm_arena_printf(ctx->arena, "%.*s%s", FAMILY_TEXT, family, link)};
    if (token.text.p == NULL)
        return dm_ctx_nomem(ctx);
    token.family_hash = hash_of(ctx, family_of(token.text));
    token.hash = hash_of(ctx, token.text);
    if (token.family_hash.p == NULL || token.hash.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_token = token;
    return DM_OK;
}

/* How a presented refresh token stands. */
enum verdict {
    VERDICT_GOOD = 1, /* it is replaced, or was a moment ago: the same successor again */
    VERDICT_OVER,     /* no session of ours, or one that has ended */
    VERDICT_REUSED,   /* it had its successor: a copy is about */
};

struct attempt {
    struct dm_session_rotation rotation;
    int64_t grace_ms;
    struct dm_session_row row;
    enum verdict verdict;
};

/* Why the token could not be rotated, when nobody else may change its session any more. */
static enum dm_result judge(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct attempt *attempt)
{
    attempt->verdict = VERDICT_OVER;
    enum dm_result result =
        dm_session_store_lock(conn, ctx, attempt->rotation.family_hash, &attempt->row);
    if (result != DM_OK || !attempt->row.usable)
        return result == DM_E_NOTFOUND ? DM_OK : result;

    bool successor_unused = dm_str_eq(attempt->row.refresh_hash, attempt->rotation.next_hash);
    bool within_grace = attempt->row.rotated_ago_ms <= attempt->grace_ms;
    attempt->verdict = successor_unused && within_grace ? VERDICT_GOOD : VERDICT_REUSED;
    return DM_OK;
}

/* A copy of a refresh token is about: nobody can tell the thief from the owner, so the session ends
 * for both. */
static enum dm_result end_reused(const struct dm_domain *domain, struct dm_pg_conn *conn,
                                 struct dm_ctx *ctx, const struct dm_session_row *row)
{
    enum dm_result result =
        dm_session_store_end(conn, ctx, row->id, row->account.id, DM_SESSION_END_REUSE);
    const struct dm_audit_event event = {
        .action = "session.reuse_detected", .entity = "session", .entity_id = row->id};
    if (result == DM_OK)
        result = dm_audit_store_add(conn, ctx, &event);
    if (result != DM_OK)
        return result;
    const struct dm_mail_new mail = {.kind = DM_MAIL_SESSION_REUSE,
                                     .account_id = row->account.id,
                                     .to = row->account.email,
                                     .values = {.first_name = row->account.first_name}};
    return dm_mail_enqueue(conn, ctx, domain->settings, &mail);
}

static enum dm_result rotate(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct attempt *attempt)
{
    attempt->verdict = VERDICT_GOOD;
    enum dm_result result =
        dm_session_store_rotate(domain->pg, ctx, &attempt->rotation, &attempt->row);
    if (result != DM_E_NOTFOUND)
        return result;

    struct dm_pg_conn *conn;
    result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    result = judge(conn, ctx, attempt);
    if (result == DM_OK && attempt->verdict == VERDICT_REUSED)
        result = end_reused(domain, conn, ctx, &attempt->row);
    result = dm_pg_end(conn, ctx, result);
    if (result == DM_OK && attempt->verdict == VERDICT_REUSED)
        dm_gate_kill(domain, ctx, &attempt->row.id, 1);
    return result;
}

static enum dm_result refuse(struct dm_ctx *ctx)
{
    return dm_err_set(&ctx->err, DM_E_UNAUTHENTICATED, "the refresh token is not valid");
}

enum dm_result dm_refresh_family(struct dm_ctx *ctx, struct dm_str refresh_token,
                                 struct dm_str *ret_family_hash)
{
    if (refresh_token.n != DM_REFRESH_TOKEN_TEXT)
        return refuse(ctx);
    struct dm_str hash = hash_of(ctx, family_of(refresh_token));
    if (hash.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_family_hash = hash;
    return DM_OK;
}

enum dm_result dm_refresh(const struct dm_domain *domain, struct dm_ctx *ctx,
                          struct dm_str refresh_token, struct dm_session_grant *ret_grant)
{
    if (refresh_token.n != DM_REFRESH_TOKEN_TEXT)
        return refuse(ctx);
    struct dm_session_grant grant = {.refresh_token = token_next(domain, ctx, refresh_token)};
    if (grant.refresh_token.p == NULL)
        return dm_ctx_nomem(ctx);
    struct attempt attempt = {
        .rotation = {.family_hash = hash_of(ctx, family_of(refresh_token)),
                     .presented_hash = hash_of(ctx, refresh_token),
                     .next_hash = hash_of(ctx, grant.refresh_token),
                     .idle_s = domain->settings->session_idle_s},
        .grace_ms = domain->settings->session_refresh_grace_s * 1000,
    };
    if (attempt.rotation.family_hash.p == NULL || attempt.rotation.presented_hash.p == NULL ||
        attempt.rotation.next_hash.p == NULL)
        return dm_ctx_nomem(ctx);

    enum dm_result result = rotate(domain, ctx, &attempt);
    if (result == DM_OK && attempt.verdict != VERDICT_GOOD)
        return refuse(ctx);
    if (result != DM_OK)
        return result;
    grant.account = dm_account_of_row(&attempt.row.account);
    grant.second_step = attempt.row.second_step;
    result = dm_session_grant_access(domain, ctx, attempt.row.id, &grant);
    if (result != DM_OK)
        return result;
    ctx->actor_id = grant.account.id;
    grant.refresh_expires_at_ms = attempt.row.idle_expires_at_ms;
    *ret_grant = grant;
    return DM_OK;
}

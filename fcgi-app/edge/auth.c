/*
 * The stages authenticate and authorise: the bearer token of a request becomes its principal, and the row says what that
 * principal must be. Whether the session has ended since is the gate's to say.
 */
#include "edge/auth.h"

#include "domain/api_key_bounds.h"
#include "domain/api_key_check.h"
#include "domain/api_key_text.h"
#include "domain/token.h"

static bool asks_credential(const struct dm_route *route)
{
    return route && route->auth != DM_AUTH_NONE && route->auth != DM_AUTH_LOOPBACK;
}

/* The token of "Bearer <token>" (RFC 6750 §2.1); absent when the header is of another scheme. */
static struct dm_str bearer_of(struct dm_str authorization)
{
    const struct dm_str scheme = DM_STR_INIT("Bearer ");
    if (!authorization.p || !dm_str_starts_nocase(authorization, scheme))
        return (struct dm_str){NULL, 0};
    return dm_str_trim(dm_str_slice(authorization, scheme.n, authorization.n));
}

static bool has_credential(const struct dm_request *request)
{
    return bearer_of(request->authorization).p || request->api_key.p;
}

/* DM_E_UNAUTHENTICATED: which check failed would help a forger more than a caller. */
static enum dm_result check(struct dm_call *call, struct dm_principal *ret_principal)
{
    struct dm_str text = bearer_of(call->request->authorization);
    enum dm_result result = DM_E_UNAUTHENTICATED;
    if (call->request->api_key.p || dm_api_key_looks_like(text))
        result = dm_api_key_check(call->domain, &call->ctx,
                                  call->request->api_key.p ? call->request->api_key : text,
                                  ret_principal);
    else if (text.p)
        result = dm_token_check(call->domain, &call->ctx, text, ret_principal);
    if (result == DM_E_UNAUTHENTICATED)
        return dm_err_set(&call->ctx.err, DM_E_UNAUTHENTICATED,
                          "the credential is not valid, or no longer");
    return result;
}

enum dm_result dm_auth_identify(struct dm_call *call)
{
    if (!asks_credential(call->route))
        return DM_OK;
    /* RFC 6750 §2: one method a request. */
    if (call->request->authorization.p && call->request->api_key.p)
        return dm_err_set(&call->ctx.err, DM_E_SYNTAX,
                          "send one credential: Authorization or X-API-Key, not both");
    if (!has_credential(call->request))
        return dm_err_set(&call->ctx.err, DM_E_UNAUTHENTICATED, "this call needs a credential");
    struct dm_principal principal = {0};
    enum dm_result result = check(call, &principal);
    if (result == DM_OK) {
        call->principal = principal;
        call->ctx.actor_id = principal.account_id;
    }
    return result;
}

bool dm_auth_renew(struct dm_call *call, enum dm_result *ret_identified)
{
    if (call->principal.credential != DM_CREDENTIAL_API_KEY)
        return false;
    dm_api_key_forget(call->domain, call->principal.key_id);
    call->principal = (struct dm_principal){0};
    call->ctx.actor_id = (struct dm_str){NULL, 0};
    *ret_identified = dm_auth_identify(call);
    return true;
}

static bool is_this_machine(struct dm_str address)
{
    return dm_str_starts(address, DM_STR("127.")) || dm_str_eq_c(address, "::1");
}

/* What the row asks of whoever calls it, by any credential. */
static enum dm_result permit_row(const struct dm_call *call, struct dm_err *err)
{
    const struct dm_principal *principal = &call->principal;
    switch (call->route->auth) {
    case DM_AUTH_NONE:
        return DM_OK;
    case DM_AUTH_LOOPBACK:
        return is_this_machine(call->request->remote_address)
                   ? DM_OK
                   : dm_err_set(err, DM_E_NOTFOUND, "there is nothing at this path");
    case DM_AUTH_USER:
        return DM_OK; /* the scope is asked for below */
    case DM_AUTH_JWT:
        return principal->credential == DM_CREDENTIAL_SESSION
                   ? DM_OK
                   : dm_err_set(err, DM_E_DENIED, "this call needs a person's session");
    case DM_AUTH_ADMIN:
        return principal->role >= DM_ROLE_ADMIN
                   ? DM_OK
                   : dm_err_set(err, DM_E_DENIED, "this call needs the role Admin");
    case DM_AUTH_SUPERADMIN:
        return principal->role >= DM_ROLE_SUPERADMIN
                   ? DM_OK
                   : dm_err_set(err, DM_E_DENIED, "this call needs the role SuperAdmin");
    case DM_AUTH_UNSAID:
        break;
    }
    return dm_err_set(err, DM_E_INTERNAL, "a row without auth passed the router");
}

static bool lacks_scope(const struct dm_call *call)
{
    return (call->principal.scopes & (unsigned)call->route->scope) != (unsigned)call->route->scope;
}

/* What a key is bound to, beside its scopes. */
static enum dm_result permit_key(const struct dm_call *call, struct dm_err *err)
{
    const struct dm_principal *principal = &call->principal;
    if (call->route->scope == DM_SCOPE_NONE)
        return dm_err_set(err, DM_E_DENIED, "this call needs a person's session");
    if (!dm_api_key_routes_cover(principal->key_routes, call->route->name))
        return dm_err_set(err, DM_E_DENIED, "the API key is not for this call");
    if (!dm_api_key_ranges_cover(principal->key_ranges, call->request->remote_address))
        return dm_err_set(err, DM_E_DENIED, "the API key is not for use from this address");
    return DM_OK;
}

enum dm_result dm_auth_permit(struct dm_call *call)
{
    struct dm_err *err = &call->ctx.err;
    enum dm_result result = permit_row(call, err);
    if (result == DM_OK && call->principal.credential == DM_CREDENTIAL_API_KEY)
        result = permit_key(call, err);
    if (result == DM_OK && lacks_scope(call))
        result = dm_err_set(err, DM_E_DENIED, "the credential lacks the scope %s",
                            dm_scope_name(call->route->scope));
    return result;
}

void dm_auth_challenge(struct dm_call *call, enum dm_result result)
{
    struct dm_str value = {NULL, 0};
    if (result == DM_E_UNAUTHENTICATED)
        value = has_credential(call->request) ? DM_STR("Bearer error=\"invalid_token\"")
                                              : DM_STR("Bearer");
    else if (result == DM_E_DENIED && lacks_scope(call))
        value =
            dm_arena_printf(call->ctx.arena, "Bearer error=\"insufficient_scope\", scope=\"%s\"",
                            dm_scope_name(call->route->scope));
    if (value.p)
        dm_response_header(call->response, "WWW-Authenticate", value);
}

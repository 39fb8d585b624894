/* Sessions over HTTP: log in, refresh, log out. The rules are in domain/session.c. */
#include "api/account.h"
#include "api/api.h"
#include "domain/device.h"
#include "domain/passwords.h"
#include "domain/refresh.h"
#include "domain/second_step.h"
#include "domain/session.h"
#include "edge/call.h"
#include "edge/limit.h"

struct login_in {
    struct dm_str email, password, device_token;
};
static const struct dm_field login_fields[] = {
    {.name = "email",
     .kind = DM_STRING,
     .format = DM_EMAIL,
     .offset = offsetof(struct login_in, email),
     .required = true,
     .min = 3,
     .max = 254,
     .text = "the address of the account"},
    {.name = "password",
     .kind = DM_STRING,
     .format = DM_PASSWORD,
     .offset = offsetof(struct login_in, password),
     .required = true,
     .min = 1,
     .max = DM_PASSWORDS_SENT_MAX,
     .text = "its password"},
    {.name = "deviceToken",
     .kind = DM_STRING,
     .offset = offsetof(struct login_in, device_token),
     .min = 1,
     .max = DM_DEVICE_TOKEN_MAX,
     .text =
         "from this device's last log-in: others' wrong passwords are then not held against it"},
};
static const struct dm_shape login_shape = DM_SHAPE(struct login_in, "Login", login_fields);

struct refresh_in {
    struct dm_str refresh_token;
};
static const struct dm_field refresh_fields[] = {
    {.name = "refreshToken",
     .kind = DM_STRING,
     .offset = offsetof(struct refresh_in, refresh_token),
     .required = true,
     .min = 1,
     .max = 128,
     .text = "the newest refresh token of the session"},
};
static const struct dm_shape refresh_shape = DM_SHAPE(struct refresh_in, "Refresh", refresh_fields);

struct session_out {
    struct dm_str access_token, token_type, refresh_token, device_token;
    struct dm_opt_time expires_at, refresh_expires_at;
    struct dm_account_body *user;
    struct dm_opt_bool mfa_enrolment_due;
};
static const struct dm_field session_fields[] = {
    {.name = "accessToken",
     .kind = DM_STRING,
     .offset = offsetof(struct session_out, access_token),
     .required = true,
     .text = "a signed JWT: send it as Authorization: Bearer"},
    {.name = "tokenType",
     .kind = DM_STRING,
     .offset = offsetof(struct session_out, token_type),
     .required = true,
     .text = "Bearer"},
    {.name = "expiresAt",
     .kind = DM_TIME,
     .offset = offsetof(struct session_out, expires_at),
     .required = true,
     .text = "when the access token ends"},
    {.name = "refreshToken",
     .kind = DM_STRING,
     .offset = offsetof(struct session_out, refresh_token),
     .required = true,
     .text = "good for one refresh; one that comes up again later ends the session"},
    {.name = "refreshExpiresAt",
     .kind = DM_TIME,
     .offset = offsetof(struct session_out, refresh_expires_at),
     .required = true,
     .text = "when the session ends, unless it is refreshed before"},
    {.name = "deviceToken",
     .kind = DM_STRING,
     .offset = offsetof(struct session_out, device_token),
     .text = "of a log-in: keep it, and send it with the next one; it opens nothing by itself"},
    {.name = "user",
     .kind = DM_OBJECT,
     .offset = offsetof(struct session_out, user),
     .required = true,
     .shape = &dm_account_shape,
     .text = "who logged in"},
    {.name = "mfaEnrolmentDue",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct session_out, mfa_enrolment_due),
     .text =
         "true: the account's role asks for a second factor, and until this session has shown one "
         "and is refreshed, its tokens act as User"},
};
static const struct dm_shape session_shape =
    DM_SHAPE(struct session_out, "Session", session_fields);

struct challenge_out {
    struct dm_opt_bool mfa_required;
    struct dm_str mfa_token;
    struct dm_opt_time expires_at;
};
static const struct dm_field challenge_fields[] = {
    {.name = "mfaRequired",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct challenge_out, mfa_required),
     .required = true,
     .text = "true"},
    {.name = "mfaToken",
     .kind = DM_STRING,
     .offset = offsetof(struct challenge_out, mfa_token),
     .required = true,
     .text = "for the second step, and for nothing else"},
    {.name = "expiresAt",
     .kind = DM_TIME,
     .offset = offsetof(struct challenge_out, expires_at),
     .required = true,
     .text = "when the log-in has to begin anew"},
};
static const struct dm_shape challenge_shape =
    DM_SHAPE(struct challenge_out, "MfaChallenge", challenge_fields);

struct second_step_in {
    struct dm_str mfa_token, code;
};
static const struct dm_field second_step_fields[] = {
    {.name = "mfaToken",
     .kind = DM_STRING,
     .offset = offsetof(struct second_step_in, mfa_token),
     .required = true,
     .min = 1,
     .max = 128,
     .text = "what log-in answered"},
    {.name = "code",
     .kind = DM_STRING,
     .offset = offsetof(struct second_step_in, code),
     .required = true,
     .min = 1,
     .max = DM_SECOND_STEP_CODE_MAX,
     .text = "a code of the authenticator app, or a recovery code"},
};
static const struct dm_shape second_step_shape =
    DM_SHAPE(struct second_step_in, "SecondStep", second_step_fields);

static enum dm_result reply_challenge(struct dm_call *call, const struct dm_session_grant *grant)
{
    struct challenge_out *out = dm_call_out_or(call);
    if (out == NULL)
        return dm_ctx_nomem(&call->ctx);
    *out = (struct challenge_out){
        .mfa_required = {.set = true, .v = true},
        .mfa_token = grant->mfa_token,
        .expires_at = {.set = true, .ms = grant->mfa_expires_at_ms},
    };
    return DM_OK;
}

static enum dm_result reply(struct dm_call *call, const struct dm_session_grant *grant)
{
    struct dm_account_body *user = dm_arena_alloc(call->ctx.arena, sizeof(*user));
    if (user == NULL)
        return dm_ctx_nomem(&call->ctx);
    dm_account_body_fill(user, &grant->account);

    struct session_out *out = call->out;
    *out = (struct session_out){
        .access_token = grant->access_token,
        .token_type = DM_STR("Bearer"),
        .expires_at = {.set = true, .ms = grant->access_expires_at_ms},
        .refresh_token = grant->refresh_token,
        .refresh_expires_at = {.set = true, .ms = grant->refresh_expires_at_ms},
        .device_token = grant->device_token,
        .user = user,
        .mfa_enrolment_due = {.set = grant->enrolment_due, .v = true},
    };
    return DM_OK;
}

static enum dm_result serve_login(struct dm_call *call)
{
    const struct login_in *in = call->in;
    const struct dm_login login = {
        .email = in->email,
        .password = in->password,
        .device_token = in->device_token,
        .user_agent = call->request->user_agent,
        .address = call->request->remote_address,
    };
    struct dm_session_grant grant;
    enum dm_result result = dm_session_login(call->domain, &call->ctx, &login, &grant);
    if (result != DM_OK)
        return result;
    return grant.mfa_token.p != NULL ? reply_challenge(call, &grant) : reply(call, &grant);
}

static enum dm_result serve_second_step(struct dm_call *call)
{
    const struct second_step_in *in = call->in;
    const struct dm_second_step_answer answer = {
        .mfa_token = in->mfa_token,
        .code = in->code,
        .client = {.user_agent = call->request->user_agent,
                   .address = call->request->remote_address},
    };
    struct dm_session_grant grant;
    enum dm_result result = dm_second_step_answer(call->domain, &call->ctx, &answer, &grant);
    return result == DM_OK ? reply(call, &grant) : result;
}

/* Counted for its session, so that a whole office may refresh from one address; a guess for its address. */
static enum dm_result serve_refresh(struct dm_call *call)
{
    const struct refresh_in *in = call->in;
    struct dm_session_grant grant;
    struct dm_str family_hash;
    enum dm_result result = dm_refresh_family(&call->ctx, in->refresh_token, &family_hash);
    if (result == DM_OK)
        result = dm_limit_session(call, family_hash);
    if (result == DM_OK)
        result = dm_refresh(call->domain, &call->ctx, in->refresh_token, &grant);
    if (result == DM_E_UNAUTHENTICATED) {
        enum dm_result counted = dm_limit_guess(call);
        return counted == DM_OK ? result : counted;
    }
    return result == DM_OK ? reply(call, &grant) : result;
}

static enum dm_result serve_logout(struct dm_call *call)
{
    return dm_session_logout(call->domain, &call->ctx, &call->principal);
}

static const struct dm_route rows[] = {
    {.name = "auth.login",
     .method = DM_POST,
     .path = "/auth/login",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .door = DM_DOOR_STREAM,
     .request = &login_shape,
     .response = &session_shape,
     .response_or = &challenge_shape,
     .status = 200,
     .summary = "Log in with e-mail address and password",
     .serve = serve_login},
    {.name = "auth.second_step",
     .method = DM_POST,
     .path = "/auth/mfa/verify",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .request = &second_step_shape,
     .response = &session_shape,
     .status = 200,
     .summary = "The second step of a log-in: a code of the authenticator app, or a recovery code",
     .serve = serve_second_step},
    {.name = "auth.refresh",
     .method = DM_POST,
     .path = "/auth/refresh",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_REFRESH,
     .request = &refresh_shape,
     .response = &session_shape,
     .status = 200,
     .summary = "Trade a refresh token for a new pair",
     .serve = serve_refresh},
    {.name = "auth.logout",
     .method = DM_POST,
     .path = "/auth/logout",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "End the session, everywhere at once",
     .serve = serve_logout},
};
const struct dm_routes dm_auth_routes = DM_ROUTES(rows);

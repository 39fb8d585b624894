/* A forgotten password over HTTP: ask for a mail, set a new one with what it says. The rules are in domain/account_reset.c. */
#include "api/account.h"
#include "api/api.h"
#include "api/proof.h"
#include "edge/call.h"

/* The shape's struct is the domain's own, without the origin. */
static const struct dm_field reset_fields[] = {
    DM_PROOF_FIELDS(offsetof(struct dm_account_reset, proof.token),
                    offsetof(struct dm_account_reset, proof.email),
                    offsetof(struct dm_account_reset, proof.code)),
    {.name = "password",
     .kind = DM_STRING,
     .format = DM_PASSWORD,
     .offset = offsetof(struct dm_account_reset, password),
     .required = true,
     .min = 1,
     .max = DM_PASSWORDS_SENT_MAX,
     .text = "the new one; refused when it is too short or easy to guess"},
};
static const struct dm_shape reset_shape =
    DM_SHAPE(struct dm_account_reset, "PasswordReset", reset_fields);

static enum dm_result serve_forgot_password(struct dm_call *call)
{
    const struct dm_address_in *in = call->in;
    return dm_account_forgot_password(call->domain, &call->ctx, in->email);
}

static enum dm_result serve_reset_password(struct dm_call *call)
{
    struct dm_account_reset *in = call->in;
    in->origin = dm_origin_of(call->request->user_agent, call->request->remote_address);
    return dm_account_reset_password(call->domain, &call->ctx, in);
}

static const struct dm_route rows[] = {
    {.name = "auth.forgot_password",
     .method = DM_POST,
     .path = "/auth/forgot-password",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .request = &dm_address_shape,
     .status = 202,
     .summary = "Ask for a mail with which to choose a new password; the answer is the same for "
                "every address",
     .serve = serve_forgot_password},
    {.name = "auth.reset_password",
     .method = DM_POST,
     .path = "/auth/reset-password",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .door = DM_DOOR_STREAM,
     .request = &reset_shape,
     .status = 204,
     .summary = "Choose a new password with the mail's token or code; all sessions end, a second "
                "factor stays",
     .serve = serve_reset_password},
};
const struct dm_routes dm_account_reset_routes = DM_ROUTES(rows);

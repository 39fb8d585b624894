/* Changes to one's own account over HTTP: password, e-mail address, names. The rules are in domain/account_change.c. */
#include "api/account.h"
#include "api/api.h"
#include "api/proof.h"
#include "edge/call.h"

struct password_in {
    struct dm_str current, wanted;
};
static const struct dm_field password_fields[] = {
    {.name = "currentPassword",
     .kind = DM_STRING,
     .format = DM_PASSWORD,
     .offset = offsetof(struct password_in, current),
     .required = true,
     .min = 1,
     .max = DM_PASSWORDS_SENT_MAX,
     .text = "the one that stands"},
    {.name = "newPassword",
     .kind = DM_STRING,
     .format = DM_PASSWORD,
     .offset = offsetof(struct password_in, wanted),
     .required = true,
     .min = 1,
     .max = DM_PASSWORDS_SENT_MAX,
     .text = "refused when it is too short or easy to guess"},
};
static const struct dm_shape password_shape =
    DM_SHAPE(struct password_in, "PasswordChange", password_fields);

struct email_in {
    struct dm_str email, password;
};
static const struct dm_field email_fields[] = {
    {.name = "newEmail",
     .kind = DM_STRING,
     .format = DM_EMAIL,
     .offset = offsetof(struct email_in, email),
     .required = true,
     .min = 3,
     .max = 254,
     .text = "where the mail goes that confirms it"},
    {.name = "password",
     .kind = DM_STRING,
     .format = DM_PASSWORD,
     .offset = offsetof(struct email_in, password),
     .required = true,
     .min = 1,
     .max = DM_PASSWORDS_SENT_MAX,
     .text = "the account's"},
};
static const struct dm_shape email_shape = DM_SHAPE(struct email_in, "EmailChange", email_fields);

static const struct dm_field confirmation_fields[] = {
    DM_PROOF_FIELDS(offsetof(struct dm_one_time_proof, token),
                    offsetof(struct dm_one_time_proof, email),
                    offsetof(struct dm_one_time_proof, code)),
};
static const struct dm_shape confirmation_shape =
    DM_SHAPE(struct dm_one_time_proof, "EmailChangeConfirmation", confirmation_fields);

struct names {
    struct dm_str first, last;
};
static const struct dm_field names_fields[] = {
    {.name = "firstName",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct names, first),
     .required = true,
     .min = 1,
     .max = 100,
     .text = "given name"},
    {.name = "lastName",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct names, last),
     .required = true,
     .min = 1,
     .max = 100,
     .text = "family name"},
};
static const struct dm_shape names_shape = DM_SHAPE(struct names, "AccountNames", names_fields);

static struct dm_origin origin_of(const struct dm_call *call)
{
    return dm_origin_of(call->request->user_agent, call->request->remote_address);
}

static struct dm_account_owner owner_of(const struct dm_call *call)
{
    return (struct dm_account_owner){.account_id = call->principal.account_id,
                                     .session_id = call->principal.session_id,
                                     .origin = origin_of(call)};
}

static enum dm_result serve_change_password(struct dm_call *call)
{
    const struct password_in *in = call->in;
    const struct dm_account_owner owner = owner_of(call);
    return dm_account_change_password(call->domain, &call->ctx, &owner, in->current, in->wanted);
}

static enum dm_result serve_change_email(struct dm_call *call)
{
    const struct email_in *in = call->in;
    const struct dm_account_owner owner = owner_of(call);
    return dm_account_change_email(call->domain, &call->ctx, &owner, in->email, in->password);
}

static enum dm_result serve_confirm_email_change(struct dm_call *call)
{
    const struct dm_origin origin = origin_of(call);
    return dm_account_confirm_email_change(call->domain, &call->ctx, call->in, &origin);
}

static enum dm_result serve_rename(struct dm_call *call)
{
    struct dm_account account;
    struct dm_str id = call->principal.account_id;
    enum dm_result result = dm_account_get(call->domain, &call->ctx, id, &account);
    if (result != DM_OK)
        return result;
    const struct names current = {.first = account.first_name, .last = account.last_name};
    void *merged;
    result = dm_call_merge(call, &current, &merged);
    if (result != DM_OK)
        return result;
    const struct names *names = merged;
    result = dm_account_rename(call->domain, &call->ctx, id, names->first, names->last, &account);
    if (result == DM_OK)
        dm_account_body_fill(call->out, &account);
    return result;
}

static const struct dm_route rows[] = {
    {.name = "auth.change_password",
     .method = DM_POST,
     .path = "/auth/change-password",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .door = DM_DOOR_STREAM,
     .request = &password_shape,
     .status = 204,
     .summary = "Change the password; the other sessions end",
     .serve = serve_change_password},
    {.name = "auth.change_email",
     .method = DM_POST,
     .path = "/auth/change-email",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .door = DM_DOOR_STREAM,
     .request = &email_shape,
     .status = 202,
     .summary = "Ask for another e-mail address, which is mailed to confirm it; the answer is the "
                "same when it has an account",
     .serve = serve_change_email},
    {.name = "auth.confirm_email_change",
     .method = DM_POST,
     .path = "/auth/confirm-email-change",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .request = &confirmation_shape,
     .status = 204,
     .summary = "Make the address the account's with the mail's token or code; all sessions but "
                "the one that asked end",
     .serve = serve_confirm_email_change},
    {.name = "auth.rename",
     .method = DM_PATCH,
     .path = "/auth/me",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .request = &names_shape,
     .merge_patch = true,
     .response = &dm_account_shape,
     .status = 200,
     .summary = "Change one's own names (RFC 7396)",
     .serve = serve_rename},
};
const struct dm_routes dm_account_change_routes = DM_ROUTES(rows);

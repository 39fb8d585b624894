/* Accounts over HTTP: register, confirm the address, see oneself. What the answers may give away is
 * decided in domain/account.c. */
#include "api/account.h"

#include "api/api.h"
#include "api/proof.h"
#include "domain/passwords.h"
#include "edge/call.h"

static const char *const roles[] = {"User", "Admin", "SuperAdmin", NULL};

static const struct dm_field account_fields[] = {
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct dm_account_body, id),
     .required = true,
     .text = "UUIDv7"},
    {.name = "email",
     .kind = DM_STRING,
     .format = DM_EMAIL,
     .offset = offsetof(struct dm_account_body, email),
     .required = true,
     .text = "as it was registered"},
    {.name = "firstName",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_account_body, first_name),
     .required = true,
     .text = "given name"},
    {.name = "lastName",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_account_body, last_name),
     .required = true,
     .text = "family name"},
    {.name = "role",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = roles,
     .offset = offsetof(struct dm_account_body, role),
     .required = true,
     .text = "what the account may do"},
    {.name = "emailConfirmed",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct dm_account_body, email_confirmed),
     .required = true,
     .text = "whether the owner of the address has confirmed it"},
    {.name = "createdAt",
     .kind = DM_TIME,
     .offset = offsetof(struct dm_account_body, created_at),
     .required = true,
     .text = "when it was registered"},
    {.name = "updatedAt",
     .kind = DM_TIME,
     .offset = offsetof(struct dm_account_body, updated_at),
     .required = true,
     .text = "when it was last changed"},
};
const struct dm_shape dm_account_shape =
    DM_SHAPE(struct dm_account_body, "Account", account_fields);

void dm_account_body_fill(struct dm_account_body *body, const struct dm_account *account)
{
    *body = (struct dm_account_body){
        .id = account->id,
        .email = account->email,
        .first_name = account->first_name,
        .last_name = account->last_name,
        .role = dm_str_from(dm_role_name(account->role)),
        .email_confirmed = {.set = true, .v = account->email_confirmed},
        .created_at = {.set = true, .ms = account->created_at_ms},
        .updated_at = {.set = true, .ms = account->updated_at_ms},
    };
}

/* The shape's struct is the domain's own, without the origin. The lower bound of a password is a setting: the domain
 * knows it. */
static const struct dm_field registration_fields[] = {
    {.name = "email",
     .kind = DM_STRING,
     .format = DM_EMAIL,
     .offset = offsetof(struct dm_registration, email),
     .required = true,
     .min = 3,
     .max = 254,
     .text = "where the confirmation token goes; unique in any case of its letters"},
    {.name = "password",
     .kind = DM_STRING,
     .format = DM_PASSWORD,
     .offset = offsetof(struct dm_registration, password),
     .required = true,
     .min = 1,
     .max = DM_PASSWORDS_SENT_MAX,
     .text = "at most 128 characters, of any kind; refused when it is too short, easy to guess or "
             "known from breaches"},
    {.name = "firstName",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct dm_registration, first_name),
     .required = true,
     .min = 1,
     .max = 100,
     .text = "given name"},
    {.name = "lastName",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct dm_registration, last_name),
     .required = true,
     .min = 1,
     .max = 100,
     .text = "family name"},
};
static const struct dm_shape registration_shape =
    DM_SHAPE(struct dm_registration, "Registration", registration_fields);

static const struct dm_field confirmation_fields[] = {
    DM_PROOF_FIELDS(offsetof(struct dm_one_time_proof, token),
                    offsetof(struct dm_one_time_proof, email),
                    offsetof(struct dm_one_time_proof, code)),
};
static const struct dm_shape confirmation_shape =
    DM_SHAPE(struct dm_one_time_proof, "EmailConfirmation", confirmation_fields);

static const struct dm_field address_fields[] = {
    {.name = "email",
     .kind = DM_STRING,
     .format = DM_EMAIL,
     .offset = offsetof(struct dm_address_in, email),
     .required = true,
     .min = 3,
     .max = 254,
     .text = "the address of the account"},
};
const struct dm_shape dm_address_shape =
    DM_SHAPE(struct dm_address_in, "EmailAddress", address_fields);

static enum dm_result serve_register(struct dm_call *call)
{
    struct dm_registration *in = call->in;
    in->origin = dm_origin_of(call->request->user_agent, call->request->remote_address);
    return dm_account_register(call->domain, &call->ctx, in);
}

static enum dm_result serve_confirm_email(struct dm_call *call)
{
    return dm_account_confirm_email(call->domain, &call->ctx, call->in);
}

static enum dm_result serve_resend_confirmation(struct dm_call *call)
{
    const struct dm_address_in *in = call->in;
    return dm_account_resend_confirmation(call->domain, &call->ctx, in->email);
}

static enum dm_result serve_me(struct dm_call *call)
{
    struct dm_account account;
    enum dm_result result =
        dm_account_get(call->domain, &call->ctx, call->principal.account_id, &account);
    if (result == DM_OK)
        dm_account_body_fill(call->out, &account);
    return result;
}

static const struct dm_route rows[] = {
    {.name = "auth.register",
     .method = DM_POST,
     .path = "/auth/register",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .door = DM_DOOR_STREAM,
     .request = &registration_shape,
     .status = 202,
     .summary = "Register an account; the answer is the same for a known address",
     .serve = serve_register},
    {.name = "auth.confirm_email",
     .method = DM_POST,
     .path = "/auth/confirm-email",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .request = &confirmation_shape,
     .status = 204,
     .summary =
         "Confirm an e-mail address with the mail's token or code; accepts the password chosen at "
         "the registration it was sent for",
     .serve = serve_confirm_email},
    {.name = "auth.resend_confirmation",
     .method = DM_POST,
     .path = "/auth/resend-confirmation",
     .auth = DM_AUTH_NONE,
     .limit = DM_LIMIT_AUTH,
     .request = &dm_address_shape,
     .status = 202,
     .summary = "Send another confirmation token, if the address waits for one",
     .serve = serve_resend_confirmation},
    {.name = "auth.me",
     .method = DM_GET,
     .path = "/auth/me",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_READ,
     .response = &dm_account_shape,
     .status = 200,
     .summary = "The caller's own account",
     .serve = serve_me},
};
const struct dm_routes dm_account_routes = DM_ROUTES(rows);

/* One's second factor over HTTP. The rules are in domain/mfa.c; the second step of a log-in is in api/auth.c. */
#include "domain/mfa.h"

#include "api/api.h"
#include "domain/passwords.h"
#include "edge/call.h"

#define PASSWORD_FIELD(type)                                                                       \
    {                                                                                              \
        .name = "password", .kind = DM_STRING, .format = DM_PASSWORD,                              \
        .offset = offsetof(type, password), .required = true, .min = 1,                            \
        .max = DM_PASSWORDS_SENT_MAX, .text = "the account's password"                             \
    }
#define RECOVERY_CODES_FIELD(type)                                                                 \
    {                                                                                              \
        .name = "recoveryCodes", .kind = DM_ARRAY, .offset = offsetof(type, recovery_codes),       \
        .required = true, .min = DM_RECOVERY_CODES, .max = DM_RECOVERY_CODES,                      \
        .text = "shown this once; each stands for one code of the app"                             \
    }

struct state_out {
    struct dm_opt_bool enabled, required;
    struct dm_opt_time since;
    struct dm_opt_int recovery_codes_left;
};
static const struct dm_field state_fields[] = {
    {.name = "enabled",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct state_out, enabled),
     .required = true,
     .text = "whether log-in asks for a second step"},
    {.name = "required",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct state_out, required),
     .required = true,
     .text = "whether the account's role asks for one"},
    {.name = "since",
     .kind = DM_TIME,
     .offset = offsetof(struct state_out, since),
     .text = "when it was turned on"},
    {.name = "recoveryCodesLeft",
     .kind = DM_INTEGER,
     .offset = offsetof(struct state_out, recovery_codes_left),
     .required = true,
     .min = 0,
     .max = DM_RECOVERY_CODES,
     .text = "recovery codes that are still good"},
};
static const struct dm_shape state_shape = DM_SHAPE(struct state_out, "MfaState", state_fields);

struct password_in {
    struct dm_str password;
};
static const struct dm_field password_fields[] = {PASSWORD_FIELD(struct password_in)};
static const struct dm_shape password_shape =
    DM_SHAPE(struct password_in, "PasswordProof", password_fields);

struct enrolment_out {
    struct dm_str secret, otpauth_uri;
    struct dm_list recovery_codes;
};
static const struct dm_field enrolment_fields[] = {
    {.name = "secret",
     .kind = DM_STRING,
     .offset = offsetof(struct enrolment_out, secret),
     .required = true,
     .text = "for an authenticator app, in base32; shown this once"},
    {.name = "otpauthUri",
     .kind = DM_STRING,
     .format = DM_URI,
     .offset = offsetof(struct enrolment_out, otpauth_uri),
     .required = true,
     .text = "the same as apps read it from a QR code"},
    RECOVERY_CODES_FIELD(struct enrolment_out),
};
static const struct dm_shape enrolment_shape =
    DM_SHAPE(struct enrolment_out, "MfaEnrolment", enrolment_fields);

struct code_in {
    struct dm_str code;
};
static const struct dm_field code_fields[] = {
    {.name = "code",
     .kind = DM_STRING,
     .offset = offsetof(struct code_in, code),
     .required = true,
     .min = 1,
     .max = DM_SECOND_STEP_CODE_MAX,
     .text = "what the authenticator app shows now"},
};
static const struct dm_shape code_shape = DM_SHAPE(struct code_in, "MfaCode", code_fields);

static const struct dm_field proof_fields[] = {
    PASSWORD_FIELD(struct dm_mfa_proof),
    {.name = "code",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_mfa_proof, code),
     .required = true,
     .min = 1,
     .max = DM_SECOND_STEP_CODE_MAX,
     .text = "a code of the authenticator app, or a recovery code"},
};
static const struct dm_shape proof_shape = DM_SHAPE(struct dm_mfa_proof, "MfaProof", proof_fields);

struct codes_out {
    struct dm_list recovery_codes;
};
static const struct dm_field codes_fields[] = {RECOVERY_CODES_FIELD(struct codes_out)};
static const struct dm_shape codes_shape =
    DM_SHAPE(struct codes_out, "RecoveryCodes", codes_fields);

static struct dm_mfa_caller caller_of(const struct dm_call *call)
{
    return (struct dm_mfa_caller){
        .principal = &call->principal,
        .client = {.user_agent = call->request->user_agent,
                   .address = call->request->remote_address},
    };
}

/* A list in the arena; n 0 when it is full. */
static struct dm_list codes_list(struct dm_call *call, const struct dm_str *codes)
{
    struct dm_str *items =
        dm_arena_array(call->ctx.arena, DM_RECOVERY_CODES, sizeof(struct dm_str));
    for (size_t i = 0; items != NULL && i < DM_RECOVERY_CODES; i++)
        items[i] = codes[i];
    return (struct dm_list){items, items != NULL ? DM_RECOVERY_CODES : 0};
}

static enum dm_result serve_state(struct dm_call *call)
{
    struct dm_mfa_state state;
    enum dm_result result =
        dm_mfa_state(call->domain, &call->ctx, call->principal.account_id, &state);
    if (result == DM_OK)
        *(struct state_out *)call->out = (struct state_out){
            .enabled = {.set = true, .v = state.since.set},
            .required = {.set = true, .v = state.required},
            .since = state.since,
            .recovery_codes_left = {.set = true, .v = state.recovery_codes_left},
        };
    return result;
}

static enum dm_result serve_enrol(struct dm_call *call)
{
    const struct password_in *in = call->in;
    const struct dm_mfa_caller caller = caller_of(call);
    struct dm_mfa_enrolment enrolment;
    enum dm_result result =
        dm_mfa_enrol(call->domain, &call->ctx, &caller, in->password, &enrolment);
    if (result != DM_OK)
        return result;
    struct enrolment_out *out = call->out;
    *out = (struct enrolment_out){
        .secret = enrolment.secret,
        .otpauth_uri = enrolment.otpauth_uri,
        .recovery_codes = codes_list(call, enrolment.recovery_codes),
    };
    return out->recovery_codes.n > 0 ? DM_OK : dm_ctx_nomem(&call->ctx);
}

static enum dm_result serve_confirm(struct dm_call *call)
{
    const struct code_in *in = call->in;
    const struct dm_mfa_caller caller = caller_of(call);
    return dm_mfa_confirm(call->domain, &call->ctx, &caller, in->code);
}

static enum dm_result serve_remove(struct dm_call *call)
{
    const struct dm_mfa_caller caller = caller_of(call);
    return dm_mfa_remove(call->domain, &call->ctx, &caller, call->in);
}

static enum dm_result serve_renew_codes(struct dm_call *call)
{
    const struct dm_mfa_caller caller = caller_of(call);
    struct dm_str codes[DM_RECOVERY_CODES];
    enum dm_result result = dm_mfa_renew_codes(call->domain, &call->ctx, &caller, call->in, codes);
    if (result != DM_OK)
        return result;
    struct codes_out *out = call->out;
    out->recovery_codes = codes_list(call, codes);
    return out->recovery_codes.n > 0 ? DM_OK : dm_ctx_nomem(&call->ctx);
}

static const struct dm_route rows[] = {
    {.name = "mfa.state",
     .method = DM_GET,
     .path = "/auth/mfa",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_READ,
     .response = &state_shape,
     .status = 200,
     .summary = "Whether log-in asks for a second step, and how many recovery codes are left",
     .serve = serve_state},
    {.name = "mfa.enrol",
     .method = DM_POST,
     .path = "/auth/mfa/totp",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .door = DM_DOOR_STREAM,
     .request = &password_shape,
     .response = &enrolment_shape,
     .status = 200,
     .summary = "Get a secret for an authenticator app and recovery codes; confirming turns it on",
     .serve = serve_enrol},
    {.name = "mfa.confirm",
     .method = DM_POST,
     .path = "/auth/mfa/totp/confirm",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .request = &code_shape,
     .status = 204,
     .summary = "Turn the second step on with the app's first code; other sessions end",
     .serve = serve_confirm},
    {.name = "mfa.remove",
     .method = DM_DELETE,
     .path = "/auth/mfa/totp",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .door = DM_DOOR_STREAM,
     .request = &proof_shape,
     .status = 204,
     .summary = "Turn the second step off; other sessions end",
     .serve = serve_remove},
    {.name = "mfa.renew_codes",
     .method = DM_POST,
     .path = "/auth/mfa/recovery-codes",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_WRITE,
     .door = DM_DOOR_STREAM,
     .request = &proof_shape,
     .response = &codes_shape,
     .status = 200,
     .summary = "Get ten new recovery codes; those before are worth nothing",
     .serve = serve_renew_codes},
};
const struct dm_routes dm_mfa_routes = DM_ROUTES(rows);

/* One's own data over HTTP: take all of it along, have all of it erased. The rules are in domain/export.c and domain/erase.c. */
#include "api/api.h"
#include "domain/erase.h"
#include "domain/export.h"
#include "domain/passwords.h"
#include "edge/call.h"

struct erasure_in {
    struct dm_str password;
};
static const struct dm_field erasure_fields[] = {
    {.name = "password",
     .kind = DM_STRING,
     .format = DM_PASSWORD,
     .offset = offsetof(struct erasure_in, password),
     .required = true,
     .min = 1,
     .max = DM_PASSWORDS_SENT_MAX,
     .text = "the account's: a stolen session alone erases nothing"},
};
static const struct dm_shape erasure_shape =
    DM_SHAPE(struct erasure_in, "ErasureRequest", erasure_fields);

struct receipt_out {
    struct dm_str id;
    struct dm_opt_time requested_at;
};
static const struct dm_field receipt_fields[] = {
    {.name = "receiptId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct receipt_out, id),
     .required = true,
     .text = "stands in the mail that tells of the end"},
    {.name = "requestedAt",
     .kind = DM_TIME,
     .offset = offsetof(struct receipt_out, requested_at),
     .required = true,
     .text = "since when the account is closed"},
};
static const struct dm_shape receipt_shape =
    DM_SHAPE(struct receipt_out, "ErasureReceipt", receipt_fields);

static enum dm_result serve_erase(struct dm_call *call)
{
    const struct erasure_in *in = call->in;
    struct dm_erasure erasure;
    enum dm_result result = dm_erase_request(call->domain, &call->ctx, &call->principal,
                                             in->password, call->new_id, &erasure);
    if (result != DM_OK)
        return result;
    struct receipt_out *out = call->out;
    *out = (struct receipt_out){
        .id = erasure.id,
        .requested_at = {.set = true, .ms = erasure.requested_at_ms},
    };
    return DM_OK;
}

/* Not a word goes out before the whole is there: so an error is still a problem document, and no slow reader holds up the database. */
static bool to_file(void *arg, struct dm_str text, struct dm_err *err)
{
    FILE *file = arg;
    if (fwrite(text.p, 1, text.n, file) == text.n)
        return true;
    dm_err_set(err, DM_E_UNAVAILABLE, "no room for an export where temporary files go");
    return false;
}

static enum dm_result serve_export(struct dm_call *call)
{
    FILE *file = dm_response_file(call->response);
    if (file == NULL)
        return dm_err_set(&call->ctx.err, DM_E_UNAVAILABLE, "no temporary file can be made");
    const struct dm_export_sink sink = {.write = to_file, .arg = file};
    enum dm_result result = dm_export(call->domain, &call->ctx, call->principal.account_id, &sink);
    if (result == DM_OK && fflush(file) != 0)
        result = dm_err_set(&call->ctx.err, DM_E_UNAVAILABLE, "no room for the export");
    if (result == DM_OK)
        dm_response_header(call->response, "Content-Disposition",
                           DM_STR("attachment; filename=\"digitalme-account.json\""));
    return result;
}

static const struct dm_route rows[] = {
    {.name = "auth.erase",
     .method = DM_DELETE,
     .path = "/auth/me",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_AUTH,
     .door = DM_DOOR_STREAM,
     .request = &erasure_shape,
     .response = &receipt_shape,
     .status = 202,
     .summary = "Erase one's own account and everything that is held about it",
     .serve = serve_erase},
    {.name = "auth.export",
     .method = DM_GET,
     .path = "/auth/me/export",
     .auth = DM_AUTH_JWT,
     .limit = DM_LIMIT_EXPORT,
     .door = DM_DOOR_STREAM,
     .media = "application/json",
     .status = 200,
     .summary = "Everything that is held about one's own account, as one JSON document",
     .serve = serve_export},
};
const struct dm_routes dm_personal_routes = DM_ROUTES(rows);

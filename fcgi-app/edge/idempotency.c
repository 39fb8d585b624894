/* The walk's idempotency stage: from the header to a claim in the store before the handler, and from the reply to the stored one after it. */
#include "edge/idempotency.h"

#include "base/clock.h"
#include "base/secret.h"

#define KEY_BYTES_MAX 255
#define LEASE_SPARE_S 5 /* past the door's deadline, so that no try outlives its lease */
#define END_MS 2000     /* for ending a claim when the call has used up its own time */

bool dm_idempotency_key(struct dm_str header, struct dm_str *ret_key)
{
    struct dm_str key = header;
    if (key.n >= 2 && key.p[0] == '"' && key.p[key.n - 1] == '"')
        key = dm_str_slice(key, 1, key.n - 2);
    if (key.n == 0 || key.n > KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] <= ' ' || key.p[i] > '~' || key.p[i] == '"')
            return false;
    *ret_key = key;
    return true;
}

/* What makes two requests the same one. Absent when the arena is full. */
static struct dm_str fingerprint(struct dm_call *call)
{
    const struct dm_request *request = call->request;
    char hex[DM_SHA256_HEX];
    struct dm_buf text;
    dm_buf_init(&text, call->ctx.arena, call->path.n + request->body.n + 16);
    dm_buf_add_c(&text, dm_method_name(request->method));
    dm_buf_add_char(&text, '\n');
    dm_buf_add(&text, call->path);
    dm_buf_add_char(&text, '\n');
    dm_buf_add(&text, request->body);
    if (dm_buf_failed(&text))
        return (struct dm_str){NULL, 0};
    dm_secret_sha256_hex(dm_buf_str(&text), hex);
    return dm_arena_str(call->ctx.arena, dm_str_from(hex));
}

static void replay(struct dm_call *call, const struct dm_idempotency_record *record)
{
    struct dm_response *response = call->response;
    response->status = (int)record->status;
    dm_buf_add(&response->body, record->body);
    if (record->body.n > 0)
        dm_response_header(response, "Content-Type",
                           call->route->media ? dm_str_from(call->route->media)
                                              : DM_STR("application/json"));
    dm_response_header(response, "Location", record->location);
    dm_response_header(response, "ETag", record->etag);
    dm_response_header(response, "Idempotency-Replayed", DM_STR("true"));
}

static enum dm_problem judge(struct dm_call *call, const struct dm_idempotency_record *record)
{
    switch (record->state) {
    case DM_IDEMPOTENCY_MINE:
        call->new_id = record->resource_id;
        return DM_PROBLEM_NONE;
    case DM_IDEMPOTENCY_DONE:
        replay(call, record);
        return DM_PROBLEM_NONE;
    case DM_IDEMPOTENCY_RUNNING:
        dm_response_header(call->response, "Retry-After", DM_STR("1"));
        return dm_problem_of(dm_err_set(&call->ctx.err, DM_E_CONFLICT,
                                        "the first request with this Idempotency-Key is running"));
    case DM_IDEMPOTENCY_MISMATCH:
        return DM_PROBLEM_KEY_REUSED;
    }
    return dm_problem_of(
        dm_err_set(&call->ctx.err, DM_E_INTERNAL, "idempotency state %d", (int)record->state));
}

enum dm_problem dm_idempotency_begin(struct dm_call *call, struct dm_idempotency *idempotency,
                                     bool *ret_replayed)
{
    struct dm_str header = call->request->idempotency_key, key;
    if (!call->route->idempotent_key || !header.p ||
        call->principal.credential == DM_CREDENTIAL_NONE)
        return DM_PROBLEM_NONE;
    if (!dm_idempotency_key(header, &key))
        return dm_problem_of(dm_err_set(&call->ctx.err, DM_E_INVALID,
                                        "an Idempotency-Key is 1 to 255 visible ASCII characters"));
    struct dm_idempotency_claim *claim = &idempotency->claim;
    *claim = (struct dm_idempotency_claim){
        .account_id = call->principal.account_id,
        .key = key,
        .fingerprint = fingerprint(call),
        .resource_id = call->new_id,
        .lease_s = dm_clock_left_ms(call->ctx.deadline_ms) / 1000 + 1 + LEASE_SPARE_S,
        .keep_s = call->domain->settings->idempotency_keep_s,
    };
    if (!claim->fingerprint.p)
        return dm_problem_of(dm_ctx_nomem(&call->ctx));
    struct dm_idempotency_record record = {0};
    enum dm_result result =
        dm_idempotency_store_claim(call->domain->pg, &call->ctx, claim, &record);
    if (result != DM_OK)
        return dm_problem_of(result);
    idempotency->claimed = record.state == DM_IDEMPOTENCY_MINE;
    idempotency->first = dm_str_eq(record.resource_id, claim->resource_id);
    *ret_replayed = record.state == DM_IDEMPOTENCY_DONE;
    return judge(call, &record);
}

/* If it cannot be stored the call has still succeeded: a retry makes the same entity, and finds it there. */
static enum dm_result store_reply(struct dm_call *call, const struct dm_idempotency_claim *claim)
{
    const struct dm_response *response = call->response;
    struct dm_idempotency_record reply = {
        .state = DM_IDEMPOTENCY_DONE,
        .resource_id = call->new_id,
        .status = response->status,
        .body = dm_buf_str(&response->body),
        .location = dm_response_header_of(response, "Location"),
        .etag = dm_response_header_of(response, "ETag"),
    };
    return dm_idempotency_store_finish(call->domain->pg, &call->ctx, claim, &reply);
}

void dm_idempotency_end(struct dm_call *call, const struct dm_idempotency *idempotency,
                        enum dm_result result)
{
    if (!idempotency->claimed)
        return;
    struct dm_err err = call->ctx.err;
    enum dm_result ended = DM_OK;
    int64_t soon_ms = dm_clock_monotonic_ms() + END_MS;
    if (call->ctx.deadline_ms < soon_ms)
        call->ctx.deadline_ms = soon_ms;
    if (result == DM_OK && !call->route->tells_secret)
        ended = store_reply(call, &idempotency->claim);
    else if (result != DM_OK && idempotency->first && result <= DM_E_LIMITED)
        ended = dm_idempotency_store_release(call->domain->pg, &call->ctx, &idempotency->claim);
    else
        ended = dm_idempotency_store_lapse(call->domain->pg, &call->ctx, &idempotency->claim);
    /* A claim that could not be ended runs out by itself. */
    (void)ended;
    call->ctx.err = err;
}

/* Rotation and retirement of signing keys, over base/jwt_key_file.c. */
#include "domain/signing.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/jwt_key_file.h"
#include "store/audit_store.h"

#define DETAIL_BYTES_MAX 256

static int64_t now(void)
{
    return dm_clock_wall_ms() / 1000;
}

enum dm_result dm_signing_keys(const struct dm_settings *settings, struct dm_err *err,
                               struct dm_jwt_keys **ret_keys)
{
    const struct dm_jwt_keys_options options = {.dir = settings->token_key_dir,
                                                .token_life_s = settings->token_access_s};
    if (dm_settings_hs256(settings))
        return dm_jwt_keys_of_secret(settings->token_hs256_secret, err, ret_keys);
    return dm_jwt_keys_load(&options, err, ret_keys);
}

static enum dm_result lock(const struct dm_settings *settings, struct dm_err *err, int *ret_lock)
{
    if (dm_settings_hs256(settings))
        return dm_err_set(err, DM_E_INVALID,
                          "token.algorithm is HS256: there are no key files; a new "
                          "token.hs256_secret and a restart change the key");
    return dm_jwt_keys_lock(settings->token_key_dir, err, ret_lock);
}

static enum dm_result make(const struct dm_settings *settings, int64_t activates_at_s,
                           struct dm_err *err, struct dm_signing_change *change)
{
    change->activates_at_s = activates_at_s;
    return dm_jwt_key_make(settings->token_key_dir, activates_at_s, err, change->made);
}

static enum dm_result take_away(const struct dm_settings *settings, const char *kid,
                                struct dm_err *err, struct dm_signing_change *change)
{
    enum dm_result result = dm_jwt_key_remove(settings->token_key_dir, kid, err);
    if (result == DM_OK)
        snprintf(change->removed[change->n_removed++], DM_JWT_KID_MAX + 1, "%s", kid);
    return result;
}

static enum dm_result remove_past(const struct dm_settings *settings,
                                  const struct dm_jwt_keys *keys, struct dm_err *err,
                                  struct dm_signing_change *change)
{
    for (size_t i = 0; i < dm_jwt_keys_count(keys); i++) {
        struct dm_jwt_key_info info = dm_jwt_keys_info(keys, i, now());
        if (info.state != DM_JWT_PAST || change->n_removed == DM_SIGNING_REMOVED_MAX)
            continue;
        enum dm_result result = take_away(settings, info.kid, err, change);
        if (result != DM_OK)
            return result;
    }
    return DM_OK;
}

/* DM_OK when a new key is due, with *ret_due, or not wanted; DM_E_CONFLICT when it is wanted but one waits already. */
static enum dm_result judge(const struct dm_jwt_keys *keys,
                            const struct dm_signing_rotation *rotation, struct dm_err *err,
                            bool *ret_due)
{
    const struct dm_jwt_key_info newest =
        dm_jwt_keys_info(keys, dm_jwt_keys_count(keys) - 1, now());
    bool waits = newest.activates_at_s > now();
    if (waits && rotation->older_than_s == 0) {
        char text[DM_CLOCK_TEXT_MAX];
        dm_clock_format(newest.activates_at_s * 1000, text);
        return dm_err_set(err, DM_E_CONFLICT, "%s is made already, and signs from %s on",
                          newest.kid, text);
    }
    *ret_due = !waits && (newest.activates_at_s == DM_JWT_ALWAYS ||
                          now() - newest.activates_at_s >= rotation->older_than_s);
    return DM_OK;
}

static enum dm_result rotate(const struct dm_settings *settings,
                             const struct dm_signing_rotation *rotation, struct dm_err *err,
                             struct dm_signing_change *change)
{
    struct dm_jwt_keys *keys = NULL;
    /* No key at all: nobody can have cached one, and nothing can sign until there is one. */
    if (dm_signing_keys(settings, err, &keys) != DM_OK)
        return make(settings, now(), err, change);
    bool due = false;
    enum dm_result result = judge(keys, rotation, err, &due);
    if (result == DM_OK && due)
        result = make(settings, now() + rotation->lead_s, err, change);
    if (result == DM_OK)
        result = remove_past(settings, keys, err, change);
    dm_jwt_keys_unref(keys);
    return result;
}

enum dm_result dm_signing_rotate(const struct dm_settings *settings,
                                 const struct dm_signing_rotation *rotation, struct dm_err *err,
                                 struct dm_signing_change *ret_change)
{
    int held;
    if (rotation->lead_s < DM_SIGNING_LEAD_MIN_S)
        return dm_err_set(err, DM_E_INVALID,
                          "a new key waits at least %d s, until every process has seen it",
                          DM_SIGNING_LEAD_MIN_S);
    enum dm_result result = lock(settings, err, &held);
    if (result != DM_OK)
        return result;
    *ret_change = (struct dm_signing_change){.n_removed = 0};
    result = rotate(settings, rotation, err, ret_change);
    dm_jwt_keys_unlock(held);
    return result;
}

static enum dm_result retire(const struct dm_settings *settings, const struct dm_jwt_key_info *info,
                             bool at_once, struct dm_err *err, struct dm_signing_change *change)
{
    char text[DM_CLOCK_TEXT_MAX];
    enum dm_result result = DM_OK;
    if (info->state == DM_JWT_CURRENT && !at_once)
        return dm_err_set(err, DM_E_CONFLICT,
                          "%s signs now: rotate first, or end its tokens with --now", info->kid);
    if (info->state == DM_JWT_RETIRED && !at_once && info->retires_at_s != DM_JWT_NEVER) {
        dm_clock_format(info->retires_at_s * 1000, text);
        return dm_err_set(err, DM_E_CONFLICT, "tokens of %s may be good until %s; --now ends them",
                          info->kid, text);
    }
    /* Before the other goes: there is no moment without a key. */
    if (info->state == DM_JWT_CURRENT)
        result = make(settings, now(), err, change);
    return result == DM_OK ? take_away(settings, info->kid, err, change) : result;
}

enum dm_result dm_signing_retire(const struct dm_settings *settings, const char *kid, bool at_once,
                                 struct dm_err *err, struct dm_signing_change *ret_change)
{
    int held;
    struct dm_jwt_keys *keys = NULL;
    enum dm_result result = lock(settings, err, &held);
    if (result != DM_OK)
        return result;
    *ret_change = (struct dm_signing_change){.n_removed = 0};
    result = dm_signing_keys(settings, err, &keys);
    if (result == DM_OK) {
        size_t n = dm_jwt_keys_count(keys), i = 0;
        struct dm_jwt_key_info info = dm_jwt_keys_info(keys, 0, now());
        while (strcmp(info.kid, kid) != 0 && ++i < n)
            info = dm_jwt_keys_info(keys, i, now());
        result = i < n ? retire(settings, &info, at_once, err, ret_change)
                       : dm_err_set(err, DM_E_NOTFOUND, "%s holds no key %.64s",
                                    settings->token_key_dir, kid);
        dm_jwt_keys_unref(keys);
    }
    dm_jwt_keys_unlock(held);
    return result;
}

static enum dm_result add_event(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *action,
                                const char *kid)
{
    struct dm_buf detail;
    struct dm_json_writer w;
    dm_buf_init(&detail, ctx->arena, DETAIL_BYTES_MAX);
    dm_json_writer_init(&w, &detail);
    dm_json_object_begin(&w);
    dm_json_name(&w, "kid");
    dm_json_string(&w, dm_str_from(kid));
    dm_json_object_end(&w);
    if (dm_buf_failed(&detail))
        return dm_ctx_nomem(ctx);
    const struct dm_audit_event event = {
        .action = action, .entity = "signing_key", .detail = dm_buf_str(&detail)};
    return dm_audit_store_add(conn, ctx, &event);
}

enum dm_result dm_signing_record(struct dm_pg *pg, struct dm_ctx *ctx,
                                 const struct dm_signing_change *change)
{
    struct dm_pg_conn *conn = NULL;
    enum dm_result result = dm_pg_begin(pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    if (change->made[0])
        result = add_event(conn, ctx, "signing_key.rotate", change->made);
    for (size_t i = 0; result == DM_OK && i < change->n_removed; i++)
        result = add_event(conn, ctx, "signing_key.retire", change->removed[i]);
    return dm_pg_end(conn, ctx, result);
}

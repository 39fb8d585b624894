/*
 * The rules of devices, between domain/session.c and store/device_store.c. A token is VERSION, the
 * device's id and a MAC of both, with dots between; whose device it is stands in the database.
 */
#include "domain/device.h"

#include "base/id.h"
#include "base/utf8.h"
#include "domain/gate.h"
#include "store/device_store.h"

#define VERSION_TEXT "1."
#define ID_CHARACTERS (DM_UUID_TEXT - 1)
#define MAC_CHARACTERS 43 /* 32 bytes in base64url */
#define SIGNED_CHARACTERS (sizeof(VERSION_TEXT) - 1 + ID_CHARACTERS)
#define TOKEN_CHARACTERS (SIGNED_CHARACTERS + 1 + MAC_CHARACTERS)

struct mark {
    const char *in; /* what the user agent holds */
    const char *name;
};

/* The first that fits: browsers that borrow another's name stand before it. */
static const struct mark programs[] = {
    {"EdgiOS/", "Edge"},
    {"EdgA/", "Edge"},
    {"Edg/", "Edge"},
    {"Edge/", "Edge"},
    {"OPR/", "Opera"},
    {"OPT/", "Opera"},
    {"Opera", "Opera"},
    {"SamsungBrowser/", "Samsung Internet"},
    {"Vivaldi/", "Vivaldi"},
    {"YaBrowser/", "Yandex Browser"},
    {"DuckDuckGo/", "DuckDuckGo"},
    {"Ddg/", "DuckDuckGo"},
    {"Brave/", "Brave"},
    {"FxiOS/", "Firefox"},
    {"Focus/", "Firefox Focus"},
    {"Firefox/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"HeadlessChrome/", "Headless Chrome"},
    {"Chromium/", "Chromium"},
    {"Chrome/", "Chrome"},
    {"Trident/", "Internet Explorer"},
    {"MSIE ", "Internet Explorer"},
    {"Safari/", "Safari"},
    {"AppleWebKit/", "A web view"},
    {"curl/", "curl"},
    {"Wget/", "Wget"},
    {"HTTPie/", "HTTPie"},
    {"PostmanRuntime/", "Postman"},
    {"python-requests/", "Python"},
    {"python-httpx/", "Python"},
    {"Python-urllib/", "Python"},
    {"aiohttp/", "Python"},
    {"Go-http-client/", "Go"},
    {"okhttp/", "An Android app"},
    {"Dalvik/", "An Android app"},
    {"CFNetwork/", "An Apple app"},
    {"Dart/", "A Flutter app"},
    {"axios/", "Node.js"},
    {"node-fetch", "Node.js"},
    {"node", "Node.js"},
};

static const struct mark systems[] = {
    {"Windows Phone", "Windows Phone"},
    {"Windows", "Windows"},
    {"iPhone", "iPhone"},
    {"iPad", "iPad"},
    {"iPod", "iPod"},
    {"Android", "Android"},
    {"CrOS", "ChromeOS"},
    {"Macintosh", "macOS"},
    {"Mac OS X", "macOS"},
    {"Linux", "Linux"},
    {"FreeBSD", "FreeBSD"},
    {"OpenBSD", "OpenBSD"},
};

/* NULL when none fits. */
static const char *first_mark(struct dm_str text, const struct mark *marks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dm_str_contains(text, dm_str_from(marks[i].in)))
            return marks[i].name;
    return NULL;
}

struct dm_str dm_device_name(struct dm_ctx *ctx, struct dm_str user_agent)
{
    const struct dm_str unknown = DM_STR("An unknown program");
    if (user_agent.p == NULL)
        return unknown;
    const char *program = first_mark(user_agent, programs, sizeof(programs) / sizeof(programs[0]));
    const char *system = first_mark(user_agent, systems, sizeof(systems) / sizeof(systems[0]));
    if (system == NULL)
        return program != NULL ? dm_str_from(program) : unknown;
    struct dm_str name = dm_arena_printf(ctx->arena, "%s on %s",
                                         program != NULL ? program : "An unknown program", system);
    return name.p != NULL ? name : unknown;
}

/* Absent when the arena is full. */
static struct dm_str mac_of(const struct dm_domain *domain, struct dm_ctx *ctx, struct dm_str text)
{
    uint8_t secret[DM_DERIVED_BYTES], mac[DM_SHA384_BYTES];
    dm_secret_derive(domain->settings->password_pepper, "device token", secret);
    dm_secret_hmac_sha384((struct dm_secret){(const char *)secret, sizeof(secret)}, text, mac);
    dm_secret_wipe(secret, sizeof(secret));
    return dm_base64url_encode(ctx->arena, (struct dm_str){(const char *)mac, DM_SHA256_BYTES});
}

struct dm_str dm_device_token(const struct dm_domain *domain, struct dm_ctx *ctx,
                              struct dm_str device_id)
{
    struct dm_str text = dm_arena_printf(ctx->arena, VERSION_TEXT "%.*s", DM_STR_ARG(device_id));
    if (text.p == NULL)
        return text;
    struct dm_str mac = mac_of(domain, ctx, text);
    if (mac.p == NULL)
        return mac;
    return dm_arena_printf(ctx->arena, "%.*s.%.*s", DM_STR_ARG(text), DM_STR_ARG(mac));
}

/* The id in a token of ours, absent when it is none. */
static enum dm_result read_token(const struct dm_domain *domain, struct dm_ctx *ctx,
                                 struct dm_str token, struct dm_str *ret_device_id)
{
    *ret_device_id = (struct dm_str){0};
    if (token.n != TOKEN_CHARACTERS || !dm_str_starts(token, DM_STR(VERSION_TEXT)))
        return DM_OK;
    struct dm_str id = dm_str_slice(token, sizeof(VERSION_TEXT) - 1, ID_CHARACTERS);
    if (!dm_id_is_uuid(id))
        return DM_OK;
    struct dm_str good = dm_device_token(domain, ctx, id);
    if (good.p == NULL)
        return dm_ctx_nomem(ctx);
    if (dm_secret_equal(token.p, good.p, TOKEN_CHARACTERS))
        *ret_device_id = id;
    return DM_OK;
}

enum dm_result dm_device_identify(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  struct dm_str token, struct dm_str account_id,
                                  struct dm_str *ret_device_id)
{
    struct dm_str id;
    bool known = false;
    enum dm_result result = read_token(domain, ctx, token, &id);
    if (result == DM_OK && id.p != NULL)
        result = dm_device_store_known(domain->pg, ctx, id, account_id, &known);
    if (result == DM_OK)
        *ret_device_id = known ? id : (struct dm_str){0};
    return result;
}

/* What the client looks like: SHA-256 hex, absent when the arena is full. */
static struct dm_str fingerprint_of(struct dm_ctx *ctx, const struct dm_device_client *client)
{
    char hex[DM_SHA256_HEX];
    struct dm_str network = dm_gate_network(ctx, client->address);
    struct dm_str text = dm_arena_printf(ctx->arena, "%.*s\n%.*s", DM_STR_ARG(client->user_agent),
                                         DM_STR_ARG(network));
    if (network.p == NULL || text.p == NULL)
        return (struct dm_str){0};
    dm_secret_sha256_hex(text, hex);
    return dm_arena_str(ctx->arena, dm_str_from(hex));
}

enum dm_result dm_device_log_in(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                struct dm_str account_id, struct dm_str device_id,
                                const struct dm_device_client *client, struct dm_device *ret_device)
{
    struct dm_device_seen seen = {
        .id = device_id,
        .account_id = account_id,
        .name = dm_device_name(ctx, client->user_agent),
    };
    struct dm_device device = {.id = device_id};
    enum dm_result result = DM_E_NOTFOUND;
    if (device_id.p != NULL)
        result = dm_device_store_use(conn, ctx, &seen);
    if (result == DM_E_NOTFOUND) {
        seen.id = dm_id_new(ctx->arena);
        seen.fingerprint = fingerprint_of(ctx, client);
        if (seen.id.p == NULL || seen.fingerprint.p == NULL)
            return dm_ctx_nomem(ctx);
        result = dm_device_store_meet(conn, ctx, &seen, &device.id, &device.is_new);
    }
    if (result == DM_OK)
        *ret_device = device;
    return result;
}

enum dm_result dm_device_distrust(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                  struct dm_str account_id)
{
    return dm_device_store_distrust(conn, ctx, account_id);
}

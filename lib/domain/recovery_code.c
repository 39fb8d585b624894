/* Recovery codes in Crockford's base32, whose letters are told apart on paper. */
#include "domain/recovery_code.h"

#include <string.h>

#include "base/secret.h"

#define SYMBOLS 24 /* of 5 bits each */
#define GROUP 6
#define KEY_LABEL "digitalme recovery code"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

_Static_assert(SYMBOLS + SYMBOLS / GROUP == DM_RECOVERY_CODE_TEXT,
               "a hyphen between groups, and NUL");

/* symbols: the 24 of a code without hyphens. */
static struct dm_str hash_of(const struct dm_settings *settings, struct dm_ctx *ctx,
                             struct dm_str account_id, const char symbols[SYMBOLS])
{
    uint8_t key[DM_DERIVED_BYTES], mac[DM_SHA256_BYTES];
    struct dm_str message =
        dm_arena_printf(ctx->arena, "%.*s %.*s", DM_STR_ARG(account_id), SYMBOLS, symbols);
    if (message.p == NULL)
        return message;
    dm_secret_derive(settings->password_pepper, KEY_LABEL, key);
    dm_secret_hmac_sha256((struct dm_secret){(const char *)key, sizeof(key)}, message, mac);
    dm_secret_wipe(key, sizeof(key));

    char hex[2 * DM_SHA256_BYTES + 1];
    for (size_t i = 0; i < sizeof(mac); i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    return dm_arena_str(ctx->arena, dm_str_from(hex));
}

static void draw(char ret_symbols[SYMBOLS])
{
    uint8_t bytes[SYMBOLS];
    dm_secret_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < SYMBOLS; i++)
        ret_symbols[i] = alphabet[bytes[i] & 31];
    dm_secret_wipe(bytes, sizeof(bytes));
}

enum dm_result dm_recovery_codes_new(const struct dm_settings *settings, struct dm_ctx *ctx,
                                     struct dm_str account_id,
                                     struct dm_str ret_codes[DM_RECOVERY_CODES],
                                     struct dm_str ret_hashes[DM_RECOVERY_CODES])
{
    for (size_t i = 0; i < DM_RECOVERY_CODES; i++) {
        char symbols[SYMBOLS];
        draw(symbols);
        ret_hashes[i] = hash_of(settings, ctx, account_id, symbols);
        ret_codes[i] = dm_arena_printf(ctx->arena, "%.6s-%.6s-%.6s-%.6s", symbols, symbols + GROUP,
                                       symbols + 2 * GROUP, symbols + 3 * GROUP);
        if (ret_codes[i].p == NULL || ret_hashes[i].p == NULL)
            return dm_ctx_nomem(ctx);
    }
    return DM_OK;
}

/* The symbol that a typed character means; NUL when it means none. */
static char symbol_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'O')
        return '0';
    if (c == 'I' || c == 'L')
        return '1';
    return c != '\0' && strchr(alphabet, c) != NULL ? c : '\0';
}

struct dm_str dm_recovery_code_hash(const struct dm_settings *settings, struct dm_ctx *ctx,
                                    struct dm_str account_id, struct dm_str typed)
{
    const struct dm_str none = {NULL, 0};
    char symbols[SYMBOLS];
    size_t n = 0;
    for (size_t i = 0; i < typed.n; i++) {
        if (typed.p[i] == '-' || typed.p[i] == ' ')
            continue;
        char symbol = symbol_of(typed.p[i]);
        if (symbol == '\0' || n == SYMBOLS)
            return none;
        symbols[n++] = symbol;
    }
    return n == SYMBOLS ? hash_of(settings, ctx, account_id, symbols) : none;
}

/* RFC 6238 over RFC 4226, with HMAC from base/secret.c. */
#include "base/totp.h"

#include <stdio.h>
#include <string.h>

#define MODULUS 1000000 /* ten to the number of digits */

int64_t dm_totp_step(int64_t wall_ms)
{
    return wall_ms / 1000 / DM_TOTP_STEP_S;
}

uint32_t dm_totp_value(struct dm_secret key, int64_t step)
{
    uint8_t message[8], mac[DM_SHA1_BYTES];
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    dm_secret_hmac_sha1(key, (struct dm_str){(const char *)message, sizeof(message)}, mac);
    const uint8_t *at = mac + (mac[DM_SHA1_BYTES - 1] & 0xf);
    return (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

bool dm_totp_check(struct dm_secret key, struct dm_str code, int64_t wall_ms, int64_t *ret_step)
{
    if (code.n != DM_TOTP_DIGITS)
        return false;
    int64_t now = dm_totp_step(wall_ms), fits = -1;
    for (int64_t step = now - 1; step <= now + 1; step++) {
        char text[DM_TOTP_DIGITS + 1];
        snprintf(text, sizeof(text), "%06u", dm_totp_value(key, step) % MODULUS);
        if (dm_secret_equal(text, code.p, DM_TOTP_DIGITS))
            fits = step;
    }
    if (fits >= 0)
        *ret_step = fits;
    return fits >= 0;
}

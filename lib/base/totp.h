/*
 * Time-based one-time passwords (RFC 6238) as every authenticator app makes them: HMAC-SHA-1, 6 digits, steps of 30
 * seconds. That a step counts once is the caller's to keep: it stores the newest one it took.
 */
#ifndef DM_BASE_TOTP_H
#define DM_BASE_TOTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/str.h"

#define DM_TOTP_DIGITS 6
#define DM_TOTP_STEP_S 30
#define DM_TOTP_KEY_BYTES 20 /* 160 bits (RFC 4226 §4, R6) */
#define DM_TOTP_KEY_TEXT 33  /* in base32, with NUL */

/* The step that wall_ms lies in. */
int64_t dm_totp_step(int64_t wall_ms);
/* The value of a step: 31 bits, of which a code is the last digits (RFC 4226 §5.3). */
uint32_t dm_totp_value(struct dm_secret key, int64_t step);
/*
 * Is code the one of the step of wall_ms, or of the step before or after it (RFC 6238 §5.2: one each side)? *ret_step is the newest
 * it fits. The time does not tell which step it was, nor how much of a wrong code was right.
 */
bool dm_totp_check(struct dm_secret key, struct dm_str code, int64_t wall_ms, int64_t *ret_step);

#endif

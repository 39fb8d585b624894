/*
 * The text of an API key: "dk_live_", the key's id as 32 lower-case hex digits, "_", 43 random base62 characters (256 bits), and 6
 * base62 characters of the CRC-32 (ISO-HDLC, as in zlib and Ethernet) of all that comes before them. One word of [A-Za-z0-9_], so that it is
 * marked with a double click; a prefix that scanners for leaked secrets can look for; and check characters, so that a
 * mistyped or made-up key is refused without asking anybody.
 */
#ifndef DM_DOMAIN_API_KEY_TEXT_H
#define DM_DOMAIN_API_KEY_TEXT_H

#include <stdbool.h>

#include "base/id.h"
#include "base/secret.h"
#include "base/str.h"

#define DM_API_KEY_PREFIX "dk_live_"
#define DM_API_KEY_TEXT 91 /* characters and NUL */

struct dm_api_key_parts {
    char id[DM_UUID_TEXT];           /* with hyphens */
    char secret_hash[DM_SHA256_HEX]; /* SHA-256 of the 43 characters: all that is stored */
};

/* A new key for the id (a UUID in lower case). Wipe ret_text when it has been shown. */
void dm_api_key_make(struct dm_str id, char ret_text[DM_API_KEY_TEXT],
                     struct dm_api_key_parts *ret_parts);
/* False, and *ret_parts untouched, when it is no key of ours: another prefix, length or alphabet, or wrong check characters. */
bool dm_api_key_parse(struct dm_str text, struct dm_api_key_parts *ret_parts);
/* Does it claim to be one? By its prefix only. */
bool dm_api_key_looks_like(struct dm_str text);

#endif

/*
 * lib/domain/api_key_text.c: the text as it comes (first byte even), or with its check characters made right (odd), since no chance would find
 * them. What is read is what was written.
 */
#include "domain/api_key_text.h"

#include "fuzz/fuzz.h"

#define BODY_CHARS (DM_API_KEY_TEXT - 1 - 6)

/* CRC-32 by its definition, bit by bit: another way than the one under test. */
static void write_check(char *key)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < BODY_CHARS; i++) {
        crc ^= (unsigned char)key[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    crc = ~crc;
    for (size_t i = DM_API_KEY_TEXT - 1; i-- > BODY_CHARS; crc /= 62)
        key[i] = alphabet[crc % 62];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char key[DM_API_KEY_TEXT - 1];
    bool mended = dm_fuzz_choice(&data, &size) % 2 == 1 && size == sizeof(key);
    struct dm_str text = dm_fuzz_text(data, size);
    struct dm_api_key_parts parts;
    if (mended) {
        memcpy(key, data, sizeof(key));
        write_check(key);
        text = (struct dm_str){key, sizeof(key)};
    }
    if (!dm_api_key_parse(text, &parts))
        return 0;
    char hash[DM_SHA256_HEX];
    DM_PROMISE(text.n == sizeof(key) && dm_api_key_looks_like(text));
    DM_PROMISE(dm_id_is_uuid(dm_str_from(parts.id)));
    size_t at = sizeof(DM_API_KEY_PREFIX) - 1;
    for (const char *p = parts.id; *p != '\0'; p++)
        DM_PROMISE(*p == '-' || *p == text.p[at++]);
    dm_secret_sha256_hex(dm_str_slice(text, at + 1, 43), hash);
    DM_PROMISE(strcmp(hash, parts.secret_hash) == 0);
    return 0;
}

/*
 * What stands between a stolen table and the passwords: the account rules call this from the
 * hashing pool at register, log-in and change.
 */
#include "base/password.h"

#include <crypt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zxcvbn.h>

#include "base/clock.h"

#define PREFIX "$2b$"
#define HASH_CHARACTERS (DM_PASSWORD_HASH_TEXT - 1)
#define SALT_BYTES 16
#define DIGEST_TEXT                                                                                \
    65 /* base64 of 48 bytes and NUL: under bcrypt's 72 bytes, and without a NUL byte inside */

/*
 * libzxcvbn looks at 100 bytes only, and 100 equal letters already cost it 4 ms: more would be
 * copied for nothing.
 */
#define SCORED_BYTES_MAX 100

/* base64(HMAC-SHA-384(pepper, password)). */
static void digest(struct dm_secret pepper, struct dm_str password, char ret_text[DIGEST_TEXT])
{
    uint8_t mac[DM_SHA384_BYTES];
    dm_secret_hmac_sha384(pepper, password, mac);
    dm_base64_encode(mac, sizeof(mac), ret_text);
    dm_secret_wipe(mac, sizeof(mac));
}

/* crypt(3) with its 32 KiB of scratch on the heap, where a small stack does not feel it, and wiped.
 */
static bool run_crypt(const char *phrase, const char *setting, char ret_hash[DM_PASSWORD_HASH_TEXT])
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (!data)
        return false;
    const char *hash = crypt_r(phrase, setting, data);
    /* Failure is the text "*0" or "*1", so the length tells. */
    bool ok = hash && strlen(hash) == HASH_CHARACTERS;
    if (ok)
        memcpy(ret_hash, hash, DM_PASSWORD_HASH_TEXT);
    dm_secret_wipe(data, sizeof(*data));
    free(data);
    return ok;
}

enum dm_result dm_password_hash(struct dm_secret pepper, struct dm_str password, int cost,
                                char ret_hash[DM_PASSWORD_HASH_TEXT], struct dm_err *err)
{
    char salt[SALT_BYTES];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char phrase[DIGEST_TEXT];
    if (cost < DM_PASSWORD_COST_MIN || cost > DM_PASSWORD_COST_MAX)
        return dm_err_set(err, DM_E_INTERNAL, "bcrypt's cost is %d to %d, not %d",
                          DM_PASSWORD_COST_MIN, DM_PASSWORD_COST_MAX, cost);
    dm_secret_random(salt, sizeof(salt));
    if (!crypt_gensalt_rn(PREFIX, (unsigned long)cost, salt, sizeof(salt), setting,
                          sizeof(setting)))
        return dm_err_set(err, DM_E_INTERNAL, "crypt() does not know bcrypt");
    digest(pepper, password, phrase);
    bool ok = run_crypt(phrase, setting, ret_hash);
    dm_secret_wipe(phrase, sizeof(phrase));
    return ok ? DM_OK : dm_err_set(err, DM_E_INTERNAL, "crypt() failed");
}

int dm_password_cost(const char *hash)
{
    int64_t cost;
    if (strlen(hash) != HASH_CHARACTERS || strncmp(hash, PREFIX, 4) != 0 || hash[6] != '$' ||
        !dm_str_to_int((struct dm_str){hash + 4, 2}, DM_PASSWORD_COST_MIN, DM_PASSWORD_COST_MAX,
                       &cost))
        return 0;
    return (int)cost;
}

bool dm_password_verify(struct dm_secret pepper, struct dm_str password, const char *hash)
{
    char phrase[DIGEST_TEXT];
    char made[DM_PASSWORD_HASH_TEXT];
    if (dm_password_cost(hash) == 0)
        return false;
    digest(pepper, password, phrase);
    bool ok = run_crypt(phrase, hash, made) && dm_secret_equal(made, hash, HASH_CHARACTERS);
    dm_secret_wipe(phrase, sizeof(phrase));
    return ok;
}

bool dm_password_needs_rehash(const char *hash, int cost)
{
    return dm_password_cost(hash) != cost;
}

enum dm_result dm_password_measure(int cost, int64_t *ret_us, struct dm_err *err)
{
    const struct dm_secret pepper = {"to measure by", 13};
    char hash[DM_PASSWORD_HASH_TEXT];
    int64_t least_us = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t began_us = dm_clock_thread_us();
        enum dm_result result = dm_password_hash(pepper, DM_STR("a password"), cost, hash, err);
        if (result != DM_OK)
            return result;
        int64_t took_us = dm_clock_thread_us() - began_us;
        least_us = took_us < least_us ? took_us : least_us;
    }
    *ret_us = least_us;
    return DM_OK;
}

/* zxcvbn's own thresholds, in guesses; libzxcvbn gives their logarithm to base 2. */
static int score_of(double bits)
{
    static const double guesses[] = {1e3, 1e6, 1e8, 1e10};
    int score = 0;
    while (score < 4 && bits >= log2(guesses[score]))
        score++;
    return score;
}

int dm_password_score(struct dm_str password, const char *const *words, size_t n_words)
{
    char text[SCORED_BYTES_MAX + 1];
    const char *dictionary[DM_PASSWORD_WORDS_MAX + 1] = {NULL};
    struct dm_str scored = dm_str_slice(password, 0, SCORED_BYTES_MAX);
    if (scored.n > 0)
        memcpy(text, scored.p, scored.n);
    text[scored.n] = '\0';
    for (size_t i = 0; i < n_words && i < DM_PASSWORD_WORDS_MAX; i++)
        dictionary[i] = words[i];
    double bits = ZxcvbnMatch(text, dictionary, NULL);
    dm_secret_wipe(text, sizeof(text));
    return score_of(bits);
}

/* A folder of signing keys for a test's own use. */
#ifndef DM_TESTS_KEY_FOLDER_H
#define DM_TESTS_KEY_FOLDER_H

#include <openssl/types.h>

struct dm_key_folder {
    char path[64];
};

/* Failures are fatal assertions of the running test. */
void dm_key_folder_make(struct dm_key_folder *folder);
void dm_key_folder_drop(const struct dm_key_folder *folder); /* with all that is in it */
/* KID.pem: of a key, of a new one on a curve, of any text. */
void dm_key_folder_put(const struct dm_key_folder *folder, const char *kid, EVP_PKEY *pkey);
void dm_key_folder_put_new(const struct dm_key_folder *folder, const char *kid, const char *curve);
void dm_key_folder_put_text(const struct dm_key_folder *folder, const char *kid, const char *text);
void dm_key_folder_remove(const struct dm_key_folder *folder, const char *kid);

#endif

/* The fixture of the suites about signing keys. */
#include "unit/base/key_folder.h"

#include <dirent.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "unit/unit.h"

void dm_key_folder_make(struct dm_key_folder *folder)
{
    snprintf(folder->path, sizeof(folder->path), "/tmp/dm-ring-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder->path));
}

void dm_key_folder_drop(const struct dm_key_folder *folder)
{
    DIR *dir = opendir(folder->path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    CU_ASSERT_EQUAL(rmdir(folder->path), 0);
}

static FILE *open_file(const struct dm_key_folder *folder, const char *kid)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s.pem", folder->path, kid);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    return file;
}

void dm_key_folder_put(const struct dm_key_folder *folder, const char *kid, EVP_PKEY *pkey)
{
    FILE *file = open_file(folder, kid);
    CU_ASSERT_EQUAL(PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

void dm_key_folder_put_new(const struct dm_key_folder *folder, const char *kid, const char *curve)
{
    EVP_PKEY *pkey = EVP_EC_gen(curve);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pkey);
    dm_key_folder_put(folder, kid, pkey);
    EVP_PKEY_free(pkey);
}

void dm_key_folder_put_text(const struct dm_key_folder *folder, const char *kid, const char *text)
{
    FILE *file = open_file(folder, kid);
    CU_ASSERT_TRUE(fputs(text, file) >= 0);
    fclose(file);
}

void dm_key_folder_remove(const struct dm_key_folder *folder, const char *kid)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s.pem", folder->path, kid);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

/* Making and removing the files that jwt_keys.c reads. */
#include "base/jwt_key_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static enum dm_result open_dir(const char *dir, struct dm_err *err, int *ret_fd)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return dm_err_set(err, DM_E_INVALID, "%s: %s%s", dir, strerror(errno),
                          errno == ENOENT ? "; make it first (mode 0750, group of digitalme-api)"
                                          : "");
    *ret_fd = fd;
    return DM_OK;
}

enum dm_result dm_jwt_keys_lock(const char *dir, struct dm_err *err, int *ret_lock)
{
    int fd;
    enum dm_result result = open_dir(dir, err, &fd);
    if (result != DM_OK)
        return result;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return dm_err_set(err, DM_E_CONFLICT, "%s: another program changes the keys right now",
                          dir);
    }
    *ret_lock = fd;
    return DM_OK;
}

void dm_jwt_keys_unlock(int lock)
{
    close(lock);
}

static void make_kid(int64_t activates_at_s, char ret_kid[DM_JWT_KID_MAX + 1])
{
    char text[DM_CLOCK_TEXT_MAX];
    uint8_t salt[4];
    dm_clock_format(activates_at_s * 1000, text);
    dm_secret_random(salt, sizeof(salt));
    snprintf(ret_kid, DM_JWT_KID_MAX + 1, "%.4s%.2s%.2sT%.2s%.2s%.2sZ-%02x%02x%02x%02x", text,
             text + 5, text + 8, text + 11, text + 14, text + 17, salt[0], salt[1], salt[2],
             salt[3]);
}

/* A new private key in PEM. NULL when OpenSSL cannot. Caller frees with BIO_free, which wipes it. */
static BIO *make_pem(void)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *pem = BIO_new(BIO_s_secmem());
    if (!pkey || !pem || PEM_write_bio_PKCS8PrivateKey(pem, pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        ERR_clear_error();
        BIO_free(pem);
        pem = NULL;
    }
    EVP_PKEY_free(pkey);
    return pem;
}

/* The folder's owner and group; readable by the group as the folder is. 0, or errno. */
static int give_away(int fd, int dir_fd)
{
    struct stat dir, file;
    if (fstat(dir_fd, &dir) != 0 || fstat(fd, &file) != 0)
        return errno;
    if ((dir.st_uid != file.st_uid || dir.st_gid != file.st_gid) &&
        fchown(fd, dir.st_uid, dir.st_gid) != 0)
        return errno;
    return fchmod(fd, dir.st_mode & S_IRGRP ? 0640 : 0600) == 0 ? 0 : errno;
}

/* 0, or errno. */
static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return errno;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

/* Under a hidden name first, which no reader takes for a key. 0, or errno. */
static int write_file(int dir_fd, const char *name, const char *p, size_t n)
{
    char hidden[DM_JWT_KID_MAX + 16];
    snprintf(hidden, sizeof(hidden), ".%s.new", name);
    int fd = openat(dir_fd, hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    int error = write_all(fd, p, n);
    if (error == 0)
        error = give_away(fd, dir_fd);
    if (error == 0 && fsync(fd) != 0)
        error = errno;
    close(fd);
    if (error == 0 && renameat(dir_fd, hidden, dir_fd, name) != 0)
        error = errno;
    if (error != 0)
        unlinkat(dir_fd, hidden, 0);
    else if (fsync(dir_fd) != 0)
        error = errno;
    return error;
}

enum dm_result dm_jwt_key_make(const char *dir, int64_t activates_at_s, struct dm_err *err,
                               char ret_kid[DM_JWT_KID_MAX + 1])
{
    int dir_fd;
    enum dm_result result = open_dir(dir, err, &dir_fd);
    if (result != DM_OK)
        return result;
    char kid[DM_JWT_KID_MAX + 1];
    char name[DM_JWT_KID_MAX + 8];
    make_kid(activates_at_s, kid);
    snprintf(name, sizeof(name), "%s.pem", kid);
    BIO *pem = make_pem();
    char *text = NULL;
    long n = pem ? BIO_get_mem_data(pem, &text) : 0;
    if (n <= 0) {
        result = dm_err_set(err, DM_E_INTERNAL, "OpenSSL could not make a key");
    } else {
        int error = write_file(dir_fd, name, text, (size_t)n);
        if (error != 0)
            result = dm_err_set(err, DM_E_INVALID, "%s/%s: cannot be written: %s", dir, name,
                                strerror(error));
    }
    BIO_free(pem);
    close(dir_fd);
    if (result == DM_OK)
        memcpy(ret_kid, kid, sizeof(kid));
    return result;
}

enum dm_result dm_jwt_key_remove(const char *dir, const char *kid, struct dm_err *err)
{
    char name[DM_JWT_KID_MAX + 8];
    int dir_fd;
    enum dm_result result = open_dir(dir, err, &dir_fd);
    if (result != DM_OK)
        return result;
    snprintf(name, sizeof(name), "%s.pem", kid);
    if (unlinkat(dir_fd, name, 0) != 0)
        result = errno == ENOENT ? dm_err_set(err, DM_E_NOTFOUND, "%s holds no %s", dir, name)
                                 : dm_err_set(err, DM_E_INVALID, "%s/%s: cannot be removed: %s",
                                              dir, name, strerror(errno));
    else if (fsync(dir_fd) != 0)
        result = dm_err_set(err, DM_E_INTERNAL, "%s: %s", dir, strerror(errno));
    close(dir_fd);
    return result;
}

enum dm_result dm_jwt_key_modes(const char *dir, struct dm_err *err)
{
    static const mode_t wrong = S_IROTH | S_IWOTH | S_IXOTH | S_IWGRP;
    struct stat info;
    DIR *entries = opendir(dir);
    if (!entries || fstat(dirfd(entries), &info) != 0) {
        if (entries)
            closedir(entries);
        return dm_err_set(err, DM_E_NOTFOUND, "%s: %s", dir, strerror(errno));
    }
    const char *name = "";
    for (const struct dirent *entry = readdir(entries); (info.st_mode & wrong) == 0 && entry;
         entry = readdir(entries)) {
        if (entry->d_name[0] == '.')
            continue;
        name = entry->d_name;
        if (fstatat(dirfd(entries), name, &info, 0) != 0)
            info.st_mode = 0; /* gone since */
    }
    enum dm_result result = DM_OK;
    if (info.st_mode & wrong)
        result = dm_err_set(err, DM_E_DENIED, "%s/%s has mode %03o", dir, name,
                            (unsigned)(info.st_mode & 0777));
    closedir(entries);
    return result;
}

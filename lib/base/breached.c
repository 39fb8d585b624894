/*
 * The search for a password among breached ones, under domain/passwords.c. Lines have no fixed
 * length, so a place in the file is first brought to the start of its line.
 */
#include "base/breached.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

#define DIGITS (2 * DM_SHA1_BYTES)
#define LINE_BYTES_MAX 64 /* 40 digits, ':', a count, CR, LF */
#define SAMPLES 1000

struct list {
    const char *path;
    int fd;
    int64_t size;
    struct dm_err *err;
};

struct line {
    int64_t at, next; /* where it starts, where the one after it does */
    uint8_t hash[DM_SHA1_BYTES];
};

static enum dm_result list_fail(const struct list *list, const char *why)
{
    return dm_err_set(list->err, DM_E_UNAVAILABLE, "list of breached passwords %s: %s", list->path,
                      why);
}

static enum dm_result list_open(struct list *list)
{
    struct stat info;
    /* O_NONBLOCK: a FIFO must not hold us before we know that it is one. */
    list->fd = open(list->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (list->fd < 0)
        return list_fail(list, errno == ENOENT   ? "there is no such file"
                               : errno == EACCES ? "it may not be read"
                                                 : "it cannot be opened");
    const char *why = NULL;
    if (fstat(list->fd, &info) != 0 || !S_ISREG(info.st_mode))
        why = "it is no regular file";
    else if (info.st_size == 0)
        why = "it is empty";
    if (why == NULL) {
        list->size = info.st_size;
        return DM_OK;
    }
    close(list->fd);
    return list_fail(list, why);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* text: a line without its LF. */
static bool line_parse(struct dm_str text, uint8_t ret_hash[DM_SHA1_BYTES])
{
    int64_t count;
    if (text.n > 0 && text.p[text.n - 1] == '\r')
        text.n--;
    if (text.n < DIGITS)
        return false;
    for (size_t i = 0; i < DM_SHA1_BYTES; i++) {
        int high = digit_value(text.p[2 * i]), low = digit_value(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_hash[i] = (uint8_t)(high << 4 | low);
    }
    return text.n == DIGITS ||
           (text.p[DIGITS] == ':' &&
            dm_str_to_int(dm_str_slice(text, DIGITS + 1, text.n), 0, INT64_MAX, &count));
}

/* The line that holds the byte at `at`; none starts before `from`. */
static enum dm_result line_at(const struct list *list, int64_t from, int64_t at,
                              struct line *ret_line)
{
    char window[2 * LINE_BYTES_MAX];
    int64_t first = at - from < LINE_BYTES_MAX ? from : at - LINE_BYTES_MAX;
    ssize_t got = pread(list->fd, window, sizeof(window), first);
    if (got < 0)
        return list_fail(list, "it cannot be read");
    if (first + got <= at)
        return list_fail(list, "it has just become shorter");

    struct dm_str seen = {window, (size_t)got};
    size_t begin = (size_t)(at - first);
    while (begin > 0 && window[begin - 1] != '\n')
        begin--;
    size_t end = dm_str_find(seen, '\n', (size_t)(at - first));
    bool whole = (begin > 0 || first == from) && (end < seen.n || first + got == list->size);
    struct line line = {.at = first + (int64_t)begin, .next = first + (int64_t)end + 1};
    if (!whole || !line_parse(dm_str_slice(seen, begin, end - begin), line.hash))
        return dm_err_set(list->err, DM_E_UNAVAILABLE,
                          "list of breached passwords %s: at byte %lld there is no line of a SHA-1 "
                          "in hexadecimal",
                          list->path, (long long)line.at);
    *ret_line = line;
    return DM_OK;
}

static enum dm_result check_order(const struct list *list)
{
    struct line last = {.at = -1}, line;
    for (int i = 0; i <= SAMPLES; i++) {
        int64_t at = list->size / SAMPLES * i + list->size % SAMPLES * i / SAMPLES;
        enum dm_result result = line_at(list, 0, i == SAMPLES ? list->size - 1 : at, &line);
        if (result != DM_OK)
            return result;
        if (line.at != last.at && memcmp(last.hash, line.hash, DM_SHA1_BYTES) > 0)
            return dm_err_set(list->err, DM_E_UNAVAILABLE,
                              "list of breached passwords %s: it is not sorted by hash, see the "
                              "lines at bytes %lld and %lld",
                              list->path, (long long)last.at, (long long)line.at);
        last = line;
    }
    return DM_OK;
}

enum dm_result dm_breached_check(const char *path, struct dm_err *err)
{
    struct list list = {.path = path, .err = err};
    enum dm_result result = list_open(&list);
    if (result != DM_OK)
        return result;
    result = check_order(&list);
    close(list.fd);
    return result;
}

static enum dm_result search(const struct list *list, const uint8_t hash[DM_SHA1_BYTES],
                             bool *ret_found)
{
    int64_t from = 0, to = list->size;
    while (from < to) {
        struct line line;
        enum dm_result result = line_at(list, from, from + (to - from) / 2, &line);
        if (result != DM_OK)
            return result;
        int order = memcmp(hash, line.hash, DM_SHA1_BYTES);
        if (order == 0) {
            *ret_found = true;
            return DM_OK;
        }
        if (order < 0)
            to = line.at;
        else
            from = line.next;
    }
    *ret_found = false;
    return DM_OK;
}

enum dm_result dm_breached_find(const char *path, struct dm_str password, bool *ret_found,
                                struct dm_err *err)
{
    struct list list = {.path = path, .err = err};
    uint8_t hash[DM_SHA1_BYTES];
    enum dm_result result = list_open(&list);
    if (result != DM_OK)
        return result;
    dm_secret_sha1(password, hash);
    result = search(&list, hash, ret_found);
    dm_secret_wipe(hash, sizeof(hash));
    close(list.fd);
    return result;
}

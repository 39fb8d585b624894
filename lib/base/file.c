/* Read by domain/mail_template.c and its like at a program's start, never on a request's path. */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

enum dm_result dm_file_read(const char *path, size_t max_bytes, struct dm_arena *arena,
                            struct dm_err *err, struct dm_str *ret_bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return dm_err_set(err, DM_E_NOTFOUND, "%s: %s", path, strerror(errno));
    struct dm_buf bytes;
    char part[4096];
    size_t n;
    dm_buf_init(&bytes, arena, max_bytes + sizeof(part));
    while (bytes.n <= max_bytes && (n = fread(part, 1, sizeof(part), file)) > 0)
        dm_buf_add(&bytes, (struct dm_str){part, n});
    bool broken = ferror(file) != 0;
    fclose(file);
    if (broken)
        return dm_err_set(err, DM_E_INTERNAL, "%s: cannot be read", path);
    if (bytes.n > max_bytes)
        return dm_err_set(err, DM_E_TOOBIG, "%s: over %zu bytes", path, max_bytes);
    if (dm_buf_failed(&bytes))
        return dm_err_set(err, DM_E_NOMEM, "%s: out of memory", path);
    *ret_bytes = bytes.n > 0 ? dm_buf_str(&bytes) : DM_STR("");
    return DM_OK;
}

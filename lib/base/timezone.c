/* The database is a folder with a file for each zone, its name the zone's: so a name is looked up by opening that file. */
#include "base/timezone.h"

#include <stdio.h>
#include <unistd.h>

#define DATABASE "/usr/share/zoneinfo/"
/* What every compiled zone begins with (RFC 8536 §3.1). */
#define MAGIC "TZif"

/* One part of a name: no dot among its characters, so that no name leads out of the folder. */
static bool is_part(struct dm_str part)
{
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool other = (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-';
        if (!letter && !(other && i > 0))
            return false;
    }
    return part.n > 0;
}

/* Names of zones begin with a capital; what else lies there (posix/, right/, localtime, lists) does not. */
static bool is_name(struct dm_str name)
{
    struct dm_str part;
    if (name.n == 0 || name.n > DM_TIMEZONE_BYTES_MAX || name.p[0] < 'A' || name.p[0] > 'Z')
        return false;
    while (dm_str_next(&name, '/', &part))
        if (!is_part(part))
            return false;
    return true;
}

bool dm_timezone_database(void)
{
    return access(DATABASE, X_OK) == 0;
}

bool dm_timezone_exists(struct dm_str name)
{
    char path[sizeof(DATABASE) + DM_TIMEZONE_BYTES_MAX];
    char begin[sizeof(MAGIC) - 1];
    if (!is_name(name))
        return false;
    snprintf(path, sizeof(path), DATABASE "%.*s", DM_STR_ARG(name));
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return !dm_timezone_database();
    bool compiled =
        fread(begin, sizeof(begin), 1, file) == 1 && memcmp(begin, MAGIC, sizeof(begin)) == 0;
    fclose(file);
    return compiled;
}

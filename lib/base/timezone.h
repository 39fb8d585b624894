/* Names of time zones, as this machine's copy of the IANA database (Debian: tzdata) has them. */
#ifndef DM_BASE_TIMEZONE_H
#define DM_BASE_TIMEZONE_H

#include <stdbool.h>

#include "base/str.h"

/* Longer than any name there is. */
#define DM_TIMEZONE_BYTES_MAX 64

/* "Europe/Berlin", "UTC", to the letter. Asks the file system. On a machine without the database every name of the right form is one. */
bool dm_timezone_exists(struct dm_str name);
/* Is there a database on this machine? */
bool dm_timezone_database(void);

#endif

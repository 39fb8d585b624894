/* Shared by pg.c and pg_value.c. For no one else. */
#ifndef DM_STORE_PG_INTERNAL_H
#define DM_STORE_PG_INTERNAL_H

#include "store/pg.h"

/* The text of a parameter that the arena had no room for: by its address it differs from absent, which is NULL in SQL. */
extern const char dm_pg_no_room[];

#endif

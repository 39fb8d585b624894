/*
 * A domain for suites that need the real database: pools, keys and settings as a program makes them, against the
 * database that DM_TEST_CONNINFO names, with the schema deployed. Statements of the domain run as digitalme_api, so that
 * missing grants show; what a test looks up or sets for itself runs as digitalme_owner.
 */
#ifndef DM_TESTS_WORLD_H
#define DM_TESTS_WORLD_H

#include "base/arena.h"
#include "base/ctx.h"
#include "domain/domain.h"

struct dm_world {
    struct dm_settings settings;
    struct dm_domain domain;
    struct dm_pg *owner;
    struct dm_arena *arena;
    struct dm_ctx ctx; /* of the test's own thread */
    char key_dir[64];
};

/* The suites of this layer that need the database can run. */
bool dm_world_available(void);
/* Failures are fatal assertions of the running test. */
void dm_world_open(struct dm_world *world);
void dm_world_close(struct dm_world *world);
/* A context of its own deadline, for one call. The arena is the caller's. */
struct dm_ctx dm_world_ctx(struct dm_arena *arena);
/* One cell of one row, as the owner, from SQL with one parameter, name and sql static constants; absent when there is no row. Lives in the arena. */
struct dm_str dm_world_ask(struct dm_world *world, const char *name, const char *sql,
                           struct dm_str param);
/* Run a statement without rows, as the owner. */
void dm_world_do(struct dm_world *world, const char *name, const char *sql, struct dm_str param);
/* A new signing key as NAME.pem in a new folder; *ret_dir ends in NUL. */
void dm_world_make_keys(char *ret_dir, size_t size);
void dm_world_drop_keys(const char *dir);

#endif

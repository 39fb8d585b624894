/*
 * What the store suites share: a context, pools on the private servers that the environment names,
 * and a wait for a condition.
 *   DM_TEST_CONNINFO  PostgreSQL on a unix socket (host=/…), the schema deployed, role
 *     digitalme_api
 *   DM_TEST_REDIS     "unix:/path"
 */
#ifndef DM_TESTS_STORE_FIXTURE_H
#define DM_TESTS_STORE_FIXTURE_H

#include "store/kv.h"
#include "store/pg.h"

/* NULL when not set: then the suites that need it cannot run. */
const char *dm_test_conninfo(void);
const char *dm_test_redis(void);

/* A context of its own memory whose deadline is timeout_ms from now. */
void dm_test_ctx_init(struct dm_ctx *ctx, int64_t timeout_ms);
void dm_test_ctx_done(struct dm_ctx *ctx);
void dm_test_ctx_deadline(struct dm_ctx *ctx, int64_t timeout_ms);

struct dm_pg_options dm_test_pg_options(unsigned connections);
struct dm_pg *dm_test_pg_open(unsigned connections);
struct dm_kv *dm_test_kv_open(unsigned connections);

/* Ask again until it is true, at most 5 seconds; false when it never was. */
bool dm_test_until(bool (*is_true)(void *arg), void *arg);

/*
 * End every other connection of this application name, as a killed client or a restarted server
 * would; how many there were.
 */
int64_t dm_test_pg_kill(struct dm_pg *other, const char *application_name);

#endif

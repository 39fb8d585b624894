/*
 * PostgreSQL: a bounded pool of connections, statements that are named constants, transactions. The only user of libpq. A breaker stands
 * round the whole: while the database is down, callers learn it at once (DM_E_UNAVAILABLE).
 *
 * Results are copied to the context's arena; no PGresult leaves pg.c. Every wait ends at ctx->deadline_ms: when a statement
 * runs longer its connection is dropped, at which the server ends it within a second, and DM_E_TIMEOUT returned.
 */
#ifndef DM_STORE_PG_H
#define DM_STORE_PG_H

#include "base/breaker.h"
#include "base/ctx.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"

struct dm_pg;      /* the pool; shared by all threads */
struct dm_pg_conn; /* one connection, lent to one thread */

struct dm_pg_options {
    const char *conninfo;      /* libpq connection string, may name several hosts; borrowed */
    struct dm_secret password; /* added to conninfo when given */
    const char *application_name;
    unsigned connections;
    int64_t connect_timeout_ms;
    int64_t max_wait_ms; /* for a connection of the pool */
};

/* How many rows a statement gives. Anything else is DM_E_INTERNAL, except that ONE without a row is DM_E_NOTFOUND. */
enum dm_pg_rows { DM_PG_NONE = 1, DM_PG_ONE, DM_PG_MANY };

#define DM_PG_PARAMS_MAX 32

/* A statement: a static constant beside the one function that runs it; prepared once a connection under its name. */
struct dm_pg_stmt {
    const char *name; /* unique, at most 63 bytes: "profile_by_id" */
    const char *sql;  /* $1 … $n */
    unsigned n_params;
    enum dm_pg_rows rows;
};

/* A parameter in text form; absent is NULL. Made by dm_pg_text … below. */
struct dm_pg_param {
    struct dm_str text;
};

/* Rows of text cells, in the arena; a NULL cell is absent. Every cell is also NUL-terminated. */
struct dm_pg_result {
    size_t n_rows, n_columns;
    struct dm_str *cells; /* row by row */
    size_t affected;      /* rows an INSERT, UPDATE or DELETE touched */
};

/*
 * DM_E_INVALID: conninfo is no connection string, or holds a password, in either of libpq's forms. conninfo is printed and logged, so a
 * password has its own place.
 */
DM_MUST_CHECK enum dm_result dm_pg_conninfo_check(const char *conninfo, struct dm_err *err);

/*
 * Open the pool. Connections are made on first use, so a database that is down does not stop the start. NULL when out of memory.
 * Caller frees with dm_pg_close, when no connection is lent.
 */
struct dm_pg *dm_pg_open(const struct dm_pg_options *options);
void dm_pg_close(struct dm_pg *pg); /* NULL allowed */

/*
 * Run one statement on a connection of the pool, in a transaction of its own. params: stmt->n_params of them. ret_result may be NULL here and
 * in dm_pg_exec. The server's errors: a unique violation or a lock not to be had is CONFLICT, a foreign key NOTFOUND, another constraint
 * or a value out of its type INVALID, each with the constraint's name (31 bytes of it) in err.rule; deadlock, shutdown and lack of resources
 * UNAVAILABLE; the rest INTERNAL.
 */
DM_MUST_CHECK enum dm_result dm_pg_run(struct dm_pg *pg, struct dm_ctx *ctx,
                                       const struct dm_pg_stmt *stmt,
                                       const struct dm_pg_param *params,
                                       struct dm_pg_result *ret_result);

/*
 * A transaction (READ COMMITTED). After dm_pg_begin succeeded exactly one of commit and rollback must follow, which gives the
 * connection back whatever it returns. Rollback needs no result: what is not committed is gone.
 */
DM_MUST_CHECK enum dm_result dm_pg_begin(struct dm_pg *pg, struct dm_ctx *ctx,
                                         struct dm_pg_conn **ret_conn);
/* The same, read only, and every statement sees the database as it was at the first one (REPEATABLE READ). */
DM_MUST_CHECK enum dm_result dm_pg_begin_snapshot(struct dm_pg *pg, struct dm_ctx *ctx,
                                                  struct dm_pg_conn **ret_conn);
DM_MUST_CHECK enum dm_result dm_pg_exec(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                        const struct dm_pg_stmt *stmt,
                                        const struct dm_pg_param *params,
                                        struct dm_pg_result *ret_result);
DM_MUST_CHECK enum dm_result dm_pg_commit(struct dm_pg_conn *conn, struct dm_ctx *ctx);
void dm_pg_rollback(struct dm_pg_conn *conn, struct dm_ctx *ctx);
/* commit when result is DM_OK (and return commit's result), else rollback and return result. */
DM_MUST_CHECK enum dm_result dm_pg_end(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                       enum dm_result result);

/*
 * A connection outside the pool that listens on a channel (LISTEN). channel: a static constant, at most 63 bytes. Wait returns DM_OK on a
 * notification, or when it has connected anew (what was notified before went unheard: look); DM_E_TIMEOUT when timeout_ms (0 or more) passed or
 * wake_fd became readable; DM_E_UNAVAILABLE when the connection is lost or cannot be made (after up to a second, so a loop does not spin; the
 * next call tries again).
 */
struct dm_pg_listener;
struct dm_pg_listener *dm_pg_listener_open(const struct dm_pg_options *options,
                                           const char *channel);
void dm_pg_listener_close(struct dm_pg_listener *listener); /* NULL allowed */
DM_MUST_CHECK enum dm_result dm_pg_listener_wait(struct dm_pg_listener *listener, int timeout_ms,
                                                 int wake_fd, struct dm_err *err);

/* SELECT 1 within the deadline. */
DM_MUST_CHECK enum dm_result dm_pg_ping(struct dm_pg *pg, struct dm_ctx *ctx);
enum dm_breaker_state dm_pg_breaker(const struct dm_pg *pg);
unsigned dm_pg_in_use(const struct dm_pg *pg); /* connections lent */

/* Parameters. Those that format write into the arena; when it is full, the statement fails with NOMEM. */
struct dm_pg_param dm_pg_text(struct dm_str s);
struct dm_pg_param dm_pg_int(struct dm_ctx *ctx, int64_t v);
struct dm_pg_param dm_pg_num(struct dm_ctx *ctx, double v);
struct dm_pg_param dm_pg_bool(bool v);
struct dm_pg_param dm_pg_time(struct dm_ctx *ctx, int64_t wall_ms);
struct dm_pg_param dm_pg_opt_int(struct dm_ctx *ctx, struct dm_opt_int v);
struct dm_pg_param dm_pg_opt_num(struct dm_ctx *ctx, struct dm_opt_num v);
struct dm_pg_param dm_pg_opt_bool(struct dm_opt_bool v);
struct dm_pg_param dm_pg_opt_time(struct dm_ctx *ctx, struct dm_opt_time v);

/*
 * Cells. Times are timestamptz columns as PostgreSQL writes them. A cell that does not read gives 0, false or unset: the schema's types make
 * that impossible.
 */
struct dm_str dm_pg_cell(const struct dm_pg_result *result, size_t row, size_t column);
int64_t dm_pg_cell_int(const struct dm_pg_result *result, size_t row, size_t column);
double dm_pg_cell_num(const struct dm_pg_result *result, size_t row, size_t column);
bool dm_pg_cell_bool(const struct dm_pg_result *result, size_t row, size_t column);
struct dm_opt_int dm_pg_cell_opt_int(const struct dm_pg_result *result, size_t row, size_t column);
struct dm_opt_num dm_pg_cell_opt_num(const struct dm_pg_result *result, size_t row, size_t column);
struct dm_opt_time dm_pg_cell_opt_time(const struct dm_pg_result *result, size_t row,
                                       size_t column);

#endif

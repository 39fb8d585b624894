/*
 * Every statement's way to PostgreSQL: the stores above name a constant and its parameters, and get
 * rows in the arena back. libpq is used in its asynchronous form throughout, because only so can
 * each wait end at the deadline.
 */
#include "store/pg.h"

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>

#include "base/clock.h"
#include "base/pool.h"
#include "store/pg_internal.h"

#define FAILURES_TO_OPEN 5
#define OPEN_MS 1000
/* A rollback is given this long after the deadline too: on a healthy connection it takes far less
 * than a new connection would. */
#define ROLLBACK_MS 200
/* Likewise to learn, after a statement that got no reply in time, whether the server still hears. */
#define HEAR_MS 500
/* Power of two, well above the number of statements. */
#define PREPARED_SLOTS 512
/* How long a listener that cannot connect keeps its caller, so that a loop round it does not spin.
 */
#define LISTENER_PAUSE_MS 1000

struct dm_pg_conn {
    struct dm_pg *pg;
    PGconn *pq; /* NULL: not connected */
    bool renew; /* works, but must not be lent again */
    unsigned n_prepared;
    const struct dm_pg_stmt
        *prepared[PREPARED_SLOTS]; /* open addressing, by the statement's address */
};

struct dm_pg {
    struct dm_pg_options options;
    char *password; /* NUL-terminated copy, or NULL */
    struct dm_breaker breaker;
    struct dm_pool *pool;
    struct dm_pg_conn conns[];
};

struct dm_pg_listener {
    struct dm_pg_options options;
    char *password;
    const char *channel;
    PGconn *pq;
};

/* What became of a message to the server. */
enum outcome {
    REPLIED,
    LOST, /* the connection broke: whether it was carried out is not known */
    TIMED_OUT,
};

/* Connections */

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static enum dm_result unavailable(struct dm_err *err, const char *what, const char *why)
{
    /* libpq's messages may have several lines; the first says it. */
    enum dm_result r =
        dm_err_set(err, DM_E_UNAVAILABLE, "%s: %.*s", what, (int)strcspn(why, "\n"), why);
    if (err)
        err->retry_after_s = 1;
    return r;
}

/* A copy that ends in NUL, as libpq wants it; NULL when there is none. False when out of memory. */
static bool copy_password(struct dm_secret password, char **ret_copy)
{
    if (!password.p)
        return true;
    char *copy = calloc(1, password.n + 1);
    if (!copy)
        return false;
    memcpy(copy, password.p, password.n);
    *ret_copy = copy;
    return true;
}

static void free_password(char *password)
{
    if (!password)
        return;
    dm_secret_wipe(password, strlen(password));
    free(password);
}

static PGconn *start_connect(const struct dm_pg_options *options, const char *password)
{
    char timeout_ms[24];
    snprintf(timeout_ms, sizeof(timeout_ms), "%lld", (long long)options->connect_timeout_ms);
    /* What stands before dbname may be changed by conninfo; what stands after it may not. */
    const char *const names[] = {
        "tcp_user_timeout", "gssencmode", "application_name",           "dbname",
        "client_encoding",  "options",    password ? "password" : NULL, NULL};
    const char *const values[] = {timeout_ms,
                                  "disable",
                                  options->application_name,
                                  options->conninfo,
                                  "UTF8",
                                  "-c client_min_messages=warning -c timezone=UTC -c datestyle=ISO "
                                  "-c default_transaction_isolation=read\\ committed "
                                  "-c client_connection_check_interval=1s",
                                  password,
                                  NULL};
    return PQconnectStartParams(names, values, 1);
}

static bool finish_connect(PGconn *pq, int64_t deadline_ms)
{
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want != PGRES_POLLING_OK) {
        int left_ms = dm_clock_left_ms(deadline_ms);
        if (want == PGRES_POLLING_FAILED || left_ms == 0)
            return false;
        struct pollfd fd = {.fd = PQsocket(pq),
                            .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        if (poll(&fd, 1, left_ms) > 0)
            want = PQconnectPoll(pq);
    }
    return PQsetnonblocking(pq, 1) == 0;
}

static enum dm_result open_connection(const struct dm_pg_options *options, const char *password,
                                      int64_t deadline_ms, struct dm_err *err, PGconn **ret_pq)
{
    int64_t own_deadline_ms = dm_clock_monotonic_ms() + options->connect_timeout_ms;
    PGconn *pq = start_connect(options, password);
    if (!pq)
        return dm_err_set(err, DM_E_NOMEM, "no memory for a connection");
    PQsetNoticeReceiver(pq, ignore_notice, NULL);
    if (PQstatus(pq) == CONNECTION_BAD ||
        !finish_connect(pq, own_deadline_ms < deadline_ms ? own_deadline_ms : deadline_ms)) {
        const char *why = PQerrorMessage(pq);
        enum dm_result r =
            unavailable(err, "cannot connect to PostgreSQL", *why ? why : "no answer in time");
        PQfinish(pq);
        return r;
    }
    *ret_pq = pq;
    return DM_OK;
}

static void drop(struct dm_pg_conn *conn)
{
    PQfinish(conn->pq);
    conn->pq = NULL;
    conn->renew = false;
    conn->n_prepared = 0;
    memset(conn->prepared, 0, sizeof(conn->prepared));
}

/* An idle connection hears nothing; what it hears is the server's farewell, or its silence for
 * ever. */
static bool is_stale(PGconn *pq)
{
    struct pollfd fd = {.fd = PQsocket(pq), .events = POLLIN};
    return poll(&fd, 1, 0) != 0;
}

static enum dm_result breaker_open(struct dm_pg *pg, struct dm_ctx *ctx)
{
    enum dm_result r =
        dm_err_set(&ctx->err, DM_E_UNAVAILABLE, "PostgreSQL is down, not asked again for a while");
    ctx->err.retry_after_s = dm_breaker_retry_after_s(&pg->breaker);
    return r;
}

static enum dm_result deadline_passed(struct dm_ctx *ctx, const char *what)
{
    return dm_err_set(&ctx->err, DM_E_TIMEOUT, "the deadline passed at %s", what);
}

/* Give a connection back to the pool, closed when it is not fit for the next user. */
static void give_back(struct dm_pg_conn *conn)
{
    if (conn->pq && (conn->renew || PQstatus(conn->pq) != CONNECTION_OK ||
                     PQtransactionStatus(conn->pq) != PQTRANS_IDLE))
        drop(conn);
    dm_pool_give(conn->pg->pool, conn);
}

/* A working connection. The breaker has allowed the try: the caller's next step reports to it. */
static enum dm_result lend(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_pg_conn **ret_conn)
{
    /* Asked before the wait for the pool: while the database hangs, its connections are all out. */
    if (dm_breaker_state(&pg->breaker) == DM_BREAKER_OPEN)
        return breaker_open(pg, ctx);
    if (dm_clock_left_ms(ctx->deadline_ms) == 0)
        return deadline_passed(ctx, "the start");
    void *item = NULL;
    enum dm_result r = dm_pool_take(pg->pool, ctx->deadline_ms, &ctx->err, &item);
    if (r != DM_OK)
        return r;
    struct dm_pg_conn *conn = item;
    if (!dm_breaker_allow(&pg->breaker)) {
        give_back(conn);
        return breaker_open(pg, ctx);
    }
    if (conn->pq && is_stale(conn->pq))
        drop(conn);
    if (!conn->pq) {
        r = open_connection(&pg->options, pg->password, ctx->deadline_ms, &ctx->err, &conn->pq);
        if (r != DM_OK) {
            dm_breaker_failure(&pg->breaker);
            give_back(conn);
            return r;
        }
    }
    *ret_conn = conn;
    return DM_OK;
}

/* One message and its reply */

static enum outcome await_reply(PGconn *pq, int64_t deadline_ms)
{
    for (;;) {
        int unsent = PQflush(pq);
        if (unsent < 0)
            return LOST;
        if (unsent == 0 && !PQisBusy(pq))
            return REPLIED;
        struct pollfd fd = {.fd = PQsocket(pq),
                            .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)};
        int left_ms = dm_clock_left_ms(deadline_ms);
        int n = left_ms > 0 ? poll(&fd, 1, left_ms) : 0;
        if (n == 0)
            return TIMED_OUT;
        if (n < 0 && errno != EINTR)
            return LOST;
        if (n > 0 && !PQconsumeInput(pq))
            return LOST;
    }
}

/* The reply's one result, all of it read. Caller frees *ret_result with PQclear. */
static enum outcome read_reply(PGconn *pq, int64_t deadline_ms, PGresult **ret_result)
{
    PGresult *result = NULL;
    enum outcome end;
    while ((end = await_reply(pq, deadline_ms)) == REPLIED) {
        PGresult *next = PQgetResult(pq);
        if (!next)
            break;
        PQclear(result);
        result = next;
    }
    if (end == REPLIED && (!result || PQstatus(pq) != CONNECTION_OK))
        end = LOST;
    if (end == REPLIED)
        *ret_result = result;
    else
        PQclear(result);
    return end;
}

/* Does the server take a connection? PQcancel would tell too, but it waits for ever on one that
 * stands still. */
static bool hears(const struct dm_pg *pg)
{
    PGconn *pq = NULL;
    bool heard = open_connection(&pg->options, pg->password, dm_clock_monotonic_ms() + HEAR_MS,
                                 NULL, &pq) == DM_OK;
    PQfinish(pq);
    return heard;
}

/* Read the reply to what was sent. In all cases but DM_OK the connection is closed. */
static enum dm_result receive(struct dm_pg_conn *conn, struct dm_ctx *ctx, int64_t deadline_ms,
                              const char *what, PGresult **ret_result)
{
    switch (read_reply(conn->pq, deadline_ms, ret_result)) {
    case REPLIED:
        dm_breaker_success(&conn->pg->breaker);
        return DM_OK;
    case TIMED_OUT:
        /* The server ends the statement when it sees that the connection is closed. A slow one is
         * no sign that the database is down, a server that does not hear is. */
        drop(conn);
        if (hears(conn->pg))
            dm_breaker_success(&conn->pg->breaker);
        else
            dm_breaker_failure(&conn->pg->breaker);
        return deadline_passed(ctx, what);
    case LOST:
        break;
    }
    dm_breaker_failure(&conn->pg->breaker);
    drop(conn);
    return unavailable(&ctx->err, what, "the connection was lost");
}

/* A message could not even be sent. */
static enum dm_result not_sent(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *what)
{
    enum dm_result r = unavailable(&ctx->err, what, PQerrorMessage(conn->pq));
    dm_breaker_failure(&conn->pg->breaker);
    drop(conn);
    return r;
}

/* Errors of the server */

/* By SQLSTATE or its first characters (PostgreSQL, appendix A); the first that fits counts. */
static const struct sqlstate {
    const char *prefix;
    enum dm_result result;
    bool renew; /* another connection may fare better */
    const char *text;
} sqlstates[] = {
    {"23505", DM_E_CONFLICT, false, "it clashes with what is stored"},
    {"23503", DM_E_NOTFOUND, false, "what it refers to is not there"},
    {"23", DM_E_INVALID, false, "a value breaks a rule of the stored data"},
    {"22", DM_E_INVALID, false, "a value cannot be stored"},
    {"55P03", DM_E_CONFLICT, false, "it is being changed by another request"},
    {"57014", DM_E_TIMEOUT, false, "the statement was cancelled"},
    {"40001", DM_E_UNAVAILABLE, false, "serialization failure"},
    {"40P01", DM_E_UNAVAILABLE, false, "deadlock"},
    {"25006", DM_E_UNAVAILABLE, true, "the server is read-only"},
    {"25P03", DM_E_UNAVAILABLE, true, "the transaction was idle too long"},
    {"57P", DM_E_UNAVAILABLE, true, "the server is going down or starting"},
    {"08", DM_E_UNAVAILABLE, true, "the connection failed"},
    {"53", DM_E_UNAVAILABLE, false, "the server is out of resources"},
    /* The schema has changed under a prepared statement, or it is gone. */
    {"0A000", DM_E_UNAVAILABLE, true, "the statement must be prepared anew"},
    {"26000", DM_E_UNAVAILABLE, true, "the statement must be prepared anew"},
};

static const struct sqlstate *find_sqlstate(const char *state)
{
    for (size_t i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++)
        if (strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
            return &sqlstates[i];
    return NULL;
}

static const char *error_field(const PGresult *result, int field)
{
    const char *text = PQresultErrorField(result, field);
    return text ? text : "";
}

/* Words for a result that says no. Never the message's detail: it quotes values. */
static enum dm_result server_error(struct dm_pg_conn *conn, struct dm_ctx *ctx, const char *what,
                                   const PGresult *result)
{
    const char *state = error_field(result, PG_DIAG_SQLSTATE);
    const struct sqlstate *known = find_sqlstate(state);
    if (!known)
        return dm_err_set(&ctx->err, DM_E_INTERNAL, "%s: SQLSTATE %s: %s", what, state,
                          error_field(result, PG_DIAG_MESSAGE_PRIMARY));
    conn->renew = conn->renew || known->renew;
    switch (known->result) {
    case DM_E_TIMEOUT:
        return dm_err_set(&ctx->err, DM_E_TIMEOUT, "%s: SQLSTATE %s: %s", what, state, known->text);
    case DM_E_UNAVAILABLE:
        dm_err_set(&ctx->err, DM_E_UNAVAILABLE, "%s: SQLSTATE %s: %s", what, state, known->text);
        ctx->err.retry_after_s = 1;
        return DM_E_UNAVAILABLE;
    default:
        /* Shown to the caller: no names but the constraint's, by which the domain tells which. */
        dm_err_set(&ctx->err, known->result, "%s", known->text);
        snprintf(ctx->err.rule, sizeof(ctx->err.rule), "%s",
                 error_field(result, PG_DIAG_CONSTRAINT_NAME));
        return known->result;
    }
}

static bool is_ok(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Statements */

static const struct dm_pg_stmt **prepared_slot(struct dm_pg_conn *conn,
                                               const struct dm_pg_stmt *stmt)
{
    /* Neighbours in memory land in neighbouring slots. */
    size_t i = ((uintptr_t)stmt / sizeof(*stmt)) & (PREPARED_SLOTS - 1);
    while (conn->prepared[i] && conn->prepared[i] != stmt)
        i = (i + 1) & (PREPARED_SLOTS - 1);
    return &conn->prepared[i];
}

static enum dm_result prepare(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                              const struct dm_pg_stmt *stmt)
{
    const struct dm_pg_stmt **slot = prepared_slot(conn, stmt);
    if (*slot)
        return DM_OK;
    assert(conn->n_prepared < PREPARED_SLOTS - 1);
    if (!PQsendPrepare(conn->pq, stmt->name, stmt->sql, (int)stmt->n_params, NULL))
        return not_sent(conn, ctx, stmt->name);
    PGresult *result = NULL;
    enum dm_result r = receive(conn, ctx, ctx->deadline_ms, stmt->name, &result);
    if (r != DM_OK)
        return r;
    if (is_ok(result)) {
        *slot = stmt;
        conn->n_prepared++;
    } else {
        r = server_error(conn, ctx, stmt->name, result);
    }
    PQclear(result);
    return r;
}

/* libpq takes texts that end in NUL, and ours need not: all are copied to one piece of the arena.
 */
static enum dm_result copy_params(struct dm_ctx *ctx, const struct dm_pg_stmt *stmt,
                                  const struct dm_pg_param *params,
                                  const char *ret_values[DM_PG_PARAMS_MAX])
{
    assert(stmt->n_params <= DM_PG_PARAMS_MAX);
    size_t bytes = 0;
    for (unsigned i = 0; i < stmt->n_params; i++) {
        struct dm_str text = params[i].text;
        if (text.p == dm_pg_no_room)
            return dm_ctx_nomem(ctx);
        if (text.n > 0 && memchr(text.p, '\0', text.n))
            return dm_err_set(&ctx->err, DM_E_INVALID, "a text contains U+0000");
        bytes += text.n + 1;
    }
    char *to = dm_arena_alloc(ctx->arena, bytes);
    if (!to)
        return dm_ctx_nomem(ctx);
    for (unsigned i = 0; i < stmt->n_params; i++) {
        struct dm_str text = params[i].text;
        ret_values[i] = text.p ? to : NULL;
        if (text.n > 0)
            memcpy(to, text.p, text.n);
        to += text.n + 1;
    }
    return DM_OK;
}

static enum dm_result copy_rows(struct dm_ctx *ctx, const PGresult *from, struct dm_pg_result *to)
{
    int n_rows = PQntuples(from), n_columns = PQnfields(from);
    to->n_rows = (size_t)n_rows;
    to->n_columns = (size_t)n_columns;
    size_t bytes = 0;
    for (int row = 0; row < n_rows; row++)
        for (int column = 0; column < n_columns; column++)
            bytes += (size_t)PQgetlength(from, row, column) + 1;
    to->cells = dm_arena_array(ctx->arena, to->n_rows * to->n_columns, sizeof(*to->cells));
    char *text = dm_arena_alloc(ctx->arena, bytes);
    if (!to->cells || !text)
        return dm_ctx_nomem(ctx);
    struct dm_str *cell = to->cells;
    for (int row = 0; row < n_rows; row++) {
        for (int column = 0; column < n_columns; column++, cell++) {
            if (PQgetisnull(from, row, column))
                continue;
            cell->p = text;
            cell->n = (size_t)PQgetlength(from, row, column);
            memcpy(text, PQgetvalue(from, row, column), cell->n);
            text += cell->n + 1;
        }
    }
    return DM_OK;
}

static enum dm_result take_result(struct dm_ctx *ctx, const struct dm_pg_stmt *stmt, PGresult *from,
                                  struct dm_pg_result *ret_result)
{
    int n_rows = PQntuples(from);
    if (stmt->rows == DM_PG_ONE && n_rows == 0)
        return dm_err_set(&ctx->err, DM_E_NOTFOUND, "there is no such thing");
    if (stmt->rows != DM_PG_MANY && n_rows != (stmt->rows == DM_PG_ONE ? 1 : 0))
        return dm_err_set(&ctx->err, DM_E_INTERNAL, "%s: gave %d rows", stmt->name, n_rows);
    if (!ret_result)
        return DM_OK;
    struct dm_pg_result to = {0};
    enum dm_result r = copy_rows(ctx, from, &to);
    if (r != DM_OK)
        return r;
    int64_t affected = 0;
    if (dm_str_to_int(dm_str_from(PQcmdTuples(from)), 0, INT64_MAX, &affected))
        to.affected = (size_t)affected;
    *ret_result = to;
    return DM_OK;
}

/* Every path reports to the breaker. */
static enum dm_result execute(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                              const struct dm_pg_stmt *stmt, const char *const *values,
                              struct dm_pg_result *ret_result)
{
    enum dm_result r = prepare(conn, ctx, stmt);
    if (r != DM_OK)
        return r;
    if (!PQsendQueryPrepared(conn->pq, stmt->name, (int)stmt->n_params, values, NULL, NULL, 0))
        return not_sent(conn, ctx, stmt->name);
    PGresult *result = NULL;
    r = receive(conn, ctx, ctx->deadline_ms, stmt->name, &result);
    if (r != DM_OK)
        return r;
    r = is_ok(result) ? take_result(ctx, stmt, result, ret_result)
                      : server_error(conn, ctx, stmt->name, result);
    PQclear(result);
    return r;
}

enum dm_result dm_pg_run(struct dm_pg *pg, struct dm_ctx *ctx, const struct dm_pg_stmt *stmt,
                         const struct dm_pg_param *params, struct dm_pg_result *ret_result)
{
    const char *values[DM_PG_PARAMS_MAX];
    struct dm_pg_conn *conn = NULL;
    enum dm_result r = copy_params(ctx, stmt, params, values);
    if (r == DM_OK)
        r = lend(pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = execute(conn, ctx, stmt, values, ret_result);
    give_back(conn);
    return r;
}

/* Transactions */

/* A command without parameters or rows; its tag must be the one given. */
static enum dm_result command(struct dm_pg_conn *conn, struct dm_ctx *ctx, int64_t deadline_ms,
                              const char *sql)
{
    if (!PQsendQuery(conn->pq, sql))
        return not_sent(conn, ctx, sql);
    PGresult *result = NULL;
    enum dm_result r = receive(conn, ctx, deadline_ms, sql, &result);
    if (r != DM_OK)
        return r;
    if (!is_ok(result))
        r = server_error(conn, ctx, sql, result);
    else if (strcmp(PQcmdStatus(result), sql) != 0) /* COMMIT answered by ROLLBACK */
        r = dm_err_set(&ctx->err, DM_E_INTERNAL, "%s: the server did %s", sql, PQcmdStatus(result));
    PQclear(result);
    return r;
}

enum dm_result dm_pg_begin(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_pg_conn **ret_conn)
{
    struct dm_pg_conn *conn = NULL;
    enum dm_result r = lend(pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = command(conn, ctx, ctx->deadline_ms, "BEGIN");
    if (r != DM_OK) {
        give_back(conn);
        return r;
    }
    *ret_conn = conn;
    return DM_OK;
}

enum dm_result dm_pg_begin_snapshot(struct dm_pg *pg, struct dm_ctx *ctx,
                                    struct dm_pg_conn **ret_conn)
{
    static const struct dm_pg_stmt snapshot = {
        .name = "pg_snapshot",
        .sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        .n_params = 0,
        .rows = DM_PG_NONE,
    };
    struct dm_pg_conn *conn = NULL;
    enum dm_result r = dm_pg_begin(pg, ctx, &conn);
    if (r == DM_OK)
        r = dm_pg_exec(conn, ctx, &snapshot, NULL, NULL);
    if (r != DM_OK) {
        if (conn != NULL)
            dm_pg_rollback(conn, ctx);
        return r;
    }
    *ret_conn = conn;
    return DM_OK;
}

enum dm_result dm_pg_exec(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                          const struct dm_pg_stmt *stmt, const struct dm_pg_param *params,
                          struct dm_pg_result *ret_result)
{
    if (!conn->pq)
        return unavailable(&ctx->err, stmt->name, "the transaction's connection was lost before");
    if (dm_clock_left_ms(ctx->deadline_ms) == 0)
        return deadline_passed(ctx, stmt->name);
    const char *values[DM_PG_PARAMS_MAX];
    enum dm_result r = copy_params(ctx, stmt, params, values);
    return r == DM_OK ? execute(conn, ctx, stmt, values, ret_result) : r;
}

enum dm_result dm_pg_commit(struct dm_pg_conn *conn, struct dm_ctx *ctx)
{
    enum dm_result r;
    if (!conn->pq)
        r = unavailable(&ctx->err, "COMMIT", "the transaction's connection was lost before");
    else if (dm_clock_left_ms(ctx->deadline_ms) == 0)
        r = deadline_passed(ctx, "COMMIT");
    else
        r = command(conn, ctx, ctx->deadline_ms, "COMMIT");
    give_back(conn); /* closes it, and so rolls back, when the transaction is still open */
    return r;
}

void dm_pg_rollback(struct dm_pg_conn *conn, struct dm_ctx *ctx)
{
    /* The words of the error that led here must outlive it. */
    struct dm_err err = ctx->err;
    int64_t least_ms = dm_clock_monotonic_ms() + ROLLBACK_MS;
    if (conn->pq && command(conn, ctx, ctx->deadline_ms > least_ms ? ctx->deadline_ms : least_ms,
                            "ROLLBACK") != DM_OK)
        conn->renew = true;
    ctx->err = err;
    give_back(conn);
}

enum dm_result dm_pg_end(struct dm_pg_conn *conn, struct dm_ctx *ctx, enum dm_result result)
{
    if (result == DM_OK)
        return dm_pg_commit(conn, ctx);
    dm_pg_rollback(conn, ctx);
    return result;
}

/* The pool's life */

enum dm_result dm_pg_conninfo_check(const char *conninfo, struct dm_err *err)
{
    /* libpq's own words about a string it cannot read may quote the password. */
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    if (!options)
        return dm_err_set(err, DM_E_INVALID, "not a connection string of libpq's");
    bool holds_password = false;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (option->val && (strcmp(option->keyword, "password") == 0 ||
                            strcmp(option->keyword, "sslpassword") == 0))
            holds_password = true;
    PQconninfoFree(options);
    return holds_password ? dm_err_set(err, DM_E_INVALID, "holds a password") : DM_OK;
}

struct dm_pg *dm_pg_open(const struct dm_pg_options *options)
{
    struct dm_pg *pg = calloc(1, sizeof(*pg) + options->connections * sizeof(pg->conns[0]));
    void **items = calloc(options->connections, sizeof(*items));
    if (!pg || !items)
        goto fail;
    pg->options = *options;
    dm_breaker_init(&pg->breaker, FAILURES_TO_OPEN, OPEN_MS);
    for (unsigned i = 0; i < options->connections; i++) {
        pg->conns[i].pg = pg;
        items[i] = &pg->conns[i];
    }
    pg->pool = dm_pool_new(items, options->connections, options->max_wait_ms);
    if (!pg->pool || !copy_password(options->password, &pg->password))
        goto fail;
    free(items);
    return pg;

fail:
    if (pg)
        dm_pool_free(pg->pool);
    free(items);
    free(pg);
    return NULL;
}

void dm_pg_close(struct dm_pg *pg)
{
    if (!pg)
        return;
    for (unsigned i = 0; i < pg->options.connections; i++)
        PQfinish(pg->conns[i].pq);
    dm_pool_free(pg->pool);
    free_password(pg->password);
    free(pg);
}

enum dm_result dm_pg_ping(struct dm_pg *pg, struct dm_ctx *ctx)
{
    static const struct dm_pg_stmt ping = {
        .name = "ping", .sql = "SELECT 1", .n_params = 0, .rows = DM_PG_ONE};
    return dm_pg_run(pg, ctx, &ping, NULL, NULL);
}

enum dm_breaker_state dm_pg_breaker(const struct dm_pg *pg)
{
    return dm_breaker_state(&pg->breaker);
}

unsigned dm_pg_in_use(const struct dm_pg *pg)
{
    return dm_pool_in_use(pg->pool);
}

/* The listener */

struct dm_pg_listener *dm_pg_listener_open(const struct dm_pg_options *options, const char *channel)
{
    struct dm_pg_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return NULL;
    listener->options = *options;
    listener->channel = channel;
    if (!copy_password(options->password, &listener->password)) {
        free(listener);
        return NULL;
    }
    return listener;
}

void dm_pg_listener_close(struct dm_pg_listener *listener)
{
    if (!listener)
        return;
    PQfinish(listener->pq);
    free_password(listener->password);
    free(listener);
}

static void listener_drop(struct dm_pg_listener *listener)
{
    PQfinish(listener->pq);
    listener->pq = NULL;
}

static bool listener_subscribe(struct dm_pg_listener *listener, int64_t deadline_ms)
{
    char sql[128];
    char *name = PQescapeIdentifier(listener->pq, listener->channel, strlen(listener->channel));
    if (!name)
        return false;
    snprintf(sql, sizeof(sql), "LISTEN %s", name);
    PQfreemem(name);
    PGresult *result = NULL;
    if (!PQsendQuery(listener->pq, sql) ||
        read_reply(listener->pq, deadline_ms, &result) != REPLIED)
        return false;
    bool ok = is_ok(result);
    PQclear(result);
    return ok;
}

static enum dm_result listener_connect(struct dm_pg_listener *listener, struct dm_err *err)
{
    int64_t deadline_ms = dm_clock_monotonic_ms() + listener->options.connect_timeout_ms;
    enum dm_result r =
        open_connection(&listener->options, listener->password, deadline_ms, err, &listener->pq);
    if (r != DM_OK)
        return r;
    if (listener_subscribe(listener, deadline_ms))
        return DM_OK;
    listener_drop(listener);
    return unavailable(err, "LISTEN", "the server did not take it");
}

/* All that have come, whatever their number: they say the same. */
static bool listener_heard(PGconn *pq)
{
    bool heard = false;
    PGnotify *note;
    while ((note = PQnotifies(pq)) != NULL) {
        heard = true;
        PQfreemem(note);
    }
    return heard;
}

static enum dm_result listener_poll(struct dm_pg_listener *listener, int64_t deadline_ms,
                                    int wake_fd, struct dm_err *err)
{
    while (!listener_heard(listener->pq)) {
        struct pollfd fds[] = {{.fd = PQsocket(listener->pq), .events = POLLIN},
                               {.fd = wake_fd, .events = POLLIN}};
        int n = poll(fds, 2, dm_clock_left_ms(deadline_ms));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || fds[1].revents)
            return dm_err_set(err, DM_E_TIMEOUT, "no notification");
        if (n < 0 || !PQconsumeInput(listener->pq)) {
            listener_drop(listener);
            return unavailable(err, "LISTEN", "the connection was lost");
        }
    }
    return DM_OK;
}

enum dm_result dm_pg_listener_wait(struct dm_pg_listener *listener, int timeout_ms, int wake_fd,
                                   struct dm_err *err)
{
    if (listener->pq)
        return listener_poll(listener, dm_clock_monotonic_ms() + timeout_ms, wake_fd, err);
    enum dm_result r = listener_connect(listener, err);
    if (r == DM_OK)
        return DM_OK; /* what was notified before went unheard: the caller must look */
    struct pollfd fd = {.fd = wake_fd, .events = POLLIN};
    poll(&fd, 1, timeout_ms < LISTENER_PAUSE_MS ? timeout_ms : LISTENER_PAUSE_MS);
    return r;
}

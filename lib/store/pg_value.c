/*
 * Values on their way to and from a statement: parameters made of C values, C values read from
 * cells. Both are PostgreSQL's text forms; none needs a connection.
 */
#include <assert.h>

#include "base/clock.h"
#include "store/pg_internal.h"

const char dm_pg_no_room[] = "";

/* Parameters */

static struct dm_pg_param made(struct dm_str text)
{
    return (struct dm_pg_param){text.p ? text : (struct dm_str){dm_pg_no_room, 0}};
}

static const struct dm_pg_param null_param = {{NULL, 0}};

struct dm_pg_param dm_pg_text(struct dm_str s)
{
    return (struct dm_pg_param){s};
}

struct dm_pg_param dm_pg_int(struct dm_ctx *ctx, int64_t v)
{
    return made(dm_arena_printf(ctx->arena, "%lld", (long long)v));
}

struct dm_pg_param dm_pg_num(struct dm_ctx *ctx, double v)
{
    return made(dm_arena_printf(ctx->arena, "%.17g", v));
}

struct dm_pg_param dm_pg_bool(bool v)
{
    return dm_pg_text(v ? DM_STR("t") : DM_STR("f"));
}

struct dm_pg_param dm_pg_time(struct dm_ctx *ctx, int64_t wall_ms)
{
    char text[DM_CLOCK_TEXT_MAX];
    dm_clock_format(wall_ms, text);
    return made(dm_arena_str(ctx->arena, dm_str_from(text)));
}

struct dm_pg_param dm_pg_opt_int(struct dm_ctx *ctx, struct dm_opt_int v)
{
    return v.set ? dm_pg_int(ctx, v.v) : null_param;
}

struct dm_pg_param dm_pg_opt_num(struct dm_ctx *ctx, struct dm_opt_num v)
{
    return v.set ? dm_pg_num(ctx, v.v) : null_param;
}

struct dm_pg_param dm_pg_opt_bool(struct dm_opt_bool v)
{
    return v.set ? dm_pg_bool(v.v) : null_param;
}

struct dm_pg_param dm_pg_opt_time(struct dm_ctx *ctx, struct dm_opt_time v)
{
    return v.set ? dm_pg_time(ctx, v.ms) : null_param;
}

/* Cells */

struct dm_str dm_pg_cell(const struct dm_pg_result *result, size_t row, size_t column)
{
    assert(row < result->n_rows && column < result->n_columns);
    return result->cells[row * result->n_columns + column];
}

int64_t dm_pg_cell_int(const struct dm_pg_result *result, size_t row, size_t column)
{
    return dm_pg_cell_opt_int(result, row, column).v;
}

double dm_pg_cell_num(const struct dm_pg_result *result, size_t row, size_t column)
{
    return dm_pg_cell_opt_num(result, row, column).v;
}

bool dm_pg_cell_bool(const struct dm_pg_result *result, size_t row, size_t column)
{
    return dm_str_eq_c(dm_pg_cell(result, row, column), "t");
}

struct dm_opt_int dm_pg_cell_opt_int(const struct dm_pg_result *result, size_t row, size_t column)
{
    struct dm_opt_int v = {0};
    v.set = dm_str_to_int(dm_pg_cell(result, row, column), INT64_MIN, INT64_MAX, &v.v);
    return v;
}

struct dm_opt_num dm_pg_cell_opt_num(const struct dm_pg_result *result, size_t row, size_t column)
{
    struct dm_opt_num v = {0};
    v.set = dm_str_to_num(dm_pg_cell(result, row, column), &v.v);
    return v;
}

/* "2026-01-31 09:30:00.123456+00", which differs from RFC 3339 in two places. */
static struct dm_opt_time read_time(struct dm_str text)
{
    struct dm_opt_time v = {0};
    static const char utc[] = "+00";
    char copy[40];
    size_t n = text.n - (sizeof(utc) - 1);
    if (text.n < sizeof("2026-01-31 09:30:00+00") - 1 || text.n > sizeof(copy) ||
        memcmp(text.p + n, utc, sizeof(utc) - 1) != 0)
        return v;
    memcpy(copy, text.p, n);
    copy[sizeof("2026-01-31") - 1] = 'T';
    copy[n] = 'Z';
    v.set = dm_clock_parse((struct dm_str){copy, n + 1}, &v.ms);
    return v;
}

struct dm_opt_time dm_pg_cell_opt_time(const struct dm_pg_result *result, size_t row, size_t column)
{
    return read_time(dm_pg_cell(result, row, column));
}

/*
 * The words beside a result code. Every layer fills a struct dm_err through these two calls, so
 * that detail is always one bounded sentence and a stale pointer never outlives the error it
 * belonged to.
 */
#include "base/result.h"

#include <stdarg.h>

/* Cut to fit; text may lie in the struct that is written. */
static void put(char *to, size_t size, const char *text)
{
    size_t n = strnlen(text, size - 1);
    memmove(to, text, n);
    to[n] = '\0';
}

static void fill(struct dm_err *err, enum dm_result code, const char *fmt, va_list args)
{
    /* Formatted apart, because an argument may be the detail that is being replaced. */
    char detail[sizeof(err->detail)];
    if (vsnprintf(detail, sizeof(detail), fmt, args) < 0)
        detail[0] = '\0';
    err->code = code;
    put(err->detail, sizeof(err->detail), detail);
    err->retry_after_s = 0;
}

enum dm_result dm_err_set(struct dm_err *err, enum dm_result code, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, fmt);
    fill(err, code, fmt, args);
    va_end(args);
    err->pointer[0] = '\0';
    err->rule[0] = '\0';
    return code;
}

enum dm_result dm_err_set_field(struct dm_err *err, const char *pointer, const char *rule,
                                const char *fmt, ...)
{
    if (err == NULL)
        return DM_E_INVALID;
    va_list args;
    va_start(args, fmt);
    fill(err, DM_E_INVALID, fmt, args);
    va_end(args);
    put(err->pointer, sizeof(err->pointer), pointer);
    put(err->rule, sizeof(err->rule), rule);
    return DM_E_INVALID;
}

const char *dm_result_name(enum dm_result code)
{
    static const char *const names[] = {
        [DM_OK] = "ok",
        [DM_E_SYNTAX] = "syntax",
        [DM_E_INVALID] = "invalid",
        [DM_E_UNAUTHENTICATED] = "unauthenticated",
        [DM_E_DENIED] = "denied",
        [DM_E_NOTFOUND] = "notfound",
        [DM_E_CONFLICT] = "conflict",
        [DM_E_STALE] = "stale",
        [DM_E_TOOBIG] = "toobig",
        [DM_E_LIMITED] = "limited",
        [DM_E_UNAVAILABLE] = "unavailable",
        [DM_E_TIMEOUT] = "timeout",
        [DM_E_NOMEM] = "nomem",
        [DM_E_INTERNAL] = "internal",
    };
    size_t i = (size_t)code;
    return i < sizeof(names) / sizeof(names[0]) ? names[i] : "unknown";
}

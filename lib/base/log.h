/*
 * Structured log: one JSON object a line, to syslog(3) and, in development, to standard error. Field names are those of the OpenTelemetry
 * log data model and semantic conventions. Only the programs log; libraries return. Thread-safe after dm_log_open.
 */
#ifndef DM_BASE_LOG_H
#define DM_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"
#include "base/trace.h"

enum dm_severity { DM_DEBUG = 1, DM_INFO, DM_WARN, DM_ERROR, DM_FATAL };

struct dm_log;

struct dm_log_options {
    const char *program;     /* syslog ident and service.name; borrowed for the log's life */
    const char *instance_id; /* service.instance.id; borrowed */
    enum dm_severity least;  /* lines below are dropped */
    bool to_syslog, to_stderr;
};

/* One attribute. Made by DM_ATTR, which picks the kind from the C type; a struct dm_secret becomes "[redacted]". */
struct dm_log_attr {
    const char *key;
    enum { DM_ATTR_STR = 1, DM_ATTR_INT, DM_ATTR_NUM, DM_ATTR_BOOL } kind;
    struct dm_str str;
    int64_t i;
    double d;
};

struct dm_log_attr dm_log_attr_str(const char *key, struct dm_str v);
struct dm_log_attr dm_log_attr_cstr(const char *key, const char *v);
struct dm_log_attr dm_log_attr_int(const char *key, int64_t v);
struct dm_log_attr dm_log_attr_num(const char *key, double v);
struct dm_log_attr dm_log_attr_bool(const char *key, bool v);
struct dm_log_attr dm_log_attr_secret(const char *key, struct dm_secret v);
#define DM_ATTR(key, v)                                                                            \
    _Generic((v),                                                                                  \
        struct dm_str: dm_log_attr_str,                                                            \
        char *: dm_log_attr_cstr,                                                                  \
        const char *: dm_log_attr_cstr,                                                            \
        double: dm_log_attr_num,                                                                   \
        bool: dm_log_attr_bool,                                                                    \
        struct dm_secret: dm_log_attr_secret,                                                      \
        default: dm_log_attr_int)((key), (v))

/* NULL when out of memory. Caller frees with dm_log_close. */
struct dm_log *dm_log_open(const struct dm_log_options *options);
void dm_log_close(struct dm_log *log); /* NULL allowed */
/* From now on, lines below are dropped. */
void dm_log_set_least(struct dm_log *log, enum dm_severity least);

/*
 * Write one line. trace may be NULL. Attributes with an absent string are left out. A line longer than 8 KiB has its
 * longest texts cut, and says so; it stays one valid JSON object.
 */
void dm_log_write(struct dm_log *log, enum dm_severity severity, const struct dm_trace *trace,
                  const char *body, const struct dm_log_attr *attrs, size_t n_attrs);
/* dm_log(log, DM_INFO, &trace, "request", DM_ATTR("http.route", route), …): at least one attribute. */
#define dm_log(log, severity, trace, body, ...)                                                    \
    dm_log_write((log), (severity), (trace), (body), (const struct dm_log_attr[]){__VA_ARGS__},    \
                 sizeof((const struct dm_log_attr[]){__VA_ARGS__}) / sizeof(struct dm_log_attr))

/* "debug" … "fatal" → severity; 0 when unknown. */
enum dm_severity dm_log_severity_of(struct dm_str name);

#endif

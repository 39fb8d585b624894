/*
 * The end of every walk: the programs say here, in one line each, what happened. A line is built on
 * the stack and leaves in one syslog(3) call or one write(2), so lines of different threads never
 * mix.
 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_write.h"

#define LINE_MAX_BYTES 8192 /* what syslog daemons take by default */

struct dm_log {
    struct dm_log_options options;
    atomic_int least; /* enum dm_severity */
    struct dm_str program;
    struct dm_str instance_id;
};

static const struct {
    const char *name; /* as it is configured */
    const char *text; /* as it is written: OpenTelemetry's short name */
    int priority;     /* syslog's */
} severities[] = {
    [DM_DEBUG] = {"debug", "DEBUG", LOG_DEBUG}, [DM_INFO] = {"info", "INFO", LOG_INFO},
    [DM_WARN] = {"warn", "WARN", LOG_WARNING},  [DM_ERROR] = {"error", "ERROR", LOG_ERR},
    [DM_FATAL] = {"fatal", "FATAL", LOG_CRIT},
};

struct dm_log_attr dm_log_attr_str(const char *key, struct dm_str v)
{
    return (struct dm_log_attr){.key = key, .kind = DM_ATTR_STR, .str = v};
}

struct dm_log_attr dm_log_attr_cstr(const char *key, const char *v)
{
    return dm_log_attr_str(key, dm_str_from(v));
}

struct dm_log_attr dm_log_attr_int(const char *key, int64_t v)
{
    return (struct dm_log_attr){.key = key, .kind = DM_ATTR_INT, .i = v};
}

struct dm_log_attr dm_log_attr_num(const char *key, double v)
{
    return (struct dm_log_attr){.key = key, .kind = DM_ATTR_NUM, .d = v};
}

struct dm_log_attr dm_log_attr_bool(const char *key, bool v)
{
    return (struct dm_log_attr){.key = key, .kind = DM_ATTR_BOOL, .i = v};
}

struct dm_log_attr dm_log_attr_secret(const char *key, struct dm_secret v)
{
    return dm_log_attr_str(key, v.p ? DM_STR("[redacted]") : (struct dm_str){NULL, 0});
}

struct dm_log *dm_log_open(const struct dm_log_options *options)
{
    struct dm_log *log = calloc(1, sizeof(*log));
    if (!log)
        return NULL;
    log->options = *options;
    atomic_init(&log->least, (int)options->least);
    log->program = dm_str_from(options->program);
    log->instance_id = dm_str_from(options->instance_id);
    if (options->to_syslog)
        openlog(options->program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    return log;
}

void dm_log_set_least(struct dm_log *log, enum dm_severity least)
{
    atomic_store_explicit(&log->least, (int)least, memory_order_relaxed);
}

void dm_log_close(struct dm_log *log)
{
    if (!log)
        return;
    if (log->options.to_syslog)
        closelog();
    free(log);
}

/* One line's content, and how much of each text goes in. */
struct line {
    const struct dm_log *log;
    enum dm_severity severity;
    const struct dm_trace *trace;
    int64_t wall_ms;
    struct dm_str body;
    const struct dm_log_attr *attrs;
    size_t n_attrs;
    size_t text_max; /* bytes of a text */
    bool truncated;
};

/* At most max bytes of s, never ending within a UTF-8 sequence. */
static struct dm_str cut(struct dm_str s, size_t max)
{
    if (s.n <= max)
        return s;
    size_t n = max;
    while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    return (struct dm_str){s.p, n};
}

static void write_text(struct dm_json_writer *w, const char *name, struct dm_str s, size_t max)
{
    if (!s.p)
        return;
    dm_json_name(w, name);
    dm_json_string(w, cut(s, max));
}

static void write_attr(struct dm_json_writer *w, const struct dm_log_attr *attr, size_t text_max)
{
    if (attr->kind == DM_ATTR_STR) {
        write_text(w, attr->key, attr->str, text_max);
        return;
    }
    dm_json_name(w, attr->key);
    if (attr->kind == DM_ATTR_INT)
        dm_json_int(w, attr->i);
    else if (attr->kind == DM_ATTR_NUM)
        dm_json_num(w, attr->d);
    else
        dm_json_bool(w, attr->i != 0);
}

static void build(const struct line *line, struct dm_buf *out)
{
    struct dm_json_writer w;
    dm_buf_reset(out);
    dm_json_writer_init(&w, out);
    dm_json_object_begin(&w);
    dm_json_name(&w, "timestamp");
    dm_json_time(&w, line->wall_ms);
    write_text(&w, "severity", dm_str_from(severities[line->severity].text), SIZE_MAX);
    write_text(&w, "body", line->body, line->text_max);
    write_text(&w, "service.name", line->log->program, SIZE_MAX);
    write_text(&w, "service.instance.id", line->log->instance_id, SIZE_MAX);
    if (line->trace && line->trace->trace_id[0] != '\0') {
        write_text(&w, "trace_id", dm_str_from(line->trace->trace_id), SIZE_MAX);
        write_text(&w, "span_id", dm_str_from(line->trace->span_id), SIZE_MAX);
    }
    dm_json_name(&w, "attributes");
    dm_json_object_begin(&w);
    for (size_t i = 0; i < line->n_attrs; i++)
        write_attr(&w, &line->attrs[i], line->text_max);
    if (line->truncated) {
        dm_json_name(&w, "log.truncated");
        dm_json_bool(&w, true);
    }
    dm_json_object_end(&w);
    dm_json_object_end(&w);
    dm_buf_add_char(out, '\n');
}

/* Halve the longest texts until the line fits; when only the number of attributes is to blame,
 * leave out the last. */
static void build_within(struct line *line, struct dm_buf *out)
{
    build(line, out);
    line->truncated = dm_buf_failed(out);
    line->text_max = LINE_MAX_BYTES;
    while (dm_buf_failed(out)) {
        if (line->text_max > 32)
            line->text_max /= 2;
        else if (line->n_attrs > 0)
            line->n_attrs /= 2;
        else
            return;
        build(line, out);
    }
}

void dm_log_write(struct dm_log *log, enum dm_severity severity, const struct dm_trace *trace,
                  const char *body, const struct dm_log_attr *attrs, size_t n_attrs)
{
    if ((int)severity < atomic_load_explicit(&log->least, memory_order_relaxed))
        return;
    char memory[LINE_MAX_BYTES + 1]; /* and NUL for syslog */
    struct dm_buf out = {.p = memory, .cap = LINE_MAX_BYTES, .max = LINE_MAX_BYTES};
    struct line line = {.log = log,
                        .severity = severity,
                        .trace = trace,
                        .wall_ms = dm_clock_wall_ms(),
                        .body = dm_str_from(body),
                        .attrs = attrs,
                        .n_attrs = n_attrs,
                        .text_max = SIZE_MAX};
    build_within(&line, &out);
    if (dm_buf_failed(&out))
        return;
    /* When standard error is gone there is nowhere left to say so. */
    if (log->options.to_stderr && write(STDERR_FILENO, out.p, out.n) < 0)
        return;
    if (log->options.to_syslog) {
        memory[out.n - 1] = '\0';
        syslog(severities[severity].priority, "%s", memory);
    }
}

enum dm_severity dm_log_severity_of(struct dm_str name)
{
    for (int s = DM_DEBUG; s <= DM_FATAL; s++)
        if (dm_str_eq_c(name, severities[s].name))
            return (enum dm_severity)s;
    return (enum dm_severity)0;
}

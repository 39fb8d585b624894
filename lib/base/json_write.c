/*
 * Makes every JSON text that leaves us: replies, log lines, job payloads. It writes in one pass
 * without a tree, so the order of calls is the order of the text, and the caller sees to it that
 * begins and ends match.
 */
#include "base/json_write.h"

#include <math.h>

#include "base/clock.h"
#include "base/utf8.h"

void dm_json_writer_init(struct dm_json_writer *w, struct dm_buf *out)
{
    *w = (struct dm_json_writer){.out = out};
}

/* Before each name and value. */
static void comma(struct dm_json_writer *w)
{
    if (w->comma_due)
        dm_buf_add_char(w->out, ',');
    w->comma_due = true;
}

static void begin(struct dm_json_writer *w, char bracket)
{
    comma(w);
    dm_buf_add_char(w->out, bracket);
    w->comma_due = false;
}

static void end(struct dm_json_writer *w, char bracket)
{
    dm_buf_add_char(w->out, bracket);
    w->comma_due = true;
}

void dm_json_object_begin(struct dm_json_writer *w)
{
    begin(w, '{');
}

void dm_json_object_end(struct dm_json_writer *w)
{
    end(w, '}');
}

void dm_json_array_begin(struct dm_json_writer *w)
{
    begin(w, '[');
}

void dm_json_array_end(struct dm_json_writer *w)
{
    end(w, ']');
}

/* One of the characters that may not stand in a string as they are. */
static void put_escape(struct dm_buf *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char text[6] = {'\\', (char)c};
    size_t n = 2;
    if (c < 0x20 && letters[c] != 0) {
        text[1] = letters[c];
    } else if (c < 0x20) {
        memcpy(text + 1, "u00", 3);
        text[4] = digits[c >> 4];
        text[5] = digits[c & 15];
        n = 6;
    }
    dm_buf_add(out, (struct dm_str){text, n});
}

/* Bytes of the valid UTF-8 sequence at s.p, or 0. */
static size_t sequence(struct dm_str s)
{
    unsigned char lead = (unsigned char)s.p[0];
    size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    return n <= s.n && dm_utf8_valid(dm_str_slice(s, 0, n)) ? n : 0;
}

static void put_string(struct dm_buf *out, struct dm_str s)
{
    dm_buf_add_char(out, '"');
    size_t from = 0, i = 0; /* what lies between is not written yet */
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        size_t good = c < 0x20 || c == '"' || c == '\\' ? 0
                      : c < 0x80                        ? 1
                                                        : sequence(dm_str_slice(s, i, s.n));
        if (good == 0) {
            dm_buf_add(out, dm_str_slice(s, from, i - from));
            if (c < 0x80)
                put_escape(out, c);
            else
                dm_buf_add_c(out, "\xef\xbf\xbd");
            from = i + 1;
        }
        i += good ? good : 1;
    }
    dm_buf_add(out, dm_str_slice(s, from, s.n));
    dm_buf_add_char(out, '"');
}

void dm_json_name(struct dm_json_writer *w, const char *name)
{
    comma(w);
    put_string(w->out, dm_str_from(name));
    dm_buf_add_char(w->out, ':');
    w->comma_due = false;
}

void dm_json_string(struct dm_json_writer *w, struct dm_str s)
{
    if (s.p == NULL) {
        dm_json_null(w);
        return;
    }
    comma(w);
    put_string(w->out, s);
}

void dm_json_int(struct dm_json_writer *w, int64_t v)
{
    comma(w);
    dm_buf_add_int(w->out, v);
}

void dm_json_num(struct dm_json_writer *w, double v)
{
    if (!isfinite(v)) {
        dm_json_null(w);
        return;
    }
    /* 17 digits always read back, 15 or 16 mostly do. */
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        double back = strtod(text, NULL);
        if (back == v)
            break;
    }
    comma(w);
    dm_buf_add_c(w->out, text);
}

void dm_json_bool(struct dm_json_writer *w, bool v)
{
    comma(w);
    dm_buf_add_c(w->out, v ? "true" : "false");
}

void dm_json_null(struct dm_json_writer *w)
{
    comma(w);
    dm_buf_add_c(w->out, "null");
}

void dm_json_time(struct dm_json_writer *w, int64_t wall_ms)
{
    char text[DM_CLOCK_TEXT_MAX];
    dm_clock_format(wall_ms, text);
    dm_json_string(w, dm_str_from(text));
}

void dm_json_raw(struct dm_json_writer *w, struct dm_str json)
{
    if (json.p == NULL) {
        dm_json_null(w);
        return;
    }
    comma(w);
    dm_buf_add(w->out, json);
}

void dm_json_name_string(struct dm_json_writer *w, const char *name, const char *value)
{
    dm_json_name(w, name);
    dm_json_string(w, dm_str_from(value));
}

void dm_json_name_object(struct dm_json_writer *w, const char *name)
{
    dm_json_name(w, name);
    dm_json_object_begin(w);
}

void dm_json_name_array(struct dm_json_writer *w, const char *name)
{
    dm_json_name(w, name);
    dm_json_array_begin(w);
}

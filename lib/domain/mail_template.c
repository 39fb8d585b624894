/*
 * From files to texts with placeholders, at the worker's start, and from those to a mail's words: between the files of
 * share/mail and domain/mail.c. Everything that can be wrong with a file is found when it is loaded.
 */
#include "domain/mail_template.h"

#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

#define FILE_BYTES_MAX (64 * 1024)
#define PATH_BYTES_MAX 1200
#define SUBJECT "Subject: "
#define CONTENT "content" /* of a frame: where the template's own text goes */

static const char *const common[] = {"site", "site_name", "subject", NULL};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* The next placeholder's name at or after *at, which then is behind it; *ret_before is what stood
 * before. False at the end. */
static bool next_placeholder(struct dm_str text, size_t *at, struct dm_str *ret_before,
                             struct dm_str *ret_name)
{
    size_t from = *at;
    for (size_t brace = dm_str_find(text, '{', from); brace < text.n;
         brace = dm_str_find(text, '{', brace + 1)) {
        size_t end = brace + 1;
        while (end < text.n && is_name_char(text.p[end]))
            end++;
        if (end == brace + 1 || end == text.n || text.p[end] != '}')
            continue;
        *ret_before = dm_str_slice(text, from, brace - from);
        *ret_name = dm_str_slice(text, brace + 1, end - brace - 1);
        *at = end + 1;
        return true;
    }
    *ret_before = dm_str_slice(text, from, text.n - from);
    *at = text.n;
    return false;
}

static void add_escaped(struct dm_buf *out, struct dm_str value)
{
    for (size_t i = 0; i < value.n; i++) {
        switch (value.p[i]) {
        case '&':
            dm_buf_add_c(out, "&amp;");
            break;
        case '<':
            dm_buf_add_c(out, "&lt;");
            break;
        case '>':
            dm_buf_add_c(out, "&gt;");
            break;
        case '"':
            dm_buf_add_c(out, "&quot;");
            break;
        case '\'':
            dm_buf_add_c(out, "&#39;");
            break;
        default:
            dm_buf_add_char(out, value.p[i]);
        }
    }
}

void dm_mail_template_fill(struct dm_buf *out, struct dm_str text,
                           const struct dm_mail_placeholder *placeholders, size_t n, bool html)
{
    size_t at = 0;
    struct dm_str before, name;
    while (next_placeholder(text, &at, &before, &name)) {
        size_t i = 0;
        while (i < n && !dm_str_eq_c(name, placeholders[i].name))
            i++;
        struct dm_str value = i < n ? placeholders[i].value : (struct dm_str){0};
        dm_buf_add(out, before);
        if (html)
            add_escaped(out, value);
        else
            dm_buf_add(out, value);
    }
    dm_buf_add(out, before);
}

static bool is_among(struct dm_str name, const char *const *names)
{
    while (*names != NULL && !dm_str_eq_c(name, *names))
        names++;
    return *names != NULL;
}

static size_t line_of(struct dm_str text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text.p[i] == '\n';
    return line;
}

static bool uses(struct dm_str text, const char *wanted)
{
    size_t at = 0;
    struct dm_str before, name;
    while (next_placeholder(text, &at, &before, &name))
        if (dm_str_eq_c(name, wanted))
            return true;
    return false;
}

/* A file as it lies there: it uses all of names, and none but them and the common ones. */
static enum dm_result read_text(const char *path, const char *const *names, struct dm_arena *arena,
                                struct dm_err *err, struct dm_str *ret_text)
{
    struct dm_str text;
    enum dm_result result = dm_file_read(path, FILE_BYTES_MAX, arena, err, &text);
    if (result != DM_OK)
        return result;
    if (!dm_utf8_valid(text) || dm_utf8_has_control(text, true))
        return dm_err_set(err, DM_E_INVALID, "%s:1: is not clean UTF-8 text", path);
    size_t at = 0;
    struct dm_str before, name;
    while (next_placeholder(text, &at, &before, &name))
        if (!is_among(name, names) && !is_among(name, common))
            return dm_err_set(err, DM_E_INVALID, "%s:%zu: unknown placeholder {%.*s}", path,
                              line_of(text, at), DM_STR_ARG(name));
    for (; *names != NULL; names++)
        if (!uses(text, *names))
            return dm_err_set(err, DM_E_INVALID, "%s:%zu: {%s} is missing", path,
                              line_of(text, text.n), *names);
    *ret_text = text;
    return DM_OK;
}

/* Split off the first line, "Subject: …", and the empty line after it. */
static enum dm_result take_subject(const char *path, struct dm_str *text, struct dm_err *err,
                                   struct dm_str *ret_subject)
{
    struct dm_str rest = *text, line = {0}, empty = {0};
    bool whole = dm_str_next(&rest, '\n', &line) && dm_str_starts(line, DM_STR(SUBJECT)) &&
                 line.n > strlen(SUBJECT);
    if (!whole)
        return dm_err_set(err, DM_E_INVALID, "%s:1: the first line is not \"Subject: …\"", path);
    if (!dm_str_next(&rest, '\n', &empty) || empty.n > 0 || rest.n == 0)
        return dm_err_set(err, DM_E_INVALID, "%s:2: is not an empty line with text after it", path);
    *ret_subject = dm_str_slice(line, strlen(SUBJECT), line.n);
    *text = rest;
    return DM_OK;
}

/* The frame with the text in its place. */
static enum dm_result set_into(struct dm_str frame, struct dm_str text, struct dm_arena *arena,
                               struct dm_err *err, struct dm_str *ret_whole)
{
    struct dm_buf whole;
    size_t at = 0;
    struct dm_str before, name;
    dm_buf_init(&whole, arena, 2 * FILE_BYTES_MAX);
    while (next_placeholder(frame, &at, &before, &name)) {
        dm_buf_add(&whole, before);
        if (dm_str_eq_c(name, CONTENT))
            dm_buf_add(&whole, text);
        else
            dm_buf_printf(&whole, "{%.*s}", DM_STR_ARG(name));
    }
    dm_buf_add(&whole, before);
    if (dm_buf_failed(&whole))
        return dm_err_set(err, DM_E_NOMEM, "out of memory for the texts of mails");
    *ret_whole = dm_buf_str(&whole);
    return DM_OK;
}

/* One form of a mail, "txt" or "html"; ret_subject of the first only. */
static enum dm_result load_form(const char *dir, const char *name, const char *form,
                                const char *const *names, struct dm_arena *arena,
                                struct dm_err *err, struct dm_str *ret_subject,
                                struct dm_str *ret_text)
{
    static const char *const frame_names[] = {CONTENT, NULL};
    char path[PATH_BYTES_MAX];
    struct dm_str frame = {0}, text = {0};
    snprintf(path, sizeof(path), "%s/frame.%s", dir, form);
    enum dm_result result = read_text(path, frame_names, arena, err, &frame);
    if (result != DM_OK)
        return result;
    snprintf(path, sizeof(path), "%s/%s.%s", dir, name, form);
    result = read_text(path, names, arena, err, &text);
    if (result == DM_OK && ret_subject != NULL)
        result = take_subject(path, &text, err, ret_subject);
    return result == DM_OK ? set_into(frame, text, arena, err, ret_text) : result;
}

enum dm_result dm_mail_template_load(const char *dir, const char *name, const char *const *names,
                                     struct dm_arena *arena, struct dm_err *err,
                                     struct dm_mail_template *ret_template)
{
    struct dm_mail_template made;
    enum dm_result result =
        load_form(dir, name, "txt", names, arena, err, &made.subject, &made.text);
    if (result == DM_OK)
        result = load_form(dir, name, "html", names, arena, err, NULL, &made.html);
    if (result == DM_OK)
        *ret_template = made;
    return result;
}

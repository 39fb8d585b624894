/*
 * What a member must be, whether it came as JSON or in a query string: lengths, ranges and formats.
 * Each breach becomes a violation with the pointer of the place where the decoder stands; its words
 * say the rule and never the value.
 */
#include <stdarg.h>

#include "base/clock.h"
#include "base/format.h"
#include "base/id.h"
#include "base/timezone.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "edge/shape_internal.h"

void dm_decoder_init(struct dm_decoder *d, struct dm_ctx *ctx)
{
    *d = (struct dm_decoder){.ctx = ctx};
    d->end = &d->first;
}

static void pointer_add(struct dm_decoder *d, const char *bytes, size_t n)
{
    size_t room = sizeof(d->pointer) - 1 - d->pointer_n;
    if (n > room) {
        /* Cut between code points, and never within an escape. */
        while (room > 0 && ((unsigned char)bytes[room] & 0xc0) == 0x80)
            room--;
        if (bytes[0] == '~')
            room = 0;
        n = room;
    }
    memcpy(d->pointer + d->pointer_n, bytes, n);
    d->pointer_n += n;
    d->pointer[d->pointer_n] = '\0';
}

size_t dm_decoder_down(struct dm_decoder *d, struct dm_str name)
{
    size_t mark = d->pointer_n;
    pointer_add(d, "/", 1);
    size_t from = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '~' && name.p[i] != '/')
            continue;
        pointer_add(d, name.p + from, i - from);
        pointer_add(d, name.p[i] == '~' ? "~0" : "~1", 2);
        from = i + 1;
    }
    pointer_add(d, name.p + from, name.n - from);
    return mark;
}

size_t dm_decoder_down_index(struct dm_decoder *d, size_t index)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%zu", index);
    return dm_decoder_down(d, (struct dm_str){text, (size_t)n});
}

void dm_decoder_up(struct dm_decoder *d, size_t mark)
{
    d->pointer_n = mark;
    d->pointer[mark] = '\0';
}

void dm_decoder_violate(struct dm_decoder *d, const char *code, const char *fmt, ...)
{
    if (d->n_violations >= DM_VIOLATIONS_MAX)
        return;
    struct dm_violation *violation = dm_decoder_alloc(d, 1, sizeof(*violation));
    if (violation == NULL)
        return;
    memcpy(violation->pointer, d->pointer, d->pointer_n + 1);
    violation->code = code;
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(violation->message, sizeof(violation->message), fmt, args) < 0)
        violation->message[0] = '\0';
    va_end(args);
    *d->end = violation;
    d->end = &violation->next;
    d->n_violations++;
}

void *dm_decoder_alloc(struct dm_decoder *d, size_t n, size_t size)
{
    void *p = dm_arena_array(d->ctx->arena, n, size);
    if (p == NULL)
        d->out_of_memory = true;
    return p;
}

struct dm_str dm_decoder_keep(struct dm_decoder *d, struct dm_str s)
{
    struct dm_str kept = dm_arena_str(d->ctx->arena, s);
    if (kept.p == NULL)
        d->out_of_memory = true;
    return kept;
}

enum dm_result dm_decoder_result(const struct dm_decoder *d, struct dm_violation **ret_violations)
{
    if (d->out_of_memory)
        return dm_ctx_nomem(d->ctx);
    if (d->first == NULL)
        return DM_OK;
    *ret_violations = d->first;
    return dm_err_set(&d->ctx->err, DM_E_INVALID, "%s",
                      d->n_violations == 1 ? "One member breaks a rule."
                                           : "Some members break a rule.");
}

void *dm_field_at(const struct dm_field *field, void *base)
{
    return (char *)base + field->offset;
}

const void *dm_field_of(const struct dm_field *field, const void *base)
{
    return (const char *)base + field->offset;
}

bool dm_field_bounded(const struct dm_field *field)
{
    return field->min != 0 || field->max != 0;
}

double dm_field_item_max(const struct dm_field *field)
{
    return field->item_max != 0 ? field->item_max : DM_SHAPE_ITEM_MAX;
}

const struct dm_field *dm_shape_field(const struct dm_shape *shape, struct dm_str name)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (dm_str_eq_c(name, shape->fields[i].name))
            return &shape->fields[i];
    return NULL;
}

static bool is_choice(const struct dm_field *field, struct dm_str s)
{
    for (const char *const *choice = field->choices; *choice != NULL; choice++)
        if (dm_str_eq_c(s, *choice))
            return true;
    return false;
}

static void violate_choice(struct dm_decoder *d, const struct dm_field *field)
{
    char list[120] = "";
    size_t n = 0;
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        int added = snprintf(list + n, sizeof(list) - n, "%s%s", n > 0 ? ", " : "", *choice);
        if (added < 0 || (size_t)added >= sizeof(list) - n) {
            dm_decoder_violate(d, "choice", "must be one of the listed choices");
            return;
        }
        n += (size_t)added;
    }
    dm_decoder_violate(d, "choice", "must be one of: %s", list);
}

/* A UUID in lower case: how ids are kept and compared. */
static struct dm_str keep_uuid(struct dm_decoder *d, struct dm_str s)
{
    char text[DM_UUID_TEXT];
    for (size_t i = 0; i < s.n; i++)
        text[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + ('a' - 'A')) : s.p[i];
    return dm_decoder_keep(d, (struct dm_str){text, s.n});
}

/* What is wrong with a text: a violation's code and words, NULL when nothing is. */
struct breach {
    const char *code, *words;
};

static struct breach format_breach(bool kept, const char *words)
{
    return kept ? (struct breach){NULL, NULL} : (struct breach){"format", words};
}

static struct breach control_breach(struct dm_str s, bool text)
{
    return format_breach(!dm_utf8_has_control(s, text),
                         text ? "must not have control characters other than tab and line breaks"
                              : "must be one line without control characters");
}

static struct breach name_breach(struct dm_str s)
{
    if (dm_str_find(s, '<', 0) < s.n || dm_str_find(s, '>', 0) < s.n)
        return (struct breach){"markup", "must not have the characters < and >"};
    if (dm_unicode_has_hidden(s))
        return (struct breach){"hidden", "must not have characters that cannot be seen or that "
                                         "change the direction of writing"};
    return (struct breach){NULL, NULL};
}

/* What s breaks besides its length and the field's choices. */
static struct breach breach_of(enum dm_format format, struct dm_str s)
{
    switch (format) {
    case DM_TEXT:
    case DM_PASSWORD:
        return control_breach(s, true);
    case DM_UUID:
        return format_breach(dm_id_is_uuid(s), "must be a UUID");
    case DM_EMAIL:
        return format_breach(dm_format_is_email(s), "must be an e-mail address");
    case DM_LANGUAGE:
        return format_breach(dm_format_is_language(s),
                             "must be a language tag such as \"en\" or \"pt-BR\"");
    case DM_TIMEZONE:
        return format_breach(dm_timezone_exists(s),
                             "must be the name of a time zone such as \"Europe/Berlin\"");
    case DM_URI:
        return format_breach(dm_format_is_uri(s), "must be a URI such as \"https://example.org/\"");
    case DM_NAME: {
        struct breach breach = control_breach(s, false);
        return breach.code != NULL ? breach : name_breach(s);
    }
    case DM_LINE:
    case DM_CHOICE:
        break;
    }
    return control_breach(s, false);
}

/* A line may be typed in more ways than one; what else has a form has but one, and a text is its author's. */
static struct dm_str form_kept(struct dm_decoder *d, enum dm_format format, struct dm_str s)
{
    switch (format) {
    case DM_LINE:
    case DM_NAME: {
        struct dm_str normal = dm_unicode_nfc(d->ctx->arena, s);
        d->out_of_memory = d->out_of_memory || normal.p == NULL;
        return normal;
    }
    case DM_UUID:
        return dm_id_is_uuid(s) ? keep_uuid(d, s) : s;
    default:
        return s;
    }
}

static bool length_ok(struct dm_decoder *d, double min, double max, struct dm_str s)
{
    size_t points = dm_utf8_count(s);
    if (max != 0 && (double)points > max)
        dm_decoder_violate(d, "too_long", "must have at most %.0f character%s", max,
                           max == 1 ? "" : "s");
    else if ((double)points < min)
        dm_decoder_violate(d, "too_short", "must have at least %.0f character%s", min,
                           min == 1 ? "" : "s");
    else
        return true;
    return false;
}

static bool may_be_blank(enum dm_format format, double min)
{
    return min < 1 || (format != DM_LINE && format != DM_NAME && format != DM_TEXT);
}

static void check_text(struct dm_decoder *d, const struct dm_field *field, double min, double max,
                       struct dm_str sent, struct dm_str *ret)
{
    struct dm_str s = form_kept(d, field->format, sent);
    if (d->out_of_memory || !length_ok(d, min, max, s))
        return;
    struct breach breach = breach_of(field->format, s);
    if (breach.code != NULL)
        dm_decoder_violate(d, breach.code, "%s", breach.words);
    else if (field->format == DM_CHOICE && !is_choice(field, s))
        violate_choice(d, field);
    else if (!may_be_blank(field->format, min) && dm_unicode_is_blank(s))
        dm_decoder_violate(d, "blank", "must not be blank");
    else
        *ret = s.p == sent.p ? dm_decoder_keep(d, s) : s;
}

void dm_check_string(struct dm_decoder *d, const struct dm_field *field, struct dm_str s,
                     struct dm_str *ret)
{
    check_text(d, field, field->min, field->max, s, ret);
}

void dm_check_item(struct dm_decoder *d, const struct dm_field *field, struct dm_str s,
                   struct dm_str *ret)
{
    check_text(d, field, 0, dm_field_item_max(field), s, ret);
}

static bool check_range(struct dm_decoder *d, const struct dm_field *field, double v)
{
    if (!dm_field_bounded(field) || (v >= field->min && v <= field->max))
        return true;
    dm_decoder_violate(d, "out_of_range", "must be %.15g to %.15g", field->min, field->max);
    return false;
}

void dm_check_int(struct dm_decoder *d, const struct dm_field *field, int64_t v,
                  struct dm_opt_int *ret)
{
    if (check_range(d, field, (double)v))
        *ret = (struct dm_opt_int){true, v};
}

void dm_check_num(struct dm_decoder *d, const struct dm_field *field, double v,
                  struct dm_opt_num *ret)
{
    if (check_range(d, field, v))
        *ret = (struct dm_opt_num){true, v};
}

void dm_check_time(struct dm_decoder *d, struct dm_str s, struct dm_opt_time *ret)
{
    int64_t ms;
    if (dm_clock_parse(s, &ms))
        *ret = (struct dm_opt_time){true, ms};
    else
        dm_decoder_violate(d, "format",
                           "must be an RFC 3339 time such as 2026-01-31T09:30:00.000Z");
}

void dm_check_count(struct dm_decoder *d, const struct dm_field *field, size_t n)
{
    if (!dm_field_bounded(field))
        return;
    const char *what = field->kind == DM_JSON_OBJECT ? "member" : "item";
    if ((double)n > field->max)
        dm_decoder_violate(d, "too_many_items", "must have at most %.0f %s%s", field->max, what,
                           field->max == 1 ? "" : "s");
    else if ((double)n < field->min)
        dm_decoder_violate(d, "too_few_items", "must have at least %.0f %s%s", field->min, what,
                           field->min == 1 ? "" : "s");
}

/* Judges the headers Accept and Content-Type: two small grammars that serve.c has no room for. */
#include "edge/media.h"

/* "type/subtype ; parameters" without the parameters. */
static struct dm_str type_of(struct dm_str element, struct dm_str *ret_parameters)
{
    struct dm_str type;
    *ret_parameters = element;
    return dm_str_next(ret_parameters, ';', &type) ? dm_str_trim(type) : element;
}

/* Does the media range ("text/html", "text/" followed by "*", or the full wildcard) take the type? */
static bool range_takes(struct dm_str range, struct dm_str type)
{
    if (dm_str_eq_c(range, "*/*") || dm_str_eq_nocase(range, type))
        return true;
    if (range.n < 2 || range.p[range.n - 1] != '*' || range.p[range.n - 2] != '/')
        return false;
    return dm_str_starts_nocase(type, dm_str_slice(range, 0, range.n - 1));
}

/* q=0 refuses what it stands beside (RFC 9110 §12.4.2). */
static bool is_refused(struct dm_str parameters)
{
    struct dm_str parameter;
    while (dm_str_next(&parameters, ';', &parameter)) {
        double weight = 1;
        parameter = dm_str_trim(parameter);
        if (dm_str_starts_nocase(parameter, DM_STR("q=")) &&
            dm_str_to_num(dm_str_slice(parameter, 2, parameter.n), &weight))
            return !(weight > 0);
    }
    return false;
}

bool dm_media_accepted(struct dm_str accept, const char *media)
{
    if (dm_str_trim(accept).n == 0)
        return true;
    struct dm_str element, parameters;
    while (dm_str_next(&accept, ',', &element)) {
        struct dm_str range = type_of(element, &parameters), rest;
        if (is_refused(parameters))
            continue;
        if (range_takes(range, DM_STR("application/json")) ||
            range_takes(range, DM_STR("application/problem+json")) ||
            (media && range_takes(range, type_of(dm_str_from(media), &rest))))
            return true;
    }
    return false;
}

static bool is_utf8_charset(struct dm_str parameter)
{
    parameter = dm_str_trim(parameter);
    return parameter.n == 0 || dm_str_eq_nocase(parameter, DM_STR("charset=utf-8")) ||
           dm_str_eq_nocase(parameter, DM_STR("charset=\"utf-8\""));
}

bool dm_media_is_json(struct dm_str content_type, bool patch)
{
    struct dm_str parameters, parameter;
    if (!content_type.p)
        return false;
    struct dm_str type = type_of(content_type, &parameters);
    if (!dm_str_eq_nocase(type, DM_STR("application/json")) &&
        !(patch && dm_str_eq_nocase(type, DM_STR("application/merge-patch+json"))))
        return false;
    while (dm_str_next(&parameters, ';', &parameter))
        if (!is_utf8_charset(parameter))
            return false;
    return true;
}

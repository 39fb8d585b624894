/* Origins are compared byte for byte, so a list must hold them in the one form that browsers send. */
#include "base/web_origin.h"

#include <stdint.h>

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_of(struct dm_str s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower(s.p[i]) && !is_digit(s.p[i]) && strchr(others, s.p[i]) == NULL)
            return false;
    return s.n > 0;
}

/* RFC 3986 §3.1, in lower case. */
static bool is_scheme(struct dm_str s)
{
    return all_of(s, "+-.") && is_lower(s.p[0]);
}

static bool is_host(struct dm_str s)
{
    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        return all_of(dm_str_slice(s, 1, s.n - 2), ":.");
    return all_of(s, "-._");
}

static const char *port_flaw(struct dm_str scheme, struct dm_str port)
{
    int64_t number;
    if (port.n == 0 || port.p[0] == '0' || !dm_str_to_int(port, 1, UINT16_MAX, &number))
        return "a port is a number from 1 to 65535";
    if ((dm_str_eq_c(scheme, "https") && number == 443) ||
        (dm_str_eq_c(scheme, "http") && number == 80))
        return "browsers leave out the scheme's own port: leave it out here";
    return NULL;
}

static const char *origin_flaw(struct dm_str origin)
{
    size_t colon = dm_str_find(origin, ':', 0);
    struct dm_str scheme = dm_str_slice(origin, 0, colon);
    struct dm_str rest = dm_str_slice(origin, colon, origin.n);
    if (dm_str_find(origin, '*', 0) < origin.n)
        return "no wildcards: name each origin";
    if (dm_str_eq_c(origin, "null"))
        return "\"null\" is what any sandboxed page says of itself";
    if (!dm_str_starts(rest, DM_STR("://")) || !is_scheme(scheme))
        return "an origin is a scheme and a host in lower case, such as https://app.example";
    struct dm_str host = dm_str_slice(rest, 3, rest.n);
    size_t end = host.n > 0 && host.p[0] == '[' ? dm_str_find(host, ']', 0) : 0;
    size_t at = dm_str_find(host, ':', end < host.n ? end : 0);
    if (at < host.n) {
        const char *flaw = port_flaw(scheme, dm_str_slice(host, at + 1, host.n));
        if (flaw)
            return flaw;
    }
    return is_host(dm_str_slice(host, 0, at)) ? NULL
                                              : "an origin is a scheme and a host in lower case, "
                                                "with nothing after it, not even /";
}

const char *dm_web_origin_list_flaw(struct dm_str list)
{
    struct dm_str origin;
    const char *flaw = NULL;
    while (!flaw && dm_str_next(&list, ' ', &origin))
        if (origin.n > 0)
            flaw = origin_flaw(origin);
    return flaw;
}

bool dm_web_origin_list_has(struct dm_str list, struct dm_str origin)
{
    struct dm_str one;
    while (origin.n > 0 && dm_str_next(&list, ' ', &one))
        if (dm_str_eq(one, origin))
            return true;
    return false;
}

/* Names of methods: the little that a request knows by itself. fcgi.c fills it, serve.c judges it.
 */
#include "edge/request.h"

static const char *const names[] = {
    [DM_METHOD_NONE] = "", [DM_GET] = "GET",       [DM_POST] = "POST",       [DM_PUT] = "PUT",
    [DM_PATCH] = "PATCH",  [DM_DELETE] = "DELETE", [DM_OPTIONS] = "OPTIONS", [DM_HEAD] = "HEAD",
};

const char *dm_method_name(enum dm_method method)
{
    size_t i = (size_t)method;
    return i < sizeof(names) / sizeof(names[0]) ? names[i] : "";
}

enum dm_method dm_method_of(struct dm_str name)
{
    for (size_t i = DM_GET; i < sizeof(names) / sizeof(names[0]); i++)
        if (dm_str_eq_c(name, names[i]))
            return (enum dm_method)i;
    return DM_METHOD_NONE;
}

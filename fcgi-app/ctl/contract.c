/* `openapi` and `routes`: the rows of the API, printed. */
#include "api/api.h"
#include "base/buf.h"
#include "ctl/ctl.h"
#include "edge/openapi.h"

#define TEXT_BYTES_MAX (16 * 1024 * 1024)

static const char *const auth_names[] = {
    [DM_AUTH_NONE] = "none",
    [DM_AUTH_USER] = "user",
    [DM_AUTH_JWT] = "jwt",
    [DM_AUTH_ADMIN] = "admin",
    [DM_AUTH_SUPERADMIN] = "superadmin",
    [DM_AUTH_LOOPBACK] = "loopback",
};

static int router(struct dm_router **ret_router)
{
    struct dm_err err = {0};
    return dm_api_router(&err, ret_router) == DM_OK ? 0 : dm_ctl_fail(err.detail);
}

/* Of the newest major, which is the one that clients should be made for. */
int dm_ctl_openapi(const struct dm_ctl_options *options, int argc, char **argv)
{
    (void)options;
    struct dm_router *rows;
    int status = dm_ctl_no_arguments("openapi", argc, argv);
    if (status == 0)
        status = router(&rows);
    if (status != 0)
        return status;
    struct dm_buf text;
    dm_buf_init(&text, NULL, TEXT_BYTES_MAX);
    int major = dm_router_newest(rows)->major;
    bool good = dm_openapi_print(rows, major, PACKAGE_VERSION, &text) == DM_OK &&
                fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
    dm_buf_done(&text);
    dm_router_free(rows);
    return good ? 0 : dm_ctl_fail("cannot print the document");
}

int dm_ctl_routes(const struct dm_ctl_options *options, int argc, char **argv)
{
    (void)options;
    struct dm_router *rows;
    int status = dm_ctl_no_arguments("routes", argc, argv);
    if (status == 0)
        status = router(&rows);
    if (status != 0)
        return status;
    for (size_t i = 0; i < dm_router_count(rows); i++) {
        const struct dm_route *row = dm_router_row(rows, i);
        printf("%-7s %-55s %-10s %-6s %s\n", dm_method_name(row->method), dm_router_path(rows, i),
               auth_names[row->auth], row->door == DM_DOOR_STREAM ? "stream" : "api", row->name);
    }
    dm_router_free(rows);
    return fflush(stdout) == 0 ? 0 : dm_ctl_fail("cannot print");
}

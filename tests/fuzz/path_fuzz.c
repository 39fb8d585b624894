/* fcgi-app/edge/route.c with the real rows: the first byte chooses the method. What matches is the row's path with UUIDs in it, byte for byte. */
#include "api/api.h"
#include "base/id.h"
#include "fuzz/fuzz.h"

static struct dm_router *router;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct dm_err err = {0};
    (void)argc;
    (void)argv;
    DM_PROMISE(dm_api_router(&err, &router) == DM_OK);
    return 0;
}

static void check_match(const struct dm_match *match, struct dm_str path)
{
    struct dm_str row = dm_str_from(dm_router_path(router, match->index)), rest = path;
    struct dm_str wanted, given;
    if (match->alias) {
        struct dm_str old = dm_str_from(match->alias->path);
        struct dm_str new = dm_str_from(match->alias->successor);
        DM_PROMISE(dm_str_starts(path, old) && dm_str_starts(row, new));
        row = dm_str_slice(row, new.n, row.n);
        rest = dm_str_slice(path, old.n, path.n);
    }
    size_t n_params = 0;
    while (dm_str_next(&row, '/', &wanted)) {
        DM_PROMISE(dm_str_next(&rest, '/', &given));
        if (wanted.n > 0 && wanted.p[0] == '{')
            DM_PROMISE(dm_id_is_uuid(given) && dm_str_eq(match->params[n_params++], given));
        else
            DM_PROMISE(dm_str_eq(wanted, given));
    }
    DM_PROMISE(rest.p == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum dm_method method = (enum dm_method)(dm_fuzz_choice(&data, &size) % (DM_HEAD + 1));
    struct dm_str path = dm_fuzz_text(data, size);
    struct dm_match match;
    dm_router_match(router, method, path, &match);
    if (match.route == NULL)
        return 0;
    DM_PROMISE(match.route->method == (method == DM_HEAD ? DM_GET : method));
    DM_PROMISE(match.allowed & 1u << method);
    check_match(&match, path);
    return 0;
}

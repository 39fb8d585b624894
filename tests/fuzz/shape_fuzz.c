/*
 * fcgi-app/edge/shape.c with every row's own shapes: the first line names the row. A body that is taken is still taken after
 * it has been written out and merged with nothing; a refusal says what is wrong.
 */
#include "edge/shape.h"

#include "api/api.h"
#include "fuzz/fuzz.h"

static struct dm_router *router;
static struct dm_arena *arena;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct dm_err err = {0};
    (void)argc;
    (void)argv;
    arena = dm_arena_new(65536, 32 << 20);
    DM_PROMISE(arena != NULL && dm_api_router(&err, &router) == DM_OK);
    return 0;
}

static void check_refusal(enum dm_result result, const struct dm_ctx *ctx,
                          const struct dm_violation *violations)
{
    DM_PROMISE(result == DM_E_SYNTAX || result == DM_E_INVALID || result == DM_E_TOOBIG ||
               result == DM_E_NOMEM);
    DM_PROMISE(ctx->err.detail[0] != '\0');
    DM_PROMISE((result == DM_E_INVALID) == (violations != NULL));
    size_t n = 0;
    for (; violations != NULL; violations = violations->next, n++)
        DM_PROMISE(violations->code != NULL && violations->message[0] != '\0' &&
                   (violations->pointer[0] == '/' || violations->pointer[0] == '\0'));
    DM_PROMISE(n <= DM_VIOLATIONS_MAX);
}

static void try_body(const struct dm_shape *shape, struct dm_str json)
{
    struct dm_ctx ctx = {.arena = arena};
    struct dm_violation *violations = NULL;
    void *value = NULL, *again = NULL;
    enum dm_result result = dm_shape_decode(shape, &ctx, json, &value, &violations);
    if (result != DM_OK) {
        check_refusal(result, &ctx, violations);
        return;
    }
    DM_PROMISE(dm_shape_merge(shape, &ctx, value, DM_STR("{}"), &again, &violations) == DM_OK);
    /* Any patch of it is taken or refused by the same rules. */
    result = dm_shape_merge(shape, &ctx, value, json, &again, &violations);
    if (result != DM_OK)
        check_refusal(result, &ctx, violations);
}

static void try_query(const struct dm_shape *shape, struct dm_str query)
{
    struct dm_ctx ctx = {.arena = arena};
    struct dm_violation *violations = NULL;
    void *value = NULL;
    enum dm_result result = dm_shape_decode_query(shape, &ctx, query, &value, &violations);
    if (result != DM_OK)
        check_refusal(result, &ctx, violations);
}

/* Of the row that the first line names, or of one that it happens to mean. */
static const struct dm_route *choose(struct dm_str line)
{
    size_t n = dm_router_count(router), hash = 0;
    for (size_t i = 0; i < n; i++)
        if (dm_str_eq_c(line, dm_router_row(router, i)->name))
            return dm_router_row(router, i);
    for (size_t i = 0; i < line.n; i++)
        hash = hash * 31 + (unsigned char)line.p[i];
    return dm_router_row(router, hash % n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dm_str rest = dm_fuzz_text(data, size), line;
    (void)dm_str_next(&rest, '\n', &line);
    const struct dm_route *row = choose(line);
    struct dm_str text = rest.p != NULL ? rest : DM_STR("");
    dm_arena_reset(arena);
    if (row->request != NULL)
        try_body(row->request, text);
    if (row->query != NULL)
        try_query(row->query, text);
    return 0;
}

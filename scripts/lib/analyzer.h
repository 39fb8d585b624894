/*
 * Shown to clang-tidy before each file: these functions return the code they are given. The analyzer sees one file at a time and would
 * otherwise think that `return dm_err_set(…)` may mean DM_OK, and that out-parameters are then unset.
 */
#include "base/ctx.h"
#include "base/result.h"

#define dm_err_set(err, code, ...) ((void)(dm_err_set)((err), (code), __VA_ARGS__), (code))
#define dm_err_set_field(err, ...) ((void)(dm_err_set_field)((err), __VA_ARGS__), DM_E_INVALID)
#define dm_ctx_nomem(ctx) ((void)(dm_ctx_nomem)(ctx), DM_E_NOMEM)

/* Patterns: how a self behaves at certain times. They belong to a profile and are reached through
 * its owner. */
#ifndef DM_STORE_PATTERN_STORE_H
#define DM_STORE_PATTERN_STORE_H

#include "store/owned.h"
#include "store/pg.h"

struct dm_pattern_write {
    struct dm_str name, trigger;
    struct dm_str conditions;    /* JSON object {hours, days, timezone} */
    struct dm_str modifications; /* JSON object */
    struct dm_opt_int priority;  /* 1..10 */
    struct dm_opt_bool is_active;
};

/* `content` comes first, so that one table of offsets describes both structs. */
struct dm_pattern {
    struct dm_pattern_write content;
    struct dm_str id, profile_id;
    struct dm_opt_time created_at, updated_at;
};

/* Items: struct dm_pattern. DM_E_NOTFOUND: no such profile. */
DM_MUST_CHECK enum dm_result dm_pattern_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   struct dm_owned profile, struct dm_slice slice,
                                                   struct dm_list *ret_list, bool *ret_more);
/* Add, unless the id is there already: then *ret_new is false, and *ret_pattern is what stands.
 * DM_E_NOTFOUND: no such profile. */
DM_MUST_CHECK enum dm_result dm_pattern_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  struct dm_owned profile, struct dm_str id,
                                                  const struct dm_pattern_write *write,
                                                  struct dm_pattern *ret_pattern, bool *ret_new);

#endif

/* Memories: facts, events and writing samples that replies draw on. They belong to a profile and
 * are reached through its owner. */
#ifndef DM_STORE_MEMORY_STORE_H
#define DM_STORE_MEMORY_STORE_H

#include "store/owned.h"
#include "store/pg.h"

struct dm_memory_write {
    struct dm_str kind; /* "fact", "sample", "event" */
    struct dm_str text;
    struct dm_str source;           /* may be absent */
    struct dm_opt_time occurred_at; /* may be unset */
    struct dm_opt_num importance;   /* 0..1 */
};

/* `content` comes first, so that one table of offsets describes both structs. */
struct dm_memory {
    struct dm_memory_write content;
    struct dm_str id, profile_id;
    struct dm_opt_time created_at, updated_at;
};

/* Items: struct dm_memory. DM_E_NOTFOUND: no such profile. */
DM_MUST_CHECK enum dm_result dm_memory_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                  struct dm_owned profile, struct dm_slice slice,
                                                  struct dm_list *ret_list, bool *ret_more);
/* Add, unless the id is there already: then *ret_new is false, and *ret_memory is what stands.
 * DM_E_NOTFOUND: no such profile. */
DM_MUST_CHECK enum dm_result dm_memory_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                 struct dm_owned profile, struct dm_str id,
                                                 const struct dm_memory_write *write,
                                                 struct dm_memory *ret_memory, bool *ret_new);

#endif

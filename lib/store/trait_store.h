/* Traits: what a self is like, each with its weight. They belong to a profile and are reached
 * through its owner. */
#ifndef DM_STORE_TRAIT_STORE_H
#define DM_STORE_TRAIT_STORE_H

#include "store/owned.h"
#include "store/pg.h"

struct dm_trait_write {
    struct dm_str category, name, description;
    struct dm_opt_num weight;          /* 0..10 */
    struct dm_opt_num confidence;      /* 0..1 */
    struct dm_str context_tags;        /* JSON array of strings */
    struct dm_str example_expressions; /* JSON array of strings */
    struct dm_str impact_level;        /* "low", "medium", "high" */
    struct dm_str source;              /* may be absent */
    struct dm_opt_bool is_active;
};

/* `content` comes first, so that one table of offsets describes both structs. */
struct dm_trait {
    struct dm_trait_write content;
    struct dm_str id, profile_id;
    struct dm_opt_time created_at, updated_at;
};

/* Items: struct dm_trait. DM_E_NOTFOUND: no such profile. */
DM_MUST_CHECK enum dm_result dm_trait_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                 struct dm_owned profile, struct dm_slice slice,
                                                 struct dm_list *ret_list, bool *ret_more);
/* Add, unless the id is there already: then *ret_new is false, and *ret_trait is what stands.
 * DM_E_NOTFOUND: no such profile. */
DM_MUST_CHECK enum dm_result dm_trait_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                struct dm_owned profile, struct dm_str id,
                                                const struct dm_trait_write *write,
                                                struct dm_trait *ret_trait, bool *ret_new);

#endif

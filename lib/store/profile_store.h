/*
 * Profiles: one row a digital self. Free-form members are JSON text on the way in and out. The
 * self's example dialogues are kept twice: as the document's truth in the row, and taken apart in
 * example_dialogue for the built-in responder's search.
 */
#ifndef DM_STORE_PROFILE_STORE_H
#define DM_STORE_PROFILE_STORE_H

#include "store/owned.h"
#include "store/pg.h"

/* What an owner writes. */
struct dm_profile_write {
    struct dm_str name, description;
    struct dm_opt_int age; /* years */
    struct dm_str profession, location, language;
    struct dm_str core_values;           /* JSON array of strings */
    struct dm_str communication_style;   /* JSON object */
    struct dm_str technical_preferences; /* JSON object */
    struct dm_str big_five;              /* JSON object, may be absent */
    struct dm_str example_dialogues;     /* JSON array of {user, reply} */
    struct dm_str visibility;            /* "private", "link", "public" */
    struct dm_opt_bool is_active;
    struct dm_str change_reason; /* of the last write; may be absent */
};

/* The whole. `content` comes first, so that one table of offsets describes both structs. */
struct dm_profile {
    struct dm_profile_write content;
    struct dm_str id, owner_id;
    struct dm_opt_num accuracy_score; /* 0..1 */
    struct dm_opt_int version;        /* 1 and up */
    struct dm_opt_time created_at, updated_at;
    struct dm_str created_by, updated_by; /* account ids */
};

/* A line of the list of profiles. */
struct dm_profile_summary {
    struct dm_str id, name, profession, location, language, visibility;
    struct dm_opt_bool is_active;
    struct dm_opt_int version;
    struct dm_opt_time created_at, updated_at;
};

/* What an update has to know of the row that it is going to write. */
struct dm_profile_state {
    int64_t version;
    bool same_examples, same_language; /* as what will be written */
};

/* One SELECT by primary key and owner. DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_profile_store_find(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   struct dm_owned profile,
                                                   struct dm_profile *ret_profile);
/* The profile that a conversation of the owner's is held with. DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_profile_store_of_conversation(struct dm_pg *pg, struct dm_ctx *ctx,
                                                              struct dm_owned conversation,
                                                              struct dm_profile *ret_profile);
/* Items: struct dm_profile_summary. */
DM_MUST_CHECK enum dm_result dm_profile_store_list(struct dm_pg *pg, struct dm_ctx *ctx,
                                                   struct dm_str owner_id, struct dm_slice slice,
                                                   struct dm_list *ret_list, bool *ret_more);
/*
 * Add the row, unless its id is there already: then *ret_new is false, and *ret_profile is what
 * stands. DM_E_NOTFOUND when it stands under another owner.
 */
DM_MUST_CHECK enum dm_result dm_profile_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                  struct dm_owned profile,
                                                  const struct dm_profile_write *write,
                                                  struct dm_profile *ret_profile, bool *ret_new);
/* Lock the row until the transaction ends and compare it with what is going to be written.
 * DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_profile_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                   struct dm_owned profile,
                                                   const struct dm_profile_write *write,
                                                   struct dm_profile_state *ret_state);
/* Replace what an owner writes; the version goes up by one. DM_E_NOTFOUND. */
DM_MUST_CHECK enum dm_result dm_profile_store_update(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                     struct dm_owned profile,
                                                     const struct dm_profile_write *write,
                                                     struct dm_profile *ret_profile);
/* Take the row's example dialogues apart anew for the search. */
DM_MUST_CHECK enum dm_result dm_profile_store_index_examples(struct dm_pg_conn *conn,
                                                             struct dm_ctx *ctx,
                                                             struct dm_owned profile);
/* Traits and memories are searched in the profile's language: write it through to them. */
DM_MUST_CHECK enum dm_result dm_profile_store_index_language(struct dm_pg_conn *conn,
                                                             struct dm_ctx *ctx,
                                                             struct dm_owned profile);
/* Delete the row with all that hangs on it, when it has this version (unset: any). DM_E_NOTFOUND,
 * DM_E_STALE. */
DM_MUST_CHECK enum dm_result dm_profile_store_delete(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                     struct dm_owned profile,
                                                     struct dm_opt_int version);

#endif

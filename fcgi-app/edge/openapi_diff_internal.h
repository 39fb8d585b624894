/* Shared by the comparison's two files: places in the two documents, and the rules. */
#ifndef DM_EDGE_OPENAPI_DIFF_INTERNAL_H
#define DM_EDGE_OPENAPI_DIFF_INTERNAL_H

#include "base/arena.h"
#include "edge/openapi_diff.h"

/* Which way a schema goes. */
enum dm_diff_way { DM_DIFF_REQUEST, DM_DIFF_REPLY };

enum dm_diff_rule {
    /* Of a call. */
    DM_DIFF_OPERATION_REMOVED,
    DM_DIFF_OPERATION_ADDED,
    DM_DIFF_OPERATION_RENAMED,
    DM_DIFF_OPERATION_DEPRECATED,
    DM_DIFF_ALIAS_REMOVED,
    DM_DIFF_ALIAS_ADDED,
    DM_DIFF_AUTH_TIGHTER,
    DM_DIFF_AUTH_LOOSER,
    DM_DIFF_PARAMETER_REMOVED,
    DM_DIFF_PARAMETER_ADDED,
    DM_DIFF_PARAMETER_REQUIRED,
    DM_DIFF_PARAMETER_OPTIONAL,
    DM_DIFF_BODY_REMOVED,
    DM_DIFF_BODY_REQUIRED,
    DM_DIFF_BODY_OPTIONAL,
    DM_DIFF_STATUS_REMOVED,
    DM_DIFF_STATUS_ADDED,
    DM_DIFF_PROBLEM_REMOVED,
    DM_DIFF_PROBLEM_ADDED,
    DM_DIFF_HEADER_REMOVED,
    DM_DIFF_HEADER_ADDED,
    /* Of what is sent or read. */
    DM_DIFF_MEDIA_REMOVED,
    DM_DIFF_MEDIA_ADDED,
    DM_DIFF_TYPE_NARROWER,
    DM_DIFF_TYPE_WIDER,
    DM_DIFF_MEMBER_REMOVED,
    DM_DIFF_MEMBER_ADDED,
    DM_DIFF_MEMBER_REQUIRED,
    DM_DIFF_MEMBER_OPTIONAL,
    DM_DIFF_MEMBERS_CLOSED,
    DM_DIFF_MEMBERS_OPENED,
    DM_DIFF_CHOICE_REMOVED,
    DM_DIFF_CHOICE_ADDED,
    DM_DIFF_BOUND_NARROWER,
    DM_DIFF_BOUND_WIDER,
    DM_DIFF_FORM_CHANGED,
    DM_DIFF_FORM_ADDED,
    DM_DIFF_FORM_DROPPED,
    DM_DIFF_DEFAULT_CHANGED,
    DM_DIFF_DEFAULT_ADDED,
    DM_DIFF_ALTERNATIVE_REMOVED,
    DM_DIFF_ALTERNATIVE_ADDED,
};

/* A value and where it stands; a zero value: nothing stands there. */
struct dm_diff_place {
    struct dm_json_value value;
    struct dm_str pointer;
    bool in_old;
};
struct dm_diff_pair {
    struct dm_diff_place old, new;
};

struct dm_diff {
    struct dm_json_value old_root, new_root;
    struct dm_arena *arena;
    dm_openapi_tell *tell;
    void *arg;
    struct dm_err *err;
    enum dm_result result; /* the first error; then all is looked at in vain */
    struct dm_diff_seen *seen;
};

bool dm_diff_is_there(struct dm_diff_place place);
struct dm_diff_place dm_diff_below(struct dm_diff *d, struct dm_diff_place place,
                                   struct dm_str name);
struct dm_diff_place dm_diff_item(struct dm_diff *d, struct dm_diff_place place, size_t index);
/* The members of that name, of both. */
struct dm_diff_pair dm_diff_members(struct dm_diff *d, struct dm_diff_pair pair, const char *name);
/* Where its $ref leads, if it has one. */
struct dm_diff_place dm_diff_resolve(struct dm_diff *d, struct dm_diff_place place);

/* way: ignored by rules of calls. fmt: what happened there. */
DM_PRINTF(5, 6)
void dm_diff_tell(struct dm_diff *d, enum dm_diff_rule rule, enum dm_diff_way way,
                  struct dm_diff_place place, const char *fmt, ...);

/* Compare two schemas, and all below. */
void dm_diff_schemas(struct dm_diff *d, struct dm_diff_pair pair, enum dm_diff_way way);

#endif

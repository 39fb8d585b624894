/*
 * What changed between two OpenAPI documents, and whether a client made for the old one breaks on the new one. One table says which kinds of
 * change break: in what clients send, what was taken must still be taken; in what they read, what was there must still be there. Clients are
 * held to bear more members, statuses of problems, choices and greater bounds in replies than they knew.
 */
#ifndef DM_EDGE_OPENAPI_DIFF_H
#define DM_EDGE_OPENAPI_DIFF_H

#include "base/json.h"
#include "base/result.h"

struct dm_openapi_change {
    const char *rule; /* "operation-removed", "request.bound-narrower", "reply.member-removed" … */
    bool breaking;
    bool in_old;           /* pointer leads into the old document, else into the new one */
    struct dm_str pointer; /* RFC 6901 */
    struct dm_str text;    /* a few words on it */
};
/* The change's texts are valid during the call. */
typedef void dm_openapi_tell(void *arg, const struct dm_openapi_change *change);

/*
 * Tell every change, in the order of the documents; a schema once for what is sent and once for what is read, wherever it is used. Read are
 * documents of the form that dm_openapi_print makes. DM_E_INVALID: one has no paths, or a reference that leads nowhere; DM_E_NOMEM. What was
 * told before an error is not to be relied on.
 */
DM_MUST_CHECK enum dm_result dm_openapi_diff(const struct dm_json *old_document,
                                             const struct dm_json *new_document,
                                             dm_openapi_tell *tell, void *arg, struct dm_err *err);

#endif

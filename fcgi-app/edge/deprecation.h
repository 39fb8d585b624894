/*
 * The end of something, announced: of an old path, a row, or a whole major. Whatever still answers there says so with each answer, good or
 * bad: since when it is deprecated (RFC 9745), how long it will be there (RFC 8594), what to call instead (RFC 5829).
 */
#ifndef DM_EDGE_DEPRECATION_H
#define DM_EDGE_DEPRECATION_H

#include <stdint.h>

struct dm_call;

struct dm_deprecation {
    int64_t at_s;     /* since when, or from when on: Deprecation; seconds since 1970 */
    int64_t sunset_s; /* until when it answers: Sunset; not before at_s; 0: not decided */
    /* The row to call instead, in the newest major; NULL: the one of the same name. Not of an alias, which names its successor. */
    const char *successor;
    const char *notice; /* where more is said: Link rel="deprecation", a URI reference */
};

/* A sentence on what is wrong with it, else NULL. */
const char *dm_deprecation_defect(const struct dm_deprecation *deprecation);
/*
 * Set Deprecation, Sunset and Link when what the call has found is deprecated; the alias' word goes before the row's. The successor is named
 * once its path is known: where its parameters are not those of the path, when the handler has put them into call->params.
 */
void dm_deprecation_tell(struct dm_call *call);

#endif

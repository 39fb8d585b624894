/* Problem documents (RFC 9457), and the one table from dm_result to HTTP status and problem type. */
#ifndef DM_EDGE_PROBLEM_H
#define DM_EDGE_PROBLEM_H

#include "edge/call.h"

/* What may go wrong before or besides a handler, each with status and type of its own. */
enum dm_problem {
    DM_PROBLEM_NONE = 0,
    DM_PROBLEM_SYNTAX,          /* 400 */
    DM_PROBLEM_TRUNCATED,       /* 400 */
    DM_PROBLEM_VALIDATION,      /* 422 */
    DM_PROBLEM_UNAUTHENTICATED, /* 401 */
    DM_PROBLEM_FORBIDDEN,       /* 403 */
    DM_PROBLEM_NOT_FOUND,       /* 404 */
    DM_PROBLEM_METHOD,          /* 405 */
    DM_PROBLEM_NOT_ACCEPTABLE,  /* 406 */
    DM_PROBLEM_CONFLICT,        /* 409 */
    DM_PROBLEM_STALE,           /* 412 */
    DM_PROBLEM_TOO_BIG,         /* 413 */
    DM_PROBLEM_MEDIA_TYPE,      /* 415 */
    DM_PROBLEM_KEY_REUSED,      /* 422 */
    DM_PROBLEM_LIMITED,         /* 429 */
    DM_PROBLEM_INTERNAL,        /* 500 */
    DM_PROBLEM_UNAVAILABLE,     /* 503 */
    DM_PROBLEM_TIMEOUT,         /* 504 */
};

int dm_problem_status(enum dm_problem problem);
enum dm_problem dm_problem_of(enum dm_result result);
/* Replace the reply's body by the problem document: detail from call->ctx.err where it is the caller's to see, errors from call->violations. */
void dm_problem_write(struct dm_call *call, enum dm_problem problem);
/* For OpenAPI: {status, type} of each problem. */
const char *dm_problem_type(enum dm_problem problem);

#endif

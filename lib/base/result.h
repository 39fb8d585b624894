/*
 * What every fallible call returns. The code says what the caller must do; the words travel beside it in
 * struct dm_err. HTTP statuses are derived from these codes in one table (edge/problem.c).
 */
#ifndef DM_BASE_RESULT_H
#define DM_BASE_RESULT_H

#define DM_MUST_CHECK __attribute__((warn_unused_result))
#define DM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum dm_result {
    DM_OK = 0,
    DM_E_SYNTAX,          /* not JSON, not UTF-8: cannot be read at all */
    DM_E_INVALID,         /* well-formed, but breaks a rule */
    DM_E_UNAUTHENTICATED, /* no credential, or a bad one */
    DM_E_DENIED,          /* known, but not allowed */
    DM_E_NOTFOUND,        /* absent, or not yours: never told apart */
    DM_E_CONFLICT,        /* clashes with what stands */
    DM_E_STALE,           /* the entity has changed since the caller read it */
    DM_E_TOOBIG,          /* over a stated bound */
    DM_E_LIMITED,         /* too many requests */
    DM_E_UNAVAILABLE,     /* a dependency is down or a bulkhead is full: try again later */
    DM_E_TIMEOUT,         /* the deadline passed */
    DM_E_NOMEM,           /* out of memory, or the arena's bound reached */
    DM_E_INTERNAL,        /* a defect, or an answer that cannot be */
};

/*
 * The words to a result. For the codes that are the caller's doing (SYNTAX to LIMITED) detail is written for the caller
 * and may be shown; for the rest it is for the log only.
 */
struct dm_err {
    enum dm_result code;
    char detail[256];  /* one sentence, no secrets, no SQL */
    char pointer[128]; /* JSON Pointer (RFC 6901) of the member at fault, or "" */
    char rule[32];     /* with pointer: machine-readable rule, e.g. "too_weak"; or "" */
    int retry_after_s; /* with UNAVAILABLE and LIMITED: seconds to wait, 0 if not known */
};

/* Fill *err and return code, so that `return dm_err_set(err, …)` reads as one act. err may be NULL. */
DM_PRINTF(3, 4)
enum dm_result dm_err_set(struct dm_err *err, enum dm_result code, const char *fmt, ...);

/* The same for one member: pointer "/password", rule "too_weak". The code is always DM_E_INVALID. */
DM_PRINTF(4, 5)
enum dm_result dm_err_set_field(struct dm_err *err, const char *pointer, const char *rule,
                                const char *fmt, ...);

/* "notfound", "unavailable" …: for logs and metrics. Static storage. */
const char *dm_result_name(enum dm_result code);

#endif

/*
 * A borrowed view of bytes: the text type of every interface. It owns nothing and need not end in NUL. p == NULL means
 * absent (JSON null, SQL NULL), which differs from empty.
 */
#ifndef DM_BASE_STR_H
#define DM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dm_str {
    const char *p;
    size_t n; /* bytes */
};

/* For printf("%.*s", DM_STR_ARG(s)). */
#define DM_STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")
/* A view of a string literal; usable in initialisers as DM_STR_INIT. */
#define DM_STR_INIT(lit)                                                                           \
    {                                                                                              \
        (lit), sizeof(lit) - 1                                                                     \
    }
#define DM_STR(lit) ((struct dm_str)DM_STR_INIT(lit))

struct dm_str dm_str_from(const char *nul_terminated); /* NULL gives absent */
bool dm_str_eq(struct dm_str a, struct dm_str b); /* absent equals only absent; not constant-time */
bool dm_str_eq_c(struct dm_str a, const char *b);
bool dm_str_eq_nocase(struct dm_str a, struct dm_str b); /* ASCII only */
bool dm_str_starts(struct dm_str s, struct dm_str prefix);
bool dm_str_starts_nocase(struct dm_str s, struct dm_str prefix);   /* ASCII only */
struct dm_str dm_str_slice(struct dm_str s, size_t from, size_t n); /* clipped to s */
struct dm_str dm_str_trim(struct dm_str s);                         /* ASCII space and tab */
/* Position of c at or after from, or s.n. */
size_t dm_str_find(struct dm_str s, char c, size_t from);
bool dm_str_contains(struct dm_str s, struct dm_str what);
/* Split off what comes before sep; *rest keeps what follows. False when *rest is absent (the end was reached). */
bool dm_str_next(struct dm_str *rest, char sep, struct dm_str *ret_part);
/* The whole of s is a decimal integer (optional '-') in min..max. False otherwise; *ret untouched. */
bool dm_str_to_int(struct dm_str s, int64_t min, int64_t max, int64_t *ret);
/* The whole of s is a finite decimal number (RFC 8259 number syntax), independent of the locale. */
bool dm_str_to_num(struct dm_str s, double *ret);

/* Scalars that may be absent. */
struct dm_opt_int {
    bool set;
    int64_t v;
};
struct dm_opt_num {
    bool set;
    double v;
};
struct dm_opt_bool {
    bool set;
    bool v;
};
/* Milliseconds since 1970-01-01T00:00:00Z. */
struct dm_opt_time {
    bool set;
    int64_t ms;
};

/* n items of one type, in the arena; items may be NULL when n is 0. */
struct dm_list {
    void *items;
    size_t n;
};

#endif

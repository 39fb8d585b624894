/*
 * Configuration from one table. A program declares its keys as rows; parsing, bounds, errors, the environment, systemd
 * credentials, the masked print and the sample file all come from the rows. Order, later wins: default, file, conf.d, environment;
 * for secrets, last the systemd credential.
 */
#ifndef DM_BASE_CONFIG_H
#define DM_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"

enum dm_config_kind {
    DM_CONFIG_TEXT = 1, /* const char * ; min and max bound its length in bytes */
    DM_CONFIG_INT,      /* int64_t, within min..max */
    DM_CONFIG_BOOL,     /* bool: true or false */
    DM_CONFIG_CHOICE,   /* const char *: one of choices */
    DM_CONFIG_PATH,     /* const char *: absolute, or "" when allowed by min 0 */
    DM_CONFIG_SECRET,   /* struct dm_secret: never printed */
    DM_CONFIG_RATES,    /* struct dm_rates: "COUNT/SECONDS …", at most DM_RATES_MAX */
};

#define DM_RATES_MAX 4
struct dm_rate {
    int64_t count;   /* requests … */
    int64_t seconds; /* … within this many seconds */
};
struct dm_rates {
    struct dm_rate rate[DM_RATES_MAX];
    size_t n; /* 0: no limit */
};

struct dm_config_key {
    const char *name; /* "section.key"; in the environment DIGITALME_SECTION_KEY */
    enum dm_config_kind kind;
    size_t offset;       /* into the target struct */
    const char *initial; /* the default as it would be written in the file; NULL: must be given */
    int64_t min, max;    /* value (INT) or bytes (TEXT, SECRET, PATH) */
    const char *unit;    /* "seconds", "bytes" …; NULL when there is none */
    const char *const *choices; /* CHOICE: NULL-terminated */
    bool reloadable;            /* a program that runs takes a new value over: see dm_config_hold */
    const char *(*flaw)(
        struct dm_str value); /* TEXT: NULL, or what is wrong, in words; may be NULL */
    const char *text;         /* one sentence for the sample file and the man page */
};

struct dm_config_table {
    const struct dm_config_key *keys;
    size_t n_keys;
    size_t size;            /* of the target struct */
    const char *env_prefix; /* "DIGITALME_" */
};

struct dm_config; /* one load: the target struct and the memory its texts live in */

struct dm_config_source {
    const char *file; /* NULL: no file; a named file that does not exist is an error */
    char *const *env; /* environ, or NULL. An unknown name under the prefix is an error */
    const char *
        credentials_dir; /* $CREDENTIALS_DIRECTORY, or NULL; a file "section.key" in it sets that secret */
};

/*
 * Read everything. On DM_E_INVALID err->detail says where ("digitalme.conf:12", or the environment's name), what is wrong, and what is
 * allowed, never a secret's value. Caller frees with dm_config_free.
 */
DM_MUST_CHECK enum dm_result dm_config_load(const struct dm_config_table *table,
                                            const struct dm_config_source *source,
                                            struct dm_err *err, struct dm_config **ret_config);
void dm_config_free(struct dm_config *config); /* NULL allowed; wipes the secrets */
/* The filled target struct. Borrowed. */
const void *dm_config_values(const struct dm_config *config);
/* see is called for each key whose value is another in b than in a; both are of one table. */
void dm_config_differences(const struct dm_config *a, const struct dm_config *b,
                           void (*see)(void *arg, const struct dm_config_key *key), void *arg);
/* fresh, read while the program runs, gets back the values of `first` for all keys that are not reloadable. first must outlive it. */
void dm_config_hold(struct dm_config *fresh, const struct dm_config *first);
/* "section.key = value" lines grouped by [section], secrets as [redacted], with where each value came from, and whether a reload takes it over, as a comment. */
void dm_config_print(const struct dm_config *config, struct dm_buf *out);
/* The commented sample file: every key with text, unit, bounds and default. */
void dm_config_sample(const struct dm_config_table *table, struct dm_buf *out);

#endif

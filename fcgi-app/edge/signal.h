/*
 * Attack signals: what a text looks like it tries, by words that such attempts are made of. Signals are counted and told, for whoever watches
 * the site; nothing is refused because of one, since a person may write about all of it. What cannot be such text is refused by its
 * format, and the filter that judges whole requests stands before the program (proxy-conf/nginx/modsecurity).
 */
#ifndef DM_EDGE_SIGNAL_H
#define DM_EDGE_SIGNAL_H

#include <stdbool.h>

#include "base/str.h"

enum dm_signal {
    DM_SIGNAL_SQL = 0,
    DM_SIGNAL_SCRIPT,  /* cross-site scripting */
    DM_SIGNAL_COMMAND, /* of a shell or an expression language */
    DM_SIGNAL_PATH,    /* out of a folder, or to a file that no site shows */
    DM_SIGNALS,        /* how many there are */
};

/* By where it was found. */
enum dm_signal_severity {
    DM_SIGNAL_LOW = 0, /* where people may write what they like */
    DM_SIGNAL_HIGH,    /* where no such text belongs */
    DM_SIGNAL_SEVERITIES,
};

const char *dm_signal_name(enum dm_signal signal);                  /* "sql_injection" */
const char *dm_signal_severity_name(enum dm_signal_severity level); /* "high" */

struct dm_signals; /* all words, ready to be looked for in one pass; never changes */

/* NULL when out of memory. Caller frees with dm_signals_free. */
struct dm_signals *dm_signals_new(void);
void dm_signals_free(struct dm_signals *signals); /* NULL allowed */

/* The signals of a text, as bits 1u << enum dm_signal. In any case of its ASCII letters. */
unsigned dm_signals_of(const struct dm_signals *signals, struct dm_str text);
/* May strings of this JSON text have signals? False is exact; true asks for a look at each. */
bool dm_signals_suspect(const struct dm_signals *signals, struct dm_str json);

#endif

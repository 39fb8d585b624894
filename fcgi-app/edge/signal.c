/*
 * The patterns, and one automaton of all their words (Aho and Corasick, 1975): a text is read once, byte by byte, whatever the number of
 * words, and only where a word ends is there more to do.
 */
#include "edge/signal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 3
/* All words together have fewer characters, and fewer kinds of them. */
#define STATES_MAX 1023
#define CLASSES_MAX 64
#define ANY_GAP 255
/* Not a signal: an escape in JSON that may hide an ASCII character. */
#define HIDDEN DM_SIGNALS

/* Words in this order, with at most gap bytes between two of them. */
struct pattern {
    unsigned char kind;
    unsigned char gap;
    const char *words[WORDS_MAX];
};

/* Words are in lower case. */
static const struct pattern patterns[] = {
    /* A second query, a condition that always holds, what only the database's own functions and tables are called. */
    {DM_SIGNAL_SQL, 40, {"union", "select"}},
    {DM_SIGNAL_SQL, 100, {"select", "from"}},
    {DM_SIGNAL_SQL, 100, {"insert", "into", "values"}},
    {DM_SIGNAL_SQL, 40, {";", "update", "set"}},
    {DM_SIGNAL_SQL, 20, {"delete", "from"}},
    {DM_SIGNAL_SQL, 10, {"drop", "table"}},
    {DM_SIGNAL_SQL, 10, {"drop", "database"}},
    {DM_SIGNAL_SQL, 12, {"' or", "="}},
    {DM_SIGNAL_SQL, 12, {"' and", "="}},
    {DM_SIGNAL_SQL, 12, {"\" or", "="}},
    {DM_SIGNAL_SQL, 4, {"or 1", "=", "1"}},
    {DM_SIGNAL_SQL, 0, {"'--"}},
    {DM_SIGNAL_SQL, 0, {"'; --"}},
    {DM_SIGNAL_SQL, 20, {"waitfor", "delay"}},
    {DM_SIGNAL_SQL, 0, {"pg_sleep"}},
    {DM_SIGNAL_SQL, 0, {"xp_cmdshell"}},
    {DM_SIGNAL_SQL, 0, {"information_schema"}},
    {DM_SIGNAL_SQL, 0, {"pg_catalog"}},
    /* Markup that runs, or holds what runs. */
    {DM_SIGNAL_SCRIPT, 0, {"<script"}},
    {DM_SIGNAL_SCRIPT, 0, {"<iframe"}},
    {DM_SIGNAL_SCRIPT, 0, {"<object"}},
    {DM_SIGNAL_SCRIPT, 0, {"javascript:"}},
    {DM_SIGNAL_SCRIPT, 0, {"data:text/html"}},
    {DM_SIGNAL_SCRIPT, 0, {"document.cookie"}},
    {DM_SIGNAL_SCRIPT, 0, {"srcdoc="}},
    {DM_SIGNAL_SCRIPT, ANY_GAP, {"<", "onerror", "="}},
    {DM_SIGNAL_SCRIPT, ANY_GAP, {"<", "onload", "="}},
    {DM_SIGNAL_SCRIPT, ANY_GAP, {"<", "onclick", "="}},
    {DM_SIGNAL_SCRIPT, ANY_GAP, {"<", "onfocus", "="}},
    {DM_SIGNAL_SCRIPT, ANY_GAP, {"<", "onmouseover", "="}},
    /* A shell, what is put in front of a command, and expressions that are evaluated. */
    {DM_SIGNAL_COMMAND, ANY_GAP, {"$(", ")"}},
    {DM_SIGNAL_COMMAND, 0, {"${jndi:"}},
    {DM_SIGNAL_COMMAND, 2, {"() {", ":"}},
    {DM_SIGNAL_COMMAND, 0, {"/bin/sh"}},
    {DM_SIGNAL_COMMAND, 0, {"/bin/bash"}},
    {DM_SIGNAL_COMMAND, 0, {"cmd.exe"}},
    {DM_SIGNAL_COMMAND, 10, {"powershell", "-"}},
    {DM_SIGNAL_COMMAND, 0, {"rm -rf"}},
    {DM_SIGNAL_COMMAND, 2, {";", "cat ", "/"}},
    {DM_SIGNAL_COMMAND, 2, {"|", "cat ", "/"}},
    {DM_SIGNAL_COMMAND, 2, {"&", "cat ", "/"}},
    {DM_SIGNAL_COMMAND, 2, {";", "wget "}},
    {DM_SIGNAL_COMMAND, 2, {";", "curl "}},
    {DM_SIGNAL_COMMAND, 2, {"&", "whoami"}},
    {DM_SIGNAL_COMMAND, 2, {";", "whoami"}},
    {DM_SIGNAL_COMMAND, 2, {"|", "whoami"}},
    /* Upwards, plain or percent-encoded, and files that are asked for by whoever tries doors. */
    {DM_SIGNAL_PATH, 0, {"../"}},
    {DM_SIGNAL_PATH, 0, {"..\\"}},
    {DM_SIGNAL_PATH, 0, {"..%2f"}},
    {DM_SIGNAL_PATH, 0, {"..%5c"}},
    {DM_SIGNAL_PATH, 0, {"%2e%2e"}},
    {DM_SIGNAL_PATH, 0, {"%c0%ae"}},
    {DM_SIGNAL_PATH, 0, {"/etc/passwd"}},
    {DM_SIGNAL_PATH, 0, {"/etc/shadow"}},
    {DM_SIGNAL_PATH, 0, {"/proc/self/"}},
    {DM_SIGNAL_PATH, 0, {"/.git/"}},
    {DM_SIGNAL_PATH, 0, {"/.env"}},
    {DM_SIGNAL_PATH, 0, {"\\windows\\"}},
    /* "\/", and a code point from U+0020 to U+007F by its number. */
    {HIDDEN, 0, {"\\/"}},
    {HIDDEN, 0, {"\\u002"}},
    {HIDDEN, 0, {"\\u003"}},
    {HIDDEN, 0, {"\\u004"}},
    {HIDDEN, 0, {"\\u005"}},
    {HIDDEN, 0, {"\\u006"}},
    {HIDDEN, 0, {"\\u007"}},
};
#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/* That the word of this place in this pattern ends in a state; one of a list. */
struct ending {
    unsigned char pattern, place;
    uint16_t next; /* its index and one; 0: the last */
};

/* What ends in a state: no word, words that only mean something after others, or the first word of a pattern. */
enum loudness { QUIET = 0, LATER, FIRST };

struct dm_signals {
    unsigned char class_of[256]; /* bytes that no word has are all of class 0 */
    size_t n_classes;
    uint16_t next[STATES_MAX * CLASSES_MAX]; /* by state and class: the next state's row */
    unsigned char loud[STATES_MAX];          /* enum loudness */
    uint16_t fail[STATES_MAX];   /* the longest other beginning of a word that this one ends with */
    uint16_t ending[STATES_MAX]; /* first of its list: index and one */
    struct ending endings[PATTERNS * WORDS_MAX];
    size_t n_states, n_endings;
};

const char *dm_signal_name(enum dm_signal signal)
{
    static const char *const names[] = {
        [DM_SIGNAL_SQL] = "sql_injection",
        [DM_SIGNAL_SCRIPT] = "cross_site_scripting",
        [DM_SIGNAL_COMMAND] = "command_injection",
        [DM_SIGNAL_PATH] = "path_traversal",
    };
    return names[signal];
}

const char *dm_signal_severity_name(enum dm_signal_severity level)
{
    return level == DM_SIGNAL_HIGH ? "high" : "low";
}

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

/* A class for each byte of a word, and its capital's beside it. False: more words than there is room for. */
static bool make_classes(struct dm_signals *s)
{
    size_t n_bytes = 1;
    s->n_classes = 1;
    for (size_t i = 0; i < PATTERNS; i++) {
        for (size_t place = 0; place < WORDS_MAX && patterns[i].words[place]; place++) {
            for (const char *c = patterns[i].words[place]; *c; c++, n_bytes++)
                if (s->class_of[(unsigned char)*c] == 0)
                    s->class_of[(unsigned char)*c] = (unsigned char)s->n_classes++;
        }
    }
    for (size_t byte = 0; byte < sizeof(s->class_of); byte++)
        s->class_of[byte] = s->class_of[lower((unsigned char)byte)];
    return n_bytes <= STATES_MAX && s->n_classes <= CLASSES_MAX;
}

/* Rows are multiples, so that a step is one addition and one load. */
static uint16_t row_of(size_t state)
{
    return (uint16_t)(state * CLASSES_MAX);
}

static void add_word(struct dm_signals *s, size_t pattern, size_t place)
{
    size_t state = 0;
    for (const char *c = patterns[pattern].words[place]; *c; c++) {
        uint16_t *to = &s->next[row_of(state) + s->class_of[(unsigned char)*c]];
        if (*to == 0)
            *to = row_of(s->n_states++);
        state = *to / CLASSES_MAX;
    }
    s->endings[s->n_endings] = (struct ending){
        .pattern = (unsigned char)pattern, .place = (unsigned char)place, .next = s->ending[state]};
    s->ending[state] = (uint16_t)++s->n_endings;
}

static unsigned char loudness_of(const struct dm_signals *s, size_t state)
{
    /* What ends in a shorter ending ends here too. */
    unsigned char loudest = state ? s->loud[s->fail[state]] : QUIET;
    for (size_t e = s->ending[state]; e; e = s->endings[e - 1].next) {
        unsigned char loudness = s->endings[e - 1].place == 0 ? FIRST : LATER;
        loudest = loudness > loudest ? loudness : loudest;
    }
    return loudest;
}

/* Where no word goes on, go on as the longest other beginning would; level by level, so that what is needed is there. */
static void connect_states(struct dm_signals *s)
{
    uint16_t queue[STATES_MAX];
    size_t from = 0, to = 0;
    queue[to++] = 0;
    while (from < to) {
        size_t state = queue[from++];
        size_t fail = s->fail[state];
        s->loud[state] = loudness_of(s, state);
        for (size_t class = 0; class < s->n_classes; class ++) {
            uint16_t *next = &s->next[row_of(state) + class];
            uint16_t other = state ? s->next[row_of(fail) + class] : 0;
            if (*next == 0) {
                *next = other;
            } else {
                s->fail[*next / CLASSES_MAX] = other / CLASSES_MAX;
                queue[to++] = *next / CLASSES_MAX;
            }
        }
    }
}

struct dm_signals *dm_signals_new(void)
{
    struct dm_signals *s = calloc(1, sizeof(*s));
    if (!s || !make_classes(s)) {
        free(s);
        return NULL;
    }
    s->n_states = 1;
    for (size_t i = 0; i < PATTERNS; i++)
        for (size_t place = 0; place < WORDS_MAX && patterns[i].words[place]; place++)
            add_word(s, i, place);
    connect_states(s);
    return s;
}

void dm_signals_free(struct dm_signals *signals)
{
    free(signals);
}

/* How far each pattern has come in a text. */
struct progress {
    unsigned char place[PATTERNS]; /* words met */
    size_t end[PATTERNS];          /* behind the last of them */
    unsigned found;
};

static void meet(struct progress *progress, const struct ending *ending, size_t end)
{
    const struct pattern *pattern = &patterns[ending->pattern];
    unsigned char *place = &progress->place[ending->pattern];
    size_t *last = &progress->end[ending->pattern];
    size_t start = end - strlen(pattern->words[ending->place]);
    if (ending->place > 0 &&
        (ending->place != *place || start < *last || start - *last > pattern->gap))
        return;
    /* A first word that comes again begins anew: what follows may be too far from the one before. */
    *place = (unsigned char)(ending->place + 1);
    *last = end;
    if (*place == WORDS_MAX || !pattern->words[*place]) {
        progress->found |= 1u << pattern->kind;
        *place = 0;
    }
}

static void meet_all(const struct dm_signals *s, size_t state, size_t end,
                     struct progress *progress)
{
    for (; state; state = s->fail[state])
        for (size_t e = s->ending[state]; e; e = s->endings[e - 1].next)
            meet(progress, &s->endings[e - 1], end);
}

/* Go on from row and at to behind the next byte with which a word of at least this loudness ends. False: there is none. */
static bool go_on(const struct dm_signals *s, struct dm_str text, unsigned char least, size_t *row,
                  size_t *at)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t here = *row, i = *at;
    bool met = false;
    while (i < text.n && !met) {
        /* The column first: so a step waits for one load alone. */
        const uint16_t *column = s->next + s->class_of[p[i++]];
        here = column[here];
        met = s->loud[here / CLASSES_MAX] >= least;
    }
    *row = here;
    *at = i;
    return met;
}

static unsigned look(const struct dm_signals *s, struct dm_str text)
{
    struct progress progress;
    size_t row = 0, at = 0;
    /* Until a first word comes, the others mean nothing. */
    if (!go_on(s, text, FIRST, &row, &at))
        return 0;
    progress = (struct progress){.found = 0};
    do
        meet_all(s, row / CLASSES_MAX, at, &progress);
    while (go_on(s, text, LATER, &row, &at));
    return progress.found;
}

unsigned dm_signals_of(const struct dm_signals *signals, struct dm_str text)
{
    return look(signals, text) & ~(1u << HIDDEN);
}

bool dm_signals_suspect(const struct dm_signals *signals, struct dm_str json)
{
    return look(signals, json) != 0;
}

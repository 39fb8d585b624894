/*
 * The first thing a program does: its settings, read once from every source into one struct, each
 * value checked against its row where it stands. The only user of libinih.
 */
#include "base/config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/utf8.h"

#define FILE_MAX_BYTES (256 * 1024)
#define ARENA_MAX_BYTES (4 * 1024 * 1024)
#define DROP_INS_MAX 256
#define NAME_MAX_BYTES 100    /* of "section.key" and its environment name */
#define ALLOWED_MAX_BYTES 160 /* what is allowed, in words */

/* Where a key's value came from. */
struct origin {
    const char *text; /* "default", "FILE:LINE", the environment's name …; NULL: no value yet */
    int file, line;   /* the how-manieth file gave it last, counted from 1, and where */
    bool held;        /* the value lives in another configuration's memory */
};

struct dm_config {
    const struct dm_config_table *table;
    struct dm_arena *arena;
    char *values;
    struct origin *origins; /* one a key */
    int n_files;            /* begun so far */
    struct dm_err *err;     /* while loading */
};

static struct dm_str section_of(const struct dm_config_key *key)
{
    struct dm_str name = dm_str_from(key->name);
    return dm_str_slice(name, 0, dm_str_find(name, '.', 0));
}

/* "key" of "section.key". */
static const char *leaf_of(const struct dm_config_key *key)
{
    return key->name + section_of(key).n + 1;
}

static void env_name(const struct dm_config_table *table, const struct dm_config_key *key,
                     char ret_name[NAME_MAX_BYTES])
{
    snprintf(ret_name, NAME_MAX_BYTES, "%s%s", table->env_prefix, key->name);
    for (char *c = ret_name + strlen(table->env_prefix); *c != '\0'; c++)
        *c = *c == '.' ? '_' : (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
}

static void describe_choices(const struct dm_config_key *key, struct dm_buf *out)
{
    for (size_t i = 0; key->choices[i]; i++) {
        if (i > 0)
            dm_buf_add_c(out, key->choices[i + 1] ? ", " : " or ");
        dm_buf_add_c(out, key->choices[i]);
    }
}

/* "1 to 640 threads (default 64)". */
static void describe(const struct dm_config_key *key, char ret_text[ALLOWED_MAX_BYTES])
{
    struct dm_buf out = {.p = ret_text, .cap = ALLOWED_MAX_BYTES - 1, .max = ALLOWED_MAX_BYTES - 1};
    long long min = key->min;
    long long max = key->max;
    switch (key->kind) {
    case DM_CONFIG_INT:
        dm_buf_printf(&out, "%lld to %lld", min, max);
        if (key->unit)
            dm_buf_printf(&out, " %s", key->unit);
        break;
    case DM_CONFIG_BOOL:
        dm_buf_add_c(&out, "true or false");
        break;
    case DM_CONFIG_CHOICE:
        describe_choices(key, &out);
        break;
    case DM_CONFIG_PATH:
        dm_buf_printf(&out, "an absolute path of at most %lld bytes%s", max,
                      min == 0 ? ", or nothing" : "");
        break;
    case DM_CONFIG_RATES:
        dm_buf_printf(&out, "up to %d of COUNT/SECONDS such as 20/60 500/3600, or none",
                      DM_RATES_MAX);
        break;
    case DM_CONFIG_TEXT:
    case DM_CONFIG_SECRET:
        dm_buf_printf(&out, "%lld to %lld bytes%s", min, max,
                      key->kind == DM_CONFIG_TEXT ? " of text" : "");
        break;
    }
    if (key->initial && key->kind != DM_CONFIG_SECRET && key->initial[0] != '\0')
        dm_buf_printf(&out, " (default %s)", key->initial);
    ret_text[out.n] = '\0';
}

/* The value as it may be shown in a message: short, and in visible characters only. */
static void show(const struct dm_config_key *key, struct dm_str value, char ret_text[48])
{
    if (key->kind == DM_CONFIG_SECRET) {
        snprintf(ret_text, 48, "the value");
        return;
    }
    if (value.n == 0) {
        snprintf(ret_text, 48, "an empty value");
        return;
    }
    size_t n = 0;
    for (; n < value.n && n < 40; n++)
        ret_text[n] = value.p[n] > ' ' && value.p[n] < 0x7f ? value.p[n] : '?';
    snprintf(ret_text + n, 48 - n, "%s", n < value.n ? "..." : "");
}

static enum dm_result not_allowed(struct dm_config *config, const struct dm_config_key *key,
                                  struct dm_str value, const char *origin)
{
    char allowed[ALLOWED_MAX_BYTES];
    char shown[48];
    describe(key, allowed);
    show(key, value, shown);
    return dm_err_set(config->err, DM_E_INVALID, "%s: %s: %s is not allowed: %s", origin, key->name,
                      shown, allowed);
}

static bool parse_rates(struct dm_str text, struct dm_rates *ret_rates)
{
    struct dm_rates rates = {.n = 0};
    struct dm_str part;
    if (dm_str_eq_c(text, "none"))
        text.n = 0;
    while (dm_str_next(&text, ' ', &part)) {
        if (part.n == 0)
            continue;
        size_t slash = dm_str_find(part, '/', 0);
        if (rates.n == DM_RATES_MAX || slash == part.n ||
            !dm_str_to_int(dm_str_slice(part, 0, slash), 1, INT32_MAX,
                           &rates.rate[rates.n].count) ||
            !dm_str_to_int(dm_str_slice(part, slash + 1, part.n), 1, INT32_MAX,
                           &rates.rate[rates.n].seconds))
            return false;
        rates.n++;
    }
    *ret_rates = rates;
    return true;
}

static bool within(const struct dm_config_key *key, struct dm_str value)
{
    return (int64_t)value.n >= key->min && (int64_t)value.n <= key->max;
}

static bool is_text(struct dm_str value)
{
    return dm_utf8_valid(value) && !dm_utf8_has_control(value, false);
}

static bool parse_choice(const struct dm_config_key *key, struct dm_str value, const char **ret)
{
    for (size_t i = 0; key->choices[i]; i++) {
        if (dm_str_eq_c(value, key->choices[i])) {
            *ret = key->choices[i];
            return true;
        }
    }
    return false;
}

/* A later source takes a secret's place: the earlier one must not linger. */
static void wipe_secret(struct dm_secret *secret)
{
    if (secret->p)
        dm_secret_wipe((void *)(uintptr_t)secret->p, secret->n);
    *secret = (struct dm_secret){NULL, 0};
}

static enum dm_result store_text(struct dm_config *config, const struct dm_config_key *key,
                                 struct dm_str value)
{
    char *copy = dm_arena_cstr(config->arena, value);
    if (!copy)
        return dm_err_set(config->err, DM_E_NOMEM, "no memory for the configuration");
    void *target = config->values + key->offset;
    if (key->kind == DM_CONFIG_SECRET) {
        wipe_secret(target);
        if (value.n > 0)
            *(struct dm_secret *)target = (struct dm_secret){copy, value.n};
    } else {
        *(const char **)target = copy;
    }
    return DM_OK;
}

/* Check one value against its row and put it into the target struct. */
static enum dm_result set_value(struct dm_config *config, const struct dm_config_key *key,
                                struct dm_str value, const char *origin)
{
    void *target = config->values + key->offset;
    bool ok = false;
    switch (key->kind) {
    case DM_CONFIG_INT:
        ok = dm_str_to_int(value, key->min, key->max, target);
        break;
    case DM_CONFIG_BOOL:
        ok = dm_str_eq_c(value, "true") || dm_str_eq_c(value, "false");
        if (ok)
            *(bool *)target = value.p[0] == 't';
        break;
    case DM_CONFIG_CHOICE:
        ok = parse_choice(key, value, target);
        break;
    case DM_CONFIG_RATES:
        ok = parse_rates(value, target);
        break;
    case DM_CONFIG_PATH:
        ok = within(key, value) && is_text(value) && (value.n == 0 || value.p[0] == '/');
        break;
    case DM_CONFIG_TEXT:
        ok = within(key, value) && is_text(value);
        if (ok && key->flaw && key->flaw(value))
            return dm_err_set(config->err, DM_E_INVALID, "%s: %s: %s", origin, key->name,
                              key->flaw(value));
        break;
    case DM_CONFIG_SECRET:
        ok = within(key, value) && dm_str_find(value, '\0', 0) == value.n;
        break;
    }
    if (!ok)
        return not_allowed(config, key, value, origin);
    if (key->kind == DM_CONFIG_PATH || key->kind == DM_CONFIG_TEXT ||
        key->kind == DM_CONFIG_SECRET) {
        enum dm_result r = store_text(config, key, value);
        if (r != DM_OK)
            return r;
    }
    config->origins[key - config->table->keys].text = origin;
    return DM_OK;
}

static enum dm_result load_defaults(struct dm_config *config)
{
    for (size_t i = 0; i < config->table->n_keys; i++) {
        const struct dm_config_key *key = &config->table->keys[i];
        if (!key->initial)
            continue;
        enum dm_result r = set_value(config, key, dm_str_from(key->initial), "default");
        if (r != DM_OK)
            return r;
    }
    return DM_OK;
}

/*
 * A whole small file as bytes, wiped and freed with free_bytes: it may hold secrets. -1 with errno
 * set when it cannot be read, EFBIG when it is over max.
 */
static int read_file(const char *path, size_t max, char **ret_bytes, size_t *ret_n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    char *bytes = malloc(max + 1);
    size_t n = 0;
    ssize_t got = bytes ? 1 : -1;
    while (got > 0 && n <= max) {
        got = read(fd, bytes + n, max + 1 - n);
        if (got > 0)
            n += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got >= 0 && n > max)
        errno = EFBIG;
    int saved = errno;
    close(fd);
    if (got < 0 || n > max) {
        if (bytes)
            dm_secret_wipe(bytes, n);
        free(bytes);
        errno = saved;
        return -1;
    }
    *ret_bytes = bytes;
    *ret_n = n;
    return 0;
}

static void free_bytes(char *bytes, size_t n)
{
    dm_secret_wipe(bytes, n);
    free(bytes);
}

/* One INI file while libinih walks it. */
struct ini {
    struct dm_config *config;
    const char *path;
    struct dm_str rest; /* what libinih has not asked for yet; absent at the end */
    int line;           /* of what it got last */
    enum dm_result result;
};

static enum dm_result fail(struct ini *ini, const char *what, const char *detail)
{
    ini->result = dm_err_set(ini->config->err, DM_E_INVALID, "%s:%d: %s%s", ini->path, ini->line,
                             what, detail);
    return ini->result;
}

/*
 * libinih's reader: one line a call. Done here because the handler is given no line number, and
 * because a line longer than libinih's buffer would be cut in two silently.
 */
static char *next_line(char *str, int num, void *arg)
{
    struct ini *ini = arg;
    struct dm_str line;
    if (ini->result != DM_OK || !dm_str_next(&ini->rest, '\n', &line))
        return NULL;
    ini->line++;
    if (dm_str_find(line, '\0', 0) != line.n) {
        (void)fail(ini, "a NUL byte in the line", "");
        return NULL;
    }
    if (line.n + 2 > (size_t)num) {
        char bound[24];
        snprintf(bound, sizeof(bound), "%d bytes", num - 2);
        (void)fail(ini, "the line is too long: at most ", bound);
        return NULL;
    }
    memcpy(str, line.p, line.n);
    memcpy(str + line.n, "\n", 2);
    return str;
}

static const struct dm_config_key *find_key(const struct dm_config_table *table,
                                            const char *section, const char *leaf)
{
    for (size_t i = 0; i < table->n_keys; i++) {
        const struct dm_config_key *key = &table->keys[i];
        if (dm_str_eq_c(section_of(key), section) && strcmp(leaf_of(key), leaf) == 0)
            return key;
    }
    return NULL;
}

/* libinih's handler: non-zero to go on. */
static int take_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct ini *ini = arg;
    struct dm_config *config = ini->config;
    if (ini->result != DM_OK)
        return 0;
    const struct dm_config_key *key = find_key(config->table, section, name);
    if (!key) {
        char full[128];
        snprintf(full, sizeof(full), section[0] != '\0' ? "%.50s.%.50s" : "%.0s%.50s", section,
                 name);
        (void)fail(ini, "there is no such key: ", full);
        return 0;
    }
    struct origin *origin = &config->origins[key - config->table->keys];
    if (origin->file == config->n_files) {
        char twice[NAME_MAX_BYTES + 40];
        snprintf(twice, sizeof(twice), "%s, first in line %d", key->name, origin->line);
        (void)fail(ini, "given twice: ", twice);
        return 0;
    }
    struct dm_str where =
        dm_arena_printf(config->arena, "%s:%d", ini->path, ini->line); /* ends in NUL */
    if (!where.p)
        ini->result = dm_err_set(config->err, DM_E_NOMEM, "no memory for the configuration");
    else
        ini->result = set_value(config, key, dm_str_from(value), where.p);
    if (ini->result != DM_OK)
        return 0;
    origin->file = config->n_files;
    origin->line = ini->line;
    return 1;
}

/* libinih keeps its options in globals of the library. */
static void set_ini_options(void)
{
    ini_use_stack = false; /* its stack line is 200 bytes; these grow to ini_max_line */
    ini_max_line = 4096;
    ini_initial_alloc = 4096;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false; /* " ;" may be part of a value */
    ini_stop_on_first_error = true;
}

static enum dm_result load_file(struct dm_config *config, const char *path)
{
    char *bytes;
    size_t n;
    if (read_file(path, FILE_MAX_BYTES, &bytes, &n) != 0)
        return dm_err_set(config->err, DM_E_INVALID, "%s: cannot be read: %s", path,
                          strerror(errno));
    struct ini ini = {.config = config, .path = path, .rest = {bytes, n}};
    config->n_files++;
    set_ini_options();
    int rc = ini_parse_stream(next_line, &ini, take_pair, &ini);
    if (ini.result == DM_OK && rc > 0) {
        ini.line = rc;
        (void)fail(&ini, "neither [section] nor key = value", "");
    } else if (ini.result == DM_OK && rc != 0) {
        ini.result = dm_err_set(config->err, DM_E_NOMEM, "no memory for the configuration");
    }
    free_bytes(bytes, n);
    return ini.result;
}

static int is_drop_in(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

/* By bytes, so that the order does not hang on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* conf.d/NAME.conf beside the file, in order. */
static enum dm_result load_drop_ins(struct dm_config *config, const char *file)
{
    const char *slash = strrchr(file, '/');
    int n_dir = slash ? (int)(slash - file) + 1 : 0;
    char dir[PATH_MAX];
    struct dirent **entries = NULL;
    if (snprintf(dir, sizeof(dir), "%.*sconf.d", n_dir, file) >= (int)sizeof(dir))
        return dm_err_set(config->err, DM_E_INVALID, "%.100s...: the path is too long", file);
    int n = scandir(dir, &entries, is_drop_in, by_name);
    if (n < 0 && errno == ENOENT)
        return DM_OK;
    if (n < 0)
        return dm_err_set(config->err, DM_E_INVALID, "%s: cannot be read: %s", dir,
                          strerror(errno));
    enum dm_result r = DM_OK;
    for (int i = 0; i < n; i++) {
        if (r == DM_OK) {
            struct dm_str path = dm_arena_printf(config->arena, "%s/%s", dir, entries[i]->d_name);
            r = path.p ? load_file(config, path.p)
                       : dm_err_set(config->err, DM_E_NOMEM, "no memory for the configuration");
        }
        free(entries[i]);
    }
    free(entries);
    return r;
}

static const struct dm_config_key *find_env(const struct dm_config_table *table, struct dm_str name)
{
    for (size_t i = 0; i < table->n_keys; i++) {
        char candidate[NAME_MAX_BYTES];
        env_name(table, &table->keys[i], candidate);
        if (dm_str_eq_c(name, candidate))
            return &table->keys[i];
    }
    return NULL;
}

static enum dm_result load_environment(struct dm_config *config, char *const *env)
{
    struct dm_str prefix = dm_str_from(config->table->env_prefix);
    for (; *env; env++) {
        struct dm_str entry = dm_str_from(*env);
        if (!dm_str_starts(entry, prefix))
            continue;
        size_t equals = dm_str_find(entry, '=', 0);
        struct dm_str name = dm_str_slice(entry, 0, equals);
        const struct dm_config_key *key = find_env(config->table, name);
        if (!key)
            return dm_err_set(config->err, DM_E_INVALID,
                              "%.*s in the environment: there is no such key",
                              DM_STR_ARG(dm_str_slice(name, 0, NAME_MAX_BYTES)));
        char *origin = dm_arena_cstr(config->arena, name);
        if (!origin)
            return dm_err_set(config->err, DM_E_NOMEM, "no memory for the configuration");
        enum dm_result r = set_value(config, key, dm_str_slice(entry, equals + 1, entry.n), origin);
        if (r != DM_OK)
            return r;
    }
    return DM_OK;
}

static enum dm_result load_credential(struct dm_config *config, const struct dm_config_key *key,
                                      const char *dir)
{
    char path[PATH_MAX];
    char *bytes;
    size_t n;
    if (snprintf(path, sizeof(path), "%s/%s", dir, key->name) >= (int)sizeof(path))
        return dm_err_set(config->err, DM_E_INVALID, "%.100s...: the path is too long", dir);
    if (read_file(path, FILE_MAX_BYTES, &bytes, &n) != 0) {
        if (errno == ENOENT)
            return DM_OK;
        return dm_err_set(config->err, DM_E_INVALID, "%s: cannot be read: %s", path,
                          strerror(errno));
    }
    struct dm_str value = {bytes, n};
    /* Editors and echo end the file with a line end that is no part of the secret. */
    if (value.n > 0 && value.p[value.n - 1] == '\n')
        value.n--;
    struct dm_str origin = dm_arena_printf(config->arena, "credential %s", key->name);
    enum dm_result r = origin.p
                           ? set_value(config, key, value, origin.p)
                           : dm_err_set(config->err, DM_E_NOMEM, "no memory for the configuration");
    free_bytes(bytes, n);
    return r;
}

static enum dm_result load_credentials(struct dm_config *config, const char *dir)
{
    for (size_t i = 0; i < config->table->n_keys; i++) {
        const struct dm_config_key *key = &config->table->keys[i];
        if (key->kind != DM_CONFIG_SECRET)
            continue;
        enum dm_result r = load_credential(config, key, dir);
        if (r != DM_OK)
            return r;
    }
    return DM_OK;
}

static enum dm_result check_complete(struct dm_config *config)
{
    for (size_t i = 0; i < config->table->n_keys; i++) {
        const struct dm_config_key *key = &config->table->keys[i];
        if (config->origins[i].text)
            continue;
        char name[NAME_MAX_BYTES];
        env_name(config->table, key, name);
        return dm_err_set(config->err, DM_E_INVALID,
                          "%s must be given: %s = ... under [%.*s] in the file, or %s in the "
                          "environment%s",
                          key->name, leaf_of(key), DM_STR_ARG(section_of(key)), name,
                          key->kind == DM_CONFIG_SECRET ? ", or as a credential of that name" : "");
    }
    return DM_OK;
}

static enum dm_result load_sources(struct dm_config *config, const struct dm_config_source *source)
{
    enum dm_result r = load_defaults(config);
    if (r == DM_OK && source->file)
        r = load_file(config, source->file);
    if (r == DM_OK && source->file)
        r = load_drop_ins(config, source->file);
    if (r == DM_OK && source->env)
        r = load_environment(config, source->env);
    if (r == DM_OK && source->credentials_dir)
        r = load_credentials(config, source->credentials_dir);
    return r == DM_OK ? check_complete(config) : r;
}

enum dm_result dm_config_load(const struct dm_config_table *table,
                              const struct dm_config_source *source, struct dm_err *err,
                              struct dm_config **ret_config)
{
    struct dm_config *config = calloc(1, sizeof(*config));
    if (!config)
        return dm_err_set(err, DM_E_NOMEM, "no memory for the configuration");
    config->table = table;
    config->err = err;
    config->arena = dm_arena_new(16384, ARENA_MAX_BYTES);
    config->values = config->arena ? dm_arena_alloc(config->arena, table->size) : NULL;
    config->origins =
        config->arena ? dm_arena_array(config->arena, table->n_keys, sizeof(struct origin)) : NULL;
    enum dm_result r = config->values && config->origins
                           ? load_sources(config, source)
                           : dm_err_set(err, DM_E_NOMEM, "no memory for the configuration");
    if (r != DM_OK) {
        dm_config_free(config);
        return r;
    }
    config->err = NULL;
    *ret_config = config;
    return DM_OK;
}

void dm_config_free(struct dm_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; config->values && config->origins && i < config->table->n_keys; i++) {
        const struct dm_config_key *key = &config->table->keys[i];
        if (key->kind == DM_CONFIG_SECRET && !config->origins[i].held)
            wipe_secret((void *)(config->values + key->offset));
    }
    dm_arena_free(config->arena);
    free(config);
}

const void *dm_config_values(const struct dm_config *config)
{
    return config->values;
}

static size_t value_bytes(enum dm_config_kind kind)
{
    switch (kind) {
    case DM_CONFIG_INT:
        return sizeof(int64_t);
    case DM_CONFIG_BOOL:
        return sizeof(bool);
    case DM_CONFIG_RATES:
        return sizeof(struct dm_rates);
    case DM_CONFIG_SECRET:
        return sizeof(struct dm_secret);
    case DM_CONFIG_TEXT:
    case DM_CONFIG_PATH:
    case DM_CONFIG_CHOICE:
        break;
    }
    return sizeof(const char *);
}

static bool same_rates(const struct dm_rates *a, const struct dm_rates *b)
{
    for (size_t i = 0; a->n == b->n && i < a->n; i++)
        if (a->rate[i].count != b->rate[i].count || a->rate[i].seconds != b->rate[i].seconds)
            return false;
    return a->n == b->n;
}

static bool same_value(const struct dm_config_key *key, const void *a, const void *b)
{
    switch (key->kind) {
    case DM_CONFIG_INT:
        return *(const int64_t *)a == *(const int64_t *)b;
    case DM_CONFIG_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case DM_CONFIG_RATES:
        return same_rates(a, b);
    case DM_CONFIG_SECRET: {
        const struct dm_secret *x = a, *y = b;
        return x->n == y->n && (x->n == 0 || memcmp(x->p, y->p, x->n) == 0);
    }
    case DM_CONFIG_TEXT:
    case DM_CONFIG_PATH:
    case DM_CONFIG_CHOICE:
        break;
    }
    return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
}

void dm_config_differences(const struct dm_config *a, const struct dm_config *b,
                           void (*see)(void *arg, const struct dm_config_key *key), void *arg)
{
    for (size_t i = 0; i < a->table->n_keys; i++) {
        const struct dm_config_key *key = &a->table->keys[i];
        if (!same_value(key, a->values + key->offset, b->values + key->offset))
            see(arg, key);
    }
}

void dm_config_hold(struct dm_config *fresh, const struct dm_config *first)
{
    for (size_t i = 0; i < fresh->table->n_keys; i++) {
        const struct dm_config_key *key = &fresh->table->keys[i];
        if (key->reloadable)
            continue;
        if (key->kind == DM_CONFIG_SECRET)
            wipe_secret((void *)(fresh->values + key->offset));
        memcpy(fresh->values + key->offset, first->values + key->offset, value_bytes(key->kind));
        fresh->origins[i] = (struct origin){.text = "held until a restart", .held = true};
    }
}

static void print_rates(const struct dm_rates *rates, struct dm_buf *out)
{
    if (rates->n == 0)
        dm_buf_add_c(out, "none");
    for (size_t i = 0; i < rates->n; i++)
        dm_buf_printf(out, "%s%lld/%lld", i > 0 ? " " : "", (long long)rates->rate[i].count,
                      (long long)rates->rate[i].seconds);
}

static void print_value(const struct dm_config_key *key, const void *target, struct dm_buf *out)
{
    switch (key->kind) {
    case DM_CONFIG_INT:
        dm_buf_add_int(out, *(const int64_t *)target);
        break;
    case DM_CONFIG_BOOL:
        dm_buf_add_c(out, *(const bool *)target ? "true" : "false");
        break;
    case DM_CONFIG_RATES:
        print_rates(target, out);
        break;
    case DM_CONFIG_SECRET:
        dm_buf_add_c(out, ((const struct dm_secret *)target)->p ? "[redacted]" : "");
        break;
    case DM_CONFIG_TEXT:
    case DM_CONFIG_PATH:
    case DM_CONFIG_CHOICE:
        dm_buf_add_c(out, *(const char *const *)target);
        break;
    }
}

/* "[section]" where the section changes from the row before. */
static void print_section(const struct dm_config_table *table, size_t i, struct dm_buf *out)
{
    struct dm_str section = section_of(&table->keys[i]);
    if (i > 0 && dm_str_eq(section, section_of(&table->keys[i - 1])))
        return;
    dm_buf_printf(out, "%s[%.*s]\n", i > 0 ? "\n" : "", DM_STR_ARG(section));
}

void dm_config_print(const struct dm_config *config, struct dm_buf *out)
{
    for (size_t i = 0; i < config->table->n_keys; i++) {
        const struct dm_config_key *key = &config->table->keys[i];
        print_section(config->table, i, out);
        dm_buf_printf(out, "%s = ", leaf_of(key));
        print_value(key, config->values + key->offset, out);
        dm_buf_printf(out, "  # %s%s\n", config->origins[i].text,
                      key->reloadable ? "; reloadable" : "");
    }
}

void dm_config_sample(const struct dm_config_table *table, struct dm_buf *out)
{
    for (size_t i = 0; i < table->n_keys; i++) {
        const struct dm_config_key *key = &table->keys[i];
        char allowed[ALLOWED_MAX_BYTES];
        describe(key, allowed);
        print_section(table, i, out);
        dm_buf_printf(out, "# %s\n# %c%s.%s%s\n", key->text,
                      allowed[0] >= 'a' && allowed[0] <= 'z' ? allowed[0] - 'a' + 'A' : allowed[0],
                      allowed + 1, key->initial ? "" : " Must be given.",
                      key->reloadable ? " Taken over at a reload." : "");
        dm_buf_printf(out, "#%s = %s\n", leaf_of(key), key->initial ? key->initial : "");
    }
}

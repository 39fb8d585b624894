/* `api-diff`: two OpenAPI documents, and what between them breaks clients. Changes that are meant stand in a file, each with its reason. */
#include "base/buf.h"
#include "base/file.h"
#include "base/json_write.h"
#include "ctl/ctl.h"
#include "edge/openapi_diff.h"

#define FILE_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define ARENA_BYTES_MAX ((size_t)128 * 1024 * 1024)

/* A breaking change that is meant. */
struct allowance {
    struct dm_str rule, pointer, reason;
    bool used;
    struct allowance *next;
};

struct change {
    struct dm_openapi_change told;
    const struct allowance *allowance; /* NULL: none */
    struct change *next;
};

struct diff {
    struct dm_arena *arena;
    struct dm_err err;
    bool json;
    const char *files[3]; /* old, new, allowances */
    struct allowance *allowances;
    struct change *first, **end;
    int breaking, allowed, harmless, unused;
    bool out_of_memory;
};
enum { OLD, NEW, ALLOWED };

static int usage(void)
{
    fputs("usage: digitalmectl api-diff [--json] [--allow FILE] OLD.json NEW.json\n"
          "  --json        print one JSON document\n"
          "  --allow FILE  breaking changes that are meant, a line each: RULE POINTER REASON\n"
          "exit status: 0 nothing breaks a client of OLD, 1 something does, 2 the files cannot be "
          "compared\n",
          stderr);
    return 2;
}

static bool take_options(int argc, char **argv, struct diff *diff)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        struct dm_str word = dm_str_from(argv[i]);
        if (dm_str_eq_c(word, "--json"))
            diff->json = true;
        else if (dm_str_eq_c(word, "--allow") && i + 1 < argc)
            diff->files[ALLOWED] = argv[++i];
        else if (!dm_str_starts(word, DM_STR("-")) && n <= NEW)
            diff->files[n++] = argv[i];
        else
            return false;
    }
    return n == NEW + 1;
}

/* RULE POINTER REASON; a line that begins with '#' is for people. */
static enum dm_result take_allowance(struct diff *diff, struct dm_str line)
{
    struct allowance *allowance = dm_arena_alloc(diff->arena, sizeof(*allowance));
    struct dm_str rest = dm_str_trim(line);
    if (!allowance)
        return dm_err_set(&diff->err, DM_E_NOMEM, "out of memory");
    if (rest.n == 0 || rest.p[0] == '#')
        return DM_OK;
    if (!dm_str_next(&rest, ' ', &allowance->rule) ||
        !dm_str_next(&rest, ' ', &allowance->pointer) || dm_str_trim(rest).n == 0)
        return dm_err_set(&diff->err, DM_E_INVALID, "%s: no rule, pointer and reason: %.*s",
                          diff->files[ALLOWED], DM_STR_ARG(line));
    allowance->reason = dm_str_trim(rest);
    allowance->next = diff->allowances;
    diff->allowances = allowance;
    return DM_OK;
}

static enum dm_result read_allowances(struct diff *diff)
{
    struct dm_str text = {NULL, 0}, line;
    enum dm_result result = DM_OK;
    if (diff->files[ALLOWED])
        result = dm_file_read(diff->files[ALLOWED], FILE_BYTES_MAX, diff->arena, &diff->err, &text);
    while (result == DM_OK && dm_str_next(&text, '\n', &line))
        result = take_allowance(diff, line);
    return result;
}

static struct allowance *allowance_of(struct diff *diff, const struct dm_openapi_change *change)
{
    for (struct allowance *a = diff->allowances; a; a = a->next)
        if (dm_str_eq_c(a->rule, change->rule) && dm_str_eq(a->pointer, change->pointer))
            return a;
    return NULL;
}

static void take_change(void *arg, const struct dm_openapi_change *told)
{
    struct diff *diff = arg;
    struct change *change = dm_arena_alloc(diff->arena, sizeof(*change));
    struct allowance *allowance = told->breaking ? allowance_of(diff, told) : NULL;
    if (!change) {
        diff->out_of_memory = true;
        return;
    }
    *change = (struct change){.told = *told, .allowance = allowance};
    change->told.rule = dm_arena_cstr(diff->arena, dm_str_from(told->rule));
    change->told.pointer = dm_arena_str(diff->arena, told->pointer);
    change->told.text = dm_arena_str(diff->arena, told->text);
    diff->out_of_memory |= !change->told.rule || !change->told.pointer.p || !change->told.text.p;
    *diff->end = change;
    diff->end = &change->next;
    if (allowance)
        allowance->used = true;
    diff->allowed += allowance != NULL;
    diff->breaking += told->breaking && !allowance;
    diff->harmless += !told->breaking;
}

static enum dm_result read_document(struct diff *diff, const char *file, struct dm_json **ret_doc)
{
    struct dm_str text;
    enum dm_result result = dm_file_read(file, FILE_BYTES_MAX, diff->arena, &diff->err, &text);
    if (result != DM_OK)
        return result;
    result = dm_json_parse(text, &diff->err, ret_doc);
    if (result != DM_OK) {
        struct dm_err why = diff->err;
        (void)dm_err_set(&diff->err, result, "%s: %s", file, why.detail);
    }
    return result;
}

static enum dm_result compare(struct diff *diff)
{
    struct dm_json *old = NULL, *new = NULL;
    enum dm_result result = read_allowances(diff);
    if (result == DM_OK)
        result = read_document(diff, diff->files[OLD], &old);
    if (result == DM_OK)
        result = read_document(diff, diff->files[NEW], &new);
    if (result == DM_OK)
        result = dm_openapi_diff(old, new, take_change, diff, &diff->err);
    if (result == DM_OK && diff->out_of_memory)
        result = dm_err_set(&diff->err, DM_E_NOMEM, "out of memory");
    for (const struct allowance *a = diff->allowances; a; a = a->next)
        diff->unused += !a->used;
    dm_json_free(old);
    dm_json_free(new);
    return result;
}

static const char *effect_of(const struct change *change)
{
    if (change->allowance)
        return "allowed";
    return change->told.breaking ? "breaking" : "harmless";
}

static void print_text(const struct diff *diff)
{
    for (const struct change *change = diff->first; change; change = change->next) {
        const struct dm_openapi_change *told = &change->told;
        printf("%-8s %-28s %s%.*s  %.*s\n", effect_of(change), told->rule,
               told->in_old ? "old " : "new ", DM_STR_ARG(told->pointer), DM_STR_ARG(told->text));
        if (change->allowance)
            printf("         %.*s\n", DM_STR_ARG(change->allowance->reason));
    }
    for (const struct allowance *a = diff->allowances; a; a = a->next)
        if (!a->used)
            printf("unused   %.*s %.*s: allowed, but there is no such change\n",
                   DM_STR_ARG(a->rule), DM_STR_ARG(a->pointer));
    printf("%d breaking, %d allowed, %d harmless\n", diff->breaking, diff->allowed, diff->harmless);
}

static void name_text(struct dm_json_writer *w, const char *name, struct dm_str text)
{
    dm_json_name(w, name);
    dm_json_string(w, text);
}

static void write_change(struct dm_json_writer *w, const struct change *change)
{
    dm_json_object_begin(w);
    name_text(w, "effect", dm_str_from(effect_of(change)));
    name_text(w, "rule", dm_str_from(change->told.rule));
    name_text(w, "document", change->told.in_old ? DM_STR("old") : DM_STR("new"));
    name_text(w, "pointer", change->told.pointer);
    name_text(w, "text", change->told.text);
    if (change->allowance)
        name_text(w, "reason", change->allowance->reason);
    dm_json_object_end(w);
}

static void write_unused(struct dm_json_writer *w, const struct diff *diff)
{
    dm_json_name(w, "unused");
    dm_json_array_begin(w);
    for (const struct allowance *a = diff->allowances; a; a = a->next) {
        if (a->used)
            continue;
        dm_json_object_begin(w);
        name_text(w, "rule", a->rule);
        name_text(w, "pointer", a->pointer);
        dm_json_object_end(w);
    }
    dm_json_array_end(w);
}

static bool print_json(const struct diff *diff)
{
    const struct {
        const char *name;
        int n;
    } counts[] = {
        {"breaking", diff->breaking}, {"allowed", diff->allowed}, {"harmless", diff->harmless}};
    struct dm_buf text;
    struct dm_json_writer w;
    dm_buf_init(&text, diff->arena, ARENA_BYTES_MAX);
    dm_json_writer_init(&w, &text);
    dm_json_object_begin(&w);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        dm_json_name(&w, counts[i].name);
        dm_json_int(&w, counts[i].n);
    }
    dm_json_name(&w, "changes");
    dm_json_array_begin(&w);
    for (const struct change *change = diff->first; change; change = change->next)
        write_change(&w, change);
    dm_json_array_end(&w);
    write_unused(&w, diff);
    dm_json_object_end(&w);
    dm_buf_add_char(&text, '\n');
    return !dm_buf_failed(&text) && fwrite(text.p, 1, text.n, stdout) == text.n;
}

static int report(struct diff *diff)
{
    bool good = true;
    if (diff->json)
        good = print_json(diff);
    else
        print_text(diff);
    if (!good || fflush(stdout) != 0) {
        (void)dm_ctl_fail("cannot print");
        return 2;
    }
    return diff->breaking + diff->unused > 0 ? 1 : 0;
}

int dm_ctl_api_diff(const struct dm_ctl_options *options, int argc, char **argv)
{
    struct diff diff = {.end = &diff.first};
    (void)options;
    if (!take_options(argc, argv, &diff))
        return usage();
    diff.arena = dm_arena_new(1 << 20, ARENA_BYTES_MAX);
    enum dm_result result =
        diff.arena ? compare(&diff) : dm_err_set(&diff.err, DM_E_NOMEM, "out of memory");
    int status = 2;
    if (result == DM_OK)
        status = report(&diff);
    else
        (void)dm_ctl_fail(diff.err.detail);
    dm_arena_free(diff.arena);
    return status;
}

/*
 * Prints the contract from the rows themselves, so that it cannot say other than what the walk
 * does: paths in the order of the rows, schemas by name. Made compact first and then indented, so
 * that the committed copy diffs line by line.
 */
#include "edge/openapi.h"

#include "edge/openapi_internal.h"

#define DOCUMENT_BYTES_MAX (8u << 20)
#define ARENA_BLOCK_BYTES (64u << 10)
#define ARENA_BYTES_MAX (4u << 20)
#define INDENT 2

struct printer {
    const struct dm_router *router;
    int major;
    struct dm_json_writer w;
    struct dm_openapi_schemas schemas;
};

/* Is the row one of the major's, or of the root's? */
static bool is_told(const struct printer *p, size_t index)
{
    const struct dm_version *version = dm_router_version(p->router, index);
    return version == NULL || version->major == p->major;
}

static void collect_all(struct printer *p)
{
    for (size_t i = 0; i < dm_router_count(p->router) && p->schemas.result == DM_OK; i++) {
        if (!is_told(p, i))
            continue;
        const struct dm_route *row = dm_router_row(p->router, i);
        if (row->request != NULL)
            dm_openapi_schemas_add(&p->schemas, row->request, dm_openapi_request_form(row));
        if (row->response != NULL && p->schemas.result == DM_OK)
            dm_openapi_schemas_add(&p->schemas, row->response, DM_FORM_REPLY);
        if (row->response_or != NULL && p->schemas.result == DM_OK)
            dm_openapi_schemas_add(&p->schemas, row->response_or, DM_FORM_REPLY);
    }
}

static bool same_path(const struct printer *p, size_t a, size_t b)
{
    return strcmp(dm_router_path(p->router, a), dm_router_path(p->router, b)) == 0;
}

/* All rows of the path that begins at row first. */
static void write_path(struct printer *p, size_t first)
{
    bool versioned = false;
    size_t n = dm_router_count(p->router);
    for (size_t i = first; i < n; i++)
        versioned |= same_path(p, i, first) && dm_router_row(p->router, i)->if_match;
    dm_json_name_object(&p->w, dm_router_path(p->router, first));
    for (size_t i = first; i < n; i++)
        if (same_path(p, i, first))
            dm_openapi_operation(&p->w, &(struct dm_openapi_operation){
                                            dm_router_row(p->router, i),
                                            dm_router_deprecation(p->router, i), versioned});
    dm_json_object_end(&p->w);
}

/* Each path once, where its first row stands. */
static void write_paths(struct printer *p)
{
    dm_json_name_object(&p->w, "paths");
    for (size_t i = 0; i < dm_router_count(p->router); i++) {
        size_t first = 0;
        if (!is_told(p, i))
            continue;
        while (!same_path(p, first, i))
            first++;
        if (first == i)
            write_path(p, i);
    }
    dm_json_object_end(&p->w);
}

static void write_aliases(struct dm_json_writer *w, const struct dm_surface *surface)
{
    dm_json_name_array(w, "x-aliases");
    for (size_t i = 0; i < surface->n_aliases; i++) {
        const struct dm_alias *alias = &surface->aliases[i];
        dm_json_object_begin(w);
        dm_json_name_string(w, "path", alias->path);
        dm_json_name_string(w, "successor", alias->successor);
        dm_json_name(w, "deprecatedAt");
        dm_json_time(w, alias->deprecated.at_s * 1000);
        if (alias->deprecated.sunset_s != 0) {
            dm_json_name(w, "sunsetAt");
            dm_json_time(w, alias->deprecated.sunset_s * 1000);
        }
        dm_json_object_end(w);
    }
    dm_json_array_end(w);
}

static void write_head(struct dm_json_writer *w, const char *program_version)
{
    dm_json_name_string(w, "openapi", "3.1.0");
    dm_json_name_object(w, "info");
    dm_json_name_string(w, "title", "DigitalMe");
    dm_json_name_string(w, "version", program_version);
    dm_json_name_string(
        w, "description",
        "Digital selves: profiles, and conversations with them. Problems are RFC 9457; "
        "lists are read page by page with limit and cursor. x-aliases: old paths that "
        "answer, with all below them, as their successors do.");
    dm_json_object_end(w);
    dm_json_name_array(w, "servers");
    dm_json_object_begin(w);
    dm_json_name_string(w, "url", "/");
    dm_json_object_end(w);
    dm_json_array_end(w);
}

static void write_document(struct printer *p, const char *program_version)
{
    struct dm_json_writer *w = &p->w;
    dm_json_object_begin(w);
    write_head(w, program_version);
    write_aliases(w, dm_router_surface(p->router));
    write_paths(p);
    dm_json_name_object(w, "components");
    dm_openapi_schemas_write(&p->schemas, w);
    dm_openapi_components(w);
    dm_json_object_end(w);
    dm_json_object_end(w);
}

/* Indentation. */

static void new_line(struct dm_buf *out, size_t depth)
{
    dm_buf_add_char(out, '\n');
    for (size_t i = 0; i < depth * INDENT; i++)
        dm_buf_add_char(out, ' ');
}

/* Position after the string that begins at from. */
static size_t end_of_string(struct dm_str json, size_t from)
{
    size_t i = from + 1;
    while (json.p[i] != '"')
        i += json.p[i] == '\\' ? 2 : 1;
    return i + 1;
}

/* json: compact and valid. */
static void indent(struct dm_str json, struct dm_buf *out)
{
    size_t depth = 0;
    size_t next;
    for (size_t i = 0; i < json.n; i = next) {
        char c = json.p[i];
        next = c == '"' ? end_of_string(json, i) : i + 1;
        bool opens = c == '{' || c == '[';
        bool closes = c == '}' || c == ']';
        bool empty = i > 0 && closes && (json.p[i - 1] == '{' || json.p[i - 1] == '[');
        if (closes) {
            depth--;
            if (!empty)
                new_line(out, depth);
        }
        dm_buf_add(out, dm_str_slice(json, i, next - i));
        if (opens)
            depth++;
        if (c == ':')
            dm_buf_add_char(out, ' ');
        if (c == ',' || (opens && json.p[next] != '}' && json.p[next] != ']'))
            new_line(out, depth);
    }
    dm_buf_add_char(out, '\n');
}

enum dm_result dm_openapi_print(const struct dm_router *router, int major,
                                const char *program_version, struct dm_buf *out)
{
    struct printer p = {.router = router,
                        .major = major,
                        .schemas = {.arena = dm_arena_new(ARENA_BLOCK_BYTES, ARENA_BYTES_MAX)}};
    if (p.schemas.arena == NULL)
        return DM_E_NOMEM;
    struct dm_buf compact;
    dm_buf_init(&compact, NULL, DOCUMENT_BYTES_MAX);
    dm_json_writer_init(&p.w, &compact);
    collect_all(&p);
    enum dm_result result = p.schemas.result;
    if (result == DM_OK) {
        write_document(&p, program_version);
        if (dm_buf_failed(&compact))
            result = DM_E_NOMEM;
        else
            indent(dm_buf_str(&compact), out);
    }
    if (result == DM_OK && dm_buf_failed(out))
        result = DM_E_NOMEM;
    dm_buf_done(&compact);
    dm_arena_free(p.schemas.arena);
    return result;
}

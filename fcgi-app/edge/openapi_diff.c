/* The comparison of calls: paths, methods, who may call, parameters, bodies, statuses, header fields. And the table of rules. */
#include "edge/openapi_diff.h"

#include <stdarg.h>

#include "edge/openapi_diff_internal.h"

#define ARENA_BLOCK_BYTES (64u << 10)
#define ARENA_BYTES_MAX (64u << 20)
#define REFERENCES_MAX 8 /* from one to the next */

/* What a change does to a client of the old document: in what it sends, in what it reads. */
enum effect { HARMLESS, BREAKS };

/* A table reads best as one. */
/* clang-format off */
static const struct rule {
    const char *name;
    bool of_call; /* the same both ways */
    enum effect effects[2];
} rules[] = {
    [DM_DIFF_OPERATION_REMOVED]    = {"operation-removed", true, {BREAKS, BREAKS}},
    [DM_DIFF_OPERATION_ADDED]      = {"operation-added", true, {HARMLESS, HARMLESS}},
    /* API keys are bound to calls by this name. */
    [DM_DIFF_OPERATION_RENAMED]    = {"operation-renamed", true, {BREAKS, BREAKS}},
    [DM_DIFF_OPERATION_DEPRECATED] = {"operation-deprecated", true, {HARMLESS, HARMLESS}},
    [DM_DIFF_ALIAS_REMOVED]        = {"alias-removed", true, {BREAKS, BREAKS}},
    [DM_DIFF_ALIAS_ADDED]          = {"alias-added", true, {HARMLESS, HARMLESS}},
    [DM_DIFF_AUTH_TIGHTER]         = {"auth-tighter", true, {BREAKS, BREAKS}},
    [DM_DIFF_AUTH_LOOSER]          = {"auth-looser", true, {HARMLESS, HARMLESS}},
    [DM_DIFF_PARAMETER_REMOVED]    = {"parameter-removed", true, {BREAKS, BREAKS}},
    [DM_DIFF_PARAMETER_ADDED]      = {"parameter-added", true, {HARMLESS, HARMLESS}},
    [DM_DIFF_PARAMETER_REQUIRED]   = {"parameter-required", true, {BREAKS, BREAKS}},
    [DM_DIFF_PARAMETER_OPTIONAL]   = {"parameter-optional", true, {HARMLESS, HARMLESS}},
    [DM_DIFF_BODY_REMOVED]         = {"body-removed", true, {BREAKS, BREAKS}},
    [DM_DIFF_BODY_REQUIRED]        = {"body-required", true, {BREAKS, BREAKS}},
    [DM_DIFF_BODY_OPTIONAL]        = {"body-optional", true, {HARMLESS, HARMLESS}},
    /* Of success. Those of problems are all under "default". */
    [DM_DIFF_STATUS_REMOVED]       = {"status-removed", true, {BREAKS, BREAKS}},
    [DM_DIFF_STATUS_ADDED]         = {"status-added", true, {BREAKS, BREAKS}},
    [DM_DIFF_PROBLEM_REMOVED]      = {"problem-removed", true, {HARMLESS, HARMLESS}},
    [DM_DIFF_PROBLEM_ADDED]        = {"problem-added", true, {HARMLESS, HARMLESS}},
    [DM_DIFF_HEADER_REMOVED]       = {"header-removed", true, {BREAKS, BREAKS}},
    [DM_DIFF_HEADER_ADDED]         = {"header-added", true, {HARMLESS, HARMLESS}},
    /*                                                         sent      read */
    [DM_DIFF_MEDIA_REMOVED]        = {"media-removed", false, {BREAKS, BREAKS}},
    [DM_DIFF_MEDIA_ADDED]          = {"media-added", false, {HARMLESS, HARMLESS}},
    [DM_DIFF_TYPE_NARROWER]        = {"type-narrower", false, {BREAKS, HARMLESS}},
    [DM_DIFF_TYPE_WIDER]           = {"type-wider", false, {HARMLESS, BREAKS}},
    [DM_DIFF_MEMBER_REMOVED]       = {"member-removed", false, {BREAKS, BREAKS}},
    [DM_DIFF_MEMBER_ADDED]         = {"member-added", false, {HARMLESS, HARMLESS}},
    [DM_DIFF_MEMBER_REQUIRED]      = {"member-required", false, {BREAKS, HARMLESS}},
    [DM_DIFF_MEMBER_OPTIONAL]      = {"member-optional", false, {HARMLESS, BREAKS}},
    [DM_DIFF_MEMBERS_CLOSED]       = {"members-closed", false, {BREAKS, HARMLESS}},
    [DM_DIFF_MEMBERS_OPENED]       = {"members-opened", false, {HARMLESS, HARMLESS}},
    [DM_DIFF_CHOICE_REMOVED]       = {"choice-removed", false, {BREAKS, HARMLESS}},
    [DM_DIFF_CHOICE_ADDED]         = {"choice-added", false, {HARMLESS, HARMLESS}},
    [DM_DIFF_BOUND_NARROWER]       = {"bound-narrower", false, {BREAKS, HARMLESS}},
    [DM_DIFF_BOUND_WIDER]          = {"bound-wider", false, {HARMLESS, HARMLESS}},
    [DM_DIFF_FORM_CHANGED]         = {"form-changed", false, {BREAKS, BREAKS}},
    [DM_DIFF_FORM_ADDED]           = {"form-added", false, {BREAKS, HARMLESS}},
    [DM_DIFF_FORM_DROPPED]         = {"form-dropped", false, {HARMLESS, BREAKS}},
    [DM_DIFF_DEFAULT_CHANGED]      = {"default-changed", false, {BREAKS, HARMLESS}},
    [DM_DIFF_DEFAULT_ADDED]        = {"default-added", false, {HARMLESS, HARMLESS}},
    [DM_DIFF_ALTERNATIVE_REMOVED]  = {"alternative-removed", false, {BREAKS, HARMLESS}},
    [DM_DIFF_ALTERNATIVE_ADDED]    = {"alternative-added", false, {HARMLESS, BREAKS}},
};
/* clang-format on */

static const char *const ways[] = {[DM_DIFF_REQUEST] = "request.", [DM_DIFF_REPLY] = "reply."};
static const struct dm_diff_place nowhere;

static void fail(struct dm_diff *d, enum dm_result result, const char *words, struct dm_str what)
{
    if (d->result == DM_OK)
        d->result = dm_err_set(d->err, result, "%s%.*s", words, DM_STR_ARG(what));
}

static void fail_memory(struct dm_diff *d)
{
    fail(d, DM_E_NOMEM, "out of memory", DM_STR(""));
}

void dm_diff_tell(struct dm_diff *d, enum dm_diff_rule rule, enum dm_diff_way way,
                  struct dm_diff_place place, const char *fmt, ...)
{
    const struct rule *row = &rules[rule];
    char name[64], text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(name, sizeof(name), "%s%s", row->of_call ? "" : ways[way], row->name);
    if (d->result == DM_OK)
        d->tell(d->arg, &(struct dm_openapi_change){.rule = name,
                                                    .breaking = row->effects[way] == BREAKS,
                                                    .in_old = place.in_old,
                                                    .pointer = place.pointer,
                                                    .text = dm_str_from(text)});
}

/* Places. */

bool dm_diff_is_there(struct dm_diff_place place)
{
    return dm_json_kind(place.value) != DM_JSON_KIND_NULL;
}

/* RFC 6901 §3: "~" and "/" of a name are written as two. */
static struct dm_diff_place step(struct dm_diff *d, struct dm_diff_place place, struct dm_str name,
                                 struct dm_json_value value)
{
    char *pointer = dm_arena_alloc(d->arena, place.pointer.n + 1 + 2 * name.n);
    size_t n = place.pointer.n;
    if (!pointer) {
        fail_memory(d);
        return nowhere;
    }
    if (n > 0)
        memcpy(pointer, place.pointer.p, n);
    pointer[n++] = '/';
    for (size_t i = 0; i < name.n; i++) {
        bool special = name.p[i] == '~' || name.p[i] == '/';
        pointer[n++] = special ? '~' : name.p[i];
        if (special)
            pointer[n++] = name.p[i] == '~' ? '0' : '1';
    }
    return (struct dm_diff_place){value, {pointer, n}, place.in_old};
}

struct dm_diff_place dm_diff_below(struct dm_diff *d, struct dm_diff_place place,
                                   struct dm_str name)
{
    return step(d, place, name, dm_json_member(place.value, name));
}

struct dm_diff_place dm_diff_item(struct dm_diff *d, struct dm_diff_place place, size_t index)
{
    char number[24];
    snprintf(number, sizeof(number), "%zu", index);
    return step(d, place, dm_str_from(number), dm_json_item(place.value, index));
}

struct dm_diff_pair dm_diff_members(struct dm_diff *d, struct dm_diff_pair pair, const char *name)
{
    struct dm_str member = dm_str_from(name);
    return (struct dm_diff_pair){dm_diff_below(d, pair.old, member),
                                 dm_diff_below(d, pair.new, member)};
}

/* Names in references are of letters, digits and '.' only: nothing is escaped there. */
static struct dm_diff_place follow(struct dm_diff *d, bool in_old, struct dm_str reference)
{
    struct dm_diff_place place = {in_old ? d->old_root : d->new_root, DM_STR_INIT(""), in_old};
    struct dm_str rest = reference, part;
    if (!dm_str_next(&rest, '/', &part) || !dm_str_eq_c(part, "#"))
        return nowhere;
    while (dm_str_next(&rest, '/', &part))
        place = dm_diff_below(d, place, part);
    return place;
}

struct dm_diff_place dm_diff_resolve(struct dm_diff *d, struct dm_diff_place place)
{
    struct dm_str reference = dm_json_string_of(dm_json_member(place.value, DM_STR("$ref")));
    for (int i = 0; i < REFERENCES_MAX && reference.p; i++) {
        place = follow(d, place.in_old, reference);
        if (!dm_diff_is_there(place))
            break;
        reference = dm_json_string_of(dm_json_member(place.value, DM_STR("$ref")));
    }
    if (reference.p)
        fail(d, DM_E_INVALID, "a reference leads nowhere: ", reference);
    return place;
}

static struct dm_diff_pair resolve(struct dm_diff *d, struct dm_diff_pair pair)
{
    return (struct dm_diff_pair){dm_diff_resolve(d, pair.old), dm_diff_resolve(d, pair.new)};
}

/* Who may call: a list of alternatives, each an object of schemes with scopes. */

static bool has_text(struct dm_json_value array, struct dm_json_value text)
{
    for (size_t i = 0; i < dm_json_items(array); i++)
        if (dm_json_same(dm_json_item(array, i), text))
            return true;
    return false;
}

/* Does whoever has what one alternative asks for have all that the other asks for? */
static bool is_enough(struct dm_json_value given, struct dm_json_value asked)
{
    struct dm_json_cursor cursor = {0};
    struct dm_json_value scopes;
    struct dm_str scheme;
    while (dm_json_next(asked, &cursor, &scheme, &scopes)) {
        struct dm_json_value has = dm_json_member(given, scheme);
        if (dm_json_kind(has) == DM_JSON_KIND_NULL)
            return false;
        for (size_t i = 0; i < dm_json_items(scopes); i++)
            if (!has_text(has, dm_json_item(scopes, i)))
                return false;
    }
    return true;
}

/* An empty list asks for nothing. */
static bool lets_in(struct dm_json_value security, struct dm_json_value given)
{
    size_t n = dm_json_items(security);
    for (size_t i = 0; i < n; i++)
        if (is_enough(given, dm_json_item(security, i)))
            return true;
    return n == 0;
}

/* Each way that is in one and does not let in by the other. */
static void diff_security_of(struct dm_diff *d, struct dm_diff_place one,
                             struct dm_diff_place other, enum dm_diff_rule rule, const char *words)
{
    const struct dm_json_value nobody = {NULL};
    size_t n = dm_json_items(one.value);
    if (n == 0 && !lets_in(other.value, nobody))
        dm_diff_tell(d, rule, DM_DIFF_REQUEST, one, "no credential %s", words);
    for (size_t i = 0; i < n; i++) {
        struct dm_diff_place way = dm_diff_item(d, one, i);
        if (!lets_in(other.value, way.value))
            dm_diff_tell(d, rule, DM_DIFF_REQUEST, way, "%.*s %s",
                         DM_STR_ARG(dm_json_text(way.value)), words);
    }
}

static void diff_security(struct dm_diff *d, struct dm_diff_pair operations)
{
    struct dm_diff_pair security = dm_diff_members(d, operations, "security");
    diff_security_of(d, security.old, security.new, DM_DIFF_AUTH_TIGHTER, "is no longer enough");
    diff_security_of(d, security.new, security.old, DM_DIFF_AUTH_LOOSER, "is enough now");
}

/* Parameters. */

static struct dm_str text_of(struct dm_diff_place place, const char *name)
{
    return dm_json_string_of(dm_json_member(place.value, dm_str_from(name)));
}

/* Those of the path go by their order, for their names are nobody's business. */
static bool same_parameter(struct dm_diff_place a, size_t nth_of_path, struct dm_diff_place b,
                           size_t other_of_path)
{
    struct dm_str in = text_of(a, "in");
    if (!dm_str_eq(in, text_of(b, "in")))
        return false;
    return dm_str_eq_c(in, "path") ? nth_of_path == other_of_path
                                   : dm_str_eq_nocase(text_of(a, "name"), text_of(b, "name"));
}

/* The parameter at index, and how many of the path come before it. */
static struct dm_diff_place parameter_at(struct dm_diff *d, struct dm_diff_place parameters,
                                         size_t index, size_t *ret_of_path)
{
    *ret_of_path = 0;
    for (size_t i = 0; i < index; i++)
        *ret_of_path +=
            dm_str_eq_c(text_of(dm_diff_resolve(d, dm_diff_item(d, parameters, i)), "in"), "path");
    return dm_diff_resolve(d, dm_diff_item(d, parameters, index));
}

static struct dm_diff_place parameter_like(struct dm_diff *d, struct dm_diff_place parameters,
                                           struct dm_diff_place like, size_t nth_of_path)
{
    for (size_t i = 0; i < dm_json_items(parameters.value); i++) {
        size_t of_path;
        struct dm_diff_place found = parameter_at(d, parameters, i, &of_path);
        if (same_parameter(like, nth_of_path, found, of_path))
            return found;
    }
    return nowhere;
}

static bool flag(struct dm_diff_place place, const char *name)
{
    return dm_json_is_true(dm_json_member(place.value, dm_str_from(name)));
}

static void diff_parameter(struct dm_diff *d, struct dm_diff_pair parameter)
{
    struct dm_str name = text_of(parameter.new, "name");
    bool was = flag(parameter.old, "required"), is = flag(parameter.new, "required");
    if (was != is)
        dm_diff_tell(d, is ? DM_DIFF_PARAMETER_REQUIRED : DM_DIFF_PARAMETER_OPTIONAL,
                     DM_DIFF_REQUEST, parameter.new, "%.*s", DM_STR_ARG(name));
    dm_diff_schemas(d, dm_diff_members(d, parameter, "schema"), DM_DIFF_REQUEST);
}

/* The place of the operation's list rather than the shared parameter's: what is gone is gone from the call. */
static void diff_parameters(struct dm_diff *d, struct dm_diff_pair operations)
{
    struct dm_diff_pair lists = dm_diff_members(d, operations, "parameters");
    size_t nth;
    for (size_t i = 0; i < dm_json_items(lists.old.value); i++) {
        struct dm_diff_place old = parameter_at(d, lists.old, i, &nth);
        struct dm_diff_place new = parameter_like(d, lists.new, old, nth);
        if (dm_diff_is_there(new))
            diff_parameter(d, (struct dm_diff_pair){old, new});
        else
            dm_diff_tell(d, DM_DIFF_PARAMETER_REMOVED, DM_DIFF_REQUEST,
                         dm_diff_item(d, lists.old, i), "%.*s", DM_STR_ARG(text_of(old, "name")));
    }
    for (size_t i = 0; i < dm_json_items(lists.new.value); i++) {
        struct dm_diff_place new = parameter_at(d, lists.new, i, &nth);
        if (!dm_diff_is_there(parameter_like(d, lists.old, new, nth)))
            dm_diff_tell(
                d, flag(new, "required") ? DM_DIFF_PARAMETER_REQUIRED : DM_DIFF_PARAMETER_ADDED,
                DM_DIFF_REQUEST, dm_diff_item(d, lists.new, i), "%.*s",
                DM_STR_ARG(text_of(new, "name")));
    }
}

/* Bodies. */

/* Tell which members of one are not in the other. */
static void diff_names(struct dm_diff *d, struct dm_diff_place one, struct dm_diff_place other,
                       enum dm_diff_rule rule, enum dm_diff_way way)
{
    struct dm_json_cursor cursor = {0};
    struct dm_json_value value;
    struct dm_str name;
    while (dm_json_next(one.value, &cursor, &name, &value))
        if (dm_json_kind(dm_json_member(other.value, name)) == DM_JSON_KIND_NULL)
            dm_diff_tell(d, rule, way, dm_diff_below(d, one, name), "%.*s", DM_STR_ARG(name));
}

static void diff_content(struct dm_diff *d, struct dm_diff_pair owners, enum dm_diff_way way)
{
    struct dm_diff_pair content = dm_diff_members(d, owners, "content");
    struct dm_json_cursor cursor = {0};
    struct dm_json_value value;
    struct dm_str media;
    diff_names(d, content.old, content.new, DM_DIFF_MEDIA_REMOVED, way);
    diff_names(d, content.new, content.old, DM_DIFF_MEDIA_ADDED, way);
    while (dm_json_next(content.old.value, &cursor, &media, &value)) {
        struct dm_diff_pair both = {dm_diff_below(d, content.old, media),
                                    dm_diff_below(d, content.new, media)};
        if (dm_diff_is_there(both.new))
            dm_diff_schemas(d, dm_diff_members(d, both, "schema"), way);
    }
}

static void diff_body(struct dm_diff *d, struct dm_diff_pair operations)
{
    struct dm_diff_pair body = resolve(d, dm_diff_members(d, operations, "requestBody"));
    bool was = flag(body.old, "required"), is = flag(body.new, "required");
    if (dm_diff_is_there(body.old) && !dm_diff_is_there(body.new)) {
        dm_diff_tell(d, DM_DIFF_BODY_REMOVED, DM_DIFF_REQUEST, body.old, "no body is taken");
        return;
    }
    if (is && !was)
        dm_diff_tell(d, DM_DIFF_BODY_REQUIRED, DM_DIFF_REQUEST, body.new, "a body is due");
    if (dm_diff_is_there(body.new) && !is && (was || !dm_diff_is_there(body.old)))
        dm_diff_tell(d, DM_DIFF_BODY_OPTIONAL, DM_DIFF_REQUEST, body.new, "a body may be sent");
    if (dm_diff_is_there(body.old))
        diff_content(d, body, DM_DIFF_REQUEST);
}

/* Replies. */

static void diff_reply(struct dm_diff *d, struct dm_diff_pair reply)
{
    struct dm_diff_pair headers = dm_diff_members(d, reply, "headers");
    diff_names(d, headers.old, headers.new, DM_DIFF_HEADER_REMOVED, DM_DIFF_REPLY);
    diff_names(d, headers.new, headers.old, DM_DIFF_HEADER_ADDED, DM_DIFF_REPLY);
    diff_content(d, reply, DM_DIFF_REPLY);
}

/* 2xx and 3xx; "default" and the rest are problems. */
static bool is_success(struct dm_str status)
{
    return status.n == 3 && (status.p[0] == '2' || status.p[0] == '3');
}

static void diff_replies(struct dm_diff *d, struct dm_diff_pair operations)
{
    struct dm_diff_pair all = dm_diff_members(d, operations, "responses");
    struct dm_json_cursor old = {0}, new = {0};
    struct dm_json_value value;
    struct dm_str status;
    while (dm_json_next(all.old.value, &old, &status, &value)) {
        struct dm_diff_pair reply = {dm_diff_below(d, all.old, status),
                                     dm_diff_below(d, all.new, status)};
        if (dm_diff_is_there(reply.new))
            diff_reply(d, resolve(d, reply));
        else
            dm_diff_tell(d, is_success(status) ? DM_DIFF_STATUS_REMOVED : DM_DIFF_PROBLEM_REMOVED,
                         DM_DIFF_REPLY, reply.old, "%.*s", DM_STR_ARG(status));
    }
    while (dm_json_next(all.new.value, &new, &status, &value))
        if (!dm_diff_is_there(dm_diff_below(d, all.old, status)))
            dm_diff_tell(d, is_success(status) ? DM_DIFF_STATUS_ADDED : DM_DIFF_PROBLEM_ADDED,
                         DM_DIFF_REPLY, dm_diff_below(d, all.new, status), "%.*s",
                         DM_STR_ARG(status));
}

/* Calls. */

static void diff_operation(struct dm_diff *d, struct dm_diff_pair operations)
{
    struct dm_str was = text_of(operations.old, "operationId");
    struct dm_str is = text_of(operations.new, "operationId");
    if (!dm_str_eq(was, is))
        dm_diff_tell(d, DM_DIFF_OPERATION_RENAMED, DM_DIFF_REQUEST,
                     dm_diff_below(d, operations.new, DM_STR("operationId")), "%.*s was %.*s",
                     DM_STR_ARG(is), DM_STR_ARG(was));
    if (flag(operations.new, "deprecated") && !flag(operations.old, "deprecated"))
        dm_diff_tell(d, DM_DIFF_OPERATION_DEPRECATED, DM_DIFF_REQUEST, operations.new, "%.*s",
                     DM_STR_ARG(is));
    diff_security(d, operations);
    diff_parameters(d, operations);
    diff_body(d, operations);
    diff_replies(d, operations);
}

static bool is_parameter(struct dm_str segment)
{
    return segment.n > 1 && segment.p[0] == '{';
}

/* Whatever their parameters are called. */
static bool same_path(struct dm_str a, struct dm_str b)
{
    struct dm_str one, other;
    while (dm_str_next(&a, '/', &one))
        if (!dm_str_next(&b, '/', &other) ||
            (!dm_str_eq(one, other) && !(is_parameter(one) && is_parameter(other))))
            return false;
    return b.p == NULL;
}

static struct dm_diff_place path_like(struct dm_diff *d, struct dm_diff_place paths,
                                      struct dm_str like)
{
    struct dm_json_cursor cursor = {0};
    struct dm_json_value value;
    struct dm_str path;
    while (dm_json_next(paths.value, &cursor, &path, &value))
        if (same_path(path, like))
            return dm_diff_below(d, paths, path);
    return nowhere;
}

/* Every method of every path of one: with the other's, or told as being in one alone. */
static void diff_paths(struct dm_diff *d, struct dm_diff_place one, struct dm_diff_place other)
{
    struct dm_json_cursor paths = {0};
    struct dm_json_value methods, operation;
    struct dm_str path, method;
    while (dm_json_next(one.value, &paths, &path, &methods)) {
        struct dm_diff_place mine = dm_diff_below(d, one, path);
        struct dm_diff_place theirs = path_like(d, other, path);
        struct dm_json_cursor cursor = {0};
        while (dm_json_next(methods, &cursor, &method, &operation)) {
            struct dm_diff_pair pair = {dm_diff_below(d, mine, method),
                                        dm_diff_below(d, theirs, method)};
            if (!dm_diff_is_there(pair.new))
                dm_diff_tell(d, one.in_old ? DM_DIFF_OPERATION_REMOVED : DM_DIFF_OPERATION_ADDED,
                             DM_DIFF_REQUEST, pair.old, "%.*s %.*s", DM_STR_ARG(method),
                             DM_STR_ARG(path));
            else if (one.in_old)
                diff_operation(d, pair);
        }
    }
}

/* Old paths of one that the other does not have, or that lead elsewhere there. */
static void diff_aliases(struct dm_diff *d, struct dm_diff_place one, struct dm_diff_place other)
{
    for (size_t i = 0; i < dm_json_items(one.value); i++) {
        struct dm_diff_place alias = dm_diff_item(d, one, i);
        struct dm_str path = text_of(alias, "path"), successor = text_of(alias, "successor");
        bool found = false;
        for (size_t k = 0; k < dm_json_items(other.value) && !found; k++) {
            struct dm_diff_place there = dm_diff_item(d, other, k);
            found = dm_str_eq(text_of(there, "path"), path) &&
                    dm_str_eq(text_of(there, "successor"), successor);
        }
        if (!found)
            dm_diff_tell(d, one.in_old ? DM_DIFF_ALIAS_REMOVED : DM_DIFF_ALIAS_ADDED,
                         DM_DIFF_REQUEST, alias, "%.*s", DM_STR_ARG(path));
    }
}

static void diff_documents(struct dm_diff *d)
{
    struct dm_diff_pair roots = {{d->old_root, DM_STR_INIT(""), true},
                                 {d->new_root, DM_STR_INIT(""), false}};
    struct dm_diff_pair aliases = dm_diff_members(d, roots, "x-aliases");
    struct dm_diff_pair paths = dm_diff_members(d, roots, "paths");
    if (dm_json_kind(paths.old.value) != DM_JSON_KIND_OBJECT)
        fail(d, DM_E_INVALID, "the old document has no paths", DM_STR(""));
    if (dm_json_kind(paths.new.value) != DM_JSON_KIND_OBJECT)
        fail(d, DM_E_INVALID, "the new document has no paths", DM_STR(""));
    diff_paths(d, paths.old, paths.new);
    diff_paths(d, paths.new, paths.old);
    diff_aliases(d, aliases.old, aliases.new);
    diff_aliases(d, aliases.new, aliases.old);
}

enum dm_result dm_openapi_diff(const struct dm_json *old_document,
                               const struct dm_json *new_document, dm_openapi_tell *tell, void *arg,
                               struct dm_err *err)
{
    struct dm_diff d = {
        .old_root = dm_json_root(old_document),
        .new_root = dm_json_root(new_document),
        .arena = dm_arena_new(ARENA_BLOCK_BYTES, ARENA_BYTES_MAX),
        .tell = tell,
        .arg = arg,
        .err = err,
    };
    if (!d.arena)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    diff_documents(&d);
    dm_arena_free(d.arena);
    return d.result;
}

/* The comparison of schemas. Narrower and wider are said of what a schema takes; whether that breaks is the table's to say. */
#include <math.h>

#include "edge/openapi_diff_internal.h"

/* Two schemas that were compared, so that none is told twice, and one that holds itself ends. */
struct dm_diff_seen {
    struct dm_str old_pointer, new_pointer;
    enum dm_diff_way way;
    struct dm_diff_seen *next;
};

static bool is_first(struct dm_diff *d, struct dm_diff_pair pair, enum dm_diff_way way)
{
    for (const struct dm_diff_seen *seen = d->seen; seen; seen = seen->next)
        if (seen->way == way && dm_str_eq(seen->old_pointer, pair.old.pointer) &&
            dm_str_eq(seen->new_pointer, pair.new.pointer))
            return false;
    struct dm_diff_seen *seen = dm_arena_alloc(d->arena, sizeof(*seen));
    if (!seen) {
        d->result = dm_err_set(d->err, DM_E_NOMEM, "out of memory");
        return false;
    }
    *seen = (struct dm_diff_seen){pair.old.pointer, pair.new.pointer, way, d->seen};
    d->seen = seen;
    return true;
}

/* Types: a name, or an array of names; absent, any. */

static bool has_type(struct dm_json_value type, struct dm_str name)
{
    if (dm_json_kind(type) == DM_JSON_KIND_NULL)
        return true;
    bool integer = dm_str_eq_c(name, "integer"); /* which is a number too */
    size_t n = dm_json_items(type);
    for (size_t i = 0; i < (n ? n : 1); i++) {
        struct dm_str one = dm_json_string_of(n ? dm_json_item(type, i) : type);
        if (dm_str_eq(one, name) || (integer && dm_str_eq_c(one, "number")))
            return true;
    }
    return false;
}

/* Is every type of one a type of the other? */
static bool is_within(struct dm_json_value one, struct dm_json_value other)
{
    size_t n = dm_json_items(one);
    if (dm_json_kind(one) == DM_JSON_KIND_NULL)
        return dm_json_kind(other) == DM_JSON_KIND_NULL;
    for (size_t i = 0; i < (n ? n : 1); i++)
        if (!has_type(other, dm_json_string_of(n ? dm_json_item(one, i) : one)))
            return false;
    return true;
}

static void diff_types(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    struct dm_diff_pair type = dm_diff_members(d, schemas, "type");
    struct dm_str was = dm_json_text(type.old.value), is = dm_json_text(type.new.value);
    if (!is_within(type.old.value, type.new.value))
        dm_diff_tell(d, DM_DIFF_TYPE_NARROWER, way, type.new, "%.*s was %.*s", DM_STR_ARG(is),
                     DM_STR_ARG(was));
    if (!is_within(type.new.value, type.old.value))
        dm_diff_tell(d, DM_DIFF_TYPE_WIDER, way, type.new, "%.*s was %.*s", DM_STR_ARG(is),
                     DM_STR_ARG(was));
}

static bool has_item(struct dm_json_value array, struct dm_json_value item)
{
    for (size_t i = 0; i < dm_json_items(array); i++)
        if (dm_json_same(dm_json_item(array, i), item))
            return true;
    return false;
}

/* Each choice of one that the other does not have. */
static void diff_choices_of(struct dm_diff *d, struct dm_diff_place one, struct dm_diff_place other,
                            enum dm_diff_rule rule, enum dm_diff_way way)
{
    for (size_t i = 0; i < dm_json_items(one.value); i++) {
        struct dm_diff_place choice = dm_diff_item(d, one, i);
        if (!has_item(other.value, choice.value))
            dm_diff_tell(d, rule, way, choice, "%.*s", DM_STR_ARG(dm_json_text(choice.value)));
    }
}

/* From any value to a few is a choice removed; from a few to any, one added. */
static void diff_choices(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    struct dm_diff_pair choices = dm_diff_members(d, schemas, "enum");
    bool had = dm_diff_is_there(choices.old), has = dm_diff_is_there(choices.new);
    if (had && has) {
        diff_choices_of(d, choices.old, choices.new, DM_DIFF_CHOICE_REMOVED, way);
        diff_choices_of(d, choices.new, choices.old, DM_DIFF_CHOICE_ADDED, way);
    } else if (has) {
        dm_diff_tell(d, DM_DIFF_CHOICE_REMOVED, way, choices.new, "any value was a choice");
    } else if (had) {
        dm_diff_tell(d, DM_DIFF_CHOICE_ADDED, way, choices.old, "any value is a choice");
    }
}

static void diff_bounds(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    static const struct {
        const char *name;
        double narrower; /* the way in which it takes less */
    } bounds[] = {
        {"minimum", 1},           {"maximum", -1},  {"exclusiveMinimum", 1},
        {"exclusiveMaximum", -1}, {"minLength", 1}, {"maxLength", -1},
        {"minItems", 1},          {"maxItems", -1}, {"minProperties", 1},
        {"maxProperties", -1},
    };
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        struct dm_diff_pair bound = dm_diff_members(d, schemas, bounds[i].name);
        double was = -INFINITY * bounds[i].narrower, is = was;
        (void)dm_json_number_of(bound.old.value, &was);
        (void)dm_json_number_of(bound.new.value, &is);
        bool lower = is<was, higher = is> was;
        if (lower || higher)
            dm_diff_tell(d,
                         higher == (bounds[i].narrower > 0) ? DM_DIFF_BOUND_NARROWER
                                                            : DM_DIFF_BOUND_WIDER,
                         way, isfinite(is) ? bound.new : bound.old, "%g was %g", is, was);
    }
}

static void diff_forms(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    static const char *const forms[] = {"format", "pattern", "const", "multipleOf", "uniqueItems"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct dm_diff_pair form = dm_diff_members(d, schemas, forms[i]);
        struct dm_str was = dm_json_text(form.old.value), is = dm_json_text(form.new.value);
        if (dm_json_same(form.old.value, form.new.value))
            continue;
        if (!dm_diff_is_there(form.old))
            dm_diff_tell(d, DM_DIFF_FORM_ADDED, way, form.new, "%.*s", DM_STR_ARG(is));
        else if (!dm_diff_is_there(form.new))
            dm_diff_tell(d, DM_DIFF_FORM_DROPPED, way, form.old, "%.*s", DM_STR_ARG(was));
        else
            dm_diff_tell(d, DM_DIFF_FORM_CHANGED, way, form.new, "%.*s was %.*s", DM_STR_ARG(is),
                         DM_STR_ARG(was));
    }
}

static void diff_default(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    struct dm_diff_pair initial = dm_diff_members(d, schemas, "default");
    struct dm_str was = dm_json_text(initial.old.value), is = dm_json_text(initial.new.value);
    if (dm_json_same(initial.old.value, initial.new.value))
        return;
    if (!dm_diff_is_there(initial.old))
        dm_diff_tell(d, DM_DIFF_DEFAULT_ADDED, way, initial.new, "%.*s", DM_STR_ARG(is));
    else
        dm_diff_tell(d, DM_DIFF_DEFAULT_CHANGED, way,
                     dm_diff_is_there(initial.new) ? initial.new : initial.old, "%.*s was %.*s",
                     DM_STR_ARG(is), DM_STR_ARG(was));
}

/* Objects. */

static bool is_required(struct dm_diff_place schema, struct dm_str name)
{
    struct dm_json_value names = dm_json_member(schema.value, DM_STR("required"));
    for (size_t i = 0; i < dm_json_items(names); i++)
        if (dm_str_eq(dm_json_string_of(dm_json_item(names, i)), name))
            return true;
    return false;
}

/* One that both have. */
static void diff_member(struct dm_diff *d, struct dm_diff_pair schemas, struct dm_diff_pair member,
                        struct dm_str name, enum dm_diff_way way)
{
    bool was = is_required(schemas.old, name), is = is_required(schemas.new, name);
    if (was != is)
        dm_diff_tell(d, is ? DM_DIFF_MEMBER_REQUIRED : DM_DIFF_MEMBER_OPTIONAL, way, member.new,
                     "%.*s", DM_STR_ARG(name));
    dm_diff_schemas(d, member, way);
}

static void diff_new_member(struct dm_diff *d, struct dm_diff_place schema,
                            struct dm_diff_place member, struct dm_str name, enum dm_diff_way way)
{
    bool due = way == DM_DIFF_REQUEST && is_required(schema, name);
    dm_diff_tell(d, due ? DM_DIFF_MEMBER_REQUIRED : DM_DIFF_MEMBER_ADDED, way, member, "%.*s",
                 DM_STR_ARG(name));
}

static void diff_objects(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    struct dm_diff_pair all = dm_diff_members(d, schemas, "properties");
    struct dm_json_cursor old = {0}, new = {0};
    struct dm_json_value value;
    struct dm_str name;
    while (dm_json_next(all.old.value, &old, &name, &value)) {
        struct dm_diff_pair member = {dm_diff_below(d, all.old, name),
                                      dm_diff_below(d, all.new, name)};
        if (dm_diff_is_there(member.new))
            diff_member(d, schemas, member, name, way);
        else
            dm_diff_tell(d, DM_DIFF_MEMBER_REMOVED, way, member.old, "%.*s", DM_STR_ARG(name));
    }
    while (dm_json_next(all.new.value, &new, &name, &value))
        if (!dm_diff_is_there(dm_diff_below(d, all.old, name)))
            diff_new_member(d, schemas.new, dm_diff_below(d, all.new, name), name, way);
}

static bool is_closed(struct dm_diff_place others)
{
    return dm_json_kind(others.value) == DM_JSON_KIND_BOOLEAN && !dm_json_is_true(others.value);
}

static void diff_other_members(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    struct dm_diff_pair others = dm_diff_members(d, schemas, "additionalProperties");
    bool was = is_closed(others.old), is = is_closed(others.new);
    if (was != is)
        dm_diff_tell(d, is ? DM_DIFF_MEMBERS_CLOSED : DM_DIFF_MEMBERS_OPENED, way,
                     is ? others.new : others.old, "other members are %s",
                     is ? "refused" : "taken");
    else if (!was)
        dm_diff_schemas(d, others, way);
}

static void diff_items(struct dm_diff *d, struct dm_diff_pair schemas, enum dm_diff_way way)
{
    struct dm_diff_pair items = dm_diff_members(d, schemas, "items");
    bool had = dm_diff_is_there(items.old), has = dm_diff_is_there(items.new);
    if (had && has)
        dm_diff_schemas(d, items, way);
    else if (has)
        dm_diff_tell(d, DM_DIFF_TYPE_NARROWER, way, items.new, "items could be anything");
    else if (had)
        dm_diff_tell(d, DM_DIFF_TYPE_WIDER, way, items.old, "items can be anything");
}

/* Alternatives. */

static struct dm_diff_place alternatives(struct dm_diff *d, struct dm_diff_place schema)
{
    struct dm_diff_place one_of = dm_diff_below(d, schema, DM_STR("oneOf"));
    return dm_diff_is_there(one_of) ? one_of : dm_diff_below(d, schema, DM_STR("anyOf"));
}

/* A schema without alternatives is its only one. raw: as it was written, with its $ref. */
static size_t count_of(struct dm_diff_place list)
{
    return dm_diff_is_there(list) ? dm_json_items(list.value) : 1;
}

static struct dm_diff_place alternative(struct dm_diff *d, struct dm_diff_place list,
                                        struct dm_diff_place raw, size_t index)
{
    return dm_diff_is_there(list) ? dm_diff_item(d, list, index) : raw;
}

static bool is_same_schema(struct dm_diff_place a, struct dm_diff_place b)
{
    struct dm_str ref = dm_json_string_of(dm_json_member(a.value, DM_STR("$ref")));
    struct dm_str other = dm_json_string_of(dm_json_member(b.value, DM_STR("$ref")));
    return ref.p ? dm_str_eq(ref, other) : dm_json_same(a.value, b.value);
}

/* The alternatives of one that the other does not have; those that both have are compared, once. */
static void diff_alternatives_of(struct dm_diff *d, struct dm_diff_pair lists,
                                 struct dm_diff_pair raw, enum dm_diff_way way)
{
    bool from_old = raw.old.in_old;
    for (size_t i = 0; i < count_of(lists.old); i++) {
        struct dm_diff_pair pair = {.old = alternative(d, lists.old, raw.old, i)};
        bool found = false;
        for (size_t k = 0; k < count_of(lists.new) && !found; k++) {
            pair.new = alternative(d, lists.new, raw.new, k);
            found = is_same_schema(pair.old, pair.new);
        }
        if (!found)
            dm_diff_tell(d, from_old ? DM_DIFF_ALTERNATIVE_REMOVED : DM_DIFF_ALTERNATIVE_ADDED, way,
                         pair.old, "%.*s", DM_STR_ARG(dm_json_text(pair.old.value)));
        else if (from_old)
            dm_diff_schemas(d, pair, way);
    }
}

static bool diff_alternatives(struct dm_diff *d, struct dm_diff_pair raw,
                              struct dm_diff_pair schemas, enum dm_diff_way way)
{
    struct dm_diff_pair lists = {alternatives(d, schemas.old), alternatives(d, schemas.new)};
    if (!dm_diff_is_there(lists.old) && !dm_diff_is_there(lists.new))
        return false;
    diff_alternatives_of(d, lists, raw, way);
    diff_alternatives_of(d, (struct dm_diff_pair){lists.new, lists.old},
                         (struct dm_diff_pair){raw.new, raw.old}, way);
    return true;
}

void dm_diff_schemas(struct dm_diff *d, struct dm_diff_pair pair, enum dm_diff_way way)
{
    struct dm_diff_pair schemas = {dm_diff_resolve(d, pair.old), dm_diff_resolve(d, pair.new)};
    bool any = dm_diff_is_there(schemas.old) || dm_diff_is_there(schemas.new);
    if (d->result != DM_OK || !any || !is_first(d, schemas, way))
        return;
    if (diff_alternatives(d, pair, schemas, way))
        return;
    diff_types(d, schemas, way);
    diff_choices(d, schemas, way);
    diff_bounds(d, schemas, way);
    diff_forms(d, schemas, way);
    diff_default(d, schemas, way);
    diff_objects(d, schemas, way);
    diff_other_members(d, schemas, way);
    diff_items(d, schemas, way);
}

/* Shapes: what is accepted, what is told about the rest, and that nothing is lost between JSON and struct. */
#include "edge/shape.h"

#include "base/clock.h"
#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

struct style {
    struct dm_str tone;
    struct dm_opt_num warmth;
};
struct sample {
    struct dm_str id, name, note, mode, mail, language, password, title, zone, place;
    struct dm_opt_int age, any;
    struct dm_opt_num ratio;
    struct dm_opt_bool active;
    struct dm_opt_time at;
    struct dm_list traits, styles;
    struct style *style;
    struct dm_str free, checked, kept_items, kept_words;
};

#define AT(member) .offset = offsetof(struct style, member)
static const struct dm_field style_fields[] = {
    {.name = "tone", .kind = DM_STRING, AT(tone), .required = true, .min = 1, .max = 5},
    {.name = "warmth", .kind = DM_NUMBER, AT(warmth), .max = 1, .initial = "0.5"},
};
#undef AT
static const struct dm_shape style_shape = DM_SHAPE(struct style, "Style", style_fields);

#define AT(member) .offset = offsetof(struct sample, member)
static const char *const modes[] = {"open", "closed", NULL};
static const struct dm_field sample_fields[] = {
    {.name = "id", .kind = DM_STRING, AT(id), .format = DM_UUID, .read_only = true},
    {.name = "name", .kind = DM_STRING, AT(name), .required = true, .min = 2, .max = 4},
    {.name = "note", .kind = DM_STRING, AT(note), .format = DM_TEXT, .nullable = true},
    {.name = "mode", .kind = DM_STRING, AT(mode), .format = DM_CHOICE, .choices = modes},
    {.name = "mail", .kind = DM_STRING, AT(mail), .format = DM_EMAIL},
    {.name = "language", .kind = DM_STRING, AT(language), .format = DM_LANGUAGE},
    {.name = "pass/w~rd", .kind = DM_STRING, AT(password), .format = DM_PASSWORD, .max = 3},
    {.name = "title",
     .kind = DM_STRING,
     AT(title),
     .format = DM_NAME,
     .min = 1,
     .max = 8,
     .text = "what it is called"},
    {.name = "zone", .kind = DM_STRING, AT(zone), .format = DM_TIMEZONE},
    {.name = "place", .kind = DM_STRING, AT(place), .format = DM_URI},
    {.name = "age", .kind = DM_INTEGER, AT(age), .max = 150},
    {.name = "any", .kind = DM_INTEGER, AT(any)},
    {.name = "ratio", .kind = DM_NUMBER, AT(ratio), .min = -1, .max = 1},
    {.name = "active", .kind = DM_BOOLEAN, AT(active), .initial = "true"},
    {.name = "at", .kind = DM_TIME, AT(at)},
    {.name = "traits", .kind = DM_ARRAY, AT(traits), .min = 1, .max = 3, .item_max = 5},
    {.name = "styles", .kind = DM_ARRAY, AT(styles), .shape = &style_shape},
    {.name = "style", .kind = DM_OBJECT, AT(style), .shape = &style_shape},
    {.name = "free", .kind = DM_JSON_OBJECT, AT(free)},
    {.name = "checked", .kind = DM_JSON_OBJECT, AT(checked), .shape = &style_shape},
    {.name = "keptItems", .kind = DM_JSON_ARRAY, AT(kept_items), .max = 2, .shape = &style_shape},
    {.name = "keptWords", .kind = DM_JSON_ARRAY, AT(kept_words)},
};
#undef AT
static const struct dm_shape sample_shape = DM_SHAPE(struct sample, "Sample", sample_fields);

static struct dm_ctx ctx;
static struct dm_violation *violations;
static struct sample *sample;

static void begin(size_t arena_bytes)
{
    ctx = (struct dm_ctx){.arena = dm_arena_new(4096, arena_bytes)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(ctx.arena);
    violations = NULL;
    sample = NULL;
}

static void end(void)
{
    dm_arena_free(ctx.arena);
}

static enum dm_result decode(const char *json)
{
    violations = NULL;
    sample = NULL;
    void *value = NULL;
    enum dm_result result =
        dm_shape_decode(&sample_shape, &ctx, dm_str_from(json), &value, &violations);
    sample = value;
    return result;
}

/* Exactly one violation, with this pointer and code. */
static bool breaks(const char *json, const char *pointer, const char *code)
{
    bool same = decode(json) == DM_E_INVALID && violations != NULL && violations->next == NULL &&
                strcmp(violations->pointer, pointer) == 0 && strcmp(violations->code, code) == 0 &&
                sample == NULL;
    if (!same)
        fprintf(stderr, "\n%s: %s %s\n", json, violations ? violations->pointer : "-",
                violations ? violations->code : "-");
    return same;
}

static struct dm_str encoded(const struct dm_shape *shape, const void *value)
{
    struct dm_buf out;
    struct dm_json_writer w;
    dm_buf_init(&out, ctx.arena, 1 << 20);
    dm_json_writer_init(&w, &out);
    dm_shape_encode(shape, value, &w);
    CU_ASSERT_FALSE(dm_buf_failed(&out));
    return dm_buf_str(&out);
}

static void test_every_kind_is_decoded(void)
{
    begin(1 << 20);
    CU_ASSERT_EQUAL_FATAL(
        decode("{\"name\":\"J\\u00fcr\",\"note\":\"a\\n\\tb\",\"mode\":\"closed\","
               "\"mail\":\"a@b.example\",\"language\":\"pt-BR\",\"age\":41,"
               "\"any\":-9007199254740993,\"ratio\":-0.25,\"active\":false,"
               "\"at\":\"2026-01-31T10:30:00.5+01:00\",\"traits\":[\"x\",\"\"],"
               "\"styles\":[{\"tone\":\"dry\",\"warmth\":1}],\"style\":{\"tone\":\"warm\"},"
               "\"free\":{\"z\": 1.50, \"a\":[null,\"/\"]},\"checked\":{\"tone\" : \"k\"},"
               "\"keptItems\":[ {\"tone\":\"i\"} ],\"keptWords\":[\"w\"]}"),
        DM_OK);
    CU_ASSERT_STR(sample->name, "J\xc3\xbcr");
    CU_ASSERT_STR(sample->note, "a\n\tb");
    CU_ASSERT_STR(sample->mode, "closed");
    CU_ASSERT_STR(sample->mail, "a@b.example");
    CU_ASSERT_STR(sample->language, "pt-BR");
    CU_ASSERT_TRUE(sample->age.set && sample->age.v == 41);
    CU_ASSERT_TRUE(sample->any.set && sample->any.v == -9007199254740993);
    CU_ASSERT_TRUE(sample->ratio.set && sample->ratio.v == -0.25);
    CU_ASSERT_TRUE(sample->active.set && !sample->active.v);
    CU_ASSERT_TRUE(sample->at.set && sample->at.ms == 1769851800500);
    CU_ASSERT_EQUAL_FATAL(sample->traits.n, 2);
    CU_ASSERT_STR(((struct dm_str *)sample->traits.items)[0], "x");
    CU_ASSERT_EQUAL_FATAL(sample->styles.n, 1);
    const struct style *style = sample->styles.items;
    CU_ASSERT_STR(style->tone, "dry");
    CU_ASSERT_EQUAL(style->warmth.v, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sample->style);
    CU_ASSERT_STR(sample->style->tone, "warm");
    CU_ASSERT_TRUE(sample->style->warmth.set && sample->style->warmth.v == 0.5);
    CU_ASSERT_STR(sample->free, "{\"z\":1.50,\"a\":[null,\"/\"]}");
    CU_ASSERT_STR(sample->checked, "{\"tone\":\"k\"}");
    CU_ASSERT_STR(sample->kept_items, "[{\"tone\":\"i\"}]");
    CU_ASSERT_STR(sample->kept_words, "[\"w\"]");
    end();
}

static void test_what_is_left_out_is_absent_or_initial(void)
{
    begin(1 << 20);
    CU_ASSERT_EQUAL_FATAL(decode("{\"name\":\"Ann\",\"age\":null,\"active\":null}"), DM_OK);
    CU_ASSERT_PTR_NULL(sample->note.p);
    CU_ASSERT_FALSE(sample->age.set);
    CU_ASSERT_TRUE(sample->active.set && sample->active.v);
    CU_ASSERT_PTR_NULL(sample->style);
    CU_ASSERT_EQUAL(sample->traits.n, 0);
    CU_ASSERT_PTR_NULL(sample->free.p);
    end();
}

static void test_each_breach_has_its_pointer_and_code(void)
{
    begin(1 << 20);
    CU_ASSERT_TRUE(breaks("[]", "", "type"));
    CU_ASSERT_TRUE(breaks("null", "", "type"));
    CU_ASSERT_TRUE(breaks("7", "", "type"));
    CU_ASSERT_TRUE(breaks("{}", "/name", "required"));
    CU_ASSERT_TRUE(breaks("{\"name\":null}", "/name", "required"));
    CU_ASSERT_TRUE(breaks("{\"name\":7}", "/name", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"a\"}", "/name", "too_short"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"abcde\"}", "/name", "too_long"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"a\\nb\"}", "/name", "format"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"a/b~c\":1}", "/a~1b~0c", "unknown"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"pass/w~rd\":\"abcd\"}", "/pass~1w~0rd", "too_long"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"id\":\"x\"}", "/id", "read_only"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"note\":\"a\\u0007\"}", "/note", "format"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"mode\":\"Open\"}", "/mode", "choice"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"mail\":\"a@b\"}", "/mail", "format"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"language\":\"_\"}", "/language", "format"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"age\":\"7\"}", "/age", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"age\":1.5}", "/age", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"age\":151}", "/age", "out_of_range"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"age\":-1}", "/age", "out_of_range"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"ratio\":true}", "/ratio", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"ratio\":1.01}", "/ratio", "out_of_range"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"active\":0}", "/active", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"at\":\"2026-02-30T00:00:00Z\"}", "/at", "format"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"at\":0}", "/at", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"style\":[]}", "/style", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"style\":{}}", "/style/tone", "required"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"free\":[]}", "/free", "type"));
    CU_ASSERT_TRUE(
        breaks("{\"name\":\"ab\",\"checked\":{\"tone\":\"k\",\"x\":0}}", "/checked/x", "unknown"));
    end();
}

static void test_a_line_is_kept_in_nfc_and_a_text_to_the_letter(void)
{
    begin(1 << 20);
    CU_ASSERT_EQUAL_FATAL(
        decode("{\"name\":\"e\u0301a\u0301e\u0301a\u0301\",\"note\":\"e\u0301<b>\",\"title\":"
               "\"A\u030a\","
               "\"traits\":[\"u\u0308\"],\"keptWords\":[\"o\u0308\",\"w\"],"
               "\"keptItems\":[{\"tone\":\"n\u0303\"}],\"free\":{\"e\u0301\":\"e\u0301\"}}"),
        DM_OK);
    CU_ASSERT_STR(sample->name, "\u00e9\u00e1\u00e9\u00e1");
    CU_ASSERT_STR(sample->note, "e\u0301<b>");
    CU_ASSERT_STR(sample->title, "\u00c5");
    CU_ASSERT_STR(((struct dm_str *)sample->traits.items)[0], "\u00fc");
    CU_ASSERT_STR(sample->kept_words, "[\"\u00f6\",\"w\"]");
    CU_ASSERT_STR(sample->kept_items, "[{\"tone\":\"\u00f1\"}]");
    CU_ASSERT_STR(sample->free, "{\"e\u0301\":\"e\u0301\"}");
    end();
}

/* That the member with this text in JSON is told with this code; NULL: it is taken. */
static void assert_told(const char *member, const char *text, const char *code)
{
    char pointer[40];
    snprintf(pointer, sizeof(pointer), "/%s", member);
    struct dm_str json =
        dm_arena_printf(ctx.arena, "{\"name\":\"ab\",\"%s\":\"%s\"}", member, text);
    bool good = code == NULL ? decode(json.p) == DM_OK : breaks(json.p, pointer, code);
    if (!good)
        fprintf(stderr, "\n%s: %s\n", json.p, violations ? violations->code : "taken");
    CU_ASSERT_TRUE(good);
}

static void test_a_name_has_no_markup_and_nothing_that_cannot_be_seen(void)
{
    begin(1 << 20);
    assert_told("title", "O'Neill & Co", "too_long");
    assert_told("title", "O'Neill", NULL);
    assert_told("title", "A & \\\"B\\\"", NULL);
    assert_told("title", "<b>", "markup");
    assert_told("title", "1 > 0", "markup");
    assert_told("title", "a\u202eb", "hidden");
    assert_told("title", "a\u2066b", "hidden");
    assert_told("title", "a\u200bb", "hidden");
    assert_told("title", "a\ufeff", "hidden");
    assert_told("title", "a\\tb", "format");
    assert_told("title", "a\u2028b", "format");
    assert_told("title", "", "too_short");
    assert_told("title", "  ", "blank");
    assert_told("title", "\u00a0\u3000", "blank");
    end();
}

static void test_what_may_not_be_empty_may_not_be_blank(void)
{
    begin(1 << 20);
    CU_ASSERT_TRUE(breaks("{\"name\":\" \\u2003 \"}", "/name", "blank"));
    assert_told("note", " \\n ", NULL);
    assert_told("pass/w~rd", "  ", NULL);
    CU_ASSERT_TRUE(
        breaks("{\"name\":\"ab\",\"style\":{\"tone\":\"\\t\"}}", "/style/tone", "format"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"style\":{\"tone\":\" \"}}", "/style/tone", "blank"));
    end();
}

static void test_formats_are_asked_of_their_parsers(void)
{
    begin(1 << 20);
    assert_told("zone", "Europe/Berlin", NULL);
    assert_told("zone", "Europe/Atlantis", "format");
    assert_told("zone", "../../../etc/passwd", "format");
    assert_told("place", "https://example.org/a?b#c", NULL);
    assert_told("place", "example.org", "format");
    assert_told("language", "de-CH-1996", NULL);
    end();
}

static void test_free_form_json_has_no_control_characters(void)
{
    begin(1 << 20);
    CU_ASSERT_EQUAL(decode("{\"name\":\"ab\",\"free\":{\"a\":[\"two\\nlines\"]}}"), DM_OK);
    CU_ASSERT_TRUE(
        breaks("{\"name\":\"ab\",\"free\":{\"a\":[\"\\u0007\"]}}", "/free/a/0", "format"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"free\":{\"\\u001b\":1}}", "/free/\x1b", "format"));
    end();
}

static void test_items_are_told_by_index(void)
{
    begin(1 << 20);
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"traits\":{}}", "/traits", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"traits\":[]}", "/traits", "too_few_items"));
    CU_ASSERT_TRUE(
        breaks("{\"name\":\"ab\",\"traits\":[\"\",\"\",\"\",\"\"]}", "/traits", "too_many_items"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"traits\":[\"a\",null]}", "/traits/1", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"traits\":[\"abcdef\"]}", "/traits/0", "too_long"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"styles\":[{\"tone\":\"a\"},{\"tone\":\"\"}]}",
                          "/styles/1/tone", "too_short"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"styles\":[7]}", "/styles/0", "type"));
    CU_ASSERT_TRUE(
        breaks("{\"name\":\"ab\",\"keptItems\":[{\"tone\":1}]}", "/keptItems/0/tone", "type"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"keptWords\":[1]}", "/keptWords/0", "type"));
    end();
}

static void test_numbers_beyond_our_types_are_out_of_range(void)
{
    begin(1 << 20);
    static const char *const wide[] = {"9223372036854775808",
                                       "18446744073709551616",
                                       "-9223372036854775809",
                                       "123456789012345678901234567890",
                                       "1e300",
                                       "1e400"};
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        struct dm_str json = dm_arena_printf(ctx.arena, "{\"name\":\"ab\",\"any\":%s}", wide[i]);
        CU_ASSERT_TRUE(breaks(json.p, "/any", "out_of_range"));
    }
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"ratio\":-1e999}", "/ratio", "out_of_range"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"free\":{\"a\":[0,{\"b\":1e999}]}}", "/free/a/1/b",
                          "out_of_range"));
    CU_ASSERT_TRUE(breaks("{\"name\":\"ab\",\"free\":{\"a\":99999999999999999999}}", "/free/a",
                          "out_of_range"));
    CU_ASSERT_EQUAL_FATAL(decode("{\"name\":\"ab\",\"any\":9223372036854775807,\"age\":1.0e1}"),
                          DM_OK);
    CU_ASSERT_EQUAL(sample->any.v, INT64_MAX);
    CU_ASSERT_EQUAL(sample->age.v, 10);
    end();
}

static void test_all_breaches_are_told_in_order(void)
{
    begin(1 << 20);
    CU_ASSERT_EQUAL(decode("{\"x\":1,\"name\":\"a\",\"age\":-1,\"ratio\":\"\"}"), DM_E_INVALID);
    static const char *const pointers[] = {"/x", "/name", "/age", "/ratio"};
    const struct dm_violation *v = violations;
    for (size_t i = 0; i < 4; i++, v = v->next) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(v);
        CU_ASSERT_STRING_EQUAL(v->pointer, pointers[i]);
    }
    CU_ASSERT_PTR_NULL(v);
    end();
}

static void test_violations_are_bounded(void)
{
    begin(1 << 20);
    struct dm_buf json;
    dm_buf_init(&json, ctx.arena, 1 << 16);
    dm_buf_add_c(&json, "{\"name\":\"ab\"");
    for (int i = 0; i < 200; i++)
        dm_buf_printf(&json, ",\"u%d\":0", i);
    dm_buf_add_c(&json, "}");
    dm_buf_add_char(&json, '\0');
    CU_ASSERT_EQUAL(decode(json.p), DM_E_INVALID);
    size_t n = 0;
    for (const struct dm_violation *v = violations; v != NULL; v = v->next)
        n++;
    CU_ASSERT_EQUAL(n, DM_VIOLATIONS_MAX);
    end();
}

static void test_long_pointers_are_cut_between_code_points(void)
{
    begin(1 << 20);
    struct dm_buf json;
    for (size_t pad = 0; pad < 4; pad++) {
        dm_buf_init(&json, ctx.arena, 1 << 16);
        dm_buf_printf(&json, "{\"name\":\"ab\",\"%.*s", (int)pad, "xxx");
        for (int i = 0; i < 100; i++)
            dm_buf_add_c(&json, pad % 2 ? "\xe2\x82\xac" : "~");
        dm_buf_add_c(&json, "\":0}");
        dm_buf_add_char(&json, '\0');
        CU_ASSERT_EQUAL_FATAL(decode(json.p), DM_E_INVALID);
        size_t n = strlen(violations->pointer);
        CU_ASSERT_TRUE(n < sizeof(violations->pointer));
        CU_ASSERT_EQUAL((n - 1 - pad) % (pad % 2 ? 3 : 2), 0);
    }
    end();
}

static void test_messages_hold_the_rule_and_never_the_value(void)
{
    begin(1 << 20);
    CU_ASSERT_EQUAL_FATAL(decode("{\"name\":\"S3cret\"}"), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(violations->message, "must have at most 4 characters");
    CU_ASSERT_EQUAL_FATAL(decode("{\"name\":\"ab\",\"age\":777}"), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(violations->message, "must be 0 to 150");
    CU_ASSERT_EQUAL_FATAL(decode("{\"name\":\"ab\",\"mode\":\"S3cret\"}"), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(violations->message, "must be one of: open, closed");
    end();
}

static void test_what_is_not_json_is_syntax(void)
{
    begin(1 << 20);
    static const char *const texts[] = {"",
                                        "{",
                                        "{\"name\":\"ab\"}x",
                                        "{\"name\":\"ab\",}",
                                        "{'name':'ab'}",
                                        "\xff",
                                        "{\"n\":NaN}",
                                        "{\"name\":\"\xc0\x80\"}",
                                        "{\"name\":\"\\u0000\"}",
                                        "{\"name\":\"ab\",\"name\":\"cd\"}",
                                        "{\"name\":\"ab\",\"n\\u0061me\":\"cd\"}",
                                        "{\"age\":01}",
                                        "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT_EQUAL(decode(texts[i]), DM_E_SYNTAX);
        CU_ASSERT_PTR_NULL(sample);
        CU_ASSERT_PTR_NULL(violations);
        CU_ASSERT_EQUAL(ctx.err.code, DM_E_SYNTAX);
    }
    CU_ASSERT_EQUAL(decode(NULL), DM_E_SYNTAX);
    end();
}

static void test_too_deep_and_too_long_are_too_big(void)
{
    begin(1 << 20);
    CU_ASSERT_EQUAL(decode("{\"name\":\"ab\",\"free\":{\"a\":[[[[[[[[]]]]]]]]}}"), DM_OK);
    CU_ASSERT_EQUAL(decode("{\"name\":\"ab\",\"free\":{\"a\":[[[[[[[[[]]]]]]]]]}}"), DM_E_TOOBIG);
    struct dm_shape small = sample_shape;
    small.max_bytes = 13;
    void *value = NULL;
    CU_ASSERT_EQUAL(dm_shape_decode(&small, &ctx, DM_STR("{\"name\":\"ab\"}"), &value, &violations),
                    DM_OK);
    CU_ASSERT_EQUAL(
        dm_shape_decode(&small, &ctx, DM_STR("{\"name\":\"abc\"}"), &value, &violations),
        DM_E_TOOBIG);
    end();
}

static void test_a_full_arena_is_nomem(void)
{
    /* From too small for anything to enough: never a crash, and in between only NOMEM. */
    size_t n_ok = 0, n_nomem = 0;
    for (size_t bytes = 64; bytes < 8192; bytes += 64) {
        begin(bytes);
        enum dm_result result =
            decode("{\"name\":\"ab\",\"traits\":[\"a\",\"b\"],\"styles\":[{\"tone\":\"x\"}],"
                   "\"style\":{\"tone\":\"y\"},\"free\":{\"a\":1},\"keptItems\":[]}");
        n_ok += result == DM_OK;
        n_nomem += result == DM_E_NOMEM;
        CU_ASSERT_TRUE(result == DM_OK || (result == DM_E_NOMEM && sample == NULL));
        end();
    }
    CU_ASSERT_TRUE(n_ok > 0 && n_nomem > 0);
}

static void test_encoding_leaves_out_what_is_absent(void)
{
    begin(1 << 20);
    struct sample out = {.name = DM_STR_INIT("A\"b\n")};
    CU_ASSERT_STR(encoded(&sample_shape, &out),
                  "{\"name\":\"A\\\"b\\n\",\"note\":null,\"traits\":[],\"styles\":[]}");
    end();
}

static void test_encoding_writes_every_kind(void)
{
    begin(1 << 20);
    struct style style = {.tone = DM_STR_INIT("dry"), .warmth = {true, 0.1}};
    struct dm_str words[] = {DM_STR_INIT("x"), DM_STR_INIT("y")};
    struct sample out = {
        .id = DM_STR_INIT("0190-id"),
        .name = DM_STR_INIT("Ann"),
        .age = {true, 41},
        .ratio = {true, -0.25},
        .active = {true, false},
        .at = {true, 1769851800500},
        .traits = {words, 2},
        .styles = {&style, 1},
        .style = &style,
        .free = DM_STR_INIT("{\"k\":1.50}"),
    };
    CU_ASSERT_STR(encoded(&sample_shape, &out),
                  "{\"id\":\"0190-id\",\"name\":\"Ann\",\"note\":null,\"age\":41,\"ratio\":-0.25,"
                  "\"active\":false,\"at\":\"2026-01-31T09:30:00.500Z\",\"traits\":[\"x\",\"y\"],"
                  "\"styles\":[{\"tone\":\"dry\",\"warmth\":0.1}],"
                  "\"style\":{\"tone\":\"dry\",\"warmth\":0.1},\"free\":{\"k\":1.50}}");
    end();
}

/* A shape with one free-form member, so that any target can be patched at /v/t. */
struct holder {
    struct dm_str v;
};
static const struct dm_field holder_fields[] = {
    {.name = "v", .kind = DM_JSON_OBJECT, .offset = offsetof(struct holder, v)},
};
static const struct dm_shape holder_shape = DM_SHAPE(struct holder, "Holder", holder_fields);

/* RFC 7396 appendix A; a result of NULL: the member is gone. */
static const char *const merge_vectors[][3] = {
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
    {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
    {"{\"a\":\"foo\"}", "null", NULL},
    {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
};

static void test_merging_follows_rfc_7396(void)
{
    begin(1 << 20);
    for (size_t i = 0; i < sizeof(merge_vectors) / sizeof(merge_vectors[0]); i++) {
        const char *const *vector = merge_vectors[i];
        struct holder current = {dm_arena_printf(ctx.arena, "{\"t\":%s}", vector[0])};
        struct dm_str patch = dm_arena_printf(ctx.arena, "{\"v\":{\"t\":%s}}", vector[1]);
        struct dm_str want =
            vector[2] ? dm_arena_printf(ctx.arena, "{\"t\":%s}", vector[2]) : DM_STR("{}");
        void *merged = NULL;
        CU_ASSERT_EQUAL_FATAL(
            dm_shape_merge(&holder_shape, &ctx, &current, patch, &merged, &violations), DM_OK);
        CU_ASSERT_TRUE(dm_str_eq(((struct holder *)merged)->v, want));
    }
    end();
}

static enum dm_result merge(const struct sample *current, const char *patch)
{
    void *value = NULL;
    violations = NULL;
    enum dm_result result =
        dm_shape_merge(&sample_shape, &ctx, current, dm_str_from(patch), &value, &violations);
    sample = value;
    return result;
}

static void test_merging_checks_the_whole(void)
{
    begin(1 << 20);
    struct style style = {.tone = DM_STR_INIT("dry"), .warmth = {true, 0.25}};
    struct sample current = {.id = DM_STR_INIT("0190-id"),
                             .name = DM_STR_INIT("Ann"),
                             .note = DM_STR_INIT("n"),
                             .active = {true, false},
                             .style = &style};
    CU_ASSERT_EQUAL_FATAL(merge(&current, "{\"note\":null,\"age\":7,\"style\":{\"tone\":\"wry\"}}"),
                          DM_OK);
    CU_ASSERT_STR(sample->name, "Ann");
    CU_ASSERT_PTR_NULL(sample->note.p);
    CU_ASSERT_EQUAL(sample->age.v, 7);
    CU_ASSERT_FALSE(sample->active.v);
    CU_ASSERT_STR(sample->style->tone, "wry");
    CU_ASSERT_EQUAL(sample->style->warmth.v, 0.25);

    CU_ASSERT_EQUAL_FATAL(merge(&current, "{\"name\":null}"), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(violations->pointer, "/name");
    CU_ASSERT_STRING_EQUAL(violations->code, "required");
    CU_ASSERT_EQUAL_FATAL(merge(&current, "{\"id\":\"x\"}"), DM_E_INVALID);
    CU_ASSERT_STRING_EQUAL(violations->code, "read_only");
    static const char *const others[] = {"[]", "null", "\"x\"", "7"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(merge(&current, others[i]), DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(violations->pointer, "");
        CU_ASSERT_STRING_EQUAL(violations->code, "type");
    }
    CU_ASSERT_EQUAL(merge(&current, "{"), DM_E_SYNTAX);
    end();
}

static void test_a_merged_document_keeps_the_bound(void)
{
    begin(1 << 20);
    struct dm_shape bounded = holder_shape;
    bounded.max_bytes = 24;
    struct holder current = {DM_STR("{\"a\":12345}")};
    void *merged = NULL;
    CU_ASSERT_EQUAL(
        dm_shape_merge(&bounded, &ctx, &current, DM_STR("{\"v\":{\"b\":1}}"), &merged, &violations),
        DM_OK);
    CU_ASSERT_EQUAL(dm_shape_merge(&bounded, &ctx, &current, DM_STR("{\"v\":{\"b\":12345}}"),
                                   &merged, &violations),
                    DM_E_TOOBIG);
    end();
}

struct query {
    struct dm_opt_int limit;
    struct dm_str message;
    struct dm_opt_bool all;
    struct dm_opt_num weight;
    struct dm_opt_time at;
};
#define AT(member) .offset = offsetof(struct query, member)
static const struct dm_field query_fields[] = {
    {.name = "limit", .kind = DM_INTEGER, AT(limit), .min = 1, .max = 100, .initial = "20"},
    {.name = "message", .kind = DM_STRING, AT(message), .required = true, .max = 4},
    {.name = "all", .kind = DM_BOOLEAN, AT(all)},
    {.name = "weight", .kind = DM_NUMBER, AT(weight)},
    {.name = "at", .kind = DM_TIME, AT(at)},
};
#undef AT
static const struct dm_shape query_shape = DM_SHAPE(struct query, "Query", query_fields);

static enum dm_result query(const char *text, struct query **ret)
{
    void *value = NULL;
    violations = NULL;
    enum dm_result result =
        dm_shape_decode_query(&query_shape, &ctx, dm_str_from(text), &value, &violations);
    *ret = value;
    return result;
}

static void test_queries_are_decoded(void)
{
    begin(1 << 20);
    struct query *q;
    CU_ASSERT_EQUAL_FATAL(
        query("limit=7&message=%E2%82%AC+a&&all=true&weight=1e1&at=2026-01-31T09:30:00Z", &q),
        DM_OK);
    CU_ASSERT_EQUAL(q->limit.v, 7);
    CU_ASSERT_STR(q->message, "\xe2\x82\xac a");
    CU_ASSERT_TRUE(q->all.set && q->all.v);
    CU_ASSERT_EQUAL(q->weight.v, 10);
    CU_ASSERT_EQUAL(q->at.ms, 1769851800000);
    CU_ASSERT_EQUAL_FATAL(query("message=", &q), DM_OK);
    CU_ASSERT_EQUAL(q->limit.v, 20);
    CU_ASSERT_TRUE(q->message.p != NULL && q->message.n == 0);
    end();
}

static void test_bad_queries_are_told_by_member(void)
{
    static const char *const bad[][3] = {
        {NULL, "/message", "required"},
        {"message=a&limit=0", "/limit", "out_of_range"},
        {"message=a&limit=x", "/limit", "type"},
        {"message=a&limit=", "/limit", "type"},
        {"message=a&limit=99999999999999999999", "/limit", "out_of_range"},
        {"message=a&limit=1&limit=2", "/limit", "duplicate"},
        {"message=a&Limit=1", "/Limit", "unknown"},
        {"message=a&x%2Fy=1", "/x~1y", "unknown"},
        {"message=a&%zz=1", "/", "unknown"},
        {"message=%zz", "/message", "format"},
        {"message=%ff", "/message", "format"},
        {"message=%00", "/message", "format"},
        {"message=%", "/message", "format"},
        {"message=abcde", "/message", "too_long"},
        {"message=a&all=1", "/all", "type"},
        {"message=a&weight=0x1", "/weight", "type"},
        {"message=a&at=yesterday", "/at", "format"},
    };
    begin(1 << 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct query *q;
        CU_ASSERT_EQUAL_FATAL(query(bad[i][0], &q), DM_E_INVALID);
        CU_ASSERT_PTR_NULL(q);
        CU_ASSERT_STRING_EQUAL(violations->pointer, bad[i][1]);
        CU_ASSERT_STRING_EQUAL(violations->code, bad[i][2]);
        CU_ASSERT_PTR_NULL(violations->next);
    }
    end();
}

static struct dm_str schema_of(const struct dm_shape *shape, enum dm_form form)
{
    struct dm_buf out;
    struct dm_json_writer w;
    dm_buf_init(&out, ctx.arena, 1 << 20);
    dm_json_writer_init(&w, &out);
    dm_form_schema(shape, form, &w);
    return dm_buf_str(&out);
}

static void test_the_schema_tells_the_rules(void)
{
    begin(1 << 20);
    CU_ASSERT_STR(schema_of(&style_shape, DM_FORM_REPLY),
                  "{\"type\":\"object\",\"properties\":{"
                  "\"tone\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":5},"
                  "\"warmth\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1,\"default\":0.5}},"
                  "\"required\":[\"tone\",\"warmth\"],\"additionalProperties\":false}");
    struct dm_str text = schema_of(&sample_shape, DM_FORM_REPLY);
    static const char *const parts[] = {
        "\"id\":{\"type\":\"string\",\"format\":\"uuid\",\"readOnly\":true}",
        "\"note\":{\"type\":[\"string\",\"null\"]}",
        "\"mode\":{\"type\":\"string\",\"enum\":[\"open\",\"closed\"]}",
        "\"mail\":{\"type\":\"string\",\"format\":\"email\"}",
        "\"pass/w~rd\":{\"type\":\"string\",\"maxLength\":3,\"format\":\"password\"}",
        "\"title\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":8,\"description\":\"what it "
        "is "
        "called; one line, without < and >, nor anything that cannot be seen\"}",
        "\"place\":{\"type\":\"string\",\"format\":\"uri\"}",
        "\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150}",
        "\"any\":{\"type\":\"integer\"}",
        "\"active\":{\"type\":\"boolean\",\"default\":true}",
        "\"at\":{\"type\":\"string\",\"format\":\"date-time\"}",
        "\"traits\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{",
        "\"items\":{\"type\":\"string\",\"maxLength\":5}}",
        "\"styles\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Style\"}}",
        "\"free\":{\"type\":\"object\"}",
        "\"checked\":{\"$ref\":\"#/components/schemas/Style\"}",
        "\"keptWords\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":200}}",
    };
    char *whole = dm_arena_cstr(ctx.arena, text);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(whole, parts[i]));
    end();
}

static void test_a_request_has_a_schema_of_its_own(void)
{
    begin(1 << 20);
    CU_ASSERT_STR(
        schema_of(&style_shape, DM_FORM_REQUEST),
        "{\"type\":\"object\",\"properties\":{"
        "\"tone\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":5},"
        "\"warmth\":{\"type\":[\"number\",\"null\"],\"minimum\":0,\"maximum\":1,\"default\":0.5}},"
        "\"required\":[\"tone\"],\"additionalProperties\":false}");
    char *request = dm_arena_cstr(ctx.arena, schema_of(&sample_shape, DM_FORM_REQUEST));
    char *patch = dm_arena_cstr(ctx.arena, schema_of(&sample_shape, DM_FORM_PATCH));
    CU_ASSERT_PTR_NULL(strstr(request, "\"id\":"));
    CU_ASSERT_PTR_NULL(strstr(patch, "\"id\":"));
    CU_ASSERT_PTR_NOT_NULL(strstr(request, "\"required\":[\"name\"]"));
    CU_ASSERT_PTR_NULL(strstr(patch, "\"required\":["));
    /* Null is as good as nothing where nothing is good enough. */
    CU_ASSERT_PTR_NOT_NULL(strstr(request, "\"name\":{\"type\":\"string\","));
    CU_ASSERT_PTR_NOT_NULL(strstr(request, "\"any\":{\"type\":[\"integer\",\"null\"]}"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(request, "\"checked\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/StyleWrite\"},"
                        "{\"type\":\"null\"}]}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(patch, "{\"$ref\":\"#/components/schemas/StyleWritePatch\"}"));
    /* A patch gives an array whole. */
    CU_ASSERT_PTR_NOT_NULL(
        strstr(patch, "\"items\":{\"$ref\":\"#/components/schemas/StyleWrite\"}"));
    end();
}

static const char *defect_of(struct dm_field field, size_t size)
{
    const struct dm_shape shape = {.name = "X", .size = size, .fields = &field, .n_fields = 1};
    return dm_shape_defect(&shape);
}

static void test_sound_tables_have_no_defect(void)
{
    CU_ASSERT_PTR_NULL(dm_shape_defect(&sample_shape));
    CU_ASSERT_PTR_NULL(dm_shape_defect(&query_shape));
    CU_ASSERT_PTR_NULL(dm_shape_defect(&holder_shape));
}

static void test_each_defect_is_found(void)
{
    const struct dm_field good = {.name = "a", .kind = DM_STRING, .max = 5};
    struct dm_field f = good;
    CU_ASSERT_PTR_NULL(defect_of(f, 16));
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 15));
    f.name = NULL;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.kind = 0;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.offset = 4;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 64));
    f = good, f.min = 6;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.min = -1;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.format = DM_CHOICE;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.choices = modes;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.kind = DM_INTEGER, f.format = DM_UUID;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.kind = DM_OBJECT, f.max = 0;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.shape = &style_shape;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.item_max = 3;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.kind = DM_BOOLEAN;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.initial = "\"sixsix\"";
    CU_ASSERT_STRING_EQUAL(defect_of(f, 16),
                           "shape X, field a: its initial value breaks its own rules");
    f = good, f.initial = "\"open";
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    f = good, f.initial = "\"five5\"";
    CU_ASSERT_PTR_NULL(defect_of(f, 16));
    f.read_only = true;
    CU_ASSERT_PTR_NOT_NULL(defect_of(f, 16));
    const struct dm_field twins[] = {{.name = "a", .kind = DM_STRING},
                                     {.name = "a", .kind = DM_STRING, .offset = 16}};
    const struct dm_field overlap[] = {{.name = "a", .kind = DM_STRING},
                                       {.name = "b", .kind = DM_STRING, .offset = 8}};
    CU_ASSERT_PTR_NOT_NULL(dm_shape_defect(
        &(struct dm_shape){.name = "X", .size = 32, .fields = twins, .n_fields = 2}));
    CU_ASSERT_PTR_NOT_NULL(dm_shape_defect(
        &(struct dm_shape){.name = "X", .size = 32, .fields = overlap, .n_fields = 2}));
    CU_ASSERT_PTR_NOT_NULL(
        dm_shape_defect(&(struct dm_shape){.size = 32, .fields = overlap, .n_fields = 1}));
}

CU_TestInfo *dm_shape_suite(void)
{
    static CU_TestInfo tests[] = {
        {"every kind is decoded", test_every_kind_is_decoded},
        {"what is left out is absent or initial", test_what_is_left_out_is_absent_or_initial},
        {"each breach has its pointer and code", test_each_breach_has_its_pointer_and_code},
        {"a line is kept in NFC and a text to the letter",
         test_a_line_is_kept_in_nfc_and_a_text_to_the_letter},
        {"a name has no markup and nothing that cannot be seen",
         test_a_name_has_no_markup_and_nothing_that_cannot_be_seen},
        {"what may not be empty may not be blank", test_what_may_not_be_empty_may_not_be_blank},
        {"formats are asked of their parsers", test_formats_are_asked_of_their_parsers},
        {"free-form JSON has no control characters", test_free_form_json_has_no_control_characters},
        {"items are told by index", test_items_are_told_by_index},
        {"numbers beyond our types are out of range",
         test_numbers_beyond_our_types_are_out_of_range},
        {"all breaches are told in order", test_all_breaches_are_told_in_order},
        {"violations are bounded", test_violations_are_bounded},
        {"long pointers are cut between code points",
         test_long_pointers_are_cut_between_code_points},
        {"messages hold the rule and never the value",
         test_messages_hold_the_rule_and_never_the_value},
        {"what is not JSON is syntax", test_what_is_not_json_is_syntax},
        {"too deep and too long are too big", test_too_deep_and_too_long_are_too_big},
        {"a full arena is nomem", test_a_full_arena_is_nomem},
        {"encoding leaves out what is absent", test_encoding_leaves_out_what_is_absent},
        {"encoding writes every kind", test_encoding_writes_every_kind},
        {"merging follows RFC 7396", test_merging_follows_rfc_7396},
        {"merging checks the whole", test_merging_checks_the_whole},
        {"a merged document keeps the bound", test_a_merged_document_keeps_the_bound},
        {"queries are decoded", test_queries_are_decoded},
        {"bad queries are told by member", test_bad_queries_are_told_by_member},
        {"the schema tells the rules", test_the_schema_tells_the_rules},
        {"a request has a schema of its own", test_a_request_has_a_schema_of_its_own},
        {"sound tables have no defect", test_sound_tables_have_no_defect},
        {"each defect is found", test_each_defect_is_found},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

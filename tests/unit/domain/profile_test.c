/* The life of a profile against the real database: versions, owners, the search index and the audit trail in step. */
#include "domain/profile.h"

#include "base/id.h"
#include "domain/memory.h"
#include "domain/pattern.h"
#include "domain/trait.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/domain/persona.h"
#include "unit/unit.h"

static struct dm_owned create(struct dm_world *world, struct dm_str owner_id,
                              const struct dm_profile_write *write, struct dm_profile *ret_profile)
{
    const struct dm_owned id = {owner_id, dm_id_new(world->arena)};
    CU_ASSERT_EQUAL_FATAL(dm_profile_create(&world->domain, &world->ctx, id, write, ret_profile),
                          DM_OK);
    return id;
}

static struct dm_opt_int version(int64_t v)
{
    return (struct dm_opt_int){true, v};
}

static void what_is_written_is_read_back(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str owner = dm_persona_owner(&world);
    struct dm_profile_write write = dm_persona_plain("Übermut 'n\" \\ 🙂");
    write.age = (struct dm_opt_int){true, 0};
    write.big_five = DM_STR("{\"openness\": 0.5, \"neuroticism\": 1, \"extraversion\": 0, "
                            "\"agreeableness\": 0.25, \"conscientiousness\": 0.125}");
    write.change_reason = DM_STR("first");
    struct dm_profile made, read;
    const struct dm_owned id = create(&world, owner, &write, &made);
    CU_ASSERT_EQUAL_FATAL(dm_profile_get(&world.domain, &world.ctx, id, &read), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(read.content.name, write.name));
    CU_ASSERT_TRUE(read.content.age.set && read.content.age.v == 0);
    CU_ASSERT_PTR_NULL(read.content.profession.p);
    CU_ASSERT_STR(read.content.change_reason, "first");
    CU_ASSERT_EQUAL(read.version.v, 1);
    CU_ASSERT_TRUE(dm_str_eq(read.created_by, owner));
    CU_ASSERT_TRUE(read.created_at.set && read.created_at.ms == made.created_at.ms);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "profile.create", id.id), 1);
    dm_world_close(&world);
}

static void retried_create_finds_what_the_first_made(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_profile_write write = dm_persona_plain("First");
    struct dm_profile made, again;
    const struct dm_owned id = create(&world, dm_persona_owner(&world), &write, &made);
    write.name = DM_STR("Second");
    CU_ASSERT_EQUAL_FATAL(dm_profile_create(&world.domain, &world.ctx, id, &write, &again), DM_OK);
    CU_ASSERT_STR(again.content.name, "First");
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "profile.create", id.id), 1);
    dm_world_close(&world);
}

static void others_profiles_are_not_there(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_profile_write write = dm_persona_plain("Mine");
    struct dm_profile made;
    const struct dm_owned mine = create(&world, dm_persona_owner(&world), &write, &made);
    const struct dm_owned theirs = {dm_persona_owner(&world), mine.id};
    const struct dm_opt_int any = {false, 0};
    struct dm_list list;
    bool more;
    const struct dm_slice slice = {.limit = 10};
    CU_ASSERT_EQUAL(dm_profile_get(&world.domain, &world.ctx, theirs, &made), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_profile_create(&world.domain, &world.ctx, theirs, &write, &made),
                    DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_profile_replace(&world.domain, &world.ctx, theirs, any, &write, &made),
                    DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_profile_delete(&world.domain, &world.ctx, theirs, any), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_trait_list(&world.domain, &world.ctx, theirs, slice, &list, &more),
                    DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_memory_list(&world.domain, &world.ctx, theirs, slice, &list, &more),
                    DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_pattern_list(&world.domain, &world.ctx, theirs, slice, &list, &more),
                    DM_E_NOTFOUND);
    const struct dm_memory_write memory = {
        .kind = DM_STR("fact"), .text = DM_STR("x"), .importance = {true, 1}};
    struct dm_memory added;
    CU_ASSERT_EQUAL(dm_memory_create(&world.domain, &world.ctx, theirs, dm_id_new(world.arena),
                                     &memory, &added),
                    DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(
        dm_profile_list(&world.domain, &world.ctx, theirs.owner_id, slice, &list, &more), DM_OK);
    CU_ASSERT_EQUAL(list.n, 0);
    CU_ASSERT_EQUAL(dm_profile_get(&world.domain, &world.ctx, mine, &made), DM_OK);
    dm_world_close(&world);
}

static void stale_versions_change_nothing(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_profile_write write = dm_persona_plain("One");
    struct dm_profile saved;
    const struct dm_owned id = create(&world, dm_persona_owner(&world), &write, &saved);
    write.name = DM_STR("Two");
    CU_ASSERT_EQUAL(dm_profile_replace(&world.domain, &world.ctx, id, version(1), &write, &saved),
                    DM_OK);
    CU_ASSERT_EQUAL(saved.version.v, 2);
    write.name = DM_STR("Three");
    CU_ASSERT_EQUAL(dm_profile_replace(&world.domain, &world.ctx, id, version(1), &write, &saved),
                    DM_E_STALE);
    CU_ASSERT_EQUAL(dm_profile_delete(&world.domain, &world.ctx, id, version(1)), DM_E_STALE);
    CU_ASSERT_EQUAL(dm_profile_get(&world.domain, &world.ctx, id, &saved), DM_OK);
    CU_ASSERT_STR(saved.content.name, "Two");
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "profile.update", id.id), 1);
    CU_ASSERT_EQUAL(dm_profile_delete(&world.domain, &world.ctx, id, version(2)), DM_OK);
    CU_ASSERT_EQUAL(dm_profile_get(&world.domain, &world.ctx, id, &saved), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_owner_count_audit(&world, "profile.delete", id.id), 1);
    dm_world_close(&world);
}

static struct dm_str indexed(struct dm_world *world, struct dm_str id)
{
    return dm_world_ask(world, "test_indexed",
                        "SELECT string_agg(user_text || coalesce(language, '-'), ' ' "
                        "ORDER BY position) FROM example_dialogue WHERE profile_id = $1::uuid",
                        id);
}

static void examples_and_language_are_indexed_with_the_write(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_profile_write write = dm_persona_plain("Ines");
    write.example_dialogues =
        DM_STR("[{\"user\":\"a\",\"reply\":\"b\"},{\"user\":\"c\",\"reply\":\"d\"}]");
    struct dm_profile saved;
    const struct dm_opt_int any = {false, 0};
    const struct dm_owned id = create(&world, dm_persona_owner(&world), &write, &saved);
    CU_ASSERT_STR(indexed(&world, id.id), "aen cen");
    world.ctx.actor_id = id.owner_id;
    const struct dm_memory_write memory = {
        .kind = DM_STR("fact"), .text = DM_STR("Die Häuser"), .importance = {true, 1}};
    struct dm_memory added;
    CU_ASSERT_EQUAL_FATAL(
        dm_memory_create(&world.domain, &world.ctx, id, dm_id_new(world.arena), &memory, &added),
        DM_OK);
    write.example_dialogues = DM_STR("[{\"user\":\"e\",\"reply\":\"f\"}]");
    write.language = DM_STR("de");
    CU_ASSERT_EQUAL(dm_profile_replace(&world.domain, &world.ctx, id, any, &write, &saved), DM_OK);
    CU_ASSERT_STR(indexed(&world, id.id), "ede");
    CU_ASSERT_STR(dm_world_ask(&world, "test_memory_tsv",
                               "SELECT tsv::text FROM memory WHERE profile_id = $1::uuid", id.id),
                  "'haus':2");
    dm_world_close(&world);
}

static void lists_are_paged_in_order_of_creation(void)
{
    struct dm_world world;
    dm_world_open(&world);
    struct dm_str owner = dm_persona_owner(&world);
    struct dm_profile_write write = dm_persona_plain("One of three");
    struct dm_profile made[3];
    for (size_t i = 0; i < 3; i++)
        create(&world, owner, &write, &made[i]);
    struct dm_slice slice = {.limit = 2};
    struct dm_list list;
    bool more;
    CU_ASSERT_EQUAL_FATAL(dm_profile_list(&world.domain, &world.ctx, owner, slice, &list, &more),
                          DM_OK);
    const struct dm_profile_summary *items = list.items;
    CU_ASSERT_EQUAL_FATAL(list.n, 2);
    CU_ASSERT_TRUE(more);
    CU_ASSERT_TRUE(dm_str_eq(items[0].id, made[0].id));
    slice.after_id = items[1].id;
    CU_ASSERT_EQUAL_FATAL(dm_profile_list(&world.domain, &world.ctx, owner, slice, &list, &more),
                          DM_OK);
    items = list.items;
    CU_ASSERT_EQUAL_FATAL(list.n, 1);
    CU_ASSERT_FALSE(more);
    CU_ASSERT_TRUE(dm_str_eq(items[0].id, made[2].id));
    dm_world_close(&world);
}

static void pattern_conditions_keep_their_rules(void)
{
    static const struct {
        const char *conditions, *pointer;
    } cases[] = {
        {"{}", ""},
        {"{\"hours\":\"09-17\",\"days\":[\"mon\",\"sun\"],\"timezone\":\"Europe/Berlin\"}", ""},
        {"{\"hours\":\"22-06\"}", ""},
        {"{\"hours\":\"00-24\",\"timezone\":\"Etc/GMT+5\"}", ""},
        {"{\"hours\":\"9-17\"}", "/conditions/hours"},
        {"{\"hours\":\"09-25\"}", "/conditions/hours"},
        {"{\"hours\":\"24-06\"}", "/conditions/hours"},
        {"{\"hours\":\"09-09\"}", "/conditions/hours"},
        {"{\"hours\":\"-1-10\"}", "/conditions/hours"},
    };
    struct dm_world world;
    dm_world_open(&world);
    struct dm_profile_write write = dm_persona_plain("Clock");
    struct dm_profile made;
    const struct dm_owned id = create(&world, dm_persona_owner(&world), &write, &made);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct dm_pattern_write pattern = {.name = DM_STR("n"),
                                                 .trigger = DM_STR("t"),
                                                 .modifications = DM_STR("{}"),
                                                 .conditions = dm_str_from(cases[i].conditions),
                                                 .priority = {true, 5},
                                                 .is_active = {true, true}};
        struct dm_pattern added;
        enum dm_result r = dm_pattern_create(&world.domain, &world.ctx, id, dm_id_new(world.arena),
                                             &pattern, &added);
        CU_ASSERT_EQUAL(r, cases[i].pointer[0] == '\0' ? DM_OK : DM_E_INVALID);
        if (r != DM_OK)
            CU_ASSERT_STRING_EQUAL(world.ctx.err.pointer, cases[i].pointer);
    }
    dm_world_close(&world);
}

CU_TestInfo *dm_profile_suite(void)
{
    static CU_TestInfo tests[] = {
        {"what is written is read back", what_is_written_is_read_back},
        {"retried create finds what the first made", retried_create_finds_what_the_first_made},
        {"others' profiles are not there", others_profiles_are_not_there},
        {"stale versions change nothing", stale_versions_change_nothing},
        {"examples and language are indexed with the write",
         examples_and_language_are_indexed_with_the_write},
        {"lists are paged in order of creation", lists_are_paged_in_order_of_creation},
        {"pattern conditions keep their rules", pattern_conditions_keep_their_rules},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* The fictional self that the built-in responder is judged by. */
#include "unit/domain/persona.h"

#include "base/id.h"
#include "domain/memory.h"
#include "domain/trait.h"
#include "unit/unit.h"

struct dm_str dm_persona_owner(struct dm_world *world)
{
    struct dm_str id = dm_id_new(world->arena);
    CU_ASSERT_PTR_NOT_NULL_FATAL(id.p);
    dm_world_do(world, "test_persona_owner",
                "INSERT INTO account (id, email, email_key, password_hash, first_name, last_name, "
                "state, email_confirmed_at) "
                "SELECT $1::uuid, $1::text || '@example.org', $1::text || '@example.org', "
                "'$2b$10$' || repeat('a', 53), 'Ada', 'Lovelace', 'active', now()",
                id);
    world->ctx = dm_world_ctx(world->arena);
    world->ctx.actor_id = id;
    return id;
}

struct dm_profile_write dm_persona_plain(const char *name)
{
    return (struct dm_profile_write){
        .name = dm_str_from(name),
        .description = DM_STR(""),
        .language = DM_STR("en"),
        .core_values = DM_STR("[]"),
        .communication_style = DM_STR("{}"),
        .technical_preferences = DM_STR("{}"),
        .example_dialogues = DM_STR("[]"),
        .visibility = DM_STR("private"),
        .is_active = {true, true},
    };
}

static const char examples[] =
    "[{\"user\":\"How do you take your coffee?\","
    "\"reply\":\"Black, and strong enough to hold a spoon upright.\"},"
    "{\"user\":\"What do you think about modern technology?\","
    "\"reply\":\"I like a tool that still works when the power is out.\"},"
    "{\"user\":\"Do you ever get lonely?\","
    "\"reply\":\"The sea is decent company. It interrupts, but it never lies.\"},"
    "{\"user\":\"What advice would you give to young people?\","
    "\"reply\":\"Learn one thing with your hands. Your head will thank you.\"},"
    "{\"user\":\"Are you afraid of dying?\","
    "\"reply\":\"Every lamp goes out. You polish it anyway.\"},"
    "{\"user\":\"How are you?\",\"reply\":\"Dry, fed and curious. That will do.\"},"
    "{\"user\":\"Do you like music?\","
    "\"reply\":\"I fiddle. The gulls leave when I start.\"}]";

static const struct {
    const char *kind, *text;
} memories[] = {
    {"fact", "I play the violin, badly but every evening."},
    {"fact", "My first dog was called Bruno, a brown setter who was afraid of thunder."},
    {"event",
     "In the winter of 1987 a storm broke the lantern glass, and I held a tarpaulin over it "
     "all night."},
    {"fact", "I grew up in a fishing village near Aveiro with two older brothers."},
    {"fact", "My favourite food is grilled sardines with bread."},
    {"sample", "Patience is not waiting. Patience is keeping the lamp clean while you wait."},
    {"event",
     "Bruno once followed the postman onto the ferry and came back alone three days later."},
    {"fact", "Mara was married to Tomas for thirty-one years."},
    {"fact", "I never learned to swim, which makes people laugh."},
    {"event", "In 1994 I taught the schoolchildren of the island to read a barometer."},
    {"fact", "My sister Ines runs a bakery in Lisbon."},
    {"fact", "I collect old sea charts and keep them under the bed."},
    {"fact", "I am allergic to shellfish."},
    {"event", "The lighthouse was automated in 2003, and I handed over the keys myself."},
};

static const struct {
    const char *name, *description;
} traits[] = {
    {"Stubborn", "I finish what I start, even when it is the wrong thing to finish."},
    {"Dry humour", "I joke with a straight face, mostly about weather and fish."},
};

void dm_persona_remember(struct dm_world *world, struct dm_owned profile, const char *kind,
                         const char *text)
{
    const struct dm_memory_write write = {
        .kind = dm_str_from(kind), .text = dm_str_from(text), .importance = {true, 0.5}};
    struct dm_memory memory;
    CU_ASSERT_EQUAL_FATAL(dm_memory_create(&world->domain, &world->ctx, profile,
                                           dm_id_new(world->arena), &write, &memory),
                          DM_OK);
}

static void add_trait(struct dm_world *world, struct dm_owned profile, size_t i)
{
    const struct dm_trait_write write = {
        .category = DM_STR("temper"),
        .name = dm_str_from(traits[i].name),
        .description = dm_str_from(traits[i].description),
        .weight = {true, 5},
        .confidence = {true, 0.9},
        .context_tags = DM_STR("[]"),
        .example_expressions = DM_STR("[]"),
        .impact_level = DM_STR("medium"),
        .is_active = {true, true},
    };
    struct dm_trait trait;
    CU_ASSERT_EQUAL_FATAL(dm_trait_create(&world->domain, &world->ctx, profile,
                                          dm_id_new(world->arena), &write, &trait),
                          DM_OK);
}

void dm_persona_mara(struct dm_world *world, struct dm_str owner_id, struct dm_profile *ret_profile)
{
    struct dm_profile_write write = dm_persona_plain("Mara Quintela");
    write.description = DM_STR("A retired lighthouse keeper who talks to gulls.");
    write.age = (struct dm_opt_int){true, 67};
    write.profession = DM_STR("lighthouse keeper, retired");
    write.location = DM_STR("Porto, Portugal");
    write.core_values = DM_STR("[\"honesty\", \"patience\", \"good rope\"]");
    write.communication_style =
        DM_STR("{\"whenUnsure\": [\"That one the tide took.\", \"I could not tell you.\"], "
               "\"greeting\": \"Hello, hello. Mind the step, it is wet.\"}");
    write.example_dialogues = DM_STR(examples);
    const struct dm_owned profile = {owner_id, dm_id_new(world->arena)};
    CU_ASSERT_EQUAL_FATAL(
        dm_profile_create(&world->domain, &world->ctx, profile, &write, ret_profile), DM_OK);
    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++)
        dm_persona_remember(world, profile, memories[i].kind, memories[i].text);
    for (size_t i = 0; i < sizeof(traits) / sizeof(traits[0]); i++)
        add_trait(world, profile, i);
}

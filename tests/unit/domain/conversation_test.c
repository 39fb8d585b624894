/* Turns of a conversation against the real database: stored once, in order, counted, and completed after a try that died. */
#include "domain/conversation.h"

#include <pthread.h>

#include "base/id.h"
#include "domain/profile.h"
#include "domain/reply.h"
#include "unit/domain/domain_suites.h"
#include "unit/domain/persona.h"
#include "unit/unit.h"

/* An open conversation with a plain self. */
struct talk {
    struct dm_world world;
    struct dm_owned profile, conversation;
};

static void talk_open(struct talk *talk)
{
    dm_world_open(&talk->world);
    struct dm_str owner = dm_persona_owner(&talk->world);
    struct dm_arena *arena = talk->world.arena;
    talk->profile = (struct dm_owned){owner, dm_id_new(arena)};
    talk->conversation = (struct dm_owned){owner, dm_id_new(arena)};
    struct dm_profile_write write = dm_persona_plain("Plain");
    struct dm_profile profile;
    CU_ASSERT_EQUAL_FATAL(
        dm_profile_create(&talk->world.domain, &talk->world.ctx, talk->profile, &write, &profile),
        DM_OK);
    const struct dm_conversation_new what = {.profile_id = talk->profile.id};
    struct dm_conversation conversation;
    CU_ASSERT_EQUAL_FATAL(dm_conversation_create(&talk->world.domain, &talk->world.ctx,
                                                 talk->conversation, &what, &conversation),
                          DM_OK);
    CU_ASSERT_EQUAL(conversation.message_count.v, 0);
    CU_ASSERT_FALSE(conversation.last_message_at.set);
}

static enum dm_result say(struct talk *talk, struct dm_str id, const char *content,
                          struct dm_turn *ret_turn)
{
    const struct dm_turn_new what = {id, dm_str_from(content)};
    return dm_reply_say(&talk->world.domain, &talk->world.ctx, talk->conversation, &what, ret_turn);
}

static int64_t counted(struct talk *talk)
{
    struct dm_conversation conversation;
    CU_ASSERT_EQUAL_FATAL(dm_conversation_get(&talk->world.domain, &talk->world.ctx,
                                              talk->conversation, &conversation),
                          DM_OK);
    return conversation.message_count.v;
}

static void turn_is_stored_and_counted(void)
{
    struct talk talk;
    talk_open(&talk);
    struct dm_turn turn;
    CU_ASSERT_EQUAL_FATAL(say(&talk, dm_id_new(talk.world.arena), "What's your name?", &turn),
                          DM_OK);
    CU_ASSERT_STR(turn.message.role, "user");
    CU_ASSERT_PTR_NULL(turn.message.usage);
    CU_ASSERT_PTR_NULL(turn.message.provider.p);
    CU_ASSERT_STR(turn.reply.role, "assistant");
    CU_ASSERT_STR(turn.reply.content, "I'm Plain.");
    CU_ASSERT_STR(turn.reply.provider, "builtin");
    CU_ASSERT_TRUE(dm_str_eq(turn.reply.parent_id, turn.message.id));
    CU_ASSERT_EQUAL(turn.reply.profile_version.v, 1);
    CU_ASSERT_TRUE(turn.reply.fallback.set && !turn.reply.fallback.v);
    CU_ASSERT_PTR_NOT_NULL_FATAL(turn.reply.usage);
    CU_ASSERT_TRUE(turn.reply.usage->cost.set && turn.reply.usage->input_tokens.v == 0);
    CU_ASSERT_STR(turn.reply.sources,
                  "[{\"kind\": \"profile\", \"text\": \"Plain\", \"pointer\": \"/name\"}]");
    CU_ASSERT_EQUAL(counted(&talk), 2);
    dm_world_close(&talk.world);
}

static void repeated_turn_is_the_same_turn(void)
{
    struct talk talk;
    talk_open(&talk);
    struct dm_str id = dm_id_new(talk.world.arena);
    struct dm_turn first, again;
    CU_ASSERT_EQUAL_FATAL(say(&talk, id, "Hello", &first), DM_OK);
    CU_ASSERT_EQUAL_FATAL(say(&talk, id, "Hello", &again), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(first.message.id, again.message.id));
    CU_ASSERT_TRUE(dm_str_eq(first.reply.id, again.reply.id));
    CU_ASSERT_EQUAL(counted(&talk), 2);
    dm_world_close(&talk.world);
}

static void turn_without_reply_is_completed(void)
{
    struct talk talk;
    talk_open(&talk);
    struct dm_str id = dm_id_new(talk.world.arena);
    const struct dm_message said = {.id = id,
                                    .conversation_id = talk.conversation.id,
                                    .role = DM_STR("user"),
                                    .content = DM_STR("Hello")};
    struct dm_message stored;
    bool is_new = false;
    CU_ASSERT_EQUAL_FATAL(dm_message_store_add(talk.world.domain.pg, &talk.world.ctx,
                                               talk.conversation.owner_id, &said, &stored, &is_new),
                          DM_OK);
    CU_ASSERT_TRUE(is_new);
    CU_ASSERT_EQUAL(counted(&talk), 1);
    struct dm_turn turn;
    CU_ASSERT_EQUAL_FATAL(say(&talk, id, "Hello", &turn), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(turn.message.id, id));
    CU_ASSERT_STR(turn.reply.content, "Hello, I'm Plain.");
    CU_ASSERT_EQUAL(counted(&talk), 2);
    dm_world_close(&talk.world);
}

#define SPEAKERS 4
#define TURNS 10
struct speaker {
    struct talk *talk;
    struct dm_str message_id; /* said by every speaker; absent: each turn has its own */
    enum dm_result result;
    char reply_id[64];
};

static void *speak(void *arg)
{
    struct speaker *speaker = arg;
    struct dm_arena *arena = dm_arena_new(65536, 16 << 20);
    for (int i = 0; i < (speaker->message_id.p != NULL ? 1 : TURNS); i++) {
        struct dm_ctx ctx = dm_world_ctx(arena);
        ctx.actor_id = speaker->talk->conversation.owner_id;
        const struct dm_turn_new what = {speaker->message_id.p != NULL ? speaker->message_id
                                                                       : dm_id_new(arena),
                                         DM_STR("Hello")};
        struct dm_turn turn;
        enum dm_result r = dm_reply_say(&speaker->talk->world.domain, &ctx,
                                        speaker->talk->conversation, &what, &turn);
        if (r != DM_OK)
            speaker->result = r;
        else
            snprintf(speaker->reply_id, sizeof(speaker->reply_id), "%.*s",
                     DM_STR_ARG(turn.reply.id));
        dm_arena_reset(arena);
    }
    dm_arena_free(arena);
    return NULL;
}

static void speak_at_once(struct talk *talk, struct dm_str message_id,
                          struct speaker speakers[SPEAKERS])
{
    pthread_t threads[SPEAKERS];
    for (size_t i = 0; i < SPEAKERS; i++) {
        speakers[i] = (struct speaker){.talk = talk, .message_id = message_id, .result = DM_OK};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, speak, &speakers[i]), 0);
    }
    for (size_t i = 0; i < SPEAKERS; i++)
        pthread_join(threads[i], NULL);
}

static void turns_at_once_are_all_stored_and_counted(void)
{
    struct talk talk;
    talk_open(&talk);
    struct speaker speakers[SPEAKERS];
    speak_at_once(&talk, (struct dm_str){NULL, 0}, speakers);
    for (size_t i = 0; i < SPEAKERS; i++)
        CU_ASSERT_EQUAL(speakers[i].result, DM_OK);
    CU_ASSERT_EQUAL(counted(&talk), 2 * SPEAKERS * TURNS);
    CU_ASSERT_STR(dm_world_ask(&talk.world, "test_message_count",
                               "SELECT count(*) FROM message WHERE conversation_id = $1::uuid",
                               talk.conversation.id),
                  "80");
    dm_world_close(&talk.world);
}

static void one_turn_said_at_once_is_one_turn(void)
{
    struct talk talk;
    talk_open(&talk);
    struct speaker speakers[SPEAKERS];
    speak_at_once(&talk, dm_id_new(talk.world.arena), speakers);
    for (size_t i = 0; i < SPEAKERS; i++) {
        CU_ASSERT_EQUAL(speakers[i].result, DM_OK);
        CU_ASSERT_STRING_EQUAL(speakers[i].reply_id, speakers[0].reply_id);
    }
    CU_ASSERT_EQUAL(counted(&talk), 2);
    dm_world_close(&talk.world);
}

static void others_conversations_are_not_there(void)
{
    struct talk talk;
    talk_open(&talk);
    struct dm_world *world = &talk.world;
    const struct dm_owned theirs = {dm_persona_owner(world), talk.conversation.id};
    const struct dm_turn_new what = {dm_id_new(world->arena), DM_STR("Hello")};
    const struct dm_conversation_new with = {.profile_id = talk.profile.id};
    struct dm_turn turn;
    struct dm_conversation conversation;
    struct dm_list list;
    bool more;
    CU_ASSERT_EQUAL(dm_reply_say(&world->domain, &world->ctx, theirs, &what, &turn), DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_conversation_get(&world->domain, &world->ctx, theirs, &conversation),
                    DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(dm_conversation_messages(&world->domain, &world->ctx, theirs,
                                             (struct dm_slice){.limit = 5}, &list, &more),
                    DM_E_NOTFOUND);
    const struct dm_owned fresh = {theirs.owner_id, dm_id_new(world->arena)};
    CU_ASSERT_EQUAL(
        dm_conversation_create(&world->domain, &world->ctx, fresh, &with, &conversation),
        DM_E_NOTFOUND);
    CU_ASSERT_EQUAL(counted(&talk), 0);
    dm_world_close(world);
}

static size_t page(struct talk *talk, struct dm_slice slice, const struct dm_message **ret_items,
                   bool *ret_more)
{
    struct dm_list list;
    CU_ASSERT_EQUAL_FATAL(dm_conversation_messages(&talk->world.domain, &talk->world.ctx,
                                                   talk->conversation, slice, &list, ret_more),
                          DM_OK);
    *ret_items = list.items;
    return list.n;
}

static void history_is_in_order_and_bounded_in_bytes(void)
{
    struct talk talk;
    talk_open(&talk);
    char *wide = dm_arena_alloc(talk.world.arena, 40001);
    for (size_t i = 0; i < 10000; i++)
        memcpy(wide + 4 * i, "🌊", 4);
    struct dm_turn turns[16];
    for (size_t i = 0; i < 16; i++)
        CU_ASSERT_EQUAL_FATAL(say(&talk, dm_id_new(talk.world.arena), wide, &turns[i]), DM_OK);
    const struct dm_message *items;
    bool more;
    CU_ASSERT_EQUAL(page(&talk, (struct dm_slice){.limit = 3}, &items, &more), 3);
    CU_ASSERT_TRUE(more);
    CU_ASSERT_TRUE(dm_str_eq(items[0].id, turns[0].message.id));
    CU_ASSERT_TRUE(dm_str_eq(items[1].id, turns[0].reply.id));
    CU_ASSERT_TRUE(dm_str_eq(items[2].id, turns[1].message.id));
    size_t read = 0, pages = 0;
    struct dm_slice slice = {.limit = 100};
    do {
        size_t n = page(&talk, slice, &items, &more);
        CU_ASSERT_FATAL(n > 0);
        for (size_t i = 0; i < n; i++, read++)
            CU_ASSERT_TRUE(dm_str_eq(items[i].id, read % 2 == 0 ? turns[read / 2].message.id
                                                                : turns[read / 2].reply.id));
        slice.after_id = items[n - 1].id;
        pages++;
    } while (more && pages < 10);
    CU_ASSERT_EQUAL(read, 32);
    CU_ASSERT_EQUAL(pages, 2);
    dm_world_close(&talk.world);
}

static void conversations_go_with_their_profile(void)
{
    struct talk talk;
    talk_open(&talk);
    struct dm_turn turn;
    CU_ASSERT_EQUAL_FATAL(say(&talk, dm_id_new(talk.world.arena), "Hello", &turn), DM_OK);
    const struct dm_opt_int any = {false, 0};
    CU_ASSERT_EQUAL(dm_profile_delete(&talk.world.domain, &talk.world.ctx, talk.profile, any),
                    DM_OK);
    struct dm_conversation conversation;
    CU_ASSERT_EQUAL(
        dm_conversation_get(&talk.world.domain, &talk.world.ctx, talk.conversation, &conversation),
        DM_E_NOTFOUND);
    CU_ASSERT_STR(dm_world_ask(&talk.world, "test_message_count",
                               "SELECT count(*) FROM message WHERE conversation_id = $1::uuid",
                               talk.conversation.id),
                  "0");
    dm_world_close(&talk.world);
}

CU_TestInfo *dm_conversation_suite(void)
{
    static CU_TestInfo tests[] = {
        {"turn is stored and counted", turn_is_stored_and_counted},
        {"repeated turn is the same turn", repeated_turn_is_the_same_turn},
        {"turn without reply is completed", turn_without_reply_is_completed},
        {"turns at once are all stored and counted", turns_at_once_are_all_stored_and_counted},
        {"one turn said at once is one turn", one_turn_said_at_once_is_one_turn},
        {"others' conversations are not there", others_conversations_are_not_there},
        {"history is in order and bounded in bytes", history_is_in_order_and_bounded_in_bytes},
        {"conversations go with their profile", conversations_go_with_their_profile},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/*
 * One turn of a conversation, step by step. No step holds a connection into the next, so that a slow model costs a thread and nothing
 * else; the rows themselves make a repeated step harmless.
 */
#include "domain/reply.h"

#include "base/id.h"
#include "base/json_write.h"
#include "domain/model.h"
#include "store/profile_store.h"

#define SOURCES_BYTES_MAX 65536

static struct dm_str sources_json(struct dm_ctx *ctx, const struct dm_model_reply *reply)
{
    struct dm_buf buf;
    struct dm_json_writer w;
    dm_buf_init(&buf, ctx->arena, SOURCES_BYTES_MAX);
    dm_json_writer_init(&w, &buf);
    dm_json_array_begin(&w);
    for (size_t i = 0; i < reply->n_sources; i++) {
        const struct dm_model_source *source = &reply->sources[i];
        dm_json_object_begin(&w);
        dm_json_name(&w, "kind");
        dm_json_string(&w, dm_str_from(source->kind));
        if (source->id.p != NULL) {
            dm_json_name(&w, "id");
            dm_json_string(&w, source->id);
        }
        if (source->pointer.p != NULL) {
            dm_json_name(&w, "pointer");
            dm_json_string(&w, source->pointer);
        }
        dm_json_name(&w, "text");
        dm_json_string(&w, source->text);
        dm_json_object_end(&w);
    }
    dm_json_array_end(&w);
    return dm_buf_failed(&buf) ? (struct dm_str){NULL, 0} : dm_buf_str(&buf);
}

/* Ask the model and store what it says; when another try was faster, its reply is the reply. */
static enum dm_result answer(const struct dm_domain *domain, struct dm_ctx *ctx,
                             const struct dm_profile *profile, const struct dm_message *message,
                             struct dm_message *ret_reply)
{
    const struct dm_model_request request = {profile, message->content};
    struct dm_model_reply made;
    enum dm_result r = dm_model_generate(domain, ctx, &request, &made);
    if (r != DM_OK)
        return r;
    struct dm_message reply = {
        .id = dm_id_new(ctx->arena),
        .conversation_id = message->conversation_id,
        .parent_id = message->id,
        .role = DM_STR("assistant"),
        .content = made.text,
        .provider = dm_str_from(made.provider),
        .model = dm_str_from(made.model),
        .finish_reason = dm_str_from(made.finish_reason),
        .profile_version = profile->version,
        .fallback = {true, made.fallback},
        .usage = &made.usage,
        .sources = sources_json(ctx, &made),
    };
    if (reply.id.p == NULL || reply.sources.p == NULL)
        return dm_ctx_nomem(ctx);
    bool is_new;
    return dm_message_store_add(domain->pg, ctx, profile->owner_id, &reply, ret_reply, &is_new);
}

enum dm_result dm_reply_say(const struct dm_domain *domain, struct dm_ctx *ctx,
                            struct dm_owned conversation, const struct dm_turn_new *say,
                            struct dm_turn *ret_turn)
{
    struct dm_profile profile;
    enum dm_result r = dm_profile_store_of_conversation(domain->pg, ctx, conversation, &profile);
    if (r != DM_OK)
        return r;
    const struct dm_message said = {
        .id = say->message_id,
        .conversation_id = conversation.id,
        .role = DM_STR("user"),
        .content = say->content,
    };
    struct dm_turn turn;
    bool is_new;
    r = dm_message_store_add(domain->pg, ctx, conversation.owner_id, &said, &turn.message, &is_new);
    if (r != DM_OK)
        return r;
    r = DM_E_NOTFOUND;
    if (!is_new)
        r = dm_message_store_reply_to(domain->pg, ctx, conversation, turn.message.id, &turn.reply);
    if (r == DM_E_NOTFOUND)
        r = answer(domain, ctx, &profile, &turn.message, &turn.reply);
    if (r == DM_OK)
        *ret_turn = turn;
    return r;
}

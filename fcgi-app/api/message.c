/* Messages over HTTP: the history of a conversation, and saying something in it. */
#include "domain/conversation.h"
#include "domain/reply.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const roles[] = {"user", "assistant", NULL};
static const char *const source_kinds[] = {"profile", "example", "memory", "trait", NULL};

struct message_write {
    struct dm_str content;
};
static const struct dm_field write_fields[] = {
    {.name = "content",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .required = true,
     .offset = offsetof(struct message_write, content),
     .min = 1,
     .max = 10000,
     .text = "what is said to the self"},
};
static const struct dm_shape write_shape =
    DM_SHAPE(struct message_write, "MessageWrite", write_fields);

static const struct dm_field usage_fields[] = {
    {.name = "inputTokens",
     .kind = DM_INTEGER,
     .required = true,
     .offset = offsetof(struct dm_usage, input_tokens),
     .text = "read by the model"},
    {.name = "outputTokens",
     .kind = DM_INTEGER,
     .required = true,
     .offset = offsetof(struct dm_usage, output_tokens),
     .text = "written by the model"},
    {.name = "cachedTokens",
     .kind = DM_INTEGER,
     .required = true,
     .offset = offsetof(struct dm_usage, cached_tokens),
     .text = "read from the model's cache"},
    {.name = "cost",
     .kind = DM_NUMBER,
     .required = true,
     .unit = "US dollars",
     .offset = offsetof(struct dm_usage, cost),
     .text = "what it cost"},
};
static const struct dm_shape usage_shape = DM_SHAPE(struct dm_usage, "Usage", usage_fields);

/* Describes stored JSON: its struct is never read. */
struct source {
    struct dm_str kind, id, pointer, text;
};
static const struct dm_field source_fields[] = {
    {.name = "kind",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = source_kinds,
     .required = true,
     .offset = offsetof(struct source, kind),
     .text = "what the item is"},
    {.name = "id",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct source, id),
     .text = "of the memory or trait"},
    {.name = "pointer",
     .kind = DM_STRING,
     .offset = offsetof(struct source, pointer),
     .text = "JSON Pointer into the profile, such as /exampleDialogues/3"},
    {.name = "text",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .required = true,
     .offset = offsetof(struct source, text),
     .text = "of the item, when the reply was made"},
};
static const struct dm_shape source_shape = DM_SHAPE(struct source, "MessageSource", source_fields);

static const struct dm_field message_fields[] = {
    DM_ID_FIELD(struct dm_message),
    {.name = "conversationId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .offset = offsetof(struct dm_message, conversation_id),
     .text = "where it was said"},
    {.name = "parentId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .offset = offsetof(struct dm_message, parent_id),
     .text = "the message it answers"},
    {.name = "role",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = roles,
     .required = true,
     .offset = offsetof(struct dm_message, role),
     .text = "assistant: said by the self"},
    {.name = "content",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .required = true,
     .offset = offsetof(struct dm_message, content),
     .text = "what was said"},
    {.name = "createdAt",
     .kind = DM_TIME,
     .required = true,
     .offset = offsetof(struct dm_message, created_at),
     .text = "when it was said"},
    {.name = "provider",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_message, provider),
     .text = "who made the reply"},
    {.name = "model",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_message, model),
     .text = "with what"},
    {.name = "profileVersion",
     .kind = DM_INTEGER,
     .offset = offsetof(struct dm_message, profile_version),
     .text = "the self as it was then"},
    {.name = "fallback",
     .kind = DM_BOOLEAN,
     .offset = offsetof(struct dm_message, fallback),
     .text = "true when the first provider of the chain did not answer"},
    {.name = "finishReason",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_message, finish_reason),
     .text = "why the reply ends"},
    {.name = "usage",
     .kind = DM_OBJECT,
     .shape = &usage_shape,
     .offset = offsetof(struct dm_message, usage),
     .text = "what the reply took"},
    {.name = "sources",
     .kind = DM_JSON_ARRAY,
     .shape = &source_shape,
     .offset = offsetof(struct dm_message, sources),
     .text = "the items a reply was made of; empty when the self did not know"},
};
static const struct dm_shape message_shape = DM_SHAPE(struct dm_message, "Message", message_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&message_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "MessageList", list_fields);

struct turn {
    struct dm_message *message, *reply;
    struct dm_usage *usage;
};
static const struct dm_field turn_fields[] = {
    {.name = "message",
     .kind = DM_OBJECT,
     .shape = &message_shape,
     .required = true,
     .offset = offsetof(struct turn, message),
     .text = "as it was stored"},
    {.name = "reply",
     .kind = DM_OBJECT,
     .shape = &message_shape,
     .required = true,
     .offset = offsetof(struct turn, reply),
     .text = "the self's answer"},
    {.name = "usage",
     .kind = DM_OBJECT,
     .shape = &usage_shape,
     .required = true,
     .offset = offsetof(struct turn, usage),
     .text = "what the reply took"},
};
static const struct dm_shape turn_shape = DM_SHAPE(struct turn, "Turn", turn_fields);

static enum dm_result message_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_conversation_messages(call->domain, &call->ctx, dm_call_owned(call), slice, &page->items,
                                 &more);
    return dm_page_end(call, r, more);
}

/* In the conversation that the first of call->params names. */
static enum dm_result say(struct dm_call *call, struct dm_str content)
{
    const struct dm_turn_new new = {.message_id = call->new_id, .content = content};
    struct dm_turn *said = dm_arena_alloc(call->ctx.arena, sizeof(*said));
    if (said == NULL)
        return dm_ctx_nomem(&call->ctx);
    enum dm_result r = dm_reply_say(call->domain, &call->ctx, dm_call_owned(call), &new, said);
    if (r != DM_OK)
        return r;
    dm_call_location_below(call, "message.create", said->message.id);
    *(struct turn *)call->out = (struct turn){&said->message, &said->reply, said->reply.usage};
    return DM_OK;
}

static enum dm_result message_create(struct dm_call *call)
{
    const struct message_write *in = call->in;
    return say(call, in->content);
}

/* As it was before majors: the conversation stands in the body, and the text under either of two names. */
struct chat_send {
    struct dm_str conversation_id, content, message;
};
static const struct dm_field chat_fields[] = {
    {.name = "conversationId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .offset = offsetof(struct chat_send, conversation_id),
     .text = "where it is said"},
    {.name = "content",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .offset = offsetof(struct chat_send, content),
     .min = 1,
     .max = 10000,
     .text = "what is said to the self: this or message, not both"},
    {.name = "message",
     .kind = DM_STRING,
     .format = DM_TEXT,
     .offset = offsetof(struct chat_send, message),
     .min = 1,
     .max = 10000,
     .text = "the older name of content"},
};
static const struct dm_shape chat_shape = DM_SHAPE(struct chat_send, "ChatSend", chat_fields);

static enum dm_result chat_send(struct dm_call *call)
{
    const struct chat_send *in = call->in;
    if (in->content.p != NULL && in->message.p != NULL)
        return dm_err_set_field(&call->ctx.err, "/message", "unknown",
                                "is the older name of content: send one of the two");
    if (in->content.p == NULL && in->message.p == NULL)
        return dm_err_set_field(&call->ctx.err, "/content", "required", "must be given");
    call->params[0] = in->conversation_id;
    return say(call, in->content.p != NULL ? in->content : in->message);
}
static const struct dm_deprecation chat_deprecated = {
    .at_s = DM_API_MVP_AT_S,
    .sunset_s = DM_API_MVP_SUNSET_S,
    .successor = "message.create",
    .notice = "/api/versions",
};

static const struct dm_route routes[] = {
    {.name = "message.list",
     .method = DM_GET,
     .path = "/conversations/{conversationId}/messages",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_CONVERSATION_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "Read the history, oldest first; a page of long messages may end before limit",
     .serve = message_list},
    {.name = "message.create",
     .method = DM_POST,
     .path = "/conversations/{conversationId}/messages",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_CONVERSATION_WRITE,
     .limit = DM_LIMIT_MODEL,
     .door = DM_DOOR_STREAM,
     .request = &write_shape,
     .response = &turn_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Say something to the self and have its reply",
     .serve = message_create},
    {.name = "chat.send",
     .method = DM_POST,
     .path = "/api/chat/send",
     .at_root = true,
     .deprecated = &chat_deprecated,
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_CONVERSATION_WRITE,
     .limit = DM_LIMIT_MODEL,
     .door = DM_DOOR_STREAM,
     .request = &chat_shape,
     .response = &turn_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Say something to the self: the older way",
     .serve = chat_send},
};
const struct dm_routes dm_message_routes = DM_ROUTES(routes);

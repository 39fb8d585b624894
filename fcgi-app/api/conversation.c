/* Conversations over HTTP: list, begin, read. */
#include "domain/conversation.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

static const struct dm_field new_fields[] = {
    {.name = "profileId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .offset = offsetof(struct dm_conversation_new, profile_id),
     .text = "an own profile: who answers"},
    {.name = "title",
     .kind = DM_STRING,
     .format = DM_NAME,
     .offset = offsetof(struct dm_conversation_new, title),
     .min = 1,
     .max = 200,
     .text = "for the list"},
};
static const struct dm_shape new_shape =
    DM_SHAPE(struct dm_conversation_new, "ConversationWrite", new_fields);

static const struct dm_field conversation_fields[] = {
    DM_ID_FIELD(struct dm_conversation),
    {.name = "profileId",
     .kind = DM_STRING,
     .format = DM_UUID,
     .required = true,
     .offset = offsetof(struct dm_conversation, profile_id),
     .text = "who answers"},
    {.name = "title",
     .kind = DM_STRING,
     .offset = offsetof(struct dm_conversation, title),
     .text = "for the list"},
    {.name = "messageCount",
     .kind = DM_INTEGER,
     .required = true,
     .offset = offsetof(struct dm_conversation, message_count),
     .text = "messages and replies"},
    {.name = "lastMessageAt",
     .kind = DM_TIME,
     .offset = offsetof(struct dm_conversation, last_message_at),
     .text = "when something was last said"},
    DM_CREATED_AT_FIELD(struct dm_conversation),
    DM_UPDATED_AT_FIELD(struct dm_conversation),
};
static const struct dm_shape conversation_shape =
    DM_SHAPE(struct dm_conversation, "Conversation", conversation_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&conversation_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "ConversationList", list_fields);

static enum dm_result conversation_list(struct dm_call *call)
{
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_conversation_list(call->domain, &call->ctx, call->principal.account_id, slice,
                             &page->items, &more);
    return dm_page_end(call, r, more);
}

static enum dm_result conversation_create(struct dm_call *call)
{
    const struct dm_owned conversation = {call->principal.account_id, call->new_id};
    struct dm_conversation *out = call->out;
    enum dm_result r =
        dm_conversation_create(call->domain, &call->ctx, conversation, call->in, out);
    if (r == DM_OK)
        dm_call_location(call, out->id);
    return r;
}

static enum dm_result conversation_get(struct dm_call *call)
{
    return dm_conversation_get(call->domain, &call->ctx, dm_call_owned(call), call->out);
}

static const struct dm_route routes[] = {
    {.name = "conversation.list",
     .method = DM_GET,
     .path = "/conversations",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_CONVERSATION_READ,
     .limit = DM_LIMIT_READ,
     .query = &dm_page_query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "List own conversations, oldest first",
     .serve = conversation_list},
    {.name = "conversation.create",
     .method = DM_POST,
     .path = "/conversations",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_CONVERSATION_WRITE,
     .limit = DM_LIMIT_WRITE,
     .request = &new_shape,
     .response = &conversation_shape,
     .status = 201,
     .idempotent_key = true,
     .summary = "Begin a conversation with an own profile",
     .serve = conversation_create},
    {.name = "conversation.get",
     .method = DM_GET,
     .path = "/conversations/{conversationId}",
     .auth = DM_AUTH_USER,
     .scope = DM_SCOPE_CONVERSATION_READ,
     .limit = DM_LIMIT_READ,
     .response = &conversation_shape,
     .status = 200,
     .summary = "Read a conversation",
     .serve = conversation_get},
};
const struct dm_routes dm_conversation_routes = DM_ROUTES(routes);

/* Conversations of an account with its digital selves. What is said in them is reply.h's. */
#ifndef DM_DOMAIN_CONVERSATION_H
#define DM_DOMAIN_CONVERSATION_H

#include "domain/domain.h"
#include "store/conversation_store.h"
#include "store/message_store.h"

/* All: DM_E_NOTFOUND when it is absent or not the owner's. Lists are in order of creation, oldest first. */
DM_MUST_CHECK enum dm_result dm_conversation_get(const struct dm_domain *domain, struct dm_ctx *ctx,
                                                 struct dm_owned conversation,
                                                 struct dm_conversation *ret_conversation);
/* Items: struct dm_conversation. *ret_more: there are further ones. */
DM_MUST_CHECK enum dm_result dm_conversation_list(const struct dm_domain *domain,
                                                  struct dm_ctx *ctx, struct dm_str owner_id,
                                                  struct dm_slice slice, struct dm_list *ret_list,
                                                  bool *ret_more);
/* When the id is there already (a retry), nothing is made, and *ret_conversation is what stands. */
DM_MUST_CHECK enum dm_result dm_conversation_create(const struct dm_domain *domain,
                                                    struct dm_ctx *ctx,
                                                    struct dm_owned conversation,
                                                    const struct dm_conversation_new *what,
                                                    struct dm_conversation *ret_conversation);
/* Items: struct dm_message. */
DM_MUST_CHECK enum dm_result dm_conversation_messages(const struct dm_domain *domain,
                                                      struct dm_ctx *ctx,
                                                      struct dm_owned conversation,
                                                      struct dm_slice slice,
                                                      struct dm_list *ret_list, bool *ret_more);

#endif

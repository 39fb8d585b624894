/*
 * A turn: what the user says is stored first, then the self's reply is made and stored. A try that died in between is completed by the next
 * one with the same message id; nothing is ever stored twice.
 */
#ifndef DM_DOMAIN_REPLY_H
#define DM_DOMAIN_REPLY_H

#include "domain/domain.h"
#include "store/message_store.h"
#include "store/owned.h"

struct dm_turn_new {
    struct dm_str message_id; /* UUIDv7 for the user's message */
    struct dm_str content;    /* 1 to 10,000 code points */
};

struct dm_turn {
    struct dm_message message, reply;
};

/* DM_E_NOTFOUND: the owner has no such conversation. After another error the message may be stored and its reply not. */
DM_MUST_CHECK enum dm_result dm_reply_say(const struct dm_domain *domain, struct dm_ctx *ctx,
                                          struct dm_owned conversation,
                                          const struct dm_turn_new *say, struct dm_turn *ret_turn);

#endif

/*
 * Mails: texts from one table, put into the outbox by whoever causes them, delivered by the worker.
 * A mail to an address that nobody has confirmed repeats nothing a stranger typed: else
 * registration would carry anyone's words to anyone.
 */
#ifndef DM_DOMAIN_MAIL_H
#define DM_DOMAIN_MAIL_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "store/job_store.h"

enum dm_mail_kind {
    DM_MAIL_CONFIRM = 1,        /* token, valid_s */
    DM_MAIL_ALREADY_REGISTERED, /* first_name */
    DM_MAIL_SESSION_REUSE,      /* first_name */
};

/* What fills the placeholders of the kind's text. */
struct dm_mail_values {
    struct dm_str first_name;
    struct dm_str token;
    int64_t valid_s;
};

struct dm_mail_new {
    enum dm_mail_kind kind;
    struct dm_str to;
    struct dm_mail_values values;
};

/* Within the causing transaction. */
DM_MUST_CHECK enum dm_result dm_mail_enqueue(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                             const struct dm_settings *settings,
                                             const struct dm_mail_new *mail);
/* The text of a mail, filled. DM_E_NOMEM only. Lives in the arena. */
DM_MUST_CHECK enum dm_result dm_mail_text(struct dm_ctx *ctx, const struct dm_settings *settings,
                                          const struct dm_mail_new *mail, struct dm_str *ret_text);
/* The worker's part: deliver a job of kind "mail" by ctx's deadline. DM_E_INVALID: it can never be
 * delivered. */
DM_MUST_CHECK enum dm_result dm_mail_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                                         const struct dm_job *job);

#endif

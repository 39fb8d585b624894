/*
 * Mails: an event and its values are put into the outbox by whoever causes it; the worker fills the
 * kind's texts (share/mail, text and HTML) with them and delivers. A mail to an address that nobody
 * has confirmed repeats nothing a stranger typed: else registration would carry anyone's words to
 * anyone.
 */
#ifndef DM_DOMAIN_MAIL_H
#define DM_DOMAIN_MAIL_H

#include "base/ctx.h"
#include "domain/domain.h"
#include "store/job_store.h"

/* To add one: a line here, a row in mail.c's table, NAME.txt and NAME.html in share/mail. */
enum dm_mail_kind {
    DM_MAIL_CONFIRM = 1,        /* token, code, valid_s; at_ms and address of the registration */
    DM_MAIL_ALREADY_REGISTERED, /* first_name */
    DM_MAIL_SESSION_REUSE,      /* first_name */
    DM_MAIL_ROLE_CHANGED,       /* first_name, role, at_ms */
    DM_MAIL_ACCOUNT_DISABLED,   /* first_name, at_ms */
    DM_MAIL_ACCOUNT_ENABLED,    /* first_name, at_ms */
    DM_MAIL_LOGIN_LOCKED,       /* first_name, device, address, at_ms, valid_s */
    DM_MAIL_LOGIN_SEALED,       /* first_name, device, address, at_ms */
    DM_MAIL_NEW_DEVICE,         /* first_name, device, address, at_ms */
    DM_MAIL_API_KEY_LEAK,       /* first_name, key_name, found_at */
    DM_MAIL_MFA_ON,             /* first_name, at, device, address */
    DM_MAIL_MFA_OFF,            /* the same */
    DM_MAIL_MFA_RESET,          /* first_name, at */
    DM_MAIL_MFA_LOCKED,         /* first_name, at, device, address */
    DM_MAIL_RECOVERY_CODE_USED, /* first_name, at, device, address, codes_left */
    DM_MAIL_RECOVERY_CODES_NEW, /* first_name, at, device, address */
    DM_MAIL_RESET_PASSWORD,     /* first_name, token, code, valid_s */
    DM_MAIL_PASSWORD_CHANGED,   /* first_name, at_ms, device, address */
    DM_MAIL_CHANGE_EMAIL,       /* to the new address: token, code, valid_s */
    DM_MAIL_CHANGE_EMAIL_TAKEN, /* to the new address's own account: first_name */
    DM_MAIL_CHANGE_EMAIL_ASKED, /* to the old address: first_name, email, at_ms, device, address */
    DM_MAIL_EMAIL_CHANGED,      /* to the old address: first_name, email, at_ms, device, address */
    DM_MAIL_ACCOUNT_ERASED,     /* first_name, removed, receipt, at_ms */
    DM_MAIL_KINDS,              /* how many, and one */
};

/* What fills the placeholders; a kind takes those its row names. */
struct dm_mail_values {
    struct dm_str first_name;
    struct dm_str token;
    struct dm_str code;     /* eight digits */
    struct dm_str email;    /* the account's other address, old or new */
    struct dm_str device;   /* a User-Agent; absent: not known */
    struct dm_str address;  /* where a request came from; absent: not known */
    struct dm_str role;     /* "User", "Admin", "SuperAdmin" */
    struct dm_str key_name; /* an API key's */
    struct dm_str found_at; /* a host; absent: not known */
    struct dm_str removed;  /* "3 profiles, 17 messages" */
    struct dm_str receipt;  /* id of an erasure */
    int64_t valid_s;
    int64_t at_ms; /* wall time */
    int64_t codes_left;
};

struct dm_mail_new {
    enum dm_mail_kind kind;
    struct dm_str account_id; /* whom it is about; may be absent */
    struct dm_str to;
    struct dm_mail_values values;
};

/* Within the causing transaction. */
DM_MUST_CHECK enum dm_result dm_mail_enqueue(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                             const struct dm_settings *settings,
                                             const struct dm_mail_new *mail);

/* The texts of all kinds. */
struct dm_mail_templates;
/* From data_dir/mail. Errors as dm_mail_template_load. Caller frees with dm_mail_templates_free. */
DM_MUST_CHECK enum dm_result dm_mail_templates_load(const char *data_dir, struct dm_err *err,
                                                    struct dm_mail_templates **ret_templates);
void dm_mail_templates_free(struct dm_mail_templates *templates); /* NULL allowed */

struct dm_mail_words {
    struct dm_str subject, text, html;
};
/* What a mail says. DM_E_NOMEM only. Lives in the arena. */
DM_MUST_CHECK enum dm_result dm_mail_render(const struct dm_mail_templates *templates,
                                            struct dm_ctx *ctx, const struct dm_settings *settings,
                                            enum dm_mail_kind kind,
                                            const struct dm_mail_values *values,
                                            struct dm_mail_words *ret_words);
/*
 * The worker's part: deliver a job of kind "mail" by ctx's deadline. DM_E_INVALID: it can never be delivered.
 * DM_E_UNAVAILABLE also for a kind of mail that is not known, which a newer release may have written.
 */
DM_MUST_CHECK enum dm_result dm_mail_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                                         const struct dm_job *job);

#endif

/*
 * Mail by SMTP (RFC 5321), with STARTTLS (RFC 3207) whenever the server offers it, or always when asked.
 */
#ifndef DM_BASE_TRANSFER_H
#define DM_BASE_TRANSFER_H

#include "base/result.h"
#include "base/secret.h"
#include "base/str.h"

/* Once in a program, before threads; and once at its end. */
DM_MUST_CHECK enum dm_result dm_transfer_init(struct dm_err *err);
void dm_transfer_done(void);

enum dm_smtp_tls {
    DM_SMTP_TLS_NEVER = 1,
    DM_SMTP_TLS_WHEN_OFFERED, /* opportunistic: encrypted, not authenticated */
    DM_SMTP_TLS_ALWAYS, /* certificate verified against the system's or ca_file's authorities */
};

struct dm_smtp_server {
    const char *host;
    int port;
    enum dm_smtp_tls tls;
    const char *ca_file; /* NULL: the system's */
    const char *user;    /* NULL: no log-in; with one, WHEN_OFFERED is as strict as ALWAYS */
    struct dm_secret password;
};

struct dm_mail {
    struct dm_str from;       /* address of the envelope and the From field */
    struct dm_str from_name;  /* display name; may be absent */
    struct dm_str to;         /* one address */
    struct dm_str subject;    /* UTF-8, encoded by RFC 2047 where needed */
    struct dm_str text;       /* text/plain; charset=utf-8 body */
    struct dm_str html;       /* the same as text/html (RFC 2046 §5.1.4); may be absent */
    struct dm_str message_id; /* without angle brackets; the same for each try of one job */
};

/*
 * Deliver one mail by deadline_ms (monotonic); a server that has fallen silent may cost as long again. DM_E_INVALID: the
 * server refused it for good (5xx), or a field holds CR or LF; DM_E_UNAVAILABLE: try again later (4xx, no connection); DM_E_TIMEOUT.
 */
DM_MUST_CHECK enum dm_result dm_transfer_mail(const struct dm_smtp_server *server,
                                              const struct dm_mail *mail, int64_t deadline_ms,
                                              struct dm_err *err);

#endif

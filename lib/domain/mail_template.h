/*
 * A mail's words as files: NAME.txt, whose first line is "Subject: …", and NAME.html, each set into frame.txt and
 * frame.html. What stands in them as {name} is a placeholder; a brace that no name and closing brace follow is only a brace.
 */
#ifndef DM_DOMAIN_MAIL_TEMPLATE_H
#define DM_DOMAIN_MAIL_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/result.h"

struct dm_mail_template {
    struct dm_str subject, text, html; /* with their placeholders */
};

struct dm_mail_placeholder {
    const char *name; /* without braces */
    struct dm_str value;
};

/*
 * Read a template into the arena. names: the placeholders that both its texts must use, ending in NULL; beside them the texts and
 * frames may use {site}, {site_name} and {subject}. DM_E_INVALID: "FILE:LINE: what is wrong"; else the errors of dm_file_read.
 */
DM_MUST_CHECK enum dm_result dm_mail_template_load(const char *dir, const char *name,
                                                   const char *const *names, struct dm_arena *arena,
                                                   struct dm_err *err,
                                                   struct dm_mail_template *ret_template);
/*
 * text with each placeholder by its value; in html the values' special characters are escaped. Values are not looked
 * into again. Placeholders without a value are left out.
 */
void dm_mail_template_fill(struct dm_buf *out, struct dm_str text,
                           const struct dm_mail_placeholder *placeholders, size_t n, bool html);

#endif

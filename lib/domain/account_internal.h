/* What account.c, account_reset.c and account_change.c share. */
#ifndef DM_DOMAIN_ACCOUNT_INTERNAL_H
#define DM_DOMAIN_ACCOUNT_INTERNAL_H

#include "domain/account.h"
#include "store/account_store.h"

/*
 * Mails an hour to one account's address that somebody can cause who is not logged in. Fewer of those that only tell of what somebody
 * tried, so that they leave room for the mails that the owner asks for.
 */
#define DM_ACCOUNT_MAILS_MAX 5
#define DM_ACCOUNT_NOTICES_MAX 3
#define DM_ACCOUNT_MAILS_WINDOW_S 3600

struct dm_account dm_account_of_row(const struct dm_account_row *row);
DM_MUST_CHECK enum dm_result dm_account_count_mail(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                   struct dm_str id, int64_t max,
                                                   bool *ret_allowed);
DM_MUST_CHECK enum dm_result dm_account_audit(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              const char *action, struct dm_str account_id);
/* Another confirmation mail for a locked unconfirmed account, if it may have one. */
DM_MUST_CHECK enum dm_result dm_account_confirm_again(const struct dm_domain *domain,
                                                      struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                      const struct dm_account_row *row);
/* Word to the owner, when it has happened. */
DM_MUST_CHECK enum dm_result dm_account_password_changed(const struct dm_domain *domain,
                                                         struct dm_pg_conn *conn,
                                                         struct dm_ctx *ctx,
                                                         const struct dm_account_row *account,
                                                         const struct dm_origin *origin);

/*
 * What somebody asks for by an address alone: one job of this kind, whatever the address, because looking it up would tell by the time it
 * takes whether it has an account. The worker does the rest, with the address that the job names.
 */
DM_MUST_CHECK enum dm_result dm_account_ask(const struct dm_domain *domain, struct dm_ctx *ctx,
                                            const char *kind, struct dm_str email);
DM_MUST_CHECK enum dm_result dm_account_asked(struct dm_ctx *ctx, const struct dm_job *job,
                                              struct dm_str *ret_email_key);

#endif

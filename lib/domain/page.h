/* The page that mails link to: share/page/account.html with the site's name, and the policy (CSP 3) that lets its own script and style run and nothing else. */
#ifndef DM_DOMAIN_PAGE_H
#define DM_DOMAIN_PAGE_H

#include "domain/domain.h"

struct dm_page {
    struct dm_str html, policy;
    struct dm_arena *arena; /* they live in */
};

/*
 * Read and fill data_dir/page/account.html. DM_E_INVALID: it has not exactly one <style> and one <script>; else the errors of
 * dm_file_read. Caller frees with dm_page_free.
 */
DM_MUST_CHECK enum dm_result dm_page_load(const struct dm_settings *settings, struct dm_err *err,
                                          struct dm_page **ret_page);
void dm_page_free(struct dm_page *page); /* NULL allowed */

#endif

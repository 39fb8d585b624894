/*
 * The pages that mails link to: one file for all three, which reads its own path. They only show; what changes anything is the POST that
 * their button sends. So scanners of mail may open a link as often as they like.
 */
#include "domain/page.h"

#include "api/api.h"
#include "edge/call.h"

#define HTML "text/html; charset=utf-8"

static enum dm_result serve_page(struct dm_call *call)
{
    const struct dm_page *page = call->domain->page;
    dm_response_header(call->response, "Content-Security-Policy", page->policy);
    dm_response_header(call->response, "Cache-Control", DM_STR("no-cache"));
    dm_buf_add(&call->response->body, page->html);
    return DM_OK;
}

/* A table reads best as one. */
/* clang-format off */
static const struct dm_route rows[] = {
    {.name = "page.confirm_email", .method = DM_GET, .path = "/account/confirm-email", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .media = HTML, .status = 200,
     .summary = "The page behind the link of a confirmation mail; the token stands in the fragment", .serve = serve_page},
    {.name = "page.reset_password", .method = DM_GET, .path = "/account/reset-password", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .media = HTML, .status = 200,
     .summary = "The page behind the link of a mail for a new password", .serve = serve_page},
    {.name = "page.confirm_email_change", .method = DM_GET, .path = "/account/confirm-email-change", .at_root = true,
     .auth = DM_AUTH_NONE, .limit = DM_LIMIT_READ, .media = HTML, .status = 200,
     .summary = "The page behind the link of a mail to a new address", .serve = serve_page},
};
/* clang-format on */

const struct dm_routes dm_page_routes = DM_ROUTES(rows);

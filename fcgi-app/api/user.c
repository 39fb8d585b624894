/* Administration of accounts over HTTP. Who may do what to whom is decided in domain/user.c. */
#include "domain/user.h"

#include "api/api.h"
#include "api/fields.h"
#include "edge/call.h"
#include "edge/page.h"

static const char *const roles[] = {"User", "Admin", "SuperAdmin", NULL};
static const char *const states[] = {"unconfirmed", "active", "disabled", "erasing", NULL};
static const char *const states_given[] = {"active", "disabled", NULL};

struct query {
    struct dm_page_query page;
    struct dm_user_query filter;
};
static const struct dm_field query_fields[] = {
    DM_PAGE_QUERY_FIELDS,
    {.name = "email",
     .kind = DM_STRING,
     .min = 1,
     .max = 254,
     .offset = offsetof(struct query, filter.email_prefix),
     .text = "how the address begins, in any case of its letters"},
    {.name = "role",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = roles,
     .offset = offsetof(struct query, filter.role),
     .text = "only these"},
    {.name = "state",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = states,
     .offset = offsetof(struct query, filter.state),
     .text = "only these"},
};
static const struct dm_shape query_shape = DM_SHAPE(struct query, "UserQuery", query_fields);

#define SUMMARY_FIELDS                                                                             \
    DM_ID_FIELD(struct dm_user),                                                                   \
        {.name = "email",                                                                          \
         .kind = DM_STRING,                                                                        \
         .format = DM_EMAIL,                                                                       \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_user, email),                                                \
         .text = "as it was registered"},                                                          \
        {.name = "firstName",                                                                      \
         .kind = DM_STRING,                                                                        \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_user, first_name),                                           \
         .text = "given name"},                                                                    \
        {.name = "lastName",                                                                       \
         .kind = DM_STRING,                                                                        \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_user, last_name),                                            \
         .text = "family name"},                                                                   \
        {.name = "role",                                                                           \
         .kind = DM_STRING,                                                                        \
         .format = DM_CHOICE,                                                                      \
         .choices = roles,                                                                         \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_user, role),                                                 \
         .text = "what the account may do"},                                                       \
        {.name = "state",                                                                          \
         .kind = DM_STRING,                                                                        \
         .format = DM_CHOICE,                                                                      \
         .choices = states,                                                                        \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_user, state),                                                \
         .text = "only an active account can log in"},                                             \
        {.name = "emailConfirmed",                                                                 \
         .kind = DM_BOOLEAN,                                                                       \
         .required = true,                                                                         \
         .offset = offsetof(struct dm_user, email_confirmed),                                      \
         .text = "whether the owner of the address has confirmed it"},                             \
        DM_CREATED_AT_FIELD(struct dm_user), DM_UPDATED_AT_FIELD(struct dm_user)

static const struct dm_field summary_fields[] = {SUMMARY_FIELDS};
static const struct dm_shape summary_shape =
    DM_SHAPE(struct dm_user, "UserSummary", summary_fields);
static const struct dm_field list_fields[] = DM_PAGE_FIELDS(&summary_shape);
static const struct dm_shape list_shape = DM_SHAPE(struct dm_page, "UserList", list_fields);

static const struct dm_field user_fields[] = {
    SUMMARY_FIELDS,
    {.name = "sessions",
     .kind = DM_INTEGER,
     .required = true,
     .offset = offsetof(struct dm_user, sessions),
     .text = "how many are open"},
    {.name = "mfaEnabled",
     .kind = DM_BOOLEAN,
     .required = true,
     .offset = offsetof(struct dm_user, mfa),
     .text = "whether log-in asks for a second step"},
    {.name = "locked",
     .kind = DM_BOOLEAN,
     .required = true,
     .offset = offsetof(struct dm_user, locked),
     .text =
         "whether too many log-ins have failed: devices that were known before can still log in"},
    {.name = "lastLoginAt",
     .kind = DM_TIME,
     .offset = offsetof(struct dm_user, last_login_at),
     .text = "as far back as sessions are kept"},
};
static const struct dm_shape user_shape = DM_SHAPE(struct dm_user, "User", user_fields);

static const struct dm_field change_fields[] = {
    {.name = "role",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = roles,
     .required = true,
     .offset = offsetof(struct dm_user_change, role),
     .text = "changed by a SuperAdmin only"},
    {.name = "state",
     .kind = DM_STRING,
     .format = DM_CHOICE,
     .choices = states_given,
     .required = true,
     .offset = offsetof(struct dm_user_change, state),
     .text = "disabled: nobody can log in, nothing is removed"},
};
static const struct dm_shape change_shape =
    DM_SHAPE(struct dm_user_change, "UserChange", change_fields);

static enum dm_result user_list(struct dm_call *call)
{
    const struct query *query = call->query;
    struct dm_slice slice;
    enum dm_result r = dm_page_slice(call, &slice);
    if (r != DM_OK)
        return r;
    struct dm_page *page = call->out;
    bool more = false;
    r = dm_user_list(call->domain, &call->ctx, &query->filter, slice, &page->items, &more);
    return dm_page_end(call, r, more);
}

static enum dm_result user_get(struct dm_call *call)
{
    return dm_user_get(call->domain, &call->ctx, call->params[0], call->out);
}

static enum dm_result user_patch(struct dm_call *call)
{
    struct dm_user user;
    enum dm_result r = dm_user_get(call->domain, &call->ctx, call->params[0], &user);
    if (r != DM_OK)
        return r;
    /* An account that waits for its confirmation is on, too. */
    const struct dm_user_change current = {
        .role = user.role,
        .state = dm_str_eq_c(user.state, "disabled") ? user.state : DM_STR("active"),
    };
    void *merged;
    r = dm_call_merge(call, &current, &merged);
    return r == DM_OK ? dm_user_change(call->domain, &call->ctx, call->params[0], merged, call->out)
                      : r;
}

static enum dm_result user_logout(struct dm_call *call)
{
    return dm_user_logout(call->domain, &call->ctx, call->params[0]);
}

static enum dm_result user_unlock(struct dm_call *call)
{
    return dm_user_unlock(call->domain, &call->ctx, call->params[0]);
}

static const struct dm_route routes[] = {
    {.name = "admin.users",
     .method = DM_GET,
     .path = "/admin/users",
     .auth = DM_AUTH_ADMIN,
     .scope = DM_SCOPE_ADMIN_READ,
     .limit = DM_LIMIT_READ,
     .query = &query_shape,
     .response = &list_shape,
     .status = 200,
     .summary = "List accounts, oldest first, or by address when it is asked for",
     .serve = user_list},
    {.name = "admin.user",
     .method = DM_GET,
     .path = "/admin/users/{userId}",
     .auth = DM_AUTH_ADMIN,
     .scope = DM_SCOPE_ADMIN_READ,
     .limit = DM_LIMIT_READ,
     .response = &user_shape,
     .status = 200,
     .summary = "Read an account",
     .serve = user_get},
    {.name = "admin.change_user",
     .method = DM_PATCH,
     .path = "/admin/users/{userId}",
     .auth = DM_AUTH_ADMIN,
     .limit = DM_LIMIT_WRITE,
     .request = &change_shape,
     .merge_patch = true,
     .response = &user_shape,
     .status = 200,
     .summary = "Change an account's role, disable it or enable it again; its sessions end",
     .serve = user_patch},
    {.name = "admin.logout_user",
     .method = DM_POST,
     .path = "/admin/users/{userId}/logout",
     .auth = DM_AUTH_ADMIN,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "End all sessions of an account, everywhere at once",
     .serve = user_logout},
    {.name = "admin.unlock_user",
     .method = DM_POST,
     .path = "/admin/users/{userId}/unlock",
     .auth = DM_AUTH_ADMIN,
     .limit = DM_LIMIT_WRITE,
     .status = 204,
     .summary = "Open an account for log-ins again, after too many have failed",
     .serve = user_unlock},
};
const struct dm_routes dm_user_routes = DM_ROUTES(routes);

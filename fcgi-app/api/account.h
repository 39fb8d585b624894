/* The account as clients see it: the body of /auth/me, and the user in every log-in. */
#ifndef DM_API_ACCOUNT_H
#define DM_API_ACCOUNT_H

#include "domain/account.h"
#include "domain/passwords.h"
#include "edge/shape.h"

struct dm_account_body {
    struct dm_str id, email, first_name, last_name, role;
    struct dm_opt_bool email_confirmed;
    struct dm_opt_time created_at, updated_at;
};
extern const struct dm_shape dm_account_shape;

/* What is asked for by an address alone. */
struct dm_address_in {
    struct dm_str email;
};
extern const struct dm_shape dm_address_shape;

void dm_account_body_fill(struct dm_account_body *body, const struct dm_account *account);

#endif

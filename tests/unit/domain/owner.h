/* A person in the database suites: registers, reads the mail from the outbox, confirms. */
#ifndef DM_TESTS_OWNER_H
#define DM_TESTS_OWNER_H

#include "domain/account.h"
#include "unit/domain/world.h"

#define DM_OWNER_PASSWORD "correct horse battery staple 9"

/* An address nobody has had before. Lives in the world's arena. */
struct dm_str dm_owner_address(struct dm_world *world);
enum dm_result dm_owner_register(struct dm_world *world, struct dm_str email,
                                 struct dm_str password);
/* The token of the newest confirmation mail to the address; absent when there is none. */
struct dm_str dm_owner_mailed_token(struct dm_world *world, struct dm_str email);
/* A value of the newest mail of a kind to the address, by the names of mail.c's tables; absent when there is none. */
struct dm_str dm_owner_mailed(struct dm_world *world, struct dm_str email, const char *kind,
                              const char *value);
/* Mails to the address whose kind is like the pattern. */
int64_t dm_owner_count_mails(struct dm_world *world, struct dm_str email, const char *kind);
enum dm_result dm_owner_confirm(struct dm_world *world, struct dm_str token);
/* Registered and confirmed. */
void dm_owner_join(struct dm_world *world, struct dm_str email);
/* Audit rows of an action upon an entity. */
int64_t dm_owner_count_audit(struct dm_world *world, const char *action, struct dm_str entity_id);

#endif

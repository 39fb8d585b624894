/* A fictional digital self for the database suites, and an account to own it. */
#ifndef DM_TESTS_PERSONA_H
#define DM_TESTS_PERSONA_H

#include "domain/profile.h"
#include "unit/domain/world.h"

/* A new account, active, without registering it. Its id lives in the world's arena, and becomes the context's actor. */
struct dm_str dm_persona_owner(struct dm_world *world);
/* What an owner writes at least: nothing but a name. */
struct dm_profile_write dm_persona_plain(const char *name);
/* Add a memory to the profile. */
void dm_persona_remember(struct dm_world *world, struct dm_owned profile, const char *kind,
                         const char *text);
/* Mara Quintela, retired lighthouse keeper, with examples, memories and traits, for the owner. */
void dm_persona_mara(struct dm_world *world, struct dm_str owner_id,
                     struct dm_profile *ret_profile);

#endif

/*
 * The built-in responder: the provider that needs no model and never leaves the machine. It quotes what the self is known to have said or
 * done (example dialogues, memories, traits, facts of the profile), joined by a few fixed words of the profile's language, and says in
 * the self's manner that it does not know when nothing fits. It never invents, and the same message to the same self gets the same reply.
 *
 * From communicationStyle it takes, each a string or an array of strings: whenUnsure, greeting, farewell, thanks; opener and closing, which
 * are put as sentences of their own before and after an answer that is not quoted from an example.
 */
#ifndef DM_DOMAIN_BUILTIN_H
#define DM_DOMAIN_BUILTIN_H

#include "domain/model.h"

extern const struct dm_model dm_builtin_model; /* provider "builtin", model "builtin-1" */

#endif

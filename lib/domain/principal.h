/* Who asks, and what they may do. Made by the edge from a verified credential; read by the rules. */
#ifndef DM_DOMAIN_PRINCIPAL_H
#define DM_DOMAIN_PRINCIPAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum dm_role { DM_ROLE_NONE = 0, DM_ROLE_USER, DM_ROLE_ADMIN, DM_ROLE_SUPERADMIN };

enum dm_credential { DM_CREDENTIAL_NONE = 0, DM_CREDENTIAL_SESSION, DM_CREDENTIAL_API_KEY };

/* Bits. A session has all scopes of its role, a key those it was given, as far as its owner's role goes. */
enum dm_scope {
    DM_SCOPE_NONE = 0,
    DM_SCOPE_PERSONALITY_READ = 1 << 0,
    DM_SCOPE_PERSONALITY_WRITE = 1 << 1,
    DM_SCOPE_CONVERSATION_READ = 1 << 2,
    DM_SCOPE_CONVERSATION_WRITE = 1 << 3,
    DM_SCOPE_USAGE_READ = 1 << 4,
    DM_SCOPE_ADMIN_READ = 1 << 5,
};

struct dm_principal {
    enum dm_credential credential; /* NONE: anonymous, and the rest is empty */
    struct dm_str account_id;
    struct dm_str session_id; /* SESSION only */
    struct dm_str key_id;     /* API_KEY only, as are the three below */
    struct dm_str key_mark;   /* "<id>.<version>": what Redis knows the key by, as it stands now */
    struct dm_str
        key_routes; /* rows it is for, as dm_api_key_route_covers takes them; absent: any */
    struct dm_str key_ranges; /* networks it may be used from, CIDR with spaces; absent: any */
    enum dm_role role;        /* the owner's */
    unsigned scopes;          /* enum dm_scope bits */
    int64_t expires_at_s;     /* of the credential */
};

const char *dm_role_name(enum dm_role role); /* "User", "Admin", "SuperAdmin" */
enum dm_role dm_role_of(struct dm_str name); /* DM_ROLE_NONE when unknown */
/* "personality:read" … for one bit. */
const char *dm_scope_name(enum dm_scope scope);
/* All scopes as bits; and space-separated text (RFC 6749 §3.3) to and from bits; unknown names are passed over. */
unsigned dm_scope_all(void);
unsigned dm_scope_of_role(enum dm_role role); /* all that a holder of the role may use */
unsigned dm_scope_parse(struct dm_str text);
struct dm_str dm_scope_text(struct dm_arena *arena, unsigned scopes); /* absent when it is full */

#endif

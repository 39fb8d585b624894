/* Names of roles and scopes: the words in tokens, in the database and in the API, from one table
 * each. */
#include "domain/principal.h"

#include "base/buf.h"

static const char *const role_names[] = {
    [DM_ROLE_NONE] = "None",
    [DM_ROLE_USER] = "User",
    [DM_ROLE_ADMIN] = "Admin",
    [DM_ROLE_SUPERADMIN] = "SuperAdmin",
};

static const struct {
    enum dm_scope scope;
    const char *name;
    enum dm_role least; /* that may use it */
} scopes[] = {
    {DM_SCOPE_PERSONALITY_READ, "personality:read", DM_ROLE_USER},
    {DM_SCOPE_PERSONALITY_WRITE, "personality:write", DM_ROLE_USER},
    {DM_SCOPE_CONVERSATION_READ, "conversation:read", DM_ROLE_USER},
    {DM_SCOPE_CONVERSATION_WRITE, "conversation:write", DM_ROLE_USER},
    {DM_SCOPE_USAGE_READ, "usage:read", DM_ROLE_USER},
    {DM_SCOPE_ADMIN_READ, "admin:read", DM_ROLE_ADMIN},
};
#define N_SCOPES (sizeof(scopes) / sizeof(scopes[0]))

const char *dm_role_name(enum dm_role role)
{
    return role_names[role];
}

enum dm_role dm_role_of(struct dm_str name)
{
    for (enum dm_role role = DM_ROLE_USER; role <= DM_ROLE_SUPERADMIN; role++)
        if (dm_str_eq_c(name, role_names[role]))
            return role;
    return DM_ROLE_NONE;
}

const char *dm_scope_name(enum dm_scope scope)
{
    for (size_t i = 0; i < N_SCOPES; i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    return "";
}

unsigned dm_scope_of_role(enum dm_role role)
{
    unsigned all = 0;
    for (size_t i = 0; i < N_SCOPES; i++)
        if (role >= scopes[i].least)
            all |= (unsigned)scopes[i].scope;
    return all;
}

unsigned dm_scope_all(void)
{
    return dm_scope_of_role(DM_ROLE_SUPERADMIN);
}

unsigned dm_scope_parse(struct dm_str text)
{
    unsigned found = 0;
    struct dm_str word;
    while (dm_str_next(&text, ' ', &word))
        for (size_t i = 0; i < N_SCOPES; i++)
            if (dm_str_eq_c(word, scopes[i].name))
                found |= (unsigned)scopes[i].scope;
    return found;
}

struct dm_str dm_scope_text(struct dm_arena *arena, unsigned held)
{
    struct dm_buf text;
    dm_buf_init(&text, arena, 1024);
    for (size_t i = 0; i < N_SCOPES; i++) {
        if (!(held & (unsigned)scopes[i].scope))
            continue;
        dm_buf_add_c(&text, text.n > 0 ? " " : "");
        dm_buf_add_c(&text, scopes[i].name);
    }
    const struct dm_str absent = {NULL, 0};
    if (dm_buf_failed(&text))
        return absent;
    return text.n > 0 ? dm_buf_str(&text) : DM_STR("");
}

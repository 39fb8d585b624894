/*
 * What the rules work with: made once by a program's start, then read-only and shared by all threads. Each noun's header takes it as its
 * first parameter.
 */
#ifndef DM_DOMAIN_DOMAIN_H
#define DM_DOMAIN_DOMAIN_H

#include "base/cache.h"
#include "base/hash_pool.h"
#include "base/jwt.h"
#include "base/key_ring.h"
#include "base/password.h"
#include "base/sealed.h"
#include "domain/settings.h"
#include "store/kv.h"
#include "store/pg.h"

struct dm_mail_templates;
struct dm_page;
struct dm_revocations;

struct dm_domain {
    const struct dm_settings *settings; /* borrowed */
    struct dm_pg *pg;
    struct dm_kv *kv;                         /* the API only; NULL elsewhere */
    struct dm_key_ring *key_ring;             /* the API only */
    struct dm_hash_pool *hashes;              /* the API only */
    struct dm_cache *token_cache;             /* the API only */
    struct dm_cache *api_key_cache;           /* the API only */
    struct dm_revocations *revocations;       /* the API only */
    struct dm_sealed_keys sealed_keys;        /* the API and digitalmectl */
    char decoy_hash[DM_PASSWORD_HASH_TEXT];   /* the API only: set by dm_passwords_prepare */
    struct dm_mail_templates *mail_templates; /* the worker only */
    struct dm_page *page;                     /* the API only */
};

#endif

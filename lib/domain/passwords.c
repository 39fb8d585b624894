/*
 * The rules of passwords, between account.c and base/password.c. Whoever asks waits while a thread
 * of the hash pool works; the work lies on the asker's stack.
 */
#include "domain/passwords.h"

#include "base/utf8.h"

enum dm_result dm_passwords_prepare(struct dm_domain *domain, struct dm_err *err)
{
    char password[DM_TOKEN_TEXT];
    dm_secret_token(password);
    return dm_password_hash(domain->settings->password_pepper, dm_str_from(password),
                            (int)domain->settings->password_cost, domain->decoy_hash, err);
}

/* What is done on a thread of the pool. */
struct work {
    const struct dm_settings *settings;
    struct dm_str password;
    const char *pointer;
    const char *const *words; /* NULL: no strength asked for */
    size_t n_words;
    const char *hash; /* to check against */
    enum dm_result result;
    struct dm_err err;
    bool matches;
    char made[DM_PASSWORD_HASH_TEXT];
};

static void work_hash(void *arg)
{
    struct work *work = arg;
    const struct dm_settings *settings = work->settings;
    if (work->words != NULL && dm_password_score(work->password, work->words, work->n_words) <
                                   settings->password_min_score) {
        work->result = dm_err_set_field(&work->err, work->pointer, "too_weak",
                                        "the password is too easy to guess");
        return;
    }
    work->result = dm_password_hash(settings->password_pepper, work->password,
                                    (int)settings->password_cost, work->made, &work->err);
}

static void work_check(void *arg)
{
    struct work *work = arg;
    work->matches = dm_password_verify(work->settings->password_pepper, work->password, work->hash);
}

/* Hash on the pool; the hash into the arena. */
static enum dm_result run_hash(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct work *work, struct dm_str *ret_hash)
{
    enum dm_result result =
        dm_hash_pool_run(domain->hashes, work_hash, work, ctx->deadline_ms, &ctx->err);
    if (result != DM_OK)
        return result;
    if (work->result != DM_OK) {
        ctx->err = work->err;
        return work->result;
    }
    struct dm_str hash = dm_arena_str(ctx->arena, dm_str_from(work->made));
    if (hash.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_hash = hash;
    return DM_OK;
}

static enum dm_result check_length(const struct dm_settings *settings, struct dm_ctx *ctx,
                                   const struct dm_passwords_new *wanted)
{
    size_t points = dm_utf8_count(wanted->password);
    if (points < (size_t)settings->password_min_length)
        return dm_err_set_field(&ctx->err, wanted->pointer, "too_short",
                                "the password must have at least %lld characters",
                                (long long)settings->password_min_length);
    if (points > DM_PASSWORDS_POINTS_MAX)
        return dm_err_set_field(&ctx->err, wanted->pointer, "too_long",
                                "the password must have at most %d characters",
                                DM_PASSWORDS_POINTS_MAX);
    return DM_OK;
}

enum dm_result dm_passwords_hash_new(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_passwords_new *wanted, struct dm_str *ret_hash)
{
    enum dm_result result = check_length(domain->settings, ctx, wanted);
    if (result != DM_OK)
        return result;

    struct dm_str email = wanted->email;
    size_t at = dm_str_find(email, '@', 0);
    const char *words[] = {
        "digitalme",
        dm_arena_cstr(ctx->arena, email),
        dm_arena_cstr(ctx->arena, dm_str_slice(email, 0, at)),
        dm_arena_cstr(ctx->arena, dm_str_slice(email, at + 1, email.n)),
        dm_arena_cstr(ctx->arena, wanted->first_name),
        dm_arena_cstr(ctx->arena, wanted->last_name),
    };
    const size_t n_words = sizeof(words) / sizeof(words[0]);
    for (size_t i = 0; i < n_words; i++)
        if (words[i] == NULL)
            return dm_ctx_nomem(ctx);

    struct work work = {
        .settings = domain->settings,
        .password = wanted->password,
        .pointer = wanted->pointer,
        .words = words,
        .n_words = n_words,
    };
    return run_hash(domain, ctx, &work, ret_hash);
}

enum dm_result dm_passwords_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  struct dm_str password, struct dm_str stored_hash,
                                  bool *ret_matches)
{
    bool known = stored_hash.p != NULL;
    struct work work = {
        .settings = domain->settings,
        .password = password,
        .hash = known ? stored_hash.p : domain->decoy_hash,
    };
    enum dm_result result =
        dm_hash_pool_run(domain->hashes, work_check, &work, ctx->deadline_ms, &ctx->err);
    if (result == DM_OK)
        *ret_matches = known && work.matches;
    return result;
}

enum dm_result dm_passwords_rehash(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   struct dm_str password, struct dm_str stored_hash,
                                   struct dm_str *ret_hash)
{
    *ret_hash = (struct dm_str){0};
    if (!dm_password_needs_rehash(stored_hash.p, (int)domain->settings->password_cost))
        return DM_OK;
    struct work work = {.settings = domain->settings, .password = password};
    return run_hash(domain, ctx, &work, ret_hash);
}

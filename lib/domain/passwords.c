/*
 * The rules of passwords, between account.c and base/password.c. Whoever asks waits while a thread
 * of the hash pool works; the work lies on the asker's stack.
 */
#include "domain/passwords.h"

#include <string.h>

#include "base/breached.h"
#include "base/unicode.h"
#include "base/utf8.h"

#define WORD_BYTES_MIN 3 /* shorter ones are in every password */

enum dm_result dm_passwords_prepare(struct dm_domain *domain, struct dm_err *err)
{
    const char *breached_file = domain->settings->password_breached_file;
    if (breached_file[0] != '\0') {
        enum dm_result result = dm_breached_check(breached_file, err);
        if (result != DM_OK)
            return result;
    }
    char password[DM_TOKEN_TEXT];
    dm_secret_token(password);
    return dm_password_hash(domain->settings->password_pepper, dm_str_from(password),
                            (int)domain->settings->password_cost, domain->decoy_hash, err);
}

/* The account's own words and the site's, as zxcvbn takes them. */
struct words {
    const char *word[DM_PASSWORD_WORDS_MAX];
    size_t n;
};

/* What is done on a thread of the pool. */
struct work {
    const struct dm_settings *settings;
    struct dm_str password;                /* in NFKC */
    const struct dm_passwords_new *wanted; /* NULL: no rules asked for */
    struct words words;
    const char *hash;  /* to check against */
    const char *decoy; /* any hash of today's cost */
    enum dm_result result;
    struct dm_err err;
    bool matches;
    char made[DM_PASSWORD_HASH_TEXT];
};

/* In the form that was sent too: lists of breached passwords hold them as people type them. */
static enum dm_result check_breached(struct work *work)
{
    const char *file = work->settings->password_breached_file;
    bool found = false;
    if (file[0] == '\0')
        return DM_OK;
    enum dm_result result = dm_breached_find(file, work->password, &found, &work->err);
    if (result == DM_OK && !found && work->wanted->password.p != work->password.p)
        result = dm_breached_find(file, work->wanted->password, &found, &work->err);
    if (result == DM_OK && found)
        return dm_err_set_field(&work->err, work->wanted->pointer, "breached",
                                "the password is in a list of passwords that others know");
    return result;
}

static enum dm_result check_score(struct work *work)
{
    if (dm_password_score(work->password, work->words.word, work->words.n) >=
        work->settings->password_min_score)
        return DM_OK;
    return dm_err_set_field(&work->err, work->wanted->pointer, "too_weak",
                            "the password is too easy to guess");
}

static void work_hash(void *arg)
{
    struct work *work = arg;
    work->result = DM_OK;
    if (work->wanted != NULL)
        work->result = check_breached(work);
    if (work->result == DM_OK && work->wanted != NULL)
        work->result = check_score(work);
    if (work->result == DM_OK)
        work->result = dm_password_hash(work->settings->password_pepper, work->password,
                                        (int)work->settings->password_cost, work->made, &work->err);
}

/*
 * A hash of a lower cost than today's would tell by its time that there is an account, and an old
 * one. A hash of cost c doubles its work with each step, so hashes of c, c + 1 … C - 1 after it make
 * up for what it lacks to one of C.
 */
static void make_up_for_lower_cost(const struct work *work)
{
    char hash[DM_PASSWORD_HASH_TEXT];
    memcpy(hash, work->decoy, sizeof(hash));
    int cost = dm_password_cost(work->hash);
    for (; cost > 0 && cost < work->settings->password_cost; cost++) {
        hash[4] = (char)('0' + cost / 10);
        hash[5] = (char)('0' + cost % 10);
        (void)dm_password_verify(work->settings->password_pepper, work->password, hash);
    }
}

static void work_check(void *arg)
{
    struct work *work = arg;
    work->matches = dm_password_verify(work->settings->password_pepper, work->password, work->hash);
    make_up_for_lower_cost(work);
}

/* Hash on the pool; the hash into the arena. */
static enum dm_result run_hash(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct work *work, struct dm_str *ret_hash)
{
    const struct dm_hash_work hash_work = {
        .lane = DM_HASH_LANE_OTHER,
        .run = work_hash,
        .arg = work,
        .deadline_ms = ctx->deadline_ms,
    };
    enum dm_result result = dm_hash_pool_run(domain->hashes, &hash_work, &ctx->err);
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
                                   struct dm_str password, const char *pointer)
{
    size_t points = dm_utf8_count(password);
    if (points < (size_t)settings->password_min_length)
        return dm_err_set_field(&ctx->err, pointer, "too_short",
                                "the password must have at least %lld characters",
                                (long long)settings->password_min_length);
    if (points > DM_PASSWORDS_POINTS_MAX)
        return dm_err_set_field(&ctx->err, pointer, "too_long",
                                "the password must have at most %d characters",
                                DM_PASSWORDS_POINTS_MAX);
    return DM_OK;
}

static bool words_add(struct dm_arena *arena, struct words *words, struct dm_str word)
{
    if (word.n < WORD_BYTES_MIN || words->n == DM_PASSWORD_WORDS_MAX)
        return true;
    words->word[words->n] = dm_arena_cstr(arena, word);
    return words->word[words->n] != NULL && ++words->n;
}

static bool is_joint(char c)
{
    return c != '\0' && strchr(" .,:;-_+@/'", c) != NULL;
}

/* The text, and what it is made of. */
static bool words_add_text(struct dm_arena *arena, struct words *words, struct dm_str text)
{
    size_t begin = 0;
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && !is_joint(text.p[i]))
            continue;
        if (i - begin < text.n && !words_add(arena, words, dm_str_slice(text, begin, i - begin)))
            return false;
        begin = i + 1;
    }
    return words_add(arena, words, text);
}

static bool words_collect(const struct dm_settings *settings, struct dm_arena *arena,
                          const struct dm_passwords_new *wanted, struct words *words)
{
    struct dm_str site = dm_str_from(settings->public_url);
    const struct dm_str texts[] = {
        wanted->first_name,
        wanted->last_name,
        wanted->email,
        dm_str_slice(wanted->email, 0, dm_str_find(wanted->email, '@', 0)),
        dm_str_from(settings->mail_from_name),
        dm_str_slice(site, sizeof("https://") - 1, site.n),
        DM_STR("digitalme"),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct dm_str text = texts[i].p == NULL ? texts[i] : dm_unicode_nfkc(arena, texts[i]);
        if (texts[i].p != NULL && (text.p == NULL || !words_add_text(arena, words, text)))
            return false;
    }
    return true;
}

enum dm_result dm_passwords_hash_new(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     const struct dm_passwords_new *wanted, struct dm_str *ret_hash)
{
    struct work work = {.settings = domain->settings,
                        .password = dm_unicode_nfkc(ctx->arena, wanted->password),
                        .wanted = wanted};
    if (work.password.p == NULL)
        return dm_ctx_nomem(ctx);
    enum dm_result result = check_length(domain->settings, ctx, work.password, wanted->pointer);
    if (result != DM_OK)
        return result;
    if (!words_collect(domain->settings, ctx->arena, wanted, &work.words))
        return dm_ctx_nomem(ctx);
    return run_hash(domain, ctx, &work, ret_hash);
}

enum dm_result dm_passwords_check(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  struct dm_str password, struct dm_str stored_hash,
                                  bool *ret_matches)
{
    bool known = stored_hash.p != NULL;
    struct work work = {
        .settings = domain->settings,
        .password = dm_unicode_nfkc(ctx->arena, password),
        .hash = known ? stored_hash.p : domain->decoy_hash,
        .decoy = domain->decoy_hash,
    };
    if (work.password.p == NULL)
        return dm_ctx_nomem(ctx);
    const struct dm_hash_work check_work = {
        .lane = ctx->actor_id.p == NULL ? DM_HASH_LANE_LOGIN : DM_HASH_LANE_OTHER,
        .run = work_check,
        .arg = &work,
        .deadline_ms = ctx->deadline_ms,
    };
    enum dm_result result = dm_hash_pool_run(domain->hashes, &check_work, &ctx->err);
    if (result == DM_OK)
        *ret_matches = known && work.matches;
    return result;
}

enum dm_result dm_passwords_rehash(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   struct dm_str password, struct dm_str stored_hash,
                                   struct dm_str *ret_hash)
{
    *ret_hash = (struct dm_str){0};
    if (!dm_password_needs_rehash(stored_hash.p, (int)domain->settings->password_cost) ||
        dm_hash_pool_waiting(domain->hashes) > 0)
        return DM_OK;
    struct work work = {.settings = domain->settings,
                        .password = dm_unicode_nfkc(ctx->arena, password)};
    if (work.password.p == NULL)
        return dm_ctx_nomem(ctx);
    return run_hash(domain, ctx, &work, ret_hash);
}

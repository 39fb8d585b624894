/*
 * From an event to a mail. The job carries the kind and its values only; words are put to them by
 * the worker, which has read the texts at its start, and base/transfer.c delivers.
 */
#include "domain/mail.h"

#include <time.h>

#include "base/json.h"
#include "base/json_write.h"
#include "base/transfer.h"
#include "domain/mail_template.h"

#define PAYLOAD_BYTES_MAX 16384
#define WORDS_BYTES_MAX (256 * 1024)
#define VALUES_MAX 16 /* of a kind, with the common ones */

/* How a value is written: in the payload as text or number, in the words as people read it. */
enum value_form {
    VALUE_TEXT = 1,
    VALUE_CODE, /* "1234 5678" */
    VALUE_NUMBER,
    VALUE_DURATION, /* seconds: "24 hours" */
    VALUE_TIME,     /* "24 November 2026, 10:31 UTC" */
};

static const struct value {
    const char *name; /* of the placeholder, and of the payload's member */
    enum value_form form;
    size_t offset;
    const char *absent; /* what is said when it is not known */
} values[] = {
#define AT(member) offsetof(struct dm_mail_values, member)
    {"first_name", VALUE_TEXT, AT(first_name), ""},
    {"token", VALUE_TEXT, AT(token), ""},
    {"code", VALUE_CODE, AT(code), ""},
    {"email", VALUE_TEXT, AT(email), ""},
    {"device", VALUE_TEXT, AT(device), "an unknown device"},
    {"address", VALUE_TEXT, AT(address), "an unknown address"},
    {"role", VALUE_TEXT, AT(role), ""},
    {"key_name", VALUE_TEXT, AT(key_name), ""},
    {"found_at", VALUE_TEXT, AT(found_at), "a place that the report does not name"},
    {"removed", VALUE_TEXT, AT(removed), ""},
    {"receipt", VALUE_TEXT, AT(receipt), ""},
    {"valid", VALUE_DURATION, AT(valid_s), NULL},
    {"at", VALUE_TIME, AT(at_ms), NULL},
    {"codes_left", VALUE_NUMBER, AT(codes_left), NULL},
#undef AT
};
#define N_VALUES (sizeof(values) / sizeof(values[0]))

/* Sorted as the enum; a name is the template's in share/mail, and the payload's "kind". */
#define TAKES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
static const struct kind {
    const char *name;
    const char *const *takes; /* what both its texts must say */
} kinds[DM_MAIL_KINDS] = {
    [DM_MAIL_CONFIRM] = {"confirm", TAKES("token", "code", "valid", "at", "address")},
    [DM_MAIL_ALREADY_REGISTERED] = {"already-registered", TAKES("first_name")},
    [DM_MAIL_SESSION_REUSE] = {"session-reuse", TAKES("first_name")},
    [DM_MAIL_ROLE_CHANGED] = {"role-changed", TAKES("first_name", "role", "at")},
    [DM_MAIL_ACCOUNT_DISABLED] = {"account-disabled", TAKES("first_name", "at")},
    [DM_MAIL_ACCOUNT_ERASED] = {"account-erased", TAKES("first_name", "removed", "receipt", "at")},
    [DM_MAIL_ACCOUNT_ENABLED] = {"account-enabled", TAKES("first_name", "at")},
    [DM_MAIL_LOGIN_LOCKED] = {"login-locked",
                              TAKES("first_name", "device", "address", "at", "valid")},
    [DM_MAIL_LOGIN_SEALED] = {"login-sealed", TAKES("first_name", "device", "address", "at")},
    [DM_MAIL_NEW_DEVICE] = {"new-device", TAKES("first_name", "device", "address", "at")},
    [DM_MAIL_API_KEY_LEAK] = {"api-key-leak", TAKES("first_name", "key_name", "found_at")},
    [DM_MAIL_MFA_ON] = {"mfa-on", TAKES("first_name", "at", "device", "address")},
    [DM_MAIL_MFA_OFF] = {"mfa-off", TAKES("first_name", "at", "device", "address")},
    [DM_MAIL_MFA_RESET] = {"mfa-reset", TAKES("first_name", "at")},
    [DM_MAIL_MFA_LOCKED] = {"mfa-locked", TAKES("first_name", "at", "device", "address")},
    [DM_MAIL_RECOVERY_CODE_USED] = {"recovery-code-used",
                                    TAKES("first_name", "at", "device", "address", "codes_left")},
    [DM_MAIL_RECOVERY_CODES_NEW] = {"recovery-codes-new",
                                    TAKES("first_name", "at", "device", "address")},
    [DM_MAIL_RESET_PASSWORD] = {"reset-password", TAKES("first_name", "token", "code", "valid")},
    [DM_MAIL_PASSWORD_CHANGED] = {"password-changed",
                                  TAKES("first_name", "at", "device", "address")},
    [DM_MAIL_CHANGE_EMAIL] = {"change-email", TAKES("token", "code", "valid")},
    [DM_MAIL_CHANGE_EMAIL_TAKEN] = {"change-email-taken", TAKES("first_name")},
    [DM_MAIL_CHANGE_EMAIL_ASKED] = {"change-email-asked",
                                    TAKES("first_name", "email", "at", "device", "address")},
    [DM_MAIL_EMAIL_CHANGED] = {"email-changed",
                               TAKES("first_name", "email", "at", "device", "address")},
};

static const struct value *value_named(const char *name)
{
    size_t i = 0;
    while (strcmp(values[i].name, name) != 0)
        i++;
    return &values[i];
}

static bool is_text(const struct value *value)
{
    return value->form == VALUE_TEXT || value->form == VALUE_CODE;
}

static struct dm_str *text_at(struct dm_mail_values *all, const struct value *value)
{
    return (struct dm_str *)(void *)((char *)all + value->offset);
}

static int64_t *number_at(struct dm_mail_values *all, const struct value *value)
{
    return (int64_t *)(void *)((char *)all + value->offset);
}

enum dm_result dm_mail_enqueue(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                               const struct dm_settings *settings, const struct dm_mail_new *mail)
{
    struct dm_mail_values given = mail->values;
    struct dm_buf payload;
    struct dm_json_writer w;
    dm_buf_init(&payload, ctx->arena, PAYLOAD_BYTES_MAX);
    dm_json_writer_init(&w, &payload);
    dm_json_object_begin(&w);
    dm_json_name(&w, "to");
    dm_json_string(&w, mail->to);
    dm_json_name(&w, "kind");
    dm_json_string(&w, dm_str_from(kinds[mail->kind].name));
    dm_json_name(&w, "values");
    dm_json_object_begin(&w);
    for (const char *const *name = kinds[mail->kind].takes; *name != NULL; name++) {
        const struct value *value = value_named(*name);
        dm_json_name(&w, *name);
        if (is_text(value))
            dm_json_string(&w, *text_at(&given, value));
        else
            dm_json_int(&w, *number_at(&given, value));
    }
    dm_json_object_end(&w);
    dm_json_object_end(&w);
    if (dm_buf_failed(&payload))
        return dm_ctx_nomem(ctx);

    const struct dm_job_new job = {
        .kind = "mail",
        .payload = dm_buf_str(&payload),
        .max_attempts = settings->worker_attempts,
        .account_id = mail->account_id,
    };
    return dm_job_store_add(conn, ctx, &job);
}

struct dm_mail_templates {
    struct dm_arena *arena;
    struct dm_mail_template of[DM_MAIL_KINDS];
};

enum dm_result dm_mail_templates_load(const char *data_dir, struct dm_err *err,
                                      struct dm_mail_templates **ret_templates)
{
    char dir[1100];
    struct dm_arena *arena = dm_arena_new(64 * 1024, 16 * 1024 * 1024);
    struct dm_mail_templates *templates = arena ? dm_arena_alloc(arena, sizeof(*templates)) : NULL;
    enum dm_result result = templates != NULL ? DM_OK : dm_err_set(err, DM_E_NOMEM, "no memory");
    snprintf(dir, sizeof(dir), "%s/mail", data_dir);
    for (size_t kind = 1; result == DM_OK && kind < DM_MAIL_KINDS; kind++)
        result = dm_mail_template_load(dir, kinds[kind].name, kinds[kind].takes, arena, err,
                                       &templates->of[kind]);
    if (result != DM_OK) {
        dm_arena_free(arena);
        return result;
    }
    templates->arena = arena;
    *ret_templates = templates;
    return DM_OK;
}

void dm_mail_templates_free(struct dm_mail_templates *templates)
{
    if (templates != NULL)
        dm_arena_free(templates->arena);
}

/* "24 hours", "90 minutes": the greatest unit that says it exactly. */
static struct dm_str duration_text(struct dm_ctx *ctx, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;
    while (seconds % units[i].seconds != 0)
        i++;
    int64_t n = seconds / units[i].seconds;
    return dm_arena_printf(ctx->arena, "%lld %s%s", (long long)n, units[i].name, n == 1 ? "" : "s");
}

static struct dm_str time_text(struct dm_ctx *ctx, int64_t wall_ms)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    time_t at = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&at, &tm);
    return dm_arena_printf(ctx->arena, "%d %s %d, %02d:%02d UTC", tm.tm_mday, months[tm.tm_mon],
                           tm.tm_year + 1900, tm.tm_hour, tm.tm_min);
}

/* As people read it. */
static struct dm_str value_words(struct dm_ctx *ctx, struct dm_mail_values *all,
                                 const struct value *value)
{
    switch (value->form) {
    case VALUE_NUMBER:
        return dm_arena_printf(ctx->arena, "%lld", (long long)*number_at(all, value));
    case VALUE_DURATION:
        return duration_text(ctx, *number_at(all, value));
    case VALUE_TIME:
        return time_text(ctx, *number_at(all, value));
    case VALUE_CODE: {
        struct dm_str code = *text_at(all, value);
        size_t half = code.n / 2;
        return dm_arena_printf(ctx->arena, "%.*s %.*s", DM_STR_ARG(dm_str_slice(code, 0, half)),
                               DM_STR_ARG(dm_str_slice(code, half, code.n)));
    }
    case VALUE_TEXT:
    default: {
        struct dm_str text = *text_at(all, value);
        return text.n > 0 ? text : dm_str_from(value->absent);
    }
    }
}

/* One filled text; absent when memory is short. */
static struct dm_str filled(struct dm_ctx *ctx, struct dm_str text,
                            const struct dm_mail_placeholder *placeholders, size_t n, bool html)
{
    struct dm_buf out;
    dm_buf_init(&out, ctx->arena, WORDS_BYTES_MAX);
    dm_mail_template_fill(&out, text, placeholders, n, html);
    return dm_buf_failed(&out) ? (struct dm_str){0} : dm_buf_str(&out);
}

enum dm_result dm_mail_render(const struct dm_mail_templates *templates, struct dm_ctx *ctx,
                              const struct dm_settings *settings, enum dm_mail_kind kind,
                              const struct dm_mail_values *given, struct dm_mail_words *ret_words)
{
    struct dm_mail_values all = *given;
    struct dm_mail_placeholder placeholders[VALUES_MAX] = {
        {"site", dm_str_from(settings->public_url)},
        {"site_name", dm_str_from(settings->site_name)},
    };
    size_t n = 2;
    for (const char *const *name = kinds[kind].takes; *name != NULL; name++)
        placeholders[n++] =
            (struct dm_mail_placeholder){*name, value_words(ctx, &all, value_named(*name))};

    const struct dm_mail_template *template = &templates->of[kind];
    struct dm_mail_words words = {.subject =
                                      filled(ctx, template->subject, placeholders, n, false)};
    placeholders[n++] = (struct dm_mail_placeholder){"subject", words.subject};
    words.text = filled(ctx, template->text, placeholders, n, false);
    words.html = filled(ctx, template->html, placeholders, n, true);
    if (words.subject.p == NULL || words.text.p == NULL || words.html.p == NULL)
        return dm_ctx_nomem(ctx);
    *ret_words = words;
    return DM_OK;
}

static enum dm_smtp_tls tls_of(const char *setting)
{
    struct dm_str name = dm_str_from(setting);
    if (dm_str_eq_c(name, "never"))
        return DM_SMTP_TLS_NEVER;
    return dm_str_eq_c(name, "when-offered") ? DM_SMTP_TLS_WHEN_OFFERED : DM_SMTP_TLS_ALWAYS;
}

static const char *given(const char *setting)
{
    return setting == NULL || setting[0] == '\0' ? NULL : setting;
}

static enum dm_result deliver(const struct dm_settings *settings, struct dm_ctx *ctx,
                              const struct dm_mail *mail)
{
    const struct dm_smtp_server server = {
        .host = settings->mail_host,
        .port = (int)settings->mail_port,
        .tls = tls_of(settings->mail_tls),
        .ca_file = given(settings->mail_ca_file),
        .user = given(settings->mail_user),
        .password = settings->mail_password,
    };
    return dm_transfer_mail(&server, mail, ctx->deadline_ms, &ctx->err);
}

/* What a payload says; DM_E_INVALID when it cannot be a mail's. */
struct posted {
    enum dm_mail_kind kind;
    struct dm_str to;
    struct dm_mail_values values;
};

static bool read_values(const struct dm_json *members, struct dm_ctx *ctx, struct posted *posted)
{
    for (const char *const *name = kinds[posted->kind].takes; *name != NULL; name++) {
        const struct value *value = value_named(*name);
        if (is_text(value))
            /* Null stays absent. */
            (void)!dm_json_get_string(members, *name, ctx->arena, text_at(&posted->values, value));
        else if (!dm_json_get_int(members, *name, number_at(&posted->values, value)))
            return false;
    }
    return true;
}

static enum dm_result read_members(const struct dm_json *payload, struct dm_ctx *ctx,
                                   struct posted *posted)
{
    struct dm_str kind;
    struct dm_json *members;
    if (!dm_json_get_string(payload, "to", ctx->arena, &posted->to) ||
        !dm_json_get_string(payload, "kind", ctx->arena, &kind))
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload lacks to or kind");
    posted->kind = 1;
    while (posted->kind < DM_MAIL_KINDS && !dm_str_eq_c(kind, kinds[posted->kind].name))
        posted->kind++;
    if (posted->kind == DM_MAIL_KINDS)
        return dm_err_set(&ctx->err, DM_E_UNAVAILABLE, "this release knows no mail of this kind");
    if (!dm_json_get_object(payload, "values", &members))
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload lacks values");
    bool whole = read_values(members, ctx, posted);
    dm_json_free(members);
    return whole ? DM_OK : dm_err_set(&ctx->err, DM_E_INVALID, "the payload lacks a value");
}

static enum dm_result read_payload(struct dm_ctx *ctx, const struct dm_job *job,
                                   struct posted *ret_posted)
{
    struct dm_json *payload;
    if (dm_json_parse(job->payload, &ctx->err, &payload) != DM_OK)
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload is not JSON");
    *ret_posted = (struct posted){0};
    enum dm_result result = read_members(payload, ctx, ret_posted);
    dm_json_free(payload);
    return result;
}

enum dm_result dm_mail_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                           const struct dm_job *job)
{
    const struct dm_settings *settings = domain->settings;
    struct posted posted = {0};
    struct dm_mail_words words = {0};
    enum dm_result result = read_payload(ctx, job, &posted);
    if (result == DM_OK)
        result = dm_mail_render(domain->mail_templates, ctx, settings, posted.kind, &posted.values,
                                &words);
    if (result != DM_OK)
        return result;

    struct dm_mail mail = {
        .from = dm_str_from(settings->mail_from),
        .from_name = dm_str_from(given(settings->mail_from_name)),
        .to = posted.to,
        .subject = words.subject,
        .text = words.text,
        .html = words.html,
    };
    /* The same at each try, so that a mailbox that got it twice can tell. */
    size_t at = dm_str_find(mail.from, '@', 0);
    struct dm_str host = dm_str_slice(mail.from, at + 1, mail.from.n);
    mail.message_id =
        dm_arena_printf(ctx->arena, "%.*s@%.*s", DM_STR_ARG(job->id), DM_STR_ARG(host));
    if (mail.message_id.p == NULL)
        return dm_ctx_nomem(ctx);
    return deliver(settings, ctx, &mail);
}

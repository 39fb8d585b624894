/*
 * From an event to a mail: the text is filled when the job is written, because only then is the
 * one-time token known (the database keeps its hash), and delivered by the worker through
 * base/transfer.c.
 */
#include "domain/mail.h"

#include "base/json.h"
#include "base/json_write.h"
#include "base/transfer.h"

#define PAYLOAD_BYTES_MAX 16384

static const struct {
    const char *subject;
    const char *text;
} templates[] = {
    [DM_MAIL_CONFIRM] =
        {"Confirm your e-mail address",
         "Hello,\n"
         "\n"
         "somebody, probably you, has registered this e-mail address with DigitalMe\n"
         "at {site}\n"
         "\n"
         "Your confirmation token: {token}\n"
         "\n"
         "To confirm the address:\n"
         "\n"
         "curl -X POST {site}/api/v1/auth/confirm-email -H 'Content-Type: application/json' "
         "-d '{\"token\":\"{token}\"}'\n"
         "\n"
         "The token is valid for {valid} and works once.\n"
         "If it was not you, ignore this mail: without the token nothing happens.\n"},
    [DM_MAIL_ALREADY_REGISTERED] =
        {"You already have an account",
         "Hello {first_name},\n"
         "\n"
         "somebody tried to register this e-mail address with DigitalMe\n"
         "at {site}\n"
         "\n"
         "It has an account already, and nothing about it was changed. If it was you, log in\n"
         "as you did before. If it was not you, ignore this mail: who tried was not told that\n"
         "the account exists.\n"},
    [DM_MAIL_SESSION_REUSE] =
        {"One of your sessions was ended",
         "Hello {first_name},\n"
         "\n"
         "a refresh token of yours that had been used before was used again with DigitalMe\n"
         "at {site}\n"
         "\n"
         "That happens when a token was copied to another place, so we have ended the session\n"
         "it belonged to: log in again. If you do not know of a copy, change your password.\n"},
};

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

struct placeholder {
    struct dm_str name; /* with its braces */
    struct dm_str value;
};

/* Each placeholder of text by its value; any other brace stays as it is. Values are not looked into
 * again. */
static void fill(struct dm_buf *out, struct dm_str text, const struct placeholder *placeholders,
                 size_t n)
{
    size_t at = 0;
    while (at < text.n) {
        size_t brace = dm_str_find(text, '{', at);
        dm_buf_add(out, dm_str_slice(text, at, brace - at));
        if (brace == text.n)
            return;
        struct dm_str rest = dm_str_slice(text, brace, text.n - brace);
        size_t i = 0;
        while (i < n && !dm_str_starts(rest, placeholders[i].name))
            i++;
        dm_buf_add(out, i < n ? placeholders[i].value : DM_STR("{"));
        at = brace + (i < n ? placeholders[i].name.n : 1);
    }
}

enum dm_result dm_mail_text(struct dm_ctx *ctx, const struct dm_settings *settings,
                            const struct dm_mail_new *mail, struct dm_str *ret_text)
{
    const struct placeholder placeholders[] = {
        {DM_STR_INIT("{site}"), dm_str_from(settings->public_url)},
        {DM_STR_INIT("{first_name}"), mail->values.first_name},
        {DM_STR_INIT("{token}"), mail->values.token},
        {DM_STR_INIT("{valid}"), duration_text(ctx, mail->values.valid_s)},
    };
    struct dm_buf text;
    dm_buf_init(&text, ctx->arena, PAYLOAD_BYTES_MAX);
    fill(&text, dm_str_from(templates[mail->kind].text), placeholders,
         sizeof(placeholders) / sizeof(placeholders[0]));
    if (dm_buf_failed(&text))
        return dm_ctx_nomem(ctx);
    *ret_text = dm_buf_str(&text);
    return DM_OK;
}

enum dm_result dm_mail_enqueue(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                               const struct dm_settings *settings, const struct dm_mail_new *mail)
{
    struct dm_str text = {0};
    enum dm_result result = dm_mail_text(ctx, settings, mail, &text);
    if (result != DM_OK)
        return result;

    struct dm_buf payload;
    struct dm_json_writer w;
    dm_buf_init(&payload, ctx->arena, PAYLOAD_BYTES_MAX);
    dm_json_writer_init(&w, &payload);
    dm_json_object_begin(&w);
    dm_json_name(&w, "to");
    dm_json_string(&w, mail->to);
    dm_json_name(&w, "subject");
    dm_json_string(&w, dm_str_from(templates[mail->kind].subject));
    dm_json_name(&w, "text");
    dm_json_string(&w, text);
    dm_json_object_end(&w);
    if (dm_buf_failed(&payload))
        return dm_ctx_nomem(ctx);

    const struct dm_job_new job = {
        .kind = "mail",
        .payload = dm_buf_str(&payload),
        .max_attempts = settings->worker_attempts,
    };
    return dm_job_store_add(conn, ctx, &job);
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

enum dm_result dm_mail_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                           const struct dm_job *job)
{
    const struct dm_settings *settings = domain->settings;
    struct dm_json *payload;
    if (dm_json_parse(job->payload, &ctx->err, &payload) != DM_OK)
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload is not JSON");

    struct dm_mail mail = {
        .from = dm_str_from(settings->mail_from),
        .from_name = dm_str_from(given(settings->mail_from_name)),
    };
    bool whole = dm_json_get_string(payload, "to", ctx->arena, &mail.to) &&
                 dm_json_get_string(payload, "subject", ctx->arena, &mail.subject) &&
                 dm_json_get_string(payload, "text", ctx->arena, &mail.text);
    dm_json_free(payload);
    if (!whole)
        return dm_err_set(&ctx->err, DM_E_INVALID, "the payload lacks to, subject or text");

    /* The same at each try, so that a mailbox that got it twice can tell. */
    size_t at = dm_str_find(mail.from, '@', 0);
    struct dm_str host = dm_str_slice(mail.from, at + 1, mail.from.n);
    mail.message_id =
        dm_arena_printf(ctx->arena, "%.*s@%.*s", DM_STR_ARG(job->id), DM_STR_ARG(host));
    if (mail.message_id.p == NULL)
        return dm_ctx_nomem(ctx);
    return deliver(settings, ctx, &mail);
}

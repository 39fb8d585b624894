/*
 * Where the worker's mail leaves the machine: one message built here, one SMTP conversation held by
 * libcurl, and the server's answer turned into "done", "never" or "later".
 */
#include "base/transfer.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

#define MESSAGE_MAX_BYTES (1024 * 1024)
#define LINE_MAX_BYTES 998 /* RFC 5322 §2.1.1, without CRLF */
#define HEADER_TEXT_MAX 60 /* longer texts are encoded too, because encoded words may be folded */
#define ENCODED_WORD_BYTES 45 /* their base64 is 60 characters: within RFC 2047 §2's 75 */
#define BASE64_LINE_BYTES 57  /* 76 characters (RFC 2045 §6.8) */

enum dm_result dm_transfer_init(struct dm_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return dm_err_set(err, DM_E_INTERNAL, "libcurl could not be initialised");
    return DM_OK;
}

void dm_transfer_done(void)
{
    curl_global_cleanup();
}

static bool is_ascii(struct dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* An address as it goes into a command of the envelope: nothing in it can end the command or the
 * brackets. */
static bool is_address(struct dm_str s)
{
    if (s.n == 0 || s.n > 254 || dm_str_find(s, '@', 0) == s.n)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("<>\"\\(),;:", s.p[i]))
            return false;
    return true;
}

static bool is_header_text(struct dm_str s)
{
    return dm_utf8_valid(s) && !dm_utf8_has_control(s, false);
}

static const char *fault_of(const struct dm_mail *mail)
{
    if (!is_address(mail->from))
        return "from is no address";
    if (!is_address(mail->to))
        return "to is no address";
    if (!is_header_text(mail->from_name))
        return "from_name holds a control character";
    if (!is_header_text(mail->subject))
        return "subject holds a control character";
    if (!is_address(mail->message_id))
        return "message_id is not of the form id@domain";
    if (!dm_utf8_valid(mail->text) || dm_utf8_has_control(mail->text, true))
        return "text holds a control character";
    if (!dm_utf8_valid(mail->html) || dm_utf8_has_control(mail->html, true))
        return "html holds a control character";
    return NULL;
}

static void add_base64(struct dm_buf *out, struct dm_str bytes)
{
    char text[4 * ((BASE64_LINE_BYTES + 2) / 3) + 1];
    dm_base64_encode((const uint8_t *)bytes.p, bytes.n, text);
    dm_buf_add_c(out, text);
}

/* Encoded words (RFC 2047 §2), folded, each of whole characters. */
static void add_encoded_words(struct dm_buf *out, struct dm_str s)
{
    for (size_t at = 0; at < s.n;) {
        size_t n = s.n - at < ENCODED_WORD_BYTES ? s.n - at : ENCODED_WORD_BYTES;
        while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xC0) == 0x80)
            n--;
        dm_buf_add_c(out, at > 0 ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        add_base64(out, dm_str_slice(s, at, n));
        dm_buf_add_c(out, "?=");
        at += n;
    }
}

/* Free text in a header. A text that looks encoded must be encoded, or it would be decoded. */
static void add_unstructured(struct dm_buf *out, struct dm_str s)
{
    if (s.n <= HEADER_TEXT_MAX && is_ascii(s) && !memmem(s.p ? s.p : "", s.n, "=?", 2))
        dm_buf_add(out, s);
    else
        add_encoded_words(out, s);
}

static void add_display_name(struct dm_buf *out, struct dm_str s)
{
    if (s.n > HEADER_TEXT_MAX || !is_ascii(s)) {
        add_encoded_words(out, s);
        return;
    }
    dm_buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            dm_buf_add_char(out, '\\');
        dm_buf_add_char(out, s.p[i]);
    }
    dm_buf_add_char(out, '"');
}

/* RFC 5322 §3.3, whatever the locale. */
static void add_date(struct dm_buf *out, int64_t wall_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&at, &tm);
    dm_buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
                  tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                  tm.tm_sec);
}

/* May the text go out as it is (7bit, RFC 2045 §2.7)? */
static bool is_plain(struct dm_str text)
{
    struct dm_str line;
    if (!is_ascii(text))
        return false;
    while (dm_str_next(&text, '\n', &line))
        if (line.n > LINE_MAX_BYTES)
            return false;
    return true;
}

/* LF, CR LF and CR each become CR LF. */
static void add_lines(struct dm_buf *out, struct dm_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool cr = text.p[i] == '\r';
        if (cr && i + 1 < text.n && text.p[i + 1] == '\n')
            i++;
        if (cr || text.p[i] == '\n')
            dm_buf_add_c(out, "\r\n");
        else
            dm_buf_add_char(out, text.p[i]);
    }
}

/* A body with the fields that say what it is. */
static void add_body(struct dm_buf *out, const char *type, struct dm_str text)
{
    dm_buf_printf(out, "Content-Type: text/%s; charset=utf-8\r\n", type);
    if (is_plain(text)) {
        dm_buf_add_c(out, "Content-Transfer-Encoding: 7bit\r\n\r\n");
        add_lines(out, text);
        dm_buf_add_c(out, "\r\n");
        return;
    }
    struct dm_buf lines;
    dm_buf_init(&lines, NULL, MESSAGE_MAX_BYTES);
    add_lines(&lines, text);
    dm_buf_add_c(out, "Content-Transfer-Encoding: base64\r\n\r\n");
    for (size_t at = 0; at < lines.n; at += BASE64_LINE_BYTES) {
        add_base64(out, dm_str_slice(dm_buf_str(&lines), at, BASE64_LINE_BYTES));
        dm_buf_add_c(out, "\r\n");
    }
    if (dm_buf_failed(&lines))
        out->failed = true;
    dm_buf_done(&lines);
}

/* The same words twice, the better form last; what stands between them is not in either of them. */
static void add_alternatives(struct dm_buf *out, const struct dm_mail *mail)
{
    char boundary[DM_TOKEN_TEXT];
    dm_secret_token(boundary);
    dm_buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n", boundary);
    dm_buf_printf(out, "\r\n--%s\r\n", boundary);
    add_body(out, "plain", mail->text);
    dm_buf_printf(out, "\r\n--%s\r\n", boundary);
    add_body(out, "html", mail->html);
    dm_buf_printf(out, "\r\n--%s--\r\n", boundary);
}

/* The message of RFC 5322, in out. */
static void build(const struct dm_mail *mail, struct dm_buf *out)
{
    add_date(out, dm_clock_wall_ms());
    dm_buf_add_c(out, "From: ");
    if (mail->from_name.n > 0) {
        add_display_name(out, mail->from_name);
        dm_buf_add_char(out, ' ');
    }
    dm_buf_printf(out, "<%.*s>\r\nTo: <%.*s>\r\nSubject: ", DM_STR_ARG(mail->from),
                  DM_STR_ARG(mail->to));
    add_unstructured(out, mail->subject);
    dm_buf_printf(out, "\r\nMessage-ID: <%.*s>\r\nMIME-Version: 1.0\r\n",
                  DM_STR_ARG(mail->message_id));
    /* Answering machines must not answer (RFC 3834 §5). */
    dm_buf_add_c(out, "Auto-Submitted: auto-generated\r\n");
    if (mail->html.n > 0)
        add_alternatives(out, mail);
    else
        add_body(out, "plain", mail->text);
}

/* One conversation: what is still to be sent, and the server's last line. */
struct conversation {
    struct dm_str rest;
    char reply[128];
};

static size_t send_some(char *buffer, size_t size, size_t n_items, void *arg)
{
    struct conversation *conversation = arg;
    struct dm_str part = dm_str_slice(conversation->rest, 0, size * n_items);
    if (part.n > 0)
        memcpy(buffer, part.p, part.n);
    conversation->rest = dm_str_slice(conversation->rest, part.n, conversation->rest.n);
    return part.n;
}

static size_t keep_reply(char *line, size_t size, size_t n_items, void *arg)
{
    struct conversation *conversation = arg;
    size_t n = 0;
    /* 221 only says good-bye: what went before it is what counts. */
    if (size * n_items >= 3 && memcmp(line, "221", 3) == 0)
        return size * n_items;
    for (; n < size * n_items && n + 1 < sizeof(conversation->reply); n++) {
        if (line[n] == '\r' || line[n] == '\n')
            break;
        conversation->reply[n] = line[n] >= ' ' && line[n] < 0x7f ? line[n] : '?';
    }
    conversation->reply[n] = '\0';
    return size * n_items;
}

static long tls_level(const struct dm_smtp_server *server)
{
    if (server->tls == DM_SMTP_TLS_NEVER)
        return CURLUSESSL_NONE;
    /* A password is not given to whoever strips the offer of STARTTLS from the conversation. */
    if (server->tls == DM_SMTP_TLS_ALWAYS || server->user)
        return CURLUSESSL_ALL;
    return CURLUSESSL_TRY;
}

static void set_server(CURL *curl, const struct dm_smtp_server *server)
{
    char url[300];
    bool ipv6 = strchr(server->host, ':') != NULL;
    snprintf(url, sizeof(url), "smtp://%s%s%s:%d", ipv6 ? "[" : "", server->host, ipv6 ? "]" : "",
             server->port);
    /* Nor is it given to whoever answers in the server's place with a certificate of its own. */
    bool verified = server->tls == DM_SMTP_TLS_ALWAYS || server->user;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, tls_level(server));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verified ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L);
    if (server->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, server->ca_file);
    /* Nothing from the environment or the home directory. */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

/* libcurl keeps a copy of the password until cleanup, which is out of our reach; ours is wiped. */
static bool set_login(CURL *curl, const struct dm_smtp_server *server)
{
    if (!server->user)
        return true;
    char *password = calloc(1, server->password.n + 1);
    if (!password)
        return false;
    if (server->password.n > 0)
        memcpy(password, server->password.p, server->password.n);
    bool ok = curl_easy_setopt(curl, CURLOPT_USERNAME, server->user) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PASSWORD, password) == CURLE_OK;
    dm_secret_wipe(password, server->password.n);
    free(password);
    return ok;
}

/* What the worker does next hangs on this alone. */
static enum dm_result classify(CURL *curl, CURLcode code, const char *reply, struct dm_err *err)
{
    long status = 0;
    if (code == CURLE_OK)
        return DM_OK;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return dm_err_set(err, DM_E_TIMEOUT, "smtp: no answer in time (last: %s)", reply);
    /* A log-in or a certificate that fails is for the operator to mend: the mail itself is not at
     * fault. */
    if (status >= 500 && status <= 599 && code != CURLE_LOGIN_DENIED &&
        code != CURLE_USE_SSL_FAILED)
        return dm_err_set(err, DM_E_INVALID, "smtp: refused: %s", reply);
    return dm_err_set(err, DM_E_UNAVAILABLE, "smtp: %s (last: %s)", curl_easy_strerror(code),
                      reply);
}

static enum dm_result converse(CURL *curl, const struct dm_smtp_server *server,
                               const struct dm_mail *mail, struct dm_str message, int left_ms,
                               struct dm_err *err)
{
    char from[260];
    char to[260];
    struct conversation conversation = {.rest = message};
    snprintf(from, sizeof(from), "<%.*s>", DM_STR_ARG(mail->from));
    snprintf(to, sizeof(to), "<%.*s>", DM_STR_ARG(mail->to));
    struct curl_slist *recipients = curl_slist_append(NULL, to);
    if (!recipients || !set_login(curl, server)) {
        curl_slist_free_all(recipients);
        return dm_err_set(err, DM_E_NOMEM, "no memory for a mail");
    }
    set_server(curl, server);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)message.n);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_some);
    curl_easy_setopt(curl, CURLOPT_READDATA, &conversation);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_reply);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &conversation);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
    /* When time is up libcurl still says QUIT and waits for the answer, two minutes if it may. */
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (left_ms + 999L) / 1000);
    enum dm_result r = classify(curl, curl_easy_perform(curl), conversation.reply, err);
    curl_slist_free_all(recipients);
    return r;
}

enum dm_result dm_transfer_mail(const struct dm_smtp_server *server, const struct dm_mail *mail,
                                int64_t deadline_ms, struct dm_err *err)
{
    const char *fault = fault_of(mail);
    if (fault)
        return dm_err_set(err, DM_E_INVALID, "mail: %s", fault);
    int left_ms = dm_clock_left_ms(deadline_ms);
    if (left_ms == 0)
        return dm_err_set(err, DM_E_TIMEOUT, "mail: the deadline has passed");
    struct dm_buf message;
    dm_buf_init(&message, NULL, MESSAGE_MAX_BYTES);
    build(mail, &message);
    CURL *curl = curl_easy_init();
    enum dm_result r =
        curl && !dm_buf_failed(&message)
            ? converse(curl, server, mail, dm_buf_str(&message), left_ms, err)
            : dm_err_set(err, DM_E_NOMEM, "no memory for a mail, or it is over 1 MiB");
    curl_easy_cleanup(curl);
    dm_buf_done(&message);
    return r;
}

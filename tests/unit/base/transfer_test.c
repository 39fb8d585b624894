/* Mail goes out well-formed, and the server's answer decides between done, never and later. The
 * server is a script on loopback. */
#include "base/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define MESSAGE_MAX 65536

/* What the server says; NULL: the usual. And what it heard. */
struct script {
    const char *greeting, *mail, *rcpt, *end;
    bool silent; /* accepts and says nothing */
    int listener;
    int port;
    pthread_t thread;
    char commands[4096]; /* all but the message, one a line */
    char message[MESSAGE_MAX];
};

static void say(int fd, const char *text, const char *usual)
{
    text = text ? text : usual;
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void answer(struct script *script, int fd, const char *command, bool *in_message)
{
    if (strncmp(command, "EHLO", 4) == 0) {
        say(fd, NULL, "250-test\r\n250 8BITMIME\r\n");
    } else if (strncmp(command, "MAIL", 4) == 0) {
        say(fd, script->mail, "250 ok\r\n");
    } else if (strncmp(command, "RCPT", 4) == 0) {
        say(fd, script->rcpt, "250 ok\r\n");
    } else if (strncmp(command, "DATA", 4) == 0) {
        say(fd, NULL, "354 go\r\n");
        *in_message = true;
    } else {
        say(fd, NULL, strncmp(command, "QUIT", 4) == 0 ? "221 bye\r\n" : "500 what?\r\n");
    }
}

static void append(char *text, size_t size, const char *line)
{
    size_t n = strlen(text);
    snprintf(text + n, size - n, "%s", line);
}

static void *serve(void *arg)
{
    struct script *script = arg;
    bool in_message = false;
    char *line = NULL;
    size_t size = 0;
    int fd = accept(script->listener, NULL, NULL);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!in)
        return arg;
    if (!script->silent)
        say(fd, script->greeting, "220 test ESMTP\r\n");
    while (getline(&line, &size, in) > 0) {
        if (!in_message) {
            append(script->commands, sizeof(script->commands), line);
            answer(script, fd, line, &in_message);
        } else if (strcmp(line, ".\r\n") == 0) {
            in_message = false;
            say(fd, script->end, "250 queued\r\n");
        } else {
            append(script->message, sizeof(script->message), line);
        }
    }
    free(line);
    fclose(in);
    return NULL;
}

static void start(struct script *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(address);
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(script->listener, (struct sockaddr *)&address, n), 0);
    CU_ASSERT_EQUAL_FATAL(listen(script->listener, 1), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(script->listener, (struct sockaddr *)&address, &n), 0);
    script->port = ntohs(address.sin_port);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&script->thread, NULL, serve, script), 0);
}

static const struct dm_mail usual_mail = {
    .from = DM_STR_INIT("noreply@dm.example"),
    .to = DM_STR_INIT("ada@example.org"),
    .subject = DM_STR_INIT("Confirm your address"),
    .text = DM_STR_INIT("Hello,\n.a line with a dot\nbye"),
    .message_id = DM_STR_INIT("job-1@dm.example"),
};

static enum dm_result deliver(struct script *script, const struct dm_smtp_server *as,
                              const struct dm_mail *mail, int64_t within_ms, struct dm_err *err)
{
    struct dm_smtp_server server = *as;
    start(script);
    server.host = "127.0.0.1";
    server.port = script->port;
    CU_ASSERT_EQUAL_FATAL(dm_transfer_init(err), DM_OK);
    enum dm_result r = dm_transfer_mail(&server, mail, dm_clock_monotonic_ms() + within_ms, err);
    dm_transfer_done();
    /* When no connection was made, this ends the accept. */
    shutdown(script->listener, SHUT_RDWR);
    pthread_join(script->thread, NULL);
    close(script->listener);
    return r;
}

static const struct dm_smtp_server plain = {.tls = DM_SMTP_TLS_NEVER};

static void test_a_plain_mail_arrives_as_it_is(void)
{
    static struct script script;
    struct dm_err err = {.code = DM_OK};
    script = (struct script){.silent = false};
    dm_clock_fake(1767225600123);
    CU_ASSERT_EQUAL(deliver(&script, &plain, &usual_mail, 20000, &err), DM_OK);
    dm_clock_fake(0);
    CU_ASSERT_PTR_NOT_NULL(strstr(script.commands, "MAIL FROM:<noreply@dm.example>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(script.commands, "RCPT TO:<ada@example.org>\r\n"));
    CU_ASSERT_STRING_EQUAL(script.message, "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
                                           "From: <noreply@dm.example>\r\n"
                                           "To: <ada@example.org>\r\n"
                                           "Subject: Confirm your address\r\n"
                                           "Message-ID: <job-1@dm.example>\r\n"
                                           "MIME-Version: 1.0\r\n"
                                           "Auto-Submitted: auto-generated\r\n"
                                           "Content-Type: text/plain; charset=utf-8\r\n"
                                           "Content-Transfer-Encoding: 7bit\r\n"
                                           "\r\n"
                                           "Hello,\r\n..a line with a dot\r\nbye\r\n");
}

static void test_other_scripts_are_encoded(void)
{
    static struct script script;
    struct dm_err err = {.code = DM_OK};
    struct dm_mail mail = usual_mail;
    script = (struct script){.silent = false};
    mail.from_name = DM_STR("Zo\xc3\xab");
    mail.subject = DM_STR("x\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                          "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                          "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
    mail.text = DM_STR("h\xc3\xa9\n");
    CU_ASSERT_EQUAL(deliver(&script, &plain, &mail, 20000, &err), DM_OK);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(script.message, "From: =?UTF-8?B?Wm/Dqw==?= <noreply@dm.example>\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        script.message,
        "Subject: =?UTF-8?B?eOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrA==?=\r\n "
        "=?UTF-8?B?4oKs?=\r\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(script.message, "Content-Transfer-Encoding: base64\r\n\r\naMOpDQo=\r\n"));
}

/* RFC 2046 §5.1.4: the plainest first. */
static void test_html_goes_beside_the_text(void)
{
    static struct script script;
    struct dm_err err = {.code = DM_OK};
    struct dm_mail mail = usual_mail;
    script = (struct script){.silent = false};
    mail.html = DM_STR("<p>h\xc3\xa9</p>");
    CU_ASSERT_EQUAL(deliver(&script, &plain, &mail, 20000, &err), DM_OK);
    const char *field = "Content-Type: multipart/alternative; boundary=\"";
    const char *at = strstr(script.message, field);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    char boundary[64] = "";
    char expected[1024];
    CU_ASSERT_EQUAL_FATAL(sscanf(at + strlen(field), "%63[^\"]", boundary), 1);
    snprintf(expected, sizeof(expected),
             "%s%s\"\r\n"
             "\r\n--%s\r\n"
             "Content-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: 7bit\r\n"
             "\r\n"
             "Hello,\r\n..a line with a dot\r\nbye\r\n"
             "\r\n--%s\r\n"
             "Content-Type: text/html; charset=utf-8\r\n"
             "Content-Transfer-Encoding: base64\r\n"
             "\r\n"
             "PHA+aMOpPC9wPg==\r\n"
             "\r\n--%s--\r\n",
             field, boundary, boundary, boundary, boundary);
    CU_ASSERT_STRING_EQUAL(at, expected);
}

static void test_no_line_is_over_998_bytes(void)
{
    static struct script script;
    static char long_line[5000];
    struct dm_err err = {.code = DM_OK};
    struct dm_mail mail = usual_mail;
    script = (struct script){.silent = false};
    memset(long_line, 'x', sizeof(long_line));
    mail.text = (struct dm_str){long_line, sizeof(long_line)};
    mail.subject = (struct dm_str){long_line, 1500};
    mail.from_name = (struct dm_str){long_line, 1500};
    CU_ASSERT_EQUAL(deliver(&script, &plain, &mail, 20000, &err), DM_OK);
    struct dm_str rest = dm_str_from(script.message), line;
    while (dm_str_next(&rest, '\n', &line))
        CU_ASSERT_TRUE(line.n <= 999);
}

static void test_a_name_with_quotes_is_quoted(void)
{
    static struct script script;
    struct dm_err err = {.code = DM_OK};
    struct dm_mail mail = usual_mail;
    script = (struct script){.silent = false};
    mail.from_name = DM_STR("Ada \"the\" \\ <x@y>");
    CU_ASSERT_EQUAL(deliver(&script, &plain, &mail, 20000, &err), DM_OK);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(script.message, "From: \"Ada \\\"the\\\" \\\\ <x@y>\" <noreply@dm.example>\r\n"));
}

static void assert_classified(struct script script_of, enum dm_result expected, const char *reply)
{
    static struct script script;
    struct dm_err err = {.code = DM_OK};
    script = script_of;
    CU_ASSERT_EQUAL(deliver(&script, &plain, &usual_mail, 20000, &err), expected);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, reply));
}

static void test_refusals_for_good_and_for_now_are_told_apart(void)
{
    assert_classified((struct script){.rcpt = "550 5.1.1 no such user\r\n"}, DM_E_INVALID,
                      "550 5.1.1 no such user");
    assert_classified((struct script){.rcpt = "451 4.7.1 greylisted\r\n"}, DM_E_UNAVAILABLE,
                      "451 4.7.1 greylisted");
    assert_classified((struct script){.mail = "552 5.3.4 too big\r\n"}, DM_E_INVALID,
                      "552 5.3.4 too big");
    assert_classified((struct script){.end = "554 5.7.1 looks like spam\r\n"}, DM_E_INVALID,
                      "554 5.7.1 looks like spam");
    assert_classified((struct script){.end = "452 4.3.1 disk full\r\n"}, DM_E_UNAVAILABLE,
                      "452 4.3.1 disk full");
    assert_classified((struct script){.greeting = "421 busy\r\n"}, DM_E_UNAVAILABLE, "421 busy");
}

static void test_no_server_is_for_now(void)
{
    struct script script = {.silent = false};
    struct dm_err err = {.code = DM_OK};
    struct dm_smtp_server server = plain;
    start(&script); /* for a port that nobody else has … */
    shutdown(script.listener, SHUT_RDWR);
    pthread_join(script.thread, NULL);
    close(script.listener); /* … and nobody listens on */
    server.host = "127.0.0.1";
    server.port = script.port;
    CU_ASSERT_EQUAL_FATAL(dm_transfer_init(&err), DM_OK);
    CU_ASSERT_EQUAL(dm_transfer_mail(&server, &usual_mail, dm_clock_monotonic_ms() + 20000, &err),
                    DM_E_UNAVAILABLE);
    dm_transfer_done();
}

static void test_a_silent_server_is_left_at_the_deadline(void)
{
    static struct script script;
    struct dm_err err = {.code = DM_OK};
    script = (struct script){.silent = true};
    CU_ASSERT_EQUAL(deliver(&script, &plain, &usual_mail, 200, &err), DM_E_TIMEOUT);
    script = (struct script){.silent = true};
    CU_ASSERT_EQUAL(deliver(&script, &plain, &usual_mail, 0, &err), DM_E_TIMEOUT);
}

static void test_nothing_is_sent_in_the_clear_when_tls_is_asked_for(void)
{
    static struct script script;
    struct dm_err err = {.code = DM_OK};
    struct dm_smtp_server always = {.tls = DM_SMTP_TLS_ALWAYS};
    script = (struct script){.silent = false};
    CU_ASSERT_EQUAL(deliver(&script, &always, &usual_mail, 20000, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(strstr(script.commands, "MAIL"));
    struct dm_smtp_server login = {
        .tls = DM_SMTP_TLS_WHEN_OFFERED, .user = "u", .password = {"hunter2", 7}};
    script = (struct script){.silent = false};
    CU_ASSERT_EQUAL(deliver(&script, &login, &usual_mail, 20000, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(strstr(script.commands, "AUTH"));
    struct dm_smtp_server when_offered = {.tls = DM_SMTP_TLS_WHEN_OFFERED};
    script = (struct script){.silent = false};
    CU_ASSERT_EQUAL(deliver(&script, &when_offered, &usual_mail, 20000, &err), DM_OK);
}

/* Against a server that offers STARTTLS with a certificate of no authority that we know. */
static void test_a_password_is_given_to_a_verified_server_only(void)
{
    struct dm_err err = {.code = DM_OK};
    int64_t port;
    if (!dm_str_to_int(dm_str_from(getenv("DM_TEST_SMTP_PORT")), 1, UINT16_MAX, &port)) {
        printf("skipped: no mail server (set DM_TEST_SMTP_PORT) ");
        return;
    }
    struct dm_smtp_server server = {
        .host = "127.0.0.1", .port = (int)port, .tls = DM_SMTP_TLS_WHEN_OFFERED};
    CU_ASSERT_EQUAL_FATAL(dm_transfer_init(&err), DM_OK);
    int64_t deadline_ms = dm_clock_monotonic_ms() + 20000;
    CU_ASSERT_EQUAL(dm_transfer_mail(&server, &usual_mail, deadline_ms, &err), DM_OK);
    server.user = "u";
    server.password = (struct dm_secret){"hunter2", 7};
    CU_ASSERT_EQUAL(dm_transfer_mail(&server, &usual_mail, deadline_ms, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "certificate"));
    dm_transfer_done();
}

static void test_no_field_can_add_a_line(void)
{
    struct dm_smtp_server server = {.host = "127.0.0.1", .port = 1, .tls = DM_SMTP_TLS_NEVER};
    struct dm_err err = {.code = DM_OK};
    static const struct dm_str evil = DM_STR_INIT("a@b.example\r\nBcc: eve@example.org");
    struct dm_mail mails[] = {usual_mail, usual_mail, usual_mail,
                              usual_mail, usual_mail, usual_mail};
    mails[0].from = evil;
    mails[1].to = evil;
    mails[2].subject = evil;
    mails[3].from_name = evil;
    mails[4].message_id = evil;
    mails[5].to = DM_STR("a@b.example> <c@d.example");
    for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++)
        CU_ASSERT_EQUAL(dm_transfer_mail(&server, &mails[i], dm_clock_monotonic_ms() + 20000, &err),
                        DM_E_INVALID);
}

static CU_TestInfo tests[] = {
    {"a plain mail arrives as it is", test_a_plain_mail_arrives_as_it_is},
    {"other scripts are encoded", test_other_scripts_are_encoded},
    {"html goes beside the text", test_html_goes_beside_the_text},
    {"no line is over 998 bytes", test_no_line_is_over_998_bytes},
    {"a name with quotes is quoted", test_a_name_with_quotes_is_quoted},
    {"refusals for good and for now are told apart",
     test_refusals_for_good_and_for_now_are_told_apart},
    {"no server is for now", test_no_server_is_for_now},
    {"a silent server is left at the deadline", test_a_silent_server_is_left_at_the_deadline},
    {"nothing is sent in the clear when TLS is asked for",
     test_nothing_is_sent_in_the_clear_when_tls_is_asked_for},
    {"a password is given to a verified server only",
     test_a_password_is_given_to_a_verified_server_only},
    {"no field can add a line", test_no_field_can_add_a_line},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_transfer_suite(void)
{
    return tests;
}

/* The server as a whole, over its real sockets, spoken to by a small FastCGI client: many at once, bad clients, and the drain. */
#include "edge/server.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/call.h"
#include "unit/edge/edge_suites.h"
#include "unit/edge/loopback.h"
#include "unit/unit.h"

enum { BEGIN = 1, PARAMS = 4, STDIN = 5, STDOUT = 6 }; /* FastCGI 1.0 §8 */

struct note {
    struct dm_str text;
};
static const struct dm_field note_fields[] = {
    {.name = "text",
     .kind = DM_STRING,
     .offset = offsetof(struct note, text),
     .required = true,
     .max = 100000,
     .text = "its text"},
};
static const struct dm_shape note_shape = DM_SHAPE(struct note, "Note", note_fields);

static sem_t gate;      /* holds requests to /wait back */
static atomic_int held; /* how many it holds */

static int held_fd = -1; /* told of each */

static enum dm_result serve_note(struct dm_call *call)
{
    *(struct note *)call->out = *(struct note *)call->in;
    return DM_OK;
}

static enum dm_result serve_wait(struct dm_call *call)
{
    atomic_fetch_add(&held, 1);
    if (held_fd >= 0 && write(held_fd, "h", 1) != 1)
        return DM_E_INTERNAL;
    while (sem_wait(&gate) != 0)
        continue;
    *(struct note *)call->out = (struct note){.text = DM_STR("waited")};
    return DM_OK;
}

#define OPEN .at_root = true, .auth = DM_AUTH_NONE, .limit = DM_LIMIT_NONE, .summary = "For tests"
static const struct dm_route table[] = {
    {.name = "note",
     .method = DM_POST,
     .path = "/note",
     OPEN,
     .request = &note_shape,
     .response = &note_shape,
     .status = 200,
     .serve = serve_note},
    {.name = "wait",
     .method = DM_GET,
     .path = "/wait",
     OPEN,
     .response = &note_shape,
     .status = 200,
     .serve = serve_wait},
};
static const struct dm_routes routes = DM_ROUTES(table);

static struct dm_loopback lb;
static char api_path[96], stream_path[96];
static pthread_t runner;
static sem_t is_ready;
static enum dm_result run_result;
static sigset_t mask_before;

static void ready(void *arg)
{
    sem_post(arg);
}

static void tell_ready(void *arg)
{
    CU_ASSERT_EQUAL(write(*(int *)arg, "r", 1), 1);
}

static void *run(void *arg)
{
    struct dm_err err = {0};
    run_result = dm_server_run(lb.server, ready, arg, &err);
    return NULL;
}

static void begin(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask_before);
    dm_loopback_open(&lb, &routes);
    snprintf(api_path, sizeof(api_path), "%s/api.sock", lb.dir);
    snprintf(stream_path, sizeof(stream_path), "%s/stream.sock", lb.dir);
    lb.settings.api_socket = api_path;
    lb.settings.stream_socket = stream_path;
    sem_init(&gate, 0, 0);
    sem_init(&is_ready, 0, 0);
    atomic_store(&held, 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&runner, NULL, run, &is_ready), 0);
    sem_wait(&is_ready);
}

static void end(void)
{
    kill(getpid(), SIGTERM);
    pthread_join(runner, NULL);
    CU_ASSERT_EQUAL(run_result, DM_OK);
    CU_ASSERT_EQUAL(access(api_path, F_OK), -1);
    CU_ASSERT_EQUAL(access(stream_path, F_OK), -1);
    dm_loopback_close(&lb);
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void add_record(struct dm_buf *out, int type, struct dm_str content)
{
    do {
        struct dm_str part = dm_str_slice(content, 0, 65535);
        const char head[8] = {1, (char)type, 0, 1, (char)(part.n >> 8), (char)(part.n & 255), 0, 0};
        dm_buf_add(out, (struct dm_str){head, sizeof(head)});
        dm_buf_add(out, part);
        content = dm_str_slice(content, part.n, content.n);
    } while (content.n > 0);
}

static void add_param(struct dm_buf *out, const char *name, const char *value)
{
    dm_buf_add_char(out, (char)strlen(name));
    dm_buf_add_char(out, (char)strlen(value));
    dm_buf_add_c(out, name);
    dm_buf_add_c(out, value);
}

/* A whole request up to its body; n_more parameters that nobody reads come first. */
static void add_head(struct dm_buf *out, const char *method, const char *uri, size_t length,
                     int n_more)
{
    char text[32];
    struct dm_buf params;
    dm_buf_init(&params, NULL, 1 << 22);
    for (int i = 0; i < n_more; i++) {
        snprintf(text, sizeof(text), "HTTP_X_%d", i);
        add_param(&params, text, "nothing");
    }
    snprintf(text, sizeof(text), "%zu", length);
    add_param(&params, "REQUEST_METHOD", method);
    add_param(&params, "REQUEST_URI", uri);
    add_param(&params, "CONTENT_LENGTH", length ? text : "");
    add_param(&params, "CONTENT_TYPE", "application/json");
    add_param(&params, "REMOTE_ADDR", "192.0.2.1");
    add_record(out, BEGIN, (struct dm_str){"\0\1\0\0\0\0\0\0", 8});
    add_record(out, PARAMS, dm_buf_str(&params));
    add_record(out, PARAMS, DM_STR(""));
    dm_buf_done(&params);
}

static bool send_all(int fd, struct dm_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes = dm_str_slice(bytes, (size_t)n, bytes.n);
    }
    return true;
}

static bool recv_all(int fd, void *ret_bytes, size_t n)
{
    return n == 0 || recv(fd, ret_bytes, n, MSG_WAITALL) == (ssize_t)n;
}

/* Read the reply to its end and close: the status, or -1; its whole text to out if given. */
static int receive(int fd, struct dm_buf *out)
{
    static _Thread_local char content[65536 + 256];
    unsigned char head[8];
    int status = -1;
    while (recv_all(fd, head, sizeof(head))) {
        size_t n = (size_t)head[4] << 8 | head[5];
        if (!recv_all(fd, content, n + head[6]))
            break;
        int64_t code;
        if (head[1] == STDOUT && status < 0 && n > 11 &&
            dm_str_to_int((struct dm_str){content + 8, 3}, 100, 599, &code))
            status = (int)code;
        if (head[1] == STDOUT && out)
            dm_buf_add(out, (struct dm_str){content, n});
    }
    close(fd);
    return status;
}

struct ask {
    const char *path; /* of the socket */
    const char *method, *uri;
    struct dm_str body;
    size_t length; /* announced; 0: the body's own */
    int n_more;
};

static int send_ask(const struct ask *ask)
{
    struct dm_buf out;
    int fd = dial(ask->path);
    dm_buf_init(&out, NULL, 1 << 23);
    add_head(&out, ask->method, ask->uri, ask->length ? ask->length : ask->body.n, ask->n_more);
    if (ask->body.n > 0)
        add_record(&out, STDIN, ask->body);
    add_record(&out, STDIN, DM_STR(""));
    if (fd >= 0)
        send_all(fd, dm_buf_str(&out)); /* if refused half-way, the reply tells */
    dm_buf_done(&out);
    return fd;
}

static int ask_note(const char *path, const char *json)
{
    struct ask ask = {.path = path, .method = "POST", .uri = "/note", .body = dm_str_from(json)};
    return receive(send_ask(&ask), NULL);
}

static void answers_at_both_doors(void)
{
    struct dm_buf out;
    begin();
    struct ask ask = {.path = api_path,
                      .method = "POST",
                      .uri = "/note?",
                      .body = DM_STR("{\"text\":\"hello\"}")};
    dm_buf_init(&out, NULL, 65536);
    CU_ASSERT_EQUAL(receive(send_ask(&ask), &out), 200);
    dm_buf_add_char(&out, '\0');
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "Status: 200 OK\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "Content-Length: 16\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.p, "\r\n\r\n{\"text\":\"hello\"}"));
    dm_buf_done(&out);
    CU_ASSERT_EQUAL(ask_note(stream_path, "{\"text\":\"hello\"}"), 200);
    end();
}

#define CLIENTS 8
#define EACH 50

static void *ask_often(void *arg)
{
    atomic_int *answered = arg;
    for (int i = 0; i < EACH; i++)
        if (ask_note(i % 2 ? api_path : stream_path, "{\"text\":\"x\"}") == 200)
            atomic_fetch_add(answered, 1);
    return NULL;
}

static void answers_more_clients_than_threads(void)
{
    pthread_t clients[CLIENTS];
    atomic_int answered = 0;
    begin();
    for (size_t i = 0; i < CLIENTS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&clients[i], NULL, ask_often, &answered), 0);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&answered), CLIENTS * EACH);
    end();
}

static void keeps_the_bodys_bound(void)
{
    static char big[8192];
    begin();
    memset(big, ' ', sizeof(big));
    struct ask ask = {.path = api_path, .method = "POST", .uri = "/note", .body = {big, 4097}};
    CU_ASSERT_EQUAL(receive(send_ask(&ask), NULL), 413);
    ask.body = DM_STR("{\"text\":\"hello\"}");
    ask.length = 100;
    CU_ASSERT_EQUAL(receive(send_ask(&ask), NULL), 400);
    ask.body = (struct dm_str){NULL, 0};
    ask.length = 0;
    CU_ASSERT_EQUAL(receive(send_ask(&ask), NULL), 400);
    end();
}

static void answers_with_ten_thousand_params(void)
{
    begin();
    struct ask ask = {.path = api_path,
                      .method = "POST",
                      .uri = "/note",
                      .body = DM_STR("{\"text\":\"hello\"}"),
                      .n_more = 10000};
    CU_ASSERT_EQUAL(receive(send_ask(&ask), NULL), 200);
    end();
}

/* More of each bad kind than the door has threads: none may keep one. */
static void outlives_bad_clients(void)
{
    begin();
    for (int i = 0; i < 10; i++) {
        struct dm_buf out;
        dm_buf_init(&out, NULL, 65536);
        add_head(&out, "POST", "/note", 50, 0);
        add_record(&out, STDIN, DM_STR("{\"text\":"));
        int fd = dial(api_path);
        CU_ASSERT_TRUE(send_all(fd, dm_str_slice(dm_buf_str(&out), 0, i < 5 ? out.n : out.n / 2)));
        close(fd); /* went away in the body, or in the parameters */
        dm_buf_done(&out);
        fd = dial(api_path);
        send_all(fd, DM_STR("GET / HTTP/1.1\r\nHost: here\r\n\r\n"));
        CU_ASSERT_EQUAL(receive(fd, NULL), -1);
        struct ask ask = {
            .path = api_path, .method = "POST", .uri = "/note", .body = DM_STR("{\"text\":\"x\"}")};
        close(send_ask(&ask)); /* does not want the answer */
    }
    CU_ASSERT_EQUAL(ask_note(api_path, "{\"text\":\"x\"}"), 200);
    end();
}

#define IN_FLIGHT 10 /* 4 held by threads, 6 in the backlog */

static void drains_without_losing_anyone(void)
{
    int fds[IN_FLIGHT];
    begin();
    struct ask ask = {.path = api_path, .method = "GET", .uri = "/wait"};
    for (size_t i = 0; i < IN_FLIGHT; i++)
        fds[i] = send_ask(&ask);
    while (atomic_load(&held) < 4)
        sched_yield();
    CU_ASSERT_FALSE(dm_server_draining(lb.server));
    kill(getpid(), SIGTERM);
    int late = 0;
    while ((late = dial(stream_path)) >= 0)
        close(late); /* until nobody is taken in any more */
    CU_ASSERT_TRUE(dm_server_draining(lb.server));
    for (size_t i = 0; i < IN_FLIGHT; i++)
        sem_post(&gate);
    for (size_t i = 0; i < IN_FLIGHT; i++)
        CU_ASSERT_EQUAL(receive(fds[i], NULL), 200);
    pthread_join(runner, NULL);
    CU_ASSERT_EQUAL(run_result, DM_OK);
    CU_ASSERT_EQUAL(access(api_path, F_OK), -1);
    dm_loopback_close(&lb);
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

/* A server in a child, with a request that never ends; *ret_client is its client. */
static pid_t begin_stuck_child(int *ret_client)
{
    int told[2];
    char c;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask_before);
    dm_loopback_open(&lb, &routes);
    snprintf(api_path, sizeof(api_path), "%s/api.sock", lb.dir);
    snprintf(stream_path, sizeof(stream_path), "%s/stream.sock", lb.dir);
    lb.settings.api_socket = api_path;
    lb.settings.stream_socket = stream_path;
    lb.settings.drain_s = 1;
    sem_init(&gate, 0, 0);
    CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        struct dm_err err = {0};
        held_fd = told[1];
        _exit(dm_server_run(lb.server, tell_ready, &told[1], &err) == DM_OK ? 0 : 1);
    }
    CU_ASSERT_EQUAL(read(told[0], &c, 1), 1); /* ready */
    struct ask ask = {.path = api_path, .method = "GET", .uri = "/wait"};
    *ret_client = send_ask(&ask);
    CU_ASSERT_EQUAL(read(told[0], &c, 1), 1); /* held */
    close(told[0]);
    close(told[1]);
    return child;
}

static void end_stuck_child(pid_t child, int client, int wanted_status)
{
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), wanted_status);
    CU_ASSERT_EQUAL(receive(client, NULL), -1);
    unlink(api_path);
    unlink(stream_path);
    dm_loopback_close(&lb);
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

static void gives_up_at_the_drains_deadline(void)
{
    int client;
    pid_t child = begin_stuck_child(&client);
    kill(child, SIGTERM);
    end_stuck_child(child, client, DM_EXIT_DRAIN_LATE);
}

static void ends_at_once_at_the_second_signal(void)
{
    int client, late;
    pid_t child = begin_stuck_child(&client);
    kill(child, SIGTERM);
    while ((late = dial(stream_path)) >= 0)
        close(late); /* until the first signal has been taken */
    kill(child, SIGINT);
    end_stuck_child(child, client, DM_EXIT_AT_ONCE);
}

static void refuses_a_socket_that_cannot_be_had(void)
{
    struct dm_err err = {0};
    dm_loopback_open(&lb, &routes);
    lb.settings.api_socket = "/nonexistent/api.sock";
    lb.settings.stream_socket = "/nonexistent/stream.sock";
    CU_ASSERT_EQUAL(dm_server_run(lb.server, ready, &is_ready, &err), DM_E_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "/nonexistent/api.sock"));
    dm_loopback_close(&lb);
}

CU_TestInfo *dm_server_suite(void)
{
    static CU_TestInfo tests[] = {
        {"answers at both doors", answers_at_both_doors},
        {"answers more clients than threads", answers_more_clients_than_threads},
        {"keeps the body's bound", keeps_the_bodys_bound},
        {"answers with ten thousand params", answers_with_ten_thousand_params},
        {"outlives bad clients", outlives_bad_clients},
        {"drains without losing anyone", drains_without_losing_anyone},
        {"gives up at the drain's deadline", gives_up_at_the_drains_deadline},
        {"ends at once at the second signal", ends_at_once_at_the_second_signal},
        {"refuses a socket that cannot be had", refuses_a_socket_that_cannot_be_had},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

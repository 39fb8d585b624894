/* lib/base/http_client.c against real servers (tests/unit/http_server.py). The resolver is a fake: it answers for names under ".test"
 * what an attacker's name server would. */
#include "base/http_client.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define TEN_MB ((size_t)10 * 1024 * 1024)

/* Names and their addresses. */

static const struct {
    const char *name;
    const char *addresses[2];
} names[] = {
    {"loopback.test", {"127.0.0.1"}},
    {"loopback6.test", {"::1"}},
    {"any.test", {"0.0.0.0"}},
    {"any6.test", {"::"}},
    {"private.test", {"10.0.0.1"}},
    {"private172.test", {"172.16.0.1"}},
    {"private192.test", {"192.168.1.1"}},
    {"metadata.test", {"169.254.169.254"}},
    {"linklocal.test", {"fe80::1"}},
    {"cgnat.test", {"100.64.0.1"}},
    {"ula.test", {"fd00::1"}},
    {"multicast.test", {"224.0.0.1"}},
    {"multicast6.test", {"ff02::1"}},
    {"mapped.test", {"::ffff:127.0.0.1"}},
    {"nat64.test", {"64:ff9b::7f00:1"}},
    {"sixtofour.test", {"2002:7f00:1::"}},
    {"compatible.test", {"::7f00:1"}},
    {"broadcast.test", {"255.255.255.255"}},
    {"both.test", {"10.0.0.1", "fd00::1"}},
    {"mixed.test", {"10.0.0.1", "127.0.0.1"}},
    {"public.test", {"8.8.8.8"}},
};

static atomic_int n_asked;
static atomic_bool rebound; /* what rebinding.test means from the second answer on */

static struct addrinfo *one_address(const char *text, const char *service, struct addrinfo *next)
{
    struct answer {
        struct addrinfo info; /* freeaddrinfo(3) frees this with what follows */
        struct sockaddr_storage address;
    } *answer = calloc(1, sizeof(*answer));
    struct sockaddr_in *v4 = (struct sockaddr_in *)&answer->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&answer->address;
    in_port_t port = htons((uint16_t)strtoul(service, NULL, 10));
    bool is_v4 = inet_pton(AF_INET, text, &v4->sin_addr) == 1;
    if (is_v4) {
        v4->sin_family = AF_INET;
        v4->sin_port = port;
    } else {
        CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
    }
    answer->info = (struct addrinfo){
        .ai_family = answer->address.ss_family,
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
        .ai_addrlen = is_v4 ? sizeof(*v4) : sizeof(*v6),
        .ai_addr = (struct sockaddr *)&answer->address,
        .ai_next = next,
    };
    return &answer->info;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    if (name && strcmp(name, "rebinding.test") == 0) {
        *ret =
            one_address(atomic_exchange(&rebound, true) ? "10.0.0.1" : "127.0.0.1", service, NULL);
        atomic_fetch_add(&n_asked, 1);
        return 0;
    }
    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i].name) != 0)
            continue;
        struct addrinfo *second =
            names[i].addresses[1] ? one_address(names[i].addresses[1], service, NULL) : NULL;
        *ret = one_address(names[i].addresses[0], service, second);
        atomic_fetch_add(&n_asked, 1);
        return 0;
    }
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, ret);
}

/* Nothing leaves the machine: the one public address of these tests is our own server. */
int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t n)
{
    int (*real)(int, const struct sockaddr *, socklen_t);
    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    struct sockaddr_in v4;
    if (to.__sockaddr__->sa_family != AF_INET)
        return real(fd, to.__sockaddr__, n);
    memcpy(&v4, to.__sockaddr__, sizeof(v4));
    if (ntohl(v4.sin_addr.s_addr) == 0x08080808)
        v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return real(fd, (const struct sockaddr *)&v4, sizeof(v4));
}

/* A client, and a context for one call. */

static struct dm_ctx ctx;
static struct dm_http_client *client;
static struct dm_http_response response;
static int64_t started_ms;

/* False, with a word, when the servers do not run. */
static bool start(bool loopback)
{
    struct dm_err err = {.code = DM_OK};
    const struct dm_http_client_options options = {
        .user_agent = "unit-test", .ca_file = getenv("DM_TEST_CA"), .loopback = loopback};
    if (!getenv("DM_TEST_HTTP_PORT") || !getenv("DM_TEST_HTTPS_PORT") ||
        !getenv("DM_TEST_OLD_TLS_PORT")) {
        printf("skipped: no servers (set DM_TEST_HTTP_PORT, …) ");
        return false;
    }
    signal(SIGPIPE, SIG_IGN);
    ctx = (struct dm_ctx){.arena = dm_arena_new(65536, 4 * TEN_MB),
                          .deadline_ms = dm_clock_monotonic_ms() + 20000};
    client = dm_http_client_new(&options, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ctx.arena);
    response = (struct dm_http_response){.status = 0};
    started_ms = dm_clock_monotonic_ms();
    return true;
}

static void finish(void)
{
    dm_http_client_free(client);
    dm_arena_free(ctx.arena);
}

static struct dm_http_request request_for(const char *scheme, const char *host, const char *port,
                                          const char *path)
{
    return (struct dm_http_request){
        .url = dm_arena_printf(ctx.arena, "%s://%s:%s%s", scheme, host, getenv(port), path),
        .body_max_bytes = 65536,
        .connect_ms = 10000,
        .silence_ms = 10000,
    };
}

static struct dm_http_request plain(const char *path)
{
    return request_for("http", "127.0.0.1", "DM_TEST_HTTP_PORT", path);
}

static struct dm_http_request by_tls(const char *path)
{
    return request_for("https", "127.0.0.1", "DM_TEST_HTTPS_PORT", path);
}

static enum dm_result call(const struct dm_http_request *request)
{
    ctx.err = (struct dm_err){.code = DM_OK};
    return dm_http_client_call(client, &ctx, request, &response);
}

static bool took_less_than(int64_t ms)
{
    return dm_clock_monotonic_ms() - started_ms < ms;
}

static bool body_has(const char *text)
{
    return dm_str_contains(response.body, dm_str_from(text));
}

/* What goes there and back. */

static void a_request_arrives_and_is_answered(void)
{
    static const struct dm_http_field fields[] = {
        {DM_STR_INIT("Authorization"), DM_STR_INIT("Bearer s3cret")},
        {DM_STR_INIT("X-Event"), DM_STR_INIT("a b")},
    };
    if (!start(true))
        return;
    struct dm_http_request request = by_tls("/echo?a=1");
    request.fields = fields;
    request.n_fields = 2;
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_EQUAL(response.status, 200);
    CU_ASSERT_TRUE(body_has("GET /echo?a=1 HTTP/1.1\n"));
    CU_ASSERT_TRUE(body_has("Authorization: Bearer s3cret\nX-Event: a b\n"));
    CU_ASSERT_TRUE(body_has("User-Agent: unit-test\n"));
    CU_ASSERT_FALSE(body_has("Accept-Encoding") || body_has("Expect"));
    CU_ASSERT_STR(dm_http_client_field(&response, "x-ONE"), "1");
    CU_ASSERT_STR(dm_http_client_field(&response, "X-Two"), "two");
    CU_ASSERT_PTR_NULL(dm_http_client_field(&response, "X-Three").p);
    request.body = DM_STR("{\"a\": 1}");
    request.content_type = "application/json";
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_TRUE(body_has("POST /echo?a=1 HTTP/1.1\n"));
    CU_ASSERT_TRUE(body_has("Content-Type: application/json\n"));
    CU_ASSERT_TRUE(body_has("Content-Length: 8\n"));
    CU_ASSERT_TRUE(body_has("\n{\"a\": 1}"));
    finish();
}

static void any_status_is_an_answer_and_a_redirect_is_not_followed(void)
{
    static const int statuses[] = {301, 302, 303, 307, 308, 404, 429, 500, 503};
    if (!start(true))
        return;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        char path[32];
        snprintf(path, sizeof(path), "/status?code=%d", statuses[i]);
        struct dm_http_request request = plain(path);
        CU_ASSERT_EQUAL(call(&request), DM_OK);
        CU_ASSERT_EQUAL(response.status, statuses[i]);
        CU_ASSERT_STR(response.body, "why");
        CU_ASSERT_STR(dm_http_client_field(&response, "Retry-After"), "7");
        CU_ASSERT_PTR_NOT_NULL(dm_http_client_field(&response, "Location").p);
    }
    finish();
}

/* Where it goes and where not. */

/* A port of this machine on which nobody has called so far. */
static int listen_here(char ret_port[8])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, n), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 8), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    snprintf(ret_port, 8, "%d", ntohs(address.sin_port));
    return fd;
}

static void refused(const char *scheme, const char *host, const char *port)
{
    struct dm_http_request request = plain("/");
    request.url = dm_arena_printf(ctx.arena, "%s://%s:%s/", scheme, host, port);
    if (call(&request) != DM_E_DENIED) {
        printf("%s: %s ", host, ctx.err.detail);
        CU_FAIL("not refused");
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "public internet"));
}

static void no_address_but_public_ones_is_connected_to(void)
{
    /* However it is written. */
    static const char *const hosts[] = {
        "127.0.0.1", "127.1",     "2130706433",      "0x7f000001",     "0177.0.0.1",
        "localhost", "10.0.0.1",  "[::1]",           "[::]",           "[::ffff:127.0.0.1]",
        "0",         "0.0.0.0",   "169.254.169.254", "[fe80::1%25lo]", "[64:ff9b::127.0.0.1]",
        "[fd00::1]", "[ff02::1]",
    };
    char port[8];
    if (!start(false))
        return;
    int fd = listen_here(port);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        refused("https", hosts[i], port);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, "public.test") != 0)
            refused("https", names[i].name, port);
    struct pollfd caller = {.fd = fd, .events = POLLIN};
    CU_ASSERT_EQUAL(poll(&caller, 1, 0), 0);
    close(fd);
    finish();
}

static void with_loopback_only_this_machine_is_let_in_besides(void)
{
    if (!start(true))
        return;
    struct dm_http_request request =
        request_for("https", "localhost", "DM_TEST_HTTPS_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    request = request_for("http", "loopback.test", "DM_TEST_HTTP_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    static const char *const own[] = {"loopback.test", "loopback6.test", "mixed.test",
                                      "public.test"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool let_in = false;
        for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
            let_in = let_in || strcmp(names[i].name, own[k]) == 0;
        if (!let_in)
            refused("https", names[i].name, getenv("DM_TEST_HTTPS_PORT"));
    }
    /* In the clear to this machine and nowhere else. */
    refused("http", "public.test", getenv("DM_TEST_HTTP_PORT"));
    refused("http", "private.test", getenv("DM_TEST_HTTP_PORT"));
    finish();
}

/* It is connected to, and then fails for its certificate, which is for another name. */
static void a_public_address_is_connected_to_and_must_prove_its_name(void)
{
    if (!start(false))
        return;
    struct dm_http_request request =
        request_for("https", "public.test", "DM_TEST_HTTPS_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "certificate"));
    finish();
}

static void a_name_is_looked_up_once_and_judged_at_the_connection(void)
{
    if (!start(true))
        return;
    struct dm_http_request request =
        request_for("http", "rebinding.test", "DM_TEST_HTTP_PORT", "/echo");
    atomic_store(&rebound, false);
    atomic_store(&n_asked, 0);
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_EQUAL(atomic_load(&n_asked), 1);
    /* The next call believes nothing of what the last one found. */
    CU_ASSERT_EQUAL(call(&request), DM_E_DENIED);
    CU_ASSERT_EQUAL(atomic_load(&n_asked), 2);
    finish();
}

/* Of a name with good and bad addresses the bad ones are passed over. */
static void a_name_with_both_kinds_of_address_leads_to_the_allowed_one(void)
{
    if (!start(true))
        return;
    struct dm_http_request request =
        request_for("http", "mixed.test", "DM_TEST_HTTP_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    finish();
}

static void a_url_is_https_and_nothing_else(void)
{
    static const char *const urls[] = {
        "",
        "example.org",
        "//example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "dict://127.0.0.1/",
        "ldap://example.org",
        "smtp://example.org",
        "http://example.org/",
        "javascript:alert(1)",
        "data:,x",
        "https://",
        "https://user@example.org/",
        "https://user:pass@example.org/",
        "https://example.org:99999/",
        "https://example.org:x/",
        "https://exam ple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX: y",
        "https://example.org/\x01",
        "https://ex\xc3\xa4mple.org/",
        "https://[::1/",
        "https://[x]/",
    };
    static char long_url[DM_HTTP_URL_MAX + 2] = "https://example.org/";
    struct dm_http_request request;
    if (!start(false))
        return;
    request = plain("/");
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        request.url = dm_str_from(urls[i]);
        enum dm_result result = call(&request);
        if (result != DM_E_INVALID)
            printf("%s: %s ", urls[i], ctx.err.detail);
        CU_ASSERT_EQUAL(result, DM_E_INVALID);
    }
    memset(long_url + strlen(long_url), 'x', sizeof(long_url) - 1 - strlen(long_url));
    request.url = dm_str_from(long_url);
    CU_ASSERT_EQUAL(call(&request), DM_E_INVALID);
    request.url = DM_STR("https://example.org/\0x");
    CU_ASSERT_EQUAL(call(&request), DM_E_INVALID);
    finish();
}

static void no_field_can_add_a_line_or_speak_for_the_connection(void)
{
    static const struct dm_http_field bad[] = {
        {DM_STR_INIT("X-A"), DM_STR_INIT("1\r\nX-B: 2")},
        {DM_STR_INIT("X-A"), DM_STR_INIT("1\n2")},
        {DM_STR_INIT("X-A"), DM_STR_INIT("a\0b")},
        {DM_STR_INIT("X-A"), DM_STR_INIT("")},
        {DM_STR_INIT("X-A"), DM_STR_INIT(" a")},
        {DM_STR_INIT("X-A"), DM_STR_INIT("h\xc3\xa4")},
        {DM_STR_INIT("X A"), DM_STR_INIT("1")},
        {DM_STR_INIT(""), DM_STR_INIT("1")},
        {DM_STR_INIT("X-A:"), DM_STR_INIT("1")},
        {DM_STR_INIT("X-A\r\nX-B"), DM_STR_INIT("1")},
        {DM_STR_INIT("hOST"), DM_STR_INIT("evil")},
        {DM_STR_INIT("Content-Length"), DM_STR_INIT("5")},
        {DM_STR_INIT("Transfer-Encoding"), DM_STR_INIT("chunked")},
        {DM_STR_INIT("Accept-Encoding"), DM_STR_INIT("gzip")},
    };
    static char long_value[DM_HTTP_REQUEST_FIELDS_MAX + 1];
    if (!start(true))
        return;
    struct dm_http_request request = plain("/echo");
    request.n_fields = 1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request.fields = &bad[i];
        CU_ASSERT_EQUAL(call(&request), DM_E_INVALID);
        /* The words go into logs: no value is in them. */
        CU_ASSERT_PTR_NULL(strstr(ctx.err.detail, "X-B"));
    }
    memset(long_value, 'v', sizeof(long_value));
    const struct dm_http_field long_field = {DM_STR("X-A"), {long_value, sizeof(long_value)}};
    request.fields = &long_field;
    CU_ASSERT_EQUAL(call(&request), DM_E_INVALID);
    request.n_fields = 0;
    request.body = DM_STR("x");
    CU_ASSERT_EQUAL(call(&request), DM_E_INVALID);
    request.content_type = "text/plain\r\nX-B: 2";
    CU_ASSERT_EQUAL(call(&request), DM_E_INVALID);
    finish();
}

static void tls_is_1_2_at_least_and_verified(void)
{
    struct dm_err err = {.code = DM_OK};
    if (!start(true))
        return;
    struct dm_http_request request =
        request_for("https", "127.0.0.1", "DM_TEST_OLD_TLS_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    /* By TLS to who speaks none, and the other way round. */
    request = request_for("https", "127.0.0.1", "DM_TEST_HTTP_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    request = request_for("http", "127.0.0.1", "DM_TEST_HTTPS_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    /* The certificate is of another name … */
    request = request_for("https", "loopback.test", "DM_TEST_HTTPS_PORT", "/echo");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "certificate"));
    /* … or of an authority that nobody knows. */
    dm_http_client_free(client);
    client = dm_http_client_new(&(struct dm_http_client_options){.loopback = true}, &err);
    request = by_tls("/echo");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    finish();
}

/* Proxies and credentials lie about: nobody looks. */
static void nothing_comes_from_the_environment(void)
{
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};
    char home[] = "/tmp/dm-http-XXXXXX", netrc[64], *old_home = getenv("HOME");
    if (!start(true))
        return;
    old_home = old_home ? strdup(old_home) : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(home));
    snprintf(netrc, sizeof(netrc), "%s/.netrc", home);
    FILE *file = fopen(netrc, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("machine 127.0.0.1 login eve password hunter2\ndefault login eve password hunter2\n",
          file);
    fclose(file);
    setenv("HOME", home, 1);
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
        setenv(proxies[i], "http://127.0.0.1:1", 1);
    struct dm_http_request requests[] = {plain("/echo"), by_tls("/echo")};
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(call(&requests[i]), DM_OK);
        CU_ASSERT_TRUE(body_has("GET /echo HTTP/1.1\n"));
        CU_ASSERT_FALSE(body_has("Authorization"));
    }
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
        unsetenv(proxies[i]);
    if (old_home)
        setenv("HOME", old_home, 1);
    free(old_home);
    unlink(netrc);
    rmdir(home);
    finish();
}

/* How much and how long. */

struct sum {
    size_t n;
    bool right; /* each byte is what its place says */
    int stop_fd;
    enum dm_result result;
};

static enum dm_result add_up(void *arg, struct dm_str part)
{
    struct sum *sum = arg;
    for (size_t i = 0; i < part.n; i++)
        sum->right = sum->right && (unsigned char)part.p[i] == (sum->n + i) % 251;
    sum->n += part.n;
    if (sum->stop_fd > 0)
        CU_ASSERT_EQUAL(eventfd_write(sum->stop_fd, 1), 0);
    return sum->result;
}

static void a_body_of_ten_megabytes_goes_through_to_the_byte(void)
{
    if (!start(true))
        return;
    for (int chunked = 0; chunked < 2; chunked++) {
        char path[64];
        struct sum sum = {.right = true};
        snprintf(path, sizeof(path), "/bytes?n=%zu&chunked=%d", TEN_MB, chunked);
        struct dm_http_request request = by_tls(path);
        request.sink = add_up;
        request.sink_arg = &sum;
        request.body_max_bytes = TEN_MB;
        CU_ASSERT_EQUAL(call(&request), DM_OK);
        CU_ASSERT_TRUE(sum.right);
        CU_ASSERT_EQUAL(sum.n, TEN_MB);
        CU_ASSERT_PTR_NULL(response.body.p);
        CU_ASSERT_PTR_NULL(dm_http_client_field(&response, "X-Late").p);
    }
    finish();
}

static void a_body_over_its_bound_is_cut_off(void)
{
    if (!start(true))
        return;
    for (int chunked = 0; chunked < 2; chunked++) {
        char path[64];
        struct sum sum = {.right = true};
        snprintf(path, sizeof(path), "/bytes?n=%zu&chunked=%d", TEN_MB, chunked);
        struct dm_http_request request = plain(path);
        request.sink = add_up;
        request.sink_arg = &sum;
        CU_ASSERT_EQUAL(call(&request), DM_E_TOOBIG);
        CU_ASSERT_TRUE(sum.n <= 65536);
        request.sink = NULL;
        CU_ASSERT_EQUAL(call(&request), DM_E_TOOBIG);
    }
    struct dm_http_request request = plain("/bytes?n=65536");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_EQUAL(response.body.n, 65536);
    finish();
}

static void nothing_is_unpacked(void)
{
    if (!start(true))
        return;
    struct dm_http_request request = plain("/gzip");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_TRUE(response.body.n > 1000 && response.body.n < 65536);
    CU_ASSERT_STR(dm_http_client_field(&response, "Content-Encoding"), "gzip");
    finish();
}

static void a_header_without_end_is_left(void)
{
    if (!start(true))
        return;
    struct dm_http_request request = plain("/header?n=300");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_EQUAL(response.n_fields, DM_HTTP_FIELDS_MAX);
    request = plain("/header?n=400");
    CU_ASSERT_EQUAL(call(&request), DM_E_TOOBIG);
    request = plain("/interim?n=10");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_EQUAL(response.status, 200);
    CU_ASSERT_PTR_NULL(dm_http_client_field(&response, "X-Interim").p);
    request = plain("/interim?n=2000");
    CU_ASSERT_EQUAL(call(&request), DM_E_TOOBIG);
    finish();
}

static void what_is_no_answer_is_told_as_unavailable(void)
{
    char port[8];
    if (!start(true))
        return;
    struct dm_http_request request = plain("/cut");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    request = plain("/nonsense");
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    close(listen_here(port)); /* nobody listens there any more */
    request.url = dm_arena_printf(ctx.arena, "http://127.0.0.1:%s/", port);
    CU_ASSERT_EQUAL(call(&request), DM_E_UNAVAILABLE);
    finish();
}

static void a_server_that_is_slow_is_left_in_time(void)
{
    static const char *const slow[] = {"/silent", "/slow-header"};
    if (!start(true))
        return;
    for (size_t i = 0; i < 2; i++) {
        struct dm_http_request request = by_tls(slow[i]);
        request.silence_ms = 300;
        CU_ASSERT_EQUAL(call(&request), DM_E_TIMEOUT);
    }
    CU_ASSERT_TRUE(took_less_than(8000));
    /* Never silent for long, and never done: the deadline ends it. */
    struct sum sum = {.stop_fd = 0};
    struct dm_http_request request = plain("/stream");
    request.sink = add_up;
    request.sink_arg = &sum;
    ctx.deadline_ms = dm_clock_monotonic_ms() + 500;
    CU_ASSERT_EQUAL(call(&request), DM_E_TIMEOUT);
    CU_ASSERT_TRUE(sum.n > 0);
    /* Past its deadline nothing is begun. */
    CU_ASSERT_EQUAL(call(&request), DM_E_TIMEOUT);
    CU_ASSERT_TRUE(took_less_than(10000));
    finish();
}

/* A port that takes connections and says nothing, which is where a TLS handshake hangs. */
static void a_connection_that_is_not_made_in_time_is_left(void)
{
    char port[8];
    if (!start(true))
        return;
    int fd = listen_here(port);
    struct dm_http_request request = plain("/");
    request.url = dm_arena_printf(ctx.arena, "https://127.0.0.1:%s/", port);
    request.connect_ms = 300;
    CU_ASSERT_EQUAL(call(&request), DM_E_TIMEOUT);
    CU_ASSERT_TRUE(took_less_than(8000));
    close(fd);
    finish();
}

static void assert_the_server_sees_us_go(void)
{
    struct dm_http_request request = plain("/gone");
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_STR(response.body, "gone");
}

static void a_stream_is_stopped_from_outside_at_once(void)
{
    if (!start(true))
        return;
    struct sum sum = {.stop_fd = eventfd(0, EFD_CLOEXEC)};
    struct dm_http_request request = by_tls("/stream");
    request.sink = add_up;
    request.sink_arg = &sum;
    request.stop_fd = sum.stop_fd;
    CU_ASSERT_EQUAL(call(&request), DM_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(ctx.err.detail, "stopped"));
    CU_ASSERT_TRUE(sum.n > 0);
    assert_the_server_sees_us_go();
    /* A server that has not said a word yet; one that waits hung up. */
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    close(ends[1]);
    request = plain("/silent");
    request.stop_fd = ends[0];
    CU_ASSERT_EQUAL(call(&request), DM_E_TIMEOUT);
    CU_ASSERT_TRUE(took_less_than(8000));
    close(ends[0]);
    close(sum.stop_fd);
    finish();
}

static void a_sink_ends_the_transfer_with_its_own_word(void)
{
    if (!start(true))
        return;
    struct sum sum = {.result = DM_E_CONFLICT};
    struct dm_http_request request = plain("/stream");
    request.sink = add_up;
    request.sink_arg = &sum;
    CU_ASSERT_EQUAL(call(&request), DM_E_CONFLICT);
    assert_the_server_sees_us_go();
    /* What is no success never reaches it. */
    sum.n = 0;
    request = plain("/status?code=500");
    request.sink = add_up;
    request.sink_arg = &sum;
    CU_ASSERT_EQUAL(call(&request), DM_OK);
    CU_ASSERT_STR(response.body, "why");
    CU_ASSERT_EQUAL(sum.n, 0);
    finish();
}

CU_TestInfo *dm_http_client_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a request arrives and is answered", a_request_arrives_and_is_answered},
        {"any status is an answer, and a redirect is not followed",
         any_status_is_an_answer_and_a_redirect_is_not_followed},
        {"no address but public ones is connected to", no_address_but_public_ones_is_connected_to},
        {"with loopback only this machine is let in besides",
         with_loopback_only_this_machine_is_let_in_besides},
        {"a public address is connected to and must prove its name",
         a_public_address_is_connected_to_and_must_prove_its_name},
        {"a name is looked up once and judged at the connection",
         a_name_is_looked_up_once_and_judged_at_the_connection},
        {"a name with both kinds of address leads to the allowed one",
         a_name_with_both_kinds_of_address_leads_to_the_allowed_one},
        {"a URL is https and nothing else", a_url_is_https_and_nothing_else},
        {"no field can add a line or speak for the connection",
         no_field_can_add_a_line_or_speak_for_the_connection},
        {"TLS is 1.2 at least and verified", tls_is_1_2_at_least_and_verified},
        {"nothing comes from the environment", nothing_comes_from_the_environment},
        {"a body of ten megabytes goes through to the byte",
         a_body_of_ten_megabytes_goes_through_to_the_byte},
        {"a body over its bound is cut off", a_body_over_its_bound_is_cut_off},
        {"nothing is unpacked", nothing_is_unpacked},
        {"a header without end is left", a_header_without_end_is_left},
        {"what is no answer is told as unavailable", what_is_no_answer_is_told_as_unavailable},
        {"a server that is slow is left in time", a_server_that_is_slow_is_left_in_time},
        {"a connection that is not made in time is left",
         a_connection_that_is_not_made_in_time_is_left},
        {"a stream is stopped from outside at once", a_stream_is_stopped_from_outside_at_once},
        {"a sink ends the transfer with its own word", a_sink_ends_the_transfer_with_its_own_word},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* The fixture of the suites that walk whole requests. */
#include "unit/edge/loopback.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "domain/token.h"
#include "unit/unit.h"

static void make_key(struct dm_loopback *lb)
{
    char path[128];
    snprintf(lb->dir, sizeof(lb->dir), "/tmp/dm-edge-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(lb->dir));
    snprintf(path, sizeof(path), "%s/test.pem", lb->dir);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL_FATAL(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    EVP_PKEY_free(key);
}

static void open_domain(struct dm_loopback *lb)
{
    struct dm_err err = {0};
    lb->domain.settings = &lb->settings;
    lb->domain.pg = dm_pg_open(&(struct dm_pg_options){
        .conninfo = "host=/nonexistent dbname=none",
        .application_name = "edge_test",
        .connections = 2,
        .connect_timeout_ms = 100,
        .max_wait_ms = 100,
    });
    lb->domain.kv = dm_kv_open(&(struct dm_kv_options){
        .address = "unix:/nonexistent/redis.sock", .connections = 2, .timeout_ms = 100});
    lb->domain.token_cache = dm_token_cache_new(64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lb->domain.pg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lb->domain.kv);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lb->domain.token_cache);
    const struct dm_key_ring_options keys = {.dir = lb->dir, .token_life_s = 900};
    CU_ASSERT_EQUAL_FATAL(dm_key_ring_open(&keys, &err, &lb->domain.key_ring), DM_OK);
}

void dm_loopback_open(struct dm_loopback *lb, const struct dm_routes *rows)
{
    static const struct dm_version first = {.major = 1, .released_s = 1};
    lb->rows = rows;
    dm_loopback_open_surface(
        lb, &(struct dm_surface){
                .resources = &lb->rows, .n_resources = 1, .versions = &first, .n_versions = 1});
}

void dm_loopback_open_surface(struct dm_loopback *lb, const struct dm_surface *surface)
{
    struct dm_err err = {0};
    *lb = (struct dm_loopback){
        .rows = lb->rows,
        .settings =
            {
                .api_deadline_ms = 2000,
                .stream_deadline_ms = 5000,
                .request_bytes_max = 4096,
                .arena_bytes_max = 1 << 20,
                .token_issuer = "https://me.example.org",
                .token_audience = "digitalme",
                .token_access_s = 900,
                .session_cache_s = 60,
                .idempotency_keep_s = 60,
                .limits_cost_read = 1,
                .limits_cost_write = 1,
                .api_threads = 4,
                .stream_threads = 4,
                .socket_backlog = 64,
                .drain_s = 10,
            },
    };
    make_key(lb);
    open_domain(lb);
    lb->arena = dm_arena_new(16384, 1 << 20);
    lb->metrics = dm_metrics_new();
    lb->log = dm_log_open(&(struct dm_log_options){
        .program = "edge_test", .instance_id = "here", .least = DM_DEBUG, .to_stderr = false});
    CU_ASSERT_PTR_NOT_NULL_FATAL(lb->log);
    CU_ASSERT_EQUAL_FATAL(dm_router_new(surface, &err, &lb->router), DM_OK);
    lb->live = dm_live_new(&lb->domain, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lb->live);
    lb->server = dm_server_new(&(struct dm_server_options){.domain = &lb->domain,
                                                           .live = lb->live,
                                                           .router = lb->router,
                                                           .log = lb->log,
                                                           .metrics = lb->metrics,
                                                           .version = "1.2.3",
                                                           .instance_id = "here"});
    CU_ASSERT_PTR_NOT_NULL_FATAL(lb->server);
}

void dm_loopback_close(struct dm_loopback *lb)
{
    char path[128];
    dm_server_free(lb->server);
    dm_live_free(lb->live);
    dm_router_free(lb->router);
    dm_metrics_free(lb->metrics);
    dm_log_close(lb->log);
    dm_arena_free(lb->arena);
    dm_cache_free(lb->domain.token_cache);
    dm_key_ring_close(lb->domain.key_ring);
    dm_kv_close(lb->domain.kv);
    dm_pg_close(lb->domain.pg);
    snprintf(path, sizeof(path), "%s/test.pem", lb->dir);
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(lb->dir), 0);
}

const struct dm_response *dm_loopback_send(struct dm_loopback *lb, struct dm_request request)
{
    if (!request.remote_address.p)
        request.remote_address = DM_STR("192.0.2.1");
    if (request.content_length == 0)
        request.content_length = request.body.p ? (int64_t)request.body.n : -1;
    dm_arena_reset(lb->arena);
    dm_response_init(&lb->response, lb->arena, 65536);
    dm_serve(lb->server, lb->arena, &request, &lb->response);
    return &lb->response;
}

struct dm_str dm_loopback_header(const struct dm_loopback *lb, const char *name)
{
    return dm_response_header_of(&lb->response, name);
}

struct dm_str dm_loopback_body(const struct dm_loopback *lb)
{
    return dm_buf_str(&lb->response.body);
}

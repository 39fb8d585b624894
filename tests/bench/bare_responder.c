/*
 * What the product is measured against: a FastCGI responder that does the same work with no product
 * around it. For each request it verifies an HS256 token with OpenSSL, makes one Redis round trip
 * and one prepared SELECT by key, and prints a small JSON with snprintf. One thread, one connection
 * to each.
 *
 * usage: bare_responder SOCKET THREADS REDIS_SOCKET PG_CONNINFO HMAC_KEY
 */
#include <fcgiapp.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

static int listen_fd;
static const char *redis_path, *conninfo, *hmac_key;

/* The signature over "header.payload" is ours. */
static bool token_good(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (!authorization || strncmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return false;
    const char *token = authorization + sizeof(scheme) - 1;
    const char *dot = strrchr(token, '.');
    if (!dot)
        return false;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_bytes = 0;
    if (!HMAC(EVP_sha256(), hmac_key, (int)strlen(hmac_key), (const unsigned char *)token,
              (size_t)(dot - token), mac, &mac_bytes))
        return false;
    char text[64];
    EVP_EncodeBlock((unsigned char *)text, mac, (int)mac_bytes);
    for (char *p = text; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    size_t n = strcspn(text, "=");
    return strlen(dot + 1) == n && CRYPTO_memcmp(dot + 1, text, n) == 0;
}

static bool limit_good(redisContext *redis, const char *key)
{
    redisReply *reply = redisCommand(redis, "INCR bare:%s", key);
    bool good = reply && reply->type == REDIS_REPLY_INTEGER;
    freeReplyObject(reply);
    return good;
}

static void reply_profile(FCGX_Request *request, PGconn *pg, const char *id)
{
    const char *params[] = {id};
    PGresult *result = PQexecPrepared(pg, "profile", 1, params, NULL, NULL, 0);
    char body[8192];
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        int n = snprintf(body, sizeof(body),
                         "{\"id\":\"%s\",\"name\":\"%s\",\"description\":\"%s\",\"coreValues\":%s}",
                         PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1),
                         PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 3));
        FCGX_FPrintF(request->out,
                     "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                     "%d\r\n\r\n%s",
                     n, body);
    } else {
        FCGX_PutS("Status: 404 Not Found\r\nContent-Length: 0\r\n\r\n", request->out);
    }
    PQclear(result);
}

static void *serve(void *arg)
{
    (void)arg;
    PGconn *pg = PQconnectdb(conninfo);
    PGresult *prepared =
        PQprepare(pg, "profile",
                  "SELECT id, name, description, core_values FROM profile WHERE id = $1", 1, NULL);
    redisContext *redis = redisConnectUnix(redis_path);
    if (PQresultStatus(prepared) != PGRES_COMMAND_OK || !redis || redis->err) {
        fprintf(stderr, "bare_responder: %s%s\n", PQerrorMessage(pg), redis ? redis->errstr : "");
        exit(1);
    }
    PQclear(prepared);
    FCGX_Request request;
    FCGX_InitRequest(&request, listen_fd, 0);
    while (FCGX_Accept_r(&request) == 0) {
        const char *uri = FCGX_GetParam("REQUEST_URI", request.envp);
        const char *id = uri ? strrchr(uri, '/') : NULL;
        if (id && token_good(FCGX_GetParam("HTTP_AUTHORIZATION", request.envp)) &&
            limit_good(redis, id + 1))
            reply_profile(&request, pg, id + 1);
        else
            FCGX_PutS("Status: 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", request.out);
        FCGX_Finish_r(&request);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: %s SOCKET THREADS REDIS_SOCKET PG_CONNINFO HMAC_KEY\n", argv[0]);
        return 2;
    }
    long threads = strtol(argv[2], NULL, 10);
    redis_path = argv[3];
    conninfo = argv[4];
    hmac_key = argv[5];
    signal(SIGPIPE, SIG_IGN);
    FCGX_Init();
    listen_fd = FCGX_OpenSocket(argv[1], 1024);
    if (listen_fd < 0 || threads < 1)
        return 1;
    for (long i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, NULL) != 0)
            return 1;
    }
    serve(NULL);
    return 0;
}

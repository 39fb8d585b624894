/* Settings read again while they are in use. */
#include "domain/live.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "domain/startup.h"
#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

#define GIVEN                                                                                      \
    "[password]\npepper = 0123456789abcdef0123456789abcdef\n"                                      \
    "[encryption]\nkey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

static char file[64];
static struct dm_config *config;
static struct dm_domain domain;
static struct dm_live *live;
static struct dm_err err;

static void write_config(const char *text)
{
    FILE *f = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f, GIVEN "%s", text);
    fclose(f);
}

static void begin(const char *text)
{
    snprintf(file, sizeof(file), "/tmp/dm-live-%d.conf", (int)getpid());
    err = (struct dm_err){0};
    write_config(text);
    CU_ASSERT_EQUAL_FATAL(dm_startup_config(file, &err, &config), DM_OK);
    domain = (struct dm_domain){.settings = dm_config_values(config), .decoy_hash = "decoy"};
    live = dm_live_new(&domain, config, file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(live);
}

static void end(void)
{
    dm_live_free(live);
    dm_config_free(config);
    unlink(file);
}

static void takes_over_what_is_reloadable(void)
{
    struct dm_live_report report;
    begin("[limits]\nuser = 1/60\n[server]\napi_threads = 3\n[mail]\nhost = mail.old\n");
    const struct dm_domain *old = dm_live_take(live);
    write_config("[limits]\nuser = 2/60\n[server]\napi_threads = 4\n[mail]\nhost = mail.new\n");
    CU_ASSERT_EQUAL(dm_live_reload(live, &err, &report), DM_OK);
    CU_ASSERT_STRING_EQUAL(report.taken, "mail.host limits.user");
    CU_ASSERT_STRING_EQUAL(report.waiting, "server.api_threads");

    const struct dm_domain *fresh = dm_live_take(live);
    CU_ASSERT_EQUAL(fresh->settings->limits_user.rate[0].count, 2);
    CU_ASSERT_EQUAL(fresh->settings->api_threads, 3);
    CU_ASSERT_STRING_EQUAL(fresh->settings->mail_host, "mail.new");
    CU_ASSERT_PTR_EQUAL(fresh->settings->password_pepper.p, domain.settings->password_pepper.p);
    CU_ASSERT_STRING_EQUAL(fresh->decoy_hash, "decoy");
    /* Who is at work with the old ones keeps them. */
    CU_ASSERT_EQUAL(old->settings->limits_user.rate[0].count, 1);
    CU_ASSERT_STRING_EQUAL(old->settings->mail_host, "mail.old");
    dm_live_give(live, old);
    dm_live_give(live, fresh);
    end();
}

static void a_second_reload_compares_with_the_first_start(void)
{
    struct dm_live_report report;
    begin("[server]\napi_threads = 3\n");
    write_config("[server]\napi_threads = 4\n[limits]\nuser = 2/60\n");
    CU_ASSERT_EQUAL(dm_live_reload(live, &err, &report), DM_OK);
    write_config("[server]\napi_threads = 4\n[limits]\nuser = 2/60\n");
    CU_ASSERT_EQUAL(dm_live_reload(live, &err, &report), DM_OK);
    CU_ASSERT_STRING_EQUAL(report.taken, "");
    CU_ASSERT_STRING_EQUAL(report.waiting, "server.api_threads");
    write_config("[server]\napi_threads = 3\n");
    CU_ASSERT_EQUAL(dm_live_reload(live, &err, &report), DM_OK);
    CU_ASSERT_STRING_EQUAL(report.taken, "limits.user");
    CU_ASSERT_STRING_EQUAL(report.waiting, "");
    end();
}

static void a_mistake_leaves_everything_as_it_was(void)
{
    struct dm_live_report report;
    char place[96];
    begin("[limits]\nuser = 1/60\n");
    write_config("[limits]\nuser = 2/60\nadmin = lots\n");
    CU_ASSERT_EQUAL(dm_live_reload(live, &err, &report), DM_E_INVALID);
    snprintf(place, sizeof(place), "%s:7: limits.admin", file);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, place));
    const struct dm_domain *now = dm_live_take(live);
    CU_ASSERT_EQUAL(now->settings->limits_user.rate[0].count, 1);
    dm_live_give(live, now);
    end();
}

#define THREADS 8
static atomic_bool over;

/* The settings of one snapshot belong together: both keys were always written with one number. */
static void *use(void *arg)
{
    atomic_int *torn = arg;
    while (!atomic_load(&over)) {
        const struct dm_domain *now = dm_live_take(live);
        if (now->settings->limits_user.rate[0].count != now->settings->limits_admin.rate[0].count)
            atomic_fetch_add(torn, 1);
        dm_live_give(live, now);
    }
    return NULL;
}

static void users_see_one_snapshot_while_it_is_replaced(void)
{
    pthread_t threads[THREADS];
    atomic_int torn = 0;
    begin("[limits]\nuser = 1/60\nadmin = 1/60\n");
    atomic_store(&over, false);
    for (size_t i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use, &torn), 0);
    for (int i = 2; i < 60; i++) {
        char text[64];
        struct dm_live_report report;
        snprintf(text, sizeof(text), "[limits]\nuser = %d/60\nadmin = %d/60\n", i, i);
        write_config(text);
        CU_ASSERT_EQUAL(dm_live_reload(live, &err, &report), DM_OK);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&torn), 0);
    end();
}

CU_TestInfo *dm_live_suite(void)
{
    static CU_TestInfo tests[] = {
        {"takes over what is reloadable", takes_over_what_is_reloadable},
        {"a second reload compares with the first start",
         a_second_reload_compares_with_the_first_start},
        {"a mistake leaves everything as it was", a_mistake_leaves_everything_as_it_was},
        {"users see one snapshot while it is replaced",
         users_see_one_snapshot_while_it_is_replaced},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

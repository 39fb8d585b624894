/* `keys list`, `keys rotate`, `keys retire`: the signing keys, for people and for a timer. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "domain/signing.h"
#include "domain/startup.h"

#define ARENA_BYTES (64 * 1024)
#define RECORD_MS 3000 /* for the audit trail; the files are changed by then */

/* What one of the commands was asked for. */
struct request {
    struct dm_signing_rotation rotation;
    bool if_due, at_once;
    const char *kid;
};

static int usage(void)
{
    fputs(
        "usage: digitalmectl keys list\n"
        "       digitalmectl keys rotate [--if-due | --if-older-than DURATION] [--lead DURATION]\n"
        "       digitalmectl keys retire KID [--now]\n"
        "  --if-due                  only when the key has signed for token.rotate_s\n"
        "  --if-older-than DURATION  only when the key has signed for so long\n"
        "  --lead DURATION           how long the new key is published before it signs,\n"
        "                            instead of token.key_lead_s\n"
        "  --now                     even though tokens that it signed are still good\n"
        "  DURATION                  90s, 15m, 12h or 30d\n",
        stderr);
    return 2;
}

static bool take_duration(const char *text, int64_t *ret_s)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct dm_str all = dm_str_from(text);
    int64_t n;
    if (all.n < 2 || !dm_str_to_int(dm_str_slice(all, 0, all.n - 1), 1, 36500, &n))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (all.p[all.n - 1] == units[i].letter) {
            *ret_s = n * units[i].seconds;
            return true;
        }
    return false;
}

static bool take_rotation(int argc, char **argv, struct request *request)
{
    struct dm_signing_rotation *rotation = &request->rotation;
    for (int i = 0; i < argc; i++) {
        struct dm_str word = dm_str_from(argv[i]);
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (dm_str_eq_c(word, "--if-due"))
            request->if_due = true;
        else if (dm_str_eq_c(word, "--if-older-than") &&
                 take_duration(value, &rotation->older_than_s))
            i++;
        else if (dm_str_eq_c(word, "--lead") && take_duration(value, &rotation->lead_s))
            i++;
        else
            return false;
    }
    return !request->if_due || rotation->older_than_s == 0;
}

static bool take_retirement(int argc, char **argv, struct request *request)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--now") == 0)
            request->at_once = true;
        else if (argv[i][0] != '-' && !request->kid)
            request->kid = argv[i];
        else
            return false;
    return request->kid != NULL;
}

static const char *time_text(int64_t at_s, char ret_text[DM_CLOCK_TEXT_MAX])
{
    if (at_s == DM_JWT_ALWAYS || at_s == DM_JWT_NEVER)
        return "-";
    dm_clock_format(at_s * 1000, ret_text);
    /* Seconds will do. */
    snprintf(ret_text + 19, DM_CLOCK_TEXT_MAX - 19, "Z");
    return ret_text;
}

/* "12d", "3h", "5m" or "8s" since then. */
static const char *age_text(int64_t since_s, int64_t now_s, char ret_text[32])
{
    int64_t age_s = now_s - since_s;
    if (since_s == DM_JWT_ALWAYS || age_s < 0)
        return "-";
    bool days = age_s >= 86400, hours = age_s >= 3600, minutes = age_s >= 60;
    snprintf(ret_text, 32, "%lld%c",
             (long long)(age_s / (days      ? 86400
                                  : hours   ? 3600
                                  : minutes ? 60
                                            : 1)),
             days      ? 'd'
             : hours   ? 'h'
             : minutes ? 'm'
                       : 's');
    return ret_text;
}

static int list(const struct dm_settings *settings, const struct request *request)
{
    (void)request;
    struct dm_jwt_keys *keys = NULL;
    struct dm_err err = {0};
    int64_t now_s = dm_clock_wall_ms() / 1000;
    if (dm_signing_keys(settings, &err, &keys) != DM_OK)
        return dm_ctl_fail(err.detail);
    printf("%-28s %-8s %-21s %-5s %s\n", "KID", "STATE", "SIGNS FROM", "AGE", "ACCEPTED UNTIL");
    for (size_t i = 0; i < dm_jwt_keys_count(keys); i++) {
        struct dm_jwt_key_info info = dm_jwt_keys_info(keys, i, now_s);
        char from[DM_CLOCK_TEXT_MAX], until[DM_CLOCK_TEXT_MAX], age[32];
        printf("%-28s %-8s %-21s %-5s %s\n", info.kid, dm_jwt_key_state_name(info.state),
               time_text(info.activates_at_s, from), age_text(info.activates_at_s, now_s, age),
               time_text(info.retires_at_s, until));
    }
    int status = fflush(stdout) == 0 ? 0 : dm_ctl_fail("cannot print");
    if (dm_jwt_keys_fault(keys)[0])
        status = dm_ctl_fail(dm_jwt_keys_fault(keys));
    dm_jwt_keys_unref(keys);
    return status;
}

/* What was done is done: a trail that cannot be written is told, and no failure. */
static void record(const struct dm_settings *settings, const struct dm_signing_change *change)
{
    struct dm_pg *pg = dm_startup_pg(settings, "digitalmectl");
    struct dm_ctx ctx = {.arena = dm_arena_new(ARENA_BYTES, ARENA_BYTES),
                         .deadline_ms = dm_clock_monotonic_ms() + RECORD_MS};
    if (!pg || !ctx.arena)
        (void)dm_ctx_nomem(&ctx);
    else if (dm_signing_record(pg, &ctx, change) == DM_OK)
        ctx.err.detail[0] = '\0';
    if (ctx.err.detail[0])
        fprintf(stderr, "digitalmectl: done, but not written to the audit trail: %s\n",
                ctx.err.detail);
    dm_arena_free(ctx.arena);
    dm_pg_close(pg);
}

static int tell(const struct dm_settings *settings, const struct dm_signing_change *change)
{
    char text[DM_CLOCK_TEXT_MAX];
    if (change->made[0])
        printf("made %s, which signs from %s on\n", change->made,
               time_text(change->activates_at_s, text));
    for (size_t i = 0; i < change->n_removed; i++)
        printf("removed %s\n", change->removed[i]);
    if (change->made[0] || change->n_removed > 0)
        record(settings, change);
    else
        puts("nothing is due");
    return fflush(stdout) == 0 ? 0 : dm_ctl_fail("cannot print");
}

static int rotate(const struct dm_settings *settings, const struct request *request)
{
    struct dm_signing_rotation rotation = request->rotation;
    struct dm_signing_change change;
    struct dm_err err = {0};
    if (request->if_due)
        rotation.older_than_s = settings->token_rotate_s;
    if (rotation.lead_s == 0)
        rotation.lead_s = settings->token_key_lead_s;
    if (dm_signing_rotate(settings, &rotation, &err, &change) != DM_OK)
        return dm_ctl_fail(err.detail);
    return tell(settings, &change);
}

static int retire(const struct dm_settings *settings, const struct request *request)
{
    struct dm_signing_change change;
    struct dm_err err = {0};
    if (dm_signing_retire(settings, request->kid, request->at_once, &err, &change) != DM_OK)
        return dm_ctl_fail(err.detail);
    return tell(settings, &change);
}

static int with_settings(const struct dm_ctl_options *options, const struct request *request,
                         int (*run)(const struct dm_settings *, const struct request *))
{
    struct dm_config *config;
    struct dm_err err = {0};
    if (dm_startup_config(options->config_file, &err, &config) != DM_OK)
        return dm_ctl_fail(err.detail);
    dm_startup_process();
    int status = run(dm_config_values(config), request);
    dm_config_free(config);
    return status;
}

int dm_ctl_keys_list(const struct dm_ctl_options *options, int argc, char **argv)
{
    const struct request request = {.kid = NULL};
    int status = dm_ctl_no_arguments("keys list", argc, argv);
    return status == 0 ? with_settings(options, &request, list) : status;
}

int dm_ctl_keys_rotate(const struct dm_ctl_options *options, int argc, char **argv)
{
    struct request request = {.kid = NULL};
    return take_rotation(argc, argv, &request) ? with_settings(options, &request, rotate) : usage();
}

int dm_ctl_keys_retire(const struct dm_ctl_options *options, int argc, char **argv)
{
    struct request request = {.kid = NULL};
    return take_retirement(argc, argv, &request) ? with_settings(options, &request, retire)
                                                 : usage();
}

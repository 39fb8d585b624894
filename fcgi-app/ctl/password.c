/* `password calibrate`: how costly may a password's hash be on this machine? */
#include "base/password.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/json_write.h"
#include "ctl/ctl.h"

#define WORDS "password calibrate"
#define MAX_MS 120
#define MAX_MS_LEAST 1
#define MAX_MS_MOST 10000
#define COSTS (DM_PASSWORD_COST_MAX - DM_PASSWORD_COST_MIN + 1)
#define TEXT_BYTES_MAX 4096

struct options {
    int64_t max_ms;
    bool json;
};

/* Costs from DM_PASSWORD_COST_MIN on: the last one measured is too dear, or the dearest there is. */
struct calibration {
    int64_t took_us[COSTS];
    int n_measured;
    int cost; /* the highest within the time, or the lowest there is */
};

static bool take_options(int argc, char **argv, struct options *options)
{
    for (int i = 0; i < argc; i++) {
        struct dm_str word = dm_str_from(argv[i]);
        if (dm_str_eq_c(word, "--json"))
            options->json = true;
        else if (!dm_str_eq_c(word, "--max-ms") || ++i == argc ||
                 !dm_str_to_int(dm_str_from(argv[i]), MAX_MS_LEAST, MAX_MS_MOST, &options->max_ms))
            return false;
    }
    return true;
}

static enum dm_result calibrate(int64_t max_ms, struct dm_err *err,
                                struct calibration *ret_calibration)
{
    struct calibration found = {.cost = DM_PASSWORD_COST_MIN};
    bool within = true;
    while (within && found.n_measured < COSTS) {
        int cost = DM_PASSWORD_COST_MIN + found.n_measured;
        int64_t *took_us = &found.took_us[found.n_measured];
        enum dm_result result = dm_password_measure(cost, took_us, err);
        if (result != DM_OK)
            return result;
        found.n_measured++;
        within = *took_us <= max_ms * 1000;
        if (within)
            found.cost = cost;
    }
    *ret_calibration = found;
    return DM_OK;
}

static void print_json(const struct calibration *found, int64_t max_ms, struct dm_buf *out)
{
    struct dm_json_writer w;
    dm_json_writer_init(&w, out);
    dm_json_object_begin(&w);
    dm_json_name(&w, "cost");
    dm_json_int(&w, found->cost);
    dm_json_name(&w, "maxMs");
    dm_json_int(&w, max_ms);
    dm_json_name(&w, "measured");
    dm_json_array_begin(&w);
    for (int i = 0; i < found->n_measured; i++) {
        dm_json_object_begin(&w);
        dm_json_name(&w, "cost");
        dm_json_int(&w, DM_PASSWORD_COST_MIN + i);
        dm_json_name(&w, "ms");
        dm_json_num(&w, (double)found->took_us[i] / 1000);
        dm_json_object_end(&w);
    }
    dm_json_array_end(&w);
    dm_json_object_end(&w);
    dm_buf_add_char(out, '\n');
}

static void print_text(const struct calibration *found, int64_t max_ms, struct dm_buf *out)
{
    for (int i = 0; i < found->n_measured; i++)
        dm_buf_printf(out, "# cost %d: %.1f ms%s\n", DM_PASSWORD_COST_MIN + i,
                      (double)found->took_us[i] / 1000,
                      found->took_us[i] > max_ms * 1000 ? ", too long" : "");
    if (found->took_us[0] > max_ms * 1000)
        dm_buf_printf(out, "# the lowest cost takes longer than %lld ms; it goes no lower\n",
                      (long long)max_ms);
    dm_buf_printf(out, "[password]\ncost = %d\n", found->cost);
}

int dm_ctl_password_calibrate(const struct dm_ctl_options *options, int argc, char **argv)
{
    (void)options;
    struct options how = {.max_ms = MAX_MS};
    struct calibration found;
    struct dm_err err = {0};
    if (!take_options(argc, argv, &how)) {
        fprintf(stderr, "usage: digitalmectl " WORDS " [--max-ms %d…%d] [--json]\n", MAX_MS_LEAST,
                MAX_MS_MOST);
        return 2;
    }
    if (calibrate(how.max_ms, &err, &found) != DM_OK)
        return dm_ctl_fail(err.detail);
    struct dm_buf text;
    dm_buf_init(&text, NULL, TEXT_BYTES_MAX);
    if (how.json)
        print_json(&found, how.max_ms, &text);
    else
        print_text(&found, how.max_ms, &text);
    bool printed = !dm_buf_failed(&text) && fwrite(text.p, 1, text.n, stdout) == text.n;
    dm_buf_done(&text);
    return printed ? 0 : dm_ctl_fail("cannot print");
}

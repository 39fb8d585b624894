/* `config check`, `config print`, `config sample`. */
#include "base/config.h"

#include "ctl/ctl.h"
#include "domain/startup.h"

#define TEXT_BYTES_MAX (1024 * 1024)

static int print(struct dm_buf *text)
{
    bool good = !dm_buf_failed(text) && fwrite(text->p, 1, text->n, stdout) == text->n &&
                fflush(stdout) == 0;
    dm_buf_done(text);
    return good ? 0 : dm_ctl_fail("cannot print");
}

static int load(const struct dm_ctl_options *options, struct dm_config **ret_config)
{
    struct dm_err err = {0};
    if (dm_startup_config(options->config_file, &err, ret_config) == DM_OK)
        return 0;
    return dm_ctl_fail(err.detail);
}

int dm_ctl_config_check(const struct dm_ctl_options *options, int argc, char **argv)
{
    struct dm_config *config;
    int status = dm_ctl_no_arguments("config check", argc, argv);
    if (status == 0)
        status = load(options, &config);
    if (status != 0)
        return status;
    dm_config_free(config);
    puts("the configuration is good");
    return 0;
}

int dm_ctl_config_print(const struct dm_ctl_options *options, int argc, char **argv)
{
    struct dm_config *config;
    int status = dm_ctl_no_arguments("config print", argc, argv);
    if (status == 0)
        status = load(options, &config);
    if (status != 0)
        return status;
    struct dm_buf text;
    dm_buf_init(&text, NULL, TEXT_BYTES_MAX);
    dm_config_print(config, &text);
    dm_config_free(config);
    return print(&text);
}

int dm_ctl_config_sample(const struct dm_ctl_options *options, int argc, char **argv)
{
    (void)options;
    int status = dm_ctl_no_arguments("config sample", argc, argv);
    if (status != 0)
        return status;
    struct dm_buf text;
    dm_buf_init(&text, NULL, TEXT_BYTES_MAX);
    dm_config_sample(&dm_settings_table, &text);
    return print(&text);
}

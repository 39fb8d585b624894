/* digitalmectl: one row a command, one file a command's noun. */
#ifndef DM_CTL_CTL_H
#define DM_CTL_CTL_H

struct dm_ctl_options {
    const char *config_file; /* NULL: the default */
};

struct dm_ctl_command {
    const char *words;   /* "config check" */
    const char *summary; /* for help */
    /* argv[0] is the first word after the command's own. Returns the exit status: 0 good, 1 not
     * good, 2 wrong use. */
    int (*run)(const struct dm_ctl_options *options, int argc, char **argv);
};

int dm_ctl_api_diff(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_audit_verify(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_config_check(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_config_print(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_config_sample(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_doctor(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_keys_list(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_keys_retire(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_keys_rotate(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_openapi(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_password_calibrate(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_routes(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_secrets_reencrypt(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_user_create_admin(const struct dm_ctl_options *options, int argc, char **argv);
int dm_ctl_user_reset_mfa(const struct dm_ctl_options *options, int argc, char **argv);

/* Complain on standard error about words that a command does not take: 2, or 0 when there are none.
 */
int dm_ctl_no_arguments(const char *words, int argc, char **argv);
/* "digitalmectl: …" on standard error; returns 1. */
int dm_ctl_fail(const char *what);

#endif

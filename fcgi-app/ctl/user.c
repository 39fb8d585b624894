/* `user create-admin`: how a site gets its first administrator, and another when all else is lost; `user reset-mfa`. */
#include "domain/user.h"
#include "base/clock.h"
#include "base/format.h"
#include "base/secret.h"
#include "ctl/ctl.h"
#include "ctl/program.h"
#include "ctl/prompt.h"
#include "domain/mfa.h"
#include "domain/passwords.h"

#define COMMAND_MS 30000

struct create {
    struct dm_user_admin admin;
    const char *password_file;
    bool promote;
};

static int usage(void)
{
    fputs("usage: digitalmectl user create-admin EMAIL [--role Admin|SuperAdmin] [--password-file "
          "FILE]\n"
          "                                             [--first-name NAME] [--last-name NAME]\n"
          "       digitalmectl user create-admin EMAIL --promote [--role Admin|SuperAdmin]\n"
          "  --role           SuperAdmin unless said otherwise\n"
          "  --promote        give the role to the account that has this address\n"
          "  --password-file  its first line; else the password is asked for, or read from "
          "standard input\n",
          stderr);
    return 2;
}

static bool take_options(int argc, char **argv, struct create *create)
{
    const struct {
        const char *name;
        struct dm_str *value;
    } options[] = {
        {"--role", &create->admin.role},
        {"--first-name", &create->admin.first_name},
        {"--last-name", &create->admin.last_name},
    };
    for (int i = 0; i < argc; i++) {
        struct dm_str word = dm_str_from(argv[i]);
        struct dm_str *value = NULL;
        for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++)
            if (dm_str_eq_c(word, options[k].name))
                value = options[k].value;
        if (value != NULL && i + 1 < argc)
            *value = dm_str_from(argv[++i]);
        else if (dm_str_eq_c(word, "--password-file") && i + 1 < argc)
            create->password_file = argv[++i];
        else if (dm_str_eq_c(word, "--promote"))
            create->promote = true;
        else if (word.p[0] != '-' && create->admin.email.p == NULL)
            create->admin.email = word;
        else
            return false;
    }
    return create->admin.email.p != NULL && dm_role_of(create->admin.role) >= DM_ROLE_ADMIN;
}

static int create_admin(struct dm_ctl_program *program, struct create *create)
{
    char buffer[DM_CTL_PROMPT_BYTES] = "";
    int status = 0;
    if (!create->promote)
        status = dm_ctl_prompt_password(create->password_file, buffer, &create->admin.password);
    if (status != 0)
        return status;
    program->ctx.deadline_ms = dm_clock_monotonic_ms() + COMMAND_MS; /* typing took its time */
    struct dm_str id;
    enum dm_result result =
        create->promote
            ? dm_user_promote(&program->domain, &program->ctx, &create->admin, &id)
            : dm_user_create_admin(&program->domain, &program->ctx, &create->admin, &id);
    dm_secret_wipe(buffer, sizeof(buffer));
    if (result != DM_OK)
        return dm_ctl_fail(program->ctx.err.detail);
    printf("account %.*s is %.*s\n", DM_STR_ARG(id), DM_STR_ARG(create->admin.role));
    return fflush(stdout) == 0 ? 0 : 1;
}

int dm_ctl_user_create_admin(const struct dm_ctl_options *options, int argc, char **argv)
{
    struct create create = {.admin = {.role = DM_STR_INIT("SuperAdmin"),
                                      .first_name = DM_STR_INIT("Site"),
                                      .last_name = DM_STR_INIT("Administrator")}};
    if (!take_options(argc, argv, &create))
        return usage();
    struct dm_ctl_program program;
    int status = dm_ctl_program_open(options, COMMAND_MS, &program);
    if (status == 0)
        status = create_admin(&program, &create);
    dm_ctl_program_close(&program);
    return status;
}

static int reset_mfa(struct dm_ctl_program *program, struct dm_str email)
{
    struct dm_mfa_reset reset;
    enum dm_result result = dm_mfa_reset(&program->domain, &program->ctx, email, &reset);
    if (result == DM_E_NOTFOUND)
        return dm_ctl_fail("no account has this address");
    if (result != DM_OK)
        return dm_ctl_fail(program->ctx.err.detail);
    printf("account %.*s: the second step is off, %zu sessions have ended, the owner is told\n",
           DM_STR_ARG(reset.account_id), reset.sessions_ended);
    return fflush(stdout) == 0 ? 0 : 1;
}

int dm_ctl_user_reset_mfa(const struct dm_ctl_options *options, int argc, char **argv)
{
    if (argc != 1 || argv[0][0] == '-') {
        fputs("usage: digitalmectl user reset-mfa EMAIL\n", stderr);
        return 2;
    }
    struct dm_ctl_program program;
    int status = dm_ctl_program_open(options, COMMAND_MS, &program);
    if (status == 0)
        status = reset_mfa(&program, dm_str_from(argv[0]));
    dm_ctl_program_close(&program);
    return status;
}

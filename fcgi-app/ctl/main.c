/* digitalmectl: finds the command in its table and runs it. */
#include <getopt.h>

#include "ctl/ctl.h"
#include "domain/startup.h"

#define PROGRAM "digitalmectl"

static const struct dm_ctl_command commands[] = {
    {"api-diff", "tell breaking from harmless changes between two OpenAPI documents",
     dm_ctl_api_diff},
    {"audit verify", "read the audit trail and say whether it is as it was written",
     dm_ctl_audit_verify},
    {"config check", "read the configuration as the programs do and say what is wrong",
     dm_ctl_config_check},
    {"config print", "print the settings in force and where each came from, secrets masked",
     dm_ctl_config_print},
    {"config sample", "print a sample configuration file with every key", dm_ctl_config_sample},
    {"doctor", "check what the programs need, and say how to mend what is missing", dm_ctl_doctor},
    {"keys list", "print the signing keys and the state of each", dm_ctl_keys_list},
    {"keys retire", "remove one signing key", dm_ctl_keys_retire},
    {"keys rotate", "make the next signing key, and remove those that are past",
     dm_ctl_keys_rotate},
    {"openapi", "print the OpenAPI document", dm_ctl_openapi},
    {"password calibrate", "measure what a password's hash may cost on this machine",
     dm_ctl_password_calibrate},
    {"routes", "print one line an endpoint", dm_ctl_routes},
    {"secrets reencrypt", "put every secret at rest under encryption.key",
     dm_ctl_secrets_reencrypt},
    {"user create-admin", "make an administrator's account", dm_ctl_user_create_admin},
    {"user reset-mfa", "take the second step off an account whose owner has lost it",
     dm_ctl_user_reset_mfa},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *out, int status)
{
    fprintf(out, "usage: %s [-c FILE] COMMAND\n", PROGRAM);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-18s %s\n", commands[i].words, commands[i].summary);
    fprintf(out,
            "  -c, --config FILE  read FILE instead of %s\n"
            "  -V, --version      print the version\n"
            "  -h, --help         print this\n",
            DM_STARTUP_CONFIG_FILE);
    return status;
}

/* How many of the arguments the command's words take up; 0 when they are others. */
static int words_matched(const char *words, int argc, char **argv)
{
    struct dm_str rest = dm_str_from(words), word;
    int n = 0;
    while (dm_str_next(&rest, ' ', &word)) {
        if (n == argc || !dm_str_eq_c(word, argv[n]))
            return 0;
        n++;
    }
    return n;
}

int dm_ctl_no_arguments(const char *words, int argc, char **argv)
{
    if (argc == 0)
        return 0;
    fprintf(stderr, "%s %s: takes no arguments, but got \"%s\"\n", PROGRAM, words, argv[0]);
    return 2;
}

int dm_ctl_fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", PROGRAM, what);
    return 1;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {{"config", required_argument, NULL, 'c'},
                                                 {"version", no_argument, NULL, 'V'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {0}};
    struct dm_ctl_options options = {0};
    int option;
    while ((option = getopt_long(argc, argv, "+c:Vh", long_options, NULL)) != -1) {
        if (option == 'c')
            options.config_file = optarg;
        else if (option == 'V')
            return printf("%s %s\n", PROGRAM, PACKAGE_VERSION) < 0;
        else
            return usage(option == 'h' ? stdout : stderr, option == 'h' ? 0 : 2);
    }
    argc -= optind;
    argv += optind;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        int n = words_matched(commands[i].words, argc, argv);
        if (n > 0)
            return commands[i].run(&options, argc - n, argv + n);
    }
    if (argc > 0)
        fprintf(stderr, "%s: no command \"%s%s%s\"\n", PROGRAM, argv[0], argc > 1 ? " " : "",
                argc > 1 ? argv[1] : "");
    return usage(stderr, 2);
}

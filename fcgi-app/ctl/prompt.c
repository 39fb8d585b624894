/* Reads a line that nobody else shall see. */
#include "ctl/prompt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/utf8.h"
#include "ctl/ctl.h"

#define INTERRUPT '\x03' /* control-C, as the terminal sends it while it makes no signal of it */

/* Up to the end of the line, byte by byte: what follows is not ours to take. -1: cannot be read or too long. */
static ssize_t read_line(int fd, char *buffer, size_t size)
{
    size_t n = 0;
    char c = '\0';
    ssize_t got = 1;
    while ((got = read(fd, &c, 1)) == 1 && c != '\n') {
        if (n == size)
            return -1;
        buffer[n++] = c;
    }
    if (n > 0 && buffer[n - 1] == '\r')
        n--;
    return got < 0 ? -1 : (ssize_t)n;
}

static int fail(const char *what)
{
    return dm_ctl_fail(what);
}

/* Without echo; and without signals, which would leave the terminal like that. */
static ssize_t ask(int tty, const char *prompt, char *buffer, size_t size)
{
    struct termios usual;
    if (tcgetattr(tty, &usual) != 0)
        return -1;
    struct termios quiet = usual;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    tcsetattr(tty, TCSAFLUSH, &quiet);
    dprintf(tty, "%s", prompt);
    ssize_t n = read_line(tty, buffer, size);
    tcsetattr(tty, TCSAFLUSH, &usual);
    dprintf(tty, "\n");
    return n >= 0 && memchr(buffer, INTERRUPT, (size_t)n) != NULL ? -1 : n;
}

static int from_terminal(char *buffer, ssize_t *ret_n)
{
    char again[DM_CTL_PROMPT_BYTES];
    int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0)
        return fail("there is no terminal to ask for the password");
    ssize_t n = ask(tty, "Password: ", buffer, DM_CTL_PROMPT_BYTES);
    ssize_t m = n >= 0 ? ask(tty, "The same again: ", again, sizeof(again)) : -1;
    bool same = n >= 0 && n == m && memcmp(buffer, again, (size_t)n) == 0;
    dm_secret_wipe(again, sizeof(again));
    close(tty);
    if (m < 0)
        return fail("no password was given");
    *ret_n = n;
    return same ? 0 : fail("the two are not the same");
}

static int from_file(const char *file, char *buffer, ssize_t *ret_n)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0 || (info.st_mode & 077) != 0) {
        int status = fail(fd < 0 ? "the password file cannot be read"
                                 : "the password file may be read by others: chmod 600");
        if (fd >= 0)
            close(fd);
        return status;
    }
    *ret_n = read_line(fd, buffer, DM_CTL_PROMPT_BYTES);
    close(fd);
    return *ret_n >= 0 ? 0
                       : fail("the password file cannot be read, or its first line is too long");
}

static int from_input(char *buffer, ssize_t *ret_n)
{
    *ret_n = read_line(STDIN_FILENO, buffer, DM_CTL_PROMPT_BYTES);
    return *ret_n >= 0 ? 0 : fail("standard input cannot be read, or its first line is too long");
}

int dm_ctl_prompt_password(const char *file, char buffer[DM_CTL_PROMPT_BYTES],
                           struct dm_str *ret_password)
{
    ssize_t n = 0;
    int status = file != NULL           ? from_file(file, buffer, &n)
                 : isatty(STDIN_FILENO) ? from_terminal(buffer, &n)
                                        : from_input(buffer, &n);
    struct dm_str password = {buffer, (size_t)n};
    if (status == 0 && (n == 0 || !dm_utf8_valid(password) || memchr(buffer, '\0', password.n)))
        status = fail(n == 0 ? "no password was given" : "the password is not UTF-8 text");
    if (status == 0)
        *ret_password = password;
    return status;
}

/* Gets the sockets that server.c opens its doors on. Speaks systemd's protocol itself, since that is three environment variables. */
#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

#define SYSTEMD_FIRST_FD 3

struct dm_listener {
    int fd;
    bool own;
    struct sockaddr_un address; /* of our own */
    dev_t device;
    ino_t inode;
};

/* The file descriptor that systemd handed to this process under the name; -1: none. */
static int find_systemd_fd(const char *name)
{
    int64_t pid, n;
    if (!dm_str_to_int(dm_str_from(getenv("LISTEN_PID")), 1, INT32_MAX, &pid) || pid != getpid() ||
        !dm_str_to_int(dm_str_from(getenv("LISTEN_FDS")), 1, 64, &n))
        return -1;
    struct dm_str names = dm_str_from(getenv("LISTEN_FDNAMES")), part;
    for (int fd = SYSTEMD_FIRST_FD; fd < SYSTEMD_FIRST_FD + n && dm_str_next(&names, ':', &part);
         fd++)
        if (dm_str_eq_c(part, name))
            return fd;
    return -1;
}

static bool is_listening_unix(int fd)
{
    const int options[] = {SO_DOMAIN, SO_TYPE, SO_ACCEPTCONN};
    const int wanted[] = {AF_UNIX, SOCK_STREAM, 1};
    for (size_t i = 0; i < 3; i++) {
        int value = -1;
        socklen_t size = sizeof(value);
        if (getsockopt(fd, SOL_SOCKET, options[i], &value, &size) != 0 || value != wanted[i])
            return false;
    }
    return true;
}

static enum dm_result take_systemd_fd(struct dm_listener *listener, const char *name, int fd,
                                      struct dm_err *err)
{
    if (!is_listening_unix(fd))
        return dm_err_set(err, DM_E_INVALID,
                          "the socket \"%s\" from systemd is no listening unix stream socket",
                          name);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return dm_err_set(err, DM_E_INVALID, "the socket \"%s\" from systemd: %s", name,
                          strerror(errno));
    listener->fd = fd;
    return DM_OK;
}

/* Is it a socket file that nobody listens on any more? */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat file;
    if (lstat(address->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_path(const struct dm_listener *listener)
{
    const struct sockaddr *address = (const struct sockaddr *)&listener->address;
    if (bind(listener->fd, address, sizeof(listener->address)) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    if (!is_stale(&listener->address)) {
        errno = EADDRINUSE;
        return -1;
    }
    unlink(listener->address.sun_path);
    return bind(listener->fd, address, sizeof(listener->address));
}

static enum dm_result make_socket(struct dm_listener *listener,
                                  const struct dm_listener_options *options, struct dm_err *err)
{
    struct stat file;
    size_t n = strlen(options->path);
    if (n >= sizeof(listener->address.sun_path))
        return dm_err_set(err, DM_E_INVALID, "the socket's path %s is too long", options->path);
    listener->address.sun_family = AF_UNIX;
    memcpy(listener->address.sun_path, options->path, n + 1);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* On Linux the file takes its mode from the socket: so it is never open to others, not even between bind and chmod. */
    if (listener->fd < 0 || fchmod(listener->fd, 0660) != 0 || bind_path(listener) != 0)
        return dm_err_set(err, DM_E_INVALID, "socket %s: %s", options->path, strerror(errno));
    listener->own = true;
    if (chmod(options->path, 0660) != 0 || listen(listener->fd, options->backlog) != 0 ||
        lstat(options->path, &file) != 0)
        return dm_err_set(err, DM_E_INVALID, "socket %s: %s", options->path, strerror(errno));
    listener->device = file.st_dev;
    listener->inode = file.st_ino;
    return DM_OK;
}

enum dm_result dm_listener_open(const struct dm_listener_options *options, struct dm_err *err,
                                struct dm_listener **ret_listener)
{
    struct dm_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    listener->fd = -1;
    int fd = find_systemd_fd(options->name);
    enum dm_result result = fd >= 0 ? take_systemd_fd(listener, options->name, fd, err)
                                    : make_socket(listener, options, err);
    if (result != DM_OK) {
        dm_listener_close(listener);
        return result;
    }
    *ret_listener = listener;
    return DM_OK;
}

int dm_listener_fd(const struct dm_listener *listener)
{
    return listener->fd;
}

bool dm_listener_is_own(const struct dm_listener *listener)
{
    return listener->own;
}

void dm_listener_stop(struct dm_listener *listener)
{
    /* Linux refuses connecting to a socket that is shut for reading, and still gives out who waits in its backlog. */
    if (listener->own)
        shutdown(listener->fd, SHUT_RD);
}

void dm_listener_close(struct dm_listener *listener)
{
    if (!listener)
        return;
    struct stat file;
    const char *path = listener->address.sun_path;
    if (listener->own && lstat(path, &file) == 0 && file.st_dev == listener->device &&
        file.st_ino == listener->inode)
        unlink(path);
    if (listener->fd >= 0)
        close(listener->fd);
    free(listener);
}

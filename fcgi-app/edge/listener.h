/*
 * A door's listening socket: handed over by systemd (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), or a unix socket that we
 * make. Systemd's outlives us, so that its backlog is the successor's; ours ends with us, so its backlog must be served.
 */
#ifndef DM_EDGE_LISTENER_H
#define DM_EDGE_LISTENER_H

#include <stdbool.h>

#include "base/result.h"

struct dm_listener;

struct dm_listener_options {
    const char *name; /* "api": the file descriptor's name with systemd */
    const char *path; /* of the unix socket when systemd gives none */
    int backlog;
};

/*
 * Non-blocking, close-on-exec. A socket file that nobody listens on is replaced; DM_E_INVALID when somebody does, when systemd's file
 * descriptor is no listening unix stream socket, or when the path cannot be had. Caller frees with dm_listener_close.
 */
DM_MUST_CHECK enum dm_result dm_listener_open(const struct dm_listener_options *options,
                                              struct dm_err *err,
                                              struct dm_listener **ret_listener);
int dm_listener_fd(const struct dm_listener *listener);
/* Made by us: who is in the backlog when we end is ours to serve. */
bool dm_listener_is_own(const struct dm_listener *listener);
/* Our own takes nobody in from now on: connecting is refused at once, who came before can still be accepted. Systemd's is left as it is. */
void dm_listener_stop(struct dm_listener *listener);
/* Closes, and removes the socket file if it is still the one that we made. NULL allowed. */
void dm_listener_close(struct dm_listener *listener);

#endif

/* A door's socket: made, replaced when stale, never stolen, taken from systemd, and given up without losing who waits. */
#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static char dir[64], path[96];

static void begin(void)
{
    snprintf(dir, sizeof(dir), "/tmp/dm-listener-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/api.sock", dir);
}

static void end(void)
{
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static enum dm_result open_listener(struct dm_listener **ret)
{
    struct dm_err err = {0};
    return dm_listener_open(
        &(struct dm_listener_options){.name = "api", .path = path, .backlog = 8}, &err, ret);
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void makes_a_socket_for_the_group_only(void)
{
    struct dm_listener *listener = NULL;
    struct stat file;
    begin();
    mode_t mask = umask(0022);
    CU_ASSERT_EQUAL_FATAL(open_listener(&listener), DM_OK);
    umask(mask);
    CU_ASSERT_TRUE(dm_listener_is_own(listener));
    CU_ASSERT_EQUAL(stat(path, &file), 0);
    CU_ASSERT_EQUAL(file.st_mode & 0777, 0660);
    CU_ASSERT_NOT_EQUAL(fcntl(dm_listener_fd(listener), F_GETFL) & O_NONBLOCK, 0);
    CU_ASSERT_NOT_EQUAL(fcntl(dm_listener_fd(listener), F_GETFD) & FD_CLOEXEC, 0);
    dm_listener_close(listener);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    end();
}

static void replaces_a_stale_socket_only(void)
{
    struct dm_listener *listener = NULL, *second = NULL;
    begin();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
    close(dead);
    CU_ASSERT_EQUAL_FATAL(open_listener(&listener), DM_OK);
    CU_ASSERT_EQUAL(open_listener(&second), DM_E_INVALID);
    CU_ASSERT_PTR_NULL(second);
    int client = dial();
    CU_ASSERT_TRUE(client >= 0);
    close(client);
    dm_listener_close(listener);
    end();
}

static void leaves_other_files_alone(void)
{
    struct dm_listener *listener = NULL;
    begin();
    close(open(path, O_CREAT | O_WRONLY, 0600));
    CU_ASSERT_EQUAL(open_listener(&listener), DM_E_INVALID);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    end();
}

static void leaves_a_successors_file_alone(void)
{
    struct dm_listener *first = NULL, *second = NULL;
    begin();
    CU_ASSERT_EQUAL_FATAL(open_listener(&first), DM_OK);
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(open_listener(&second), DM_OK);
    dm_listener_close(first);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    dm_listener_close(second);
    end();
}

static void gives_out_who_came_before_the_stop(void)
{
    struct dm_listener *listener = NULL;
    begin();
    CU_ASSERT_EQUAL_FATAL(open_listener(&listener), DM_OK);
    int before = dial();
    CU_ASSERT_TRUE(before >= 0);
    dm_listener_stop(listener);
    CU_ASSERT_EQUAL(dial(), -1);
    CU_ASSERT_EQUAL(errno, ECONNREFUSED);
    int served = accept(dm_listener_fd(listener), NULL, NULL);
    CU_ASSERT_TRUE(served >= 0);
    CU_ASSERT_EQUAL(accept(dm_listener_fd(listener), NULL, NULL), -1);
    CU_ASSERT_EQUAL(write(served, "x", 1), 1);
    char c = 0;
    CU_ASSERT_EQUAL(read(before, &c, 1), 1);
    close(served);
    close(before);
    dm_listener_close(listener);
    end();
}

/* As systemd would: two file descriptors from 3 on, named. Runs in a child, whose exit status tells. */
static int take_from_systemd(void)
{
    char pid[16];
    struct dm_listener *listener = NULL;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", "stream:api", 1);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || dup2(fd, 4) != 4)
        return 1;
    if (open_listener(&listener) != DM_E_INVALID)
        return 2; /* not listening yet */
    if (listen(4, 8) != 0 || open_listener(&listener) != DM_OK)
        return 3;
    if (dm_listener_fd(listener) != 4 || dm_listener_is_own(listener))
        return 4;
    dm_listener_stop(listener);
    int client = dial();
    if (client < 0)
        return 5; /* the successor's backlog stays open */
    dm_listener_close(listener);
    return access(path, F_OK) == 0 ? 0 : 6;
}

static void takes_systemds_socket_by_name(void)
{
    begin();
    pid_t child = fork();
    if (child == 0)
        _exit(take_from_systemd());
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    end();
}

CU_TestInfo *dm_listener_suite(void)
{
    static CU_TestInfo tests[] = {
        {"makes a socket for the group only", makes_a_socket_for_the_group_only},
        {"replaces a stale socket only", replaces_a_stale_socket_only},
        {"leaves other files alone", leaves_other_files_alone},
        {"leaves a successor's file alone", leaves_a_successors_file_alone},
        {"gives out who came before the stop", gives_out_who_came_before_the_stop},
        {"takes systemd's socket by name", takes_systemds_socket_by_name},
        CU_TEST_INFO_NULL,
    };
    return tests;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* fork() and execve() with a pipe between: it closes by itself when the program has been executed,
 * and carries errno when it was not. What the child does until then is async-signal-safe. Its
 * descriptors are first copied above all their targets, so that no copy lands on one that is still
 * needed. */

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/process.h"

#define END_WAIT_MSEC 1000

static int reset_signals(void) {
        struct sigaction action = { .sa_handler = SIG_DFL };
        sigset_t none;

        for (int s = 1; s < NSIG; s++)
                if (s != SIGKILL && s != SIGSTOP && sigaction(s, &action, NULL) < 0 &&
                    errno != EINVAL) /* the C library keeps two for itself */
                        return -errno;
        if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                return -errno;
        return 0;
}

/* The wanted descriptors become 0, 1, 2, … and everything above closes at execve(), the pipe too.
 */
static int arrange_fds(const ProcessSpec *spec, int *pipe_fd) {
        int copies[3 + PROCESS_FDS_MAX], n = 3 + (int)spec->n_fds;

        *pipe_fd = fcntl(*pipe_fd, F_DUPFD_CLOEXEC, n);
        if (*pipe_fd < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                int fd = i < 3 ? spec->stdio[i] : spec->fds[i - 3];

                if (fd < 0)
                        fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
                copies[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, n);
                if (copies[i] < 0)
                        return -errno;
        }
        for (int i = 0; i < n; i++)
                if (dup2(copies[i], i) < 0)
                        return -errno;
        if (syscall(SYS_close_range, (unsigned)n, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        return 0;
}

static int follow_parent(pid_t parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return -errno;
        return getppid() == parent ? 0 : -ESRCH; /* gone before it could be followed */
}

/* Returns only when the program was not executed. */
static int become(const ProcessSpec *spec, pid_t parent, int *pipe_fd) {
        int r;

        r = arrange_fds(spec, pipe_fd);
        if (r >= 0)
                r = reset_signals();
        if (r >= 0 && spec->die_with_parent)
                r = follow_parent(parent);
        if (r < 0)
                return r;
        if (chdir("/") < 0)
                return -errno;
        (void)setsid();
        (void)execve(spec->path, (char *const *)(uintptr_t)spec->argv,
                     (char *const *)(uintptr_t)spec->env);
        return -errno;
}

static int open_pidfd(pid_t pid) {
        int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* always O_CLOEXEC */

        return fd < 0 ? -errno : fd;
}

int process_spawn(const ProcessSpec *spec, int *ret_pidfd, pid_t *ret_pid) {
        _cleanup_close_ int read_fd = -EBADF, write_fd = -EBADF, pidfd = -EBADF;
        pid_t parent = getpid(), pid;
        int pipe_fds[2], error = 0;
        ssize_t n;

        if (spec->n_fds > PROCESS_FDS_MAX)
                return -EINVAL;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd = pipe_fds[0];
        write_fd = pipe_fds[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                error = become(spec, parent, &write_fd);
                (void)!write(write_fd, &error, sizeof(error));
                _exit(127);
        }

        write_fd = close_fd(write_fd);
        pidfd = open_pidfd(pid); /* not waited for yet, so the number is still its own */
        do
                n = read(read_fd, &error, sizeof(error));
        while (n < 0 && errno == EINTR);
        if (pidfd < 0 || n != 0) {
                (void)kill(pid, SIGKILL);
                (void)waitpid(pid, NULL, 0);
                if (pidfd < 0)
                        return pidfd;
                return n == (ssize_t)sizeof(error) ? error : -EIO;
        }

        *ret_pidfd = TAKE_FD(pidfd);
        if (ret_pid)
                *ret_pid = pid;
        return 0;
}

int process_wait(int pidfd, ProcessEnd *ret_end) {
        siginfo_t info = {};

        if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0)
                return -errno;
        if (info.si_pid == 0)
                return 0;
        if (ret_end)
                *ret_end = info.si_code == CLD_EXITED
                                   ? (ProcessEnd){ .code = info.si_status }
                                   : (ProcessEnd){ .code = -1, .signal = info.si_status };
        return 1;
}

/* The child's number, from what /proc says about the pidfd; 0 when it says none. */
static pid_t pid_of(int pidfd) {
        char path[64], text[512], *line;
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return 0;
        text[n] = 0;
        line = strstr(text, "\nPid:");
        return line ? (pid_t)strtol(line + 5, NULL, 10) : 0;
}

/* valgrind, under which the tests run, does not know pidfd_send_signal(). As long as a child has not
 * been waited for its number is its own, so kill() reaches the same process. */
static void kill_child(int pidfd) {
        pid_t pid;

        if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) >= 0 || errno != ENOSYS)
                return;
        pid = pid_of(pidfd);
        if (pid > 0)
                (void)kill(pid, SIGKILL);
}

int process_end(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        if (pidfd < 0)
                return -EBADF;
        kill_child(pidfd);
        (void)poll(&p, 1, END_WAIT_MSEC);
        (void)process_wait(pidfd, NULL);
        return close_fd(pidfd);
}

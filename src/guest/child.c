/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The child starts as a copy of the guest: uid 0 of the container with three capabilities, all
 * signals blocked, the channel open. First it tells the host that it exists, itself, because the
 * kernel attaches the sender's pid to what it sends; then it waits until the host has put it into a
 * cgroup of its own. It may wait for long and must meanwhile hold nothing open that is another
 * execution's, whose end somebody waits for: it keeps its three streams, the channel and what it
 * waits for.
 *
 * Then nothing of the guest may reach the program, so each step either succeeds or ends the child,
 * and the order matters: what needs rights comes first, then the rights go, then the descriptors,
 * and the filter last, because it forbids what the steps before it do.
 *
 * Between the change of uid and exec the child already has the uid of the code, yet no other
 * process of that uid can look into it or take its descriptors: the guest is not dumpable, and
 * stays so in its children until exec. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "guest/channel.h"
#include "guest/child.h"
#include "guest/code.h"

#define OOM_SCORE_OF_CODE "1000" /* the code is killed for memory, never the guest */
#define SHOWN_NAME_SIZE   256    /* of a program that cannot run */

static int take_stdio(const int stdio[static 3]) {
        for (int i = 0; i < 3; i++)
                if (dup2(stdio[i], i) < 0)
                        return -errno;
        return 0;
}

/* Closes everything but stdio and these two. */
static int close_others(int a, int b) {
        unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

        if (low > STDERR_FILENO + 1 && close_range(STDERR_FILENO + 1, low - 1, 0) < 0)
                return -errno;
        if (high > low + 1 && close_range(low + 1, high - 1, 0) < 0)
                return -errno;
        return close_range(high + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* A session of its own, so that a signal for the execution is one for a process group that nobody
 * else is in; and its streams and their name. */
static int prepare(const Child *c) {
        int r;

        if (setsid() < 0)
                return -errno;
        r = take_stdio(c->stdio);
        if (r < 0)
                return r;
        if (c->has_terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
                return -errno;
        if (c->has_code) {
                r = code_link_streams(c->code_dir_fd, c->exec, getpid());
                if (r < 0)
                        return r;
        }
        return close_others(c->channel_fd, c->go_fd);
}

static int announce(const Child *c) {
        GuestFrame f;
        int r;

        guest_frame_init(&f, GUEST_FRAME_CHILD, c->exec);
        while ((r = channel_send(c->channel_fd, &f)) == -EAGAIN) {
                struct pollfd p = { .fd = c->channel_fd, .events = POLLOUT };

                if (poll(&p, 1, -1) < 0 && errno != EINTR)
                        return -errno;
        }
        return r;
}

static int wait_to_go(const Child *c) {
        uint64_t n;

        return read(c->go_fd, &n, sizeof(n)) == sizeof(n) ? 0 : -errno;
}

/* Default dispositions and an empty mask, as a program expects them. */
static int reset_signals(void) {
        struct sigaction sa = { .sa_handler = SIG_DFL };
        sigset_t empty;

        for (int i = 1; i < NSIG; i++)
                (void)sigaction(i, &sa, NULL); /* refused for KILL, STOP and libc's own two */
        (void)sigemptyset(&empty);
        return sigprocmask(SIG_SETMASK, &empty, NULL) < 0 ? -errno : 0;
}

static int raise_oom_score(void) {
        _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return fd_write_all(fd, OOM_SCORE_OF_CODE, strlen(OOM_SCORE_OF_CODE));
}

/* No core file, and no core handler either: a handler in core_pattern would run as root on the host
 * and read this program's memory. It is skipped at a limit of exactly one byte, not at zero, and no
 * file is written at that size. Where the container came with zero, zero it stays. */
static int forbid_cores(void) {
        struct rlimit one = { 1, 1 }, zero = { 0, 0 };

        if (setrlimit(RLIMIT_CORE, &one) < 0 && setrlimit(RLIMIT_CORE, &zero) < 0)
                return -errno;
        return 0;
}

static int drop_rights(uid_t uid, gid_t gid) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

        /* The bounding set needs CAP_SETPCAP, which the container may not give; with no_new_privs
         * and no capability left, what stays in it cannot be had. */
        for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
                (void)prctl(PR_CAPBSET_DROP, cap);

        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
                return -errno;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return -errno;
        if (syscall(SYS_capset, &header, none) < 0)
                return -errno;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int give_up(const Child *c) {
        int r;

        r = raise_oom_score();
        if (r < 0)
                return r;
        r = forbid_cores();
        if (r < 0)
                return r;
        r = drop_rights(c->uid, c->gid);
        if (r < 0)
                return r;
        (void)umask(022);
        if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
                return -errno;
        r = reset_signals();
        if (r < 0)
                return r;
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, c->filter, 0, 0) < 0 ? -errno : 0;
}

/* One line on the program's own stderr, like a shell's. */
static void say_cannot(const char *what, const char *object, int error) {
        char name[SHOWN_NAME_SIZE];
        size_t n = strnlen(object, sizeof(name) - 1);

        for (size_t i = 0; i < n; i++)
                name[i] = (unsigned char)object[i] < 0x20 || object[i] == 0x7f ? '?' : object[i];
        name[n] = 0;
        (void)dprintf(STDERR_FILENO, "cloche: cannot %s '%s': %s\n", what, name, strerror(error));
}

void child_run(const Child *c) {
        int r;

        r = prepare(c);
        if (r == 0)
                r = announce(c);
        if (r == 0)
                r = wait_to_go(c);
        if (r == 0) {
                environ = payload_merge_env(environ, c->payload->env);
                r = environ ? give_up(c) : -ENOMEM;
        }
        if (r < 0) {
                *c->reterr_failed = -r;
                _exit(126);
        }

        if (c->payload->cwd && chdir(c->payload->cwd) < 0) { /* with the code's rights */
                say_cannot("enter", c->payload->cwd, errno);
                _exit(126);
        }
        execvp(c->payload->argv[0], c->payload->argv); /* PATH is the program's, as merged */
        r = errno;
        say_cannot("run", c->payload->argv[0], r);
        _exit(r == ENOENT ? 127 : 126);
}

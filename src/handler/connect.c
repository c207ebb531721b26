/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche-connect: what OpenFile= does for the handler in the system manager, for a user's manager,
 * where OpenFile= cannot name a path below the user's runtime directory (it expands no specifiers).
 * It connects to the launcher and to journald, adds both to the descriptors that systemd passed,
 * takes away from itself the system calls by which anything could be reached, and becomes the
 * handler. It reads nothing of a client. */

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "basic/cleanup.h"
#include "basic/log.h"

static int connect_to(const char *path, int type) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, type, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* The calls that cloche@.service denies in the system manager and that were still needed here. */
static int deny_sockets(void) {
        static const int calls[] = {
                SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
                SCMP_SYS(listen), SCMP_SYS(accept),     SCMP_SYS(accept4),
        };
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r = filter ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(calls); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
        if (r == 0)
                r = seccomp_load(filter);
        if (filter)
                seccomp_release(filter);
        return r;
}

int main(int argc, char *argv[]) {
        char text[16];
        int n, fd, r;

        if (argc < 4) {
                fprintf(stderr,
                        "cloche-connect LAUNCHER-SOCKET JOURNAL-SOCKET PROGRAM [ARGUMENT…]\n");
                return EXIT_FAILURE;
        }
        n = sd_listen_fds(0);
        if (n < 0) {
                log_error(n, "Cannot take the passed descriptors");
                return EXIT_FAILURE;
        }
        for (int i = 1; i <= 2; i++) {
                fd = connect_to(argv[i], i == 1 ? SOCK_SEQPACKET : SOCK_DGRAM);
                if (fd < 0) {
                        log_warning(fd, "Cannot connect to %s, going on without", argv[i]);
                        continue;
                }
                r = fd == SD_LISTEN_FDS_START + n ? fd : dup2(fd, SD_LISTEN_FDS_START + n);
                if (r < 0) {
                        log_error(errno, "Cannot place a descriptor");
                        return EXIT_FAILURE;
                }
                if (r != fd)
                        close_fd(fd);
                n++;
        }
        (void)snprintf(text, sizeof(text), "%d", n);
        if (setenv("LISTEN_FDS", text, 1) < 0 || unsetenv("LISTEN_FDNAMES") < 0) {
                log_error(errno, "Cannot set the environment");
                return EXIT_FAILURE;
        }
        /* sd_listen_fds() has made them close on exec, and here is one that must not */
        for (int i = SD_LISTEN_FDS_START; i < SD_LISTEN_FDS_START + n; i++)
                if (fcntl(i, F_SETFD, 0) < 0) {
                        log_error(errno, "Cannot pass a descriptor on");
                        return EXIT_FAILURE;
                }
        r = deny_sockets();
        if (r < 0) {
                log_error(r, "Cannot give up the making of sockets");
                return EXIT_FAILURE;
        }
        (void)execv(argv[3], argv + 3);
        log_error(errno, "Cannot run %s", argv[3]);
        return EXIT_FAILURE;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* By type and not by name or number: with StandardInput=socket systemd passes the client as 0 and
 * counts the others wrong in LISTEN_FDS, and before version 257 a connection cannot be named. So
 * the places where a passed descriptor can be are looked at, a few more than should be in use. */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "handler/passed.h"

#define PLACES_MAX 8

/* The type of a unix socket, or -errno for anything else. */
static int socket_type(int fd) {
        int domain, type;
        socklen_t size = sizeof(domain);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
                return -errno;
        if (domain != AF_UNIX)
                return -EAFNOSUPPORT;
        size = sizeof(type);
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
                return -errno;
        return type;
}

static void look_at(int fd, HandlerFds *found) {
        int type = socket_type(fd);
        int *place = type == SOCK_STREAM      ? &found->client
                     : type == SOCK_SEQPACKET ? &found->launcher
                     : type == SOCK_DGRAM     ? &found->journal
                                              : NULL;

        if (!place || *place >= 0)
                return;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) >= 0)
                *place = fd;
}

int passed_find(HandlerFds *ret) {
        HandlerFds found = { .client = -EBADF, .launcher = -EBADF, .journal = -EBADF };

        (void)sd_listen_fds(/* unset_environment= */ true);
        for (int i = 0; i < PLACES_MAX; i++)
                look_at(SD_LISTEN_FDS_START + i, &found);
        if (found.client < 0)
                look_at(STDIN_FILENO, &found);
        if (found.client < 0)
                return -ENOTCONN;
        *ret = found;
        return 0;
}

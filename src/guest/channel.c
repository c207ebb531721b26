/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The channel is the guest's lifeline. It is connected once, to a socket that the launcher made for
 * this sandbox alone and stops listening on as soon as we are through; it is close-on-exec and
 * closed again in every child, so that its end means that the host let go, and nothing else keeps
 * it open.
 *
 * The host is trusted, yet a frame that is not one ends the guest: then host and guest are not of
 * the same build, or something else is talking, and there is nobody to complain to. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "guest/channel.h"

int channel_connect(const char *path) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path));

        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static size_t count_fds(GuestFrameType type) {
        switch (type) {
        case GUEST_FRAME_SETUP:
        case GUEST_FRAME_CODE:
                return 1;
        case GUEST_FRAME_START:
                return 4;
        case GUEST_FRAME_GO:
        case GUEST_FRAME_SIGNAL:
        case GUEST_FRAME_RESIZE:
        case GUEST_FRAME_READY:
        case GUEST_FRAME_CHILD:
        case GUEST_FRAME_WRITTEN:
        case GUEST_FRAME_EXITED:
        case GUEST_FRAME_INVALID:
        case _GUEST_FRAME_TYPE_MAX:
        default:
                return 0;
        }
}

int channel_receive(int fd, GuestFrame *ret, int ret_fds[static DATAGRAM_FDS_MAX]) {
        char datagram[GUEST_FRAME_SIZE_MAX];
        int fds[DATAGRAM_FDS_MAX];
        size_t n_fds;
        ssize_t n;
        int r;

        n = fd_receive(fd, datagram, sizeof(datagram), fds, DATAGRAM_FDS_MAX, &n_fds);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        if (n < 0)
                return (int)n;
        if (n == 0)
                return -ECONNRESET;

        r = guest_frame_parse(datagram, (size_t)n, GUEST_FROM_HOST, ret);
        if (r == 0 && n_fds != count_fds((GuestFrameType)ret->header.type))
                r = -EBADMSG;
        if (r < 0) {
                for (size_t i = 0; i < n_fds; i++)
                        close_fd(fds[i]);
                return r;
        }
        memcpy(ret_fds, fds, sizeof(fds));
        return 1;
}

int channel_send(int fd, const GuestFrame *frame) {
        return fd_send(fd, frame, guest_frame_size((GuestFrameType)frame->header.type), NULL, 0);
}

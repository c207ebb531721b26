/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may lie: whoever connects. The peer's pid is the kernel's word (SO_PEERCRED, taken at
 * connect), and the pidfd and the cgroup that it leads to are of one process. Were that another one,
 * which got the number meanwhile, it would still have to be in a cgroup that holds the guest alone.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "launcher/cgroup.h"
#include "launcher/channel.h"
#include "wire/guest-frame.h"

int channel_listen(const char *path) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);

        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        if (chmod(path, 0666) < 0 || listen(fd, 1) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Returns a pidfd of the peer, -EACCES when it is not in the cgroup, or -errno. */
static int check_peer(int fd, const char *cgroup, pid_t *ret_pid) {
        _cleanup_close_ int pidfd = -EBADF;
        _cleanup_free_ char *path = NULL;
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.pid <= 0)
                return -EACCES;
        pidfd = cgroup_open_process(peer.pid, &path);
        if (pidfd < 0 || strcmp(cgroup, path) != 0)
                return -EACCES;
        *ret_pid = peer.pid;
        return TAKE_FD(pidfd);
}

int channel_accept(int listener_fd, const char *cgroup, int seccomp_fd, int *ret_pidfd,
                   pid_t *ret_pid) {
        _cleanup_close_ int fd = -EBADF, pidfd = -EBADF;
        GuestFrame frame;
        int r;

        fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return -errno;
        pidfd = check_peer(fd, cgroup, ret_pid);
        if (pidfd < 0)
                return pidfd;

        guest_frame_init(&frame, GUEST_FRAME_SETUP, 0);
        frame.setup.code_uid = GUEST_CODE_UID;
        frame.setup.code_gid = GUEST_CODE_UID;
        r = fd_send(fd, &frame, sizeof(frame.setup), &seccomp_fd, 1);
        if (r < 0)
                return r;

        *ret_pidfd = TAKE_FD(pidfd);
        return TAKE_FD(fd);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A peer can attach descriptors to any datagram, wanted or not. recvmsg() installs as many as the
 * control buffer has room for, padding included, so the only safe receiver is one that walks every
 * control message, keeps what it asked for and closes the rest. That receiver is here, once. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"

#define FD_PIPE_SIZE    (256 * 1024) /* asked for; the kernel may allow less */
#define READ_SIZE_FIRST 4096         /* doubled as more comes */

#define MEMFD_NOEXEC_SEAL 0x0008U /* MFD_NOEXEC_SEAL, which older headers lack */

int fd_send(int socket_fd, const void *data, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr align;
                char buffer[CMSG_SPACE(sizeof(int) * DATAGRAM_FDS_MAX)];
        } control;
        struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
        struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > DATAGRAM_FDS_MAX)
                return -EINVAL;

        if (n_fds > 0) {
                struct cmsghdr *cmsg;

                memset(&control, 0, sizeof(control));
                mh.msg_control = &control;
                mh.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                cmsg = CMSG_FIRSTHDR(&mh);
                cmsg->cmsg_level = SOL_SOCKET;
                cmsg->cmsg_type = SCM_RIGHTS;
                cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
        }

        if (sendmsg(socket_fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                return -errno;
        return 0;
}

/* Keeps what descriptors it may and closes the rest. True when there was a rest. */
static bool keep_fds(const struct cmsghdr *c, int *kept, size_t max, size_t *n_kept) {
        size_t n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        bool excess = false;

        for (size_t i = 0; i < n_fds; i++) {
                int fd;

                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                if (*n_kept < max)
                        kept[(*n_kept)++] = fd;
                else {
                        close_fd(fd);
                        excess = true;
                }
        }
        return excess;
}

static ssize_t receive(int socket_fd, void *data, size_t size, int *kept, size_t max_fds,
                       size_t *n_kept, pid_t *ret_pid) {
        union {
                struct cmsghdr align;
                char buffer[CMSG_SPACE(sizeof(int) * DATAGRAM_FDS_MAX) +
                            CMSG_SPACE(sizeof(struct ucred))];
        } control;
        struct iovec iov = { .iov_base = data, .iov_len = size };
        struct msghdr mh = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        struct ucred sender = {};
        bool excess = false;
        ssize_t n;

        n = recvmsg(socket_fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_RIGHTS)
                        excess |= keep_fds(c, kept, max_fds, n_kept);
                else if (c->cmsg_type == SCM_CREDENTIALS)
                        memcpy(&sender, CMSG_DATA(c), sizeof(sender));
        }

        /* an empty datagram looks like the end; with descriptors it is not the end */
        if (excess || (n == 0 && *n_kept > 0) || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                for (size_t i = 0; i < *n_kept; i++)
                        close_fd(kept[i]);
                return -EBADMSG;
        }
        *ret_pid = sender.pid;
        return n;
}

ssize_t fd_receive(int socket_fd, void *data, size_t size, int *ret_fds, size_t max_fds,
                   size_t *ret_n_fds) {
        int kept[DATAGRAM_FDS_MAX];
        size_t n_kept = 0;
        pid_t sender;
        ssize_t n;

        if (max_fds > DATAGRAM_FDS_MAX)
                return -EINVAL;
        n = receive(socket_fd, data, size, kept, max_fds, &n_kept, &sender);
        if (n < 0)
                return n;
        for (size_t i = 0; i < max_fds; i++)
                ret_fds[i] = i < n_kept ? kept[i] : -EBADF;
        if (ret_n_fds)
                *ret_n_fds = n_kept;
        return n;
}

ssize_t fd_receive_from(int socket_fd, void *data, size_t size, pid_t *ret_pid) {
        int none[DATAGRAM_FDS_MAX];
        size_t n_none = 0;

        return receive(socket_fd, data, size, none, 0, &n_none, ret_pid);
}

int fd_read_all(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size = 0, room = 0;

        for (;;) {
                ssize_t n;

                if (size == room) {
                        size_t more = room == 0 ? READ_SIZE_FIRST : room;
                        char *grown;

                        room += more < max + 1 - room ? more : max + 1 - room;
                        grown = realloc(data, room + 1);
                        if (!grown)
                                return -ENOMEM;
                        data = grown;
                }
                n = read(fd, data + size, room - size);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                size += (size_t)n;
                if (size > max)
                        return -EFBIG;
        }
        data[size] = 0;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int fd_write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        return -EIO;
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

/* Returns 0 with both ends, or -errno. The program's is fds[program]. */
static int new_pipe(int fds[static 2], int program, mode_t mode) {
        int r = 0;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        /* it belongs to our uid, and the program has another */
        if (fchmod(fds[program], mode) < 0)
                r = -errno;
        if (r >= 0)
                r = fd_set_nonblock(fds[!program], true);
        if (r < 0) {
                close_fd(fds[0]);
                close_fd(fds[1]);
        }
        return r;
}

int fd_new_input(int *ret_program, int *ret_ours) {
        int fds[2], r;

        r = new_pipe(fds, 0, 0644);
        if (r < 0)
                return r;
        *ret_program = fds[0];
        *ret_ours = fds[1];
        return 0;
}

int fd_new_output(int *ret_program, int *ret_ours) {
        int fds[2], r;

        r = new_pipe(fds, 1, 0622);
        if (r < 0)
                return r;
        (void)fcntl(fds[0], F_SETPIPE_SZ, FD_PIPE_SIZE);
        *ret_program = fds[1];
        *ret_ours = fds[0];
        return 0;
}

int fd_new_sealed(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0 && errno == EACCES) /* vm.memfd_noexec=2: only what can never be executed */
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MEMFD_NOEXEC_SEAL);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, data, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int fd_set_nonblock(int fd, int on) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
                return -errno;
        flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
        return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

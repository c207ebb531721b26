/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How host and guest find each other: a listening socket per sandbox, bind-mounted into the
 * container as one file. It takes one connection, from a process in the sandbox's own cgroup, and
 * is closed. */

#include <sys/types.h>

/* Makes and listens on a seqpacket socket at path, which any mapped uid may connect to (its
 * directory is private; only the bind mount makes it reachable). Returns the descriptor or -errno.
 */
int channel_listen(const char *path);

/* Accepts the guest: checks that the peer lives in cgroup ("/…/cloche-<id>.scope/libpod-…") and in
 * none below it, sends it SETUP with the seccomp program and the uid of the code. ret_pidfd gets a
 * pidfd of the guest, ret_pid its number. Returns the connection, -EAGAIN when nobody is there,
 * -EACCES when the peer is somebody else (it is then disconnected; keep listening), or -errno. */
int channel_accept(int listener_fd, const char *cgroup, int seccomp_fd, int *ret_pidfd,
                   pid_t *ret_pid);

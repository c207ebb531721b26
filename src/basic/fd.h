/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors that travel: seqpacket datagrams with descriptors attached, and sealed memfds.
 * Nothing but libc: the guest links this too. Every descriptor made here is O_CLOEXEC. */

#include <stddef.h>
#include <sys/types.h>

/* Sends one datagram with n_fds descriptors (0…DATAGRAM_FDS_MAX) without blocking. The caller keeps
 * its own descriptors. Returns 0 or -errno: -EAGAIN when the peer's queue is full, -EPIPE and
 * -ECONNRESET when the peer is gone. */
int fd_send(int socket_fd, const void *data, size_t size, const int *fds, size_t n_fds);

/* Receives one datagram without blocking. Up to max_fds (0…DATAGRAM_FDS_MAX) descriptors are stored
 * and owned by the caller; unused places become -EBADF. Whatever else was attached is closed, and
 * then the result is -EBADMSG, as for a datagram longer than size. Returns the length, 0 at the end
 * of the connection (or for an empty datagram without descriptors), -EAGAIN when nothing is there,
 * or -errno. */
ssize_t fd_receive(int socket_fd, void *data, size_t size, int *ret_fds, size_t max_fds,
                   size_t *ret_n_fds);

/* The same for a socket with SO_PASSCRED that takes no descriptors: *ret_pid is who sent it, as the
 * kernel says, in our pid namespace; 0 when that has no number for it. */
ssize_t fd_receive_from(int socket_fd, void *data, size_t size, pid_t *ret_pid);

/* A pipe to a program, and one from it: *ret_ours does not block (the two ends are two open file
 * descriptions), *ret_program does, as programs expect,
 * and a program of another uid may open it anew by name, as a shell does for "> /dev/stderr". Return 0 or
 * -errno. */
int fd_new_input(int *ret_program, int *ret_ours);
int fd_new_output(int *ret_program, int *ret_ours);

/* A sealed memfd that holds these bytes, readable from its start. name shows in /proc only.
 * Returns the descriptor or -errno. */
int fd_new_sealed(const char *name, const void *data, size_t size);

/* Reads a blocking descriptor to its end. Returns 0 with the bytes (the caller frees them; a NUL that
 * *ret_size does not count stands behind them), -EFBIG when there are more than max, or -errno. */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_size);

/* Writes all bytes to a blocking descriptor. Returns 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t size);

/* Sets or clears O_NONBLOCK. Returns 0 or -errno. */
int fd_set_nonblock(int fd, int on);

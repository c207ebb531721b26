/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The guest's end of the sandbox's socket: whole frames with exactly the descriptors they come
 * with, or the end. Nothing blocks except the one connect. */

#include "basic/limits.h"
#include "wire/guest-frame.h"

/* Connects to the host. Returns the descriptor (the caller's) or -errno. */
int channel_connect(const char *path);

/* Takes one frame from the host. ret_fds gets the descriptors its type comes with, which the caller
 * owns: one for SETUP and for CODE, four for START; the other places are -EBADF. Returns 1; 0 when nothing is
 * there; -ECONNRESET at the end of the connection; -EBADMSG for anything else than a frame. */
int channel_receive(int fd, GuestFrame *ret, int ret_fds[static DATAGRAM_FDS_MAX]);

/* Sends one frame. Returns 0, -EAGAIN when the host's queue is full, or -errno when it is gone. */
int channel_send(int fd, const GuestFrame *frame);

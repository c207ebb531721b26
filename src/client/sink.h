/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where one stream of a program's output goes: to a descriptor as fast as that takes it, or kept.
 * What the descriptor does not take yet waits here, so that a reader who pauses (a pager, a
 * stopped terminal) does not look to the service like a client that is gone; SINK_PENDING_MAX says
 * how much, then the service has to wait. */

#include <stdbool.h>

#include "basic/buffer.h"
#include "basic/limits.h"

#define SINK_PENDING_MAX PROFILE_OUTPUT_DEFAULT

typedef struct Sink {
        int fd; /* borrowed; -EBADF: keep everything in pending */
        Buffer pending;
        int error; /* 0, or -errno: what the reader's end said. Then output is dropped */
} Sink;

void sink_done(Sink *s);

/* Returns 0 or -ENOMEM. */
int sink_add(Sink *s, const void *data, size_t size);

/* More is pending than should be. */
bool sink_is_full(const Sink *s);

/* There is something left to write. */
bool sink_is_busy(const Sink *s);

/* What to poll fd for: POLLOUT, or 0, which still tells that the reader is gone. */
short sink_events(const Sink *s);

/* Goes on after poll() said revents; never blocks for long. Sets error when the reader is gone or a
 * write fails. */
void sink_dispatch(Sink *s, short revents);

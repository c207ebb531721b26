/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* stdout and stderr are shared with other processes, so O_NONBLOCK, which belongs to the open file
 * and not to us, stays as it is. Instead no write is larger than what a pipe that poll() calls
 * writable takes at once: PIPE_BUF bytes. A file takes anything at any time. A terminal may block,
 * until its user lets it go on or interrupts, and either ends the wait. */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "client/sink.h"

void sink_done(Sink *s) {
        buffer_done(&s->pending);
}

int sink_add(Sink *s, const void *data, size_t size) {
        return s->error < 0 ? 0 : buffer_append(&s->pending, data, size);
}

bool sink_is_full(const Sink *s) {
        return s->fd >= 0 && s->pending.size >= SINK_PENDING_MAX;
}

bool sink_is_busy(const Sink *s) {
        return s->fd >= 0 && s->pending.size > 0;
}

short sink_events(const Sink *s) {
        return sink_is_busy(s) ? POLLOUT : 0;
}

static void fail(Sink *s, int error) {
        s->error = error;
        buffer_done(&s->pending);
}

void sink_dispatch(Sink *s, short revents) {
        size_t size = s->pending.size;
        ssize_t n;

        if (s->error < 0)
                return;
        if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
                fail(s, -EPIPE);
                return;
        }
        if (!(revents & POLLOUT) || size == 0)
                return;

        n = write(s->fd, buffer_data(&s->pending), size < PIPE_BUF ? size : PIPE_BUF);
        if (n >= 0)
                buffer_consume(&s->pending, (size_t)n);
        else if (errno != EINTR && errno != EAGAIN)
                fail(s, -errno);
}

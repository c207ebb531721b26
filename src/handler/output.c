/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nothing is read that cannot be sent: while the client's queue is full, the pipe stays full, and
 * the program waits in its write(). At most one piece is in memory. */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "handler/output.h"

struct Output {
        int fd;
        sd_event_source *io;
        const OutputEvents *events;
        void *userdata;
        bool ended;
        size_t n_kept; /* bytes of an incomplete character at the front of data */
        char data[OUTPUT_CHUNK_MAX];
};

Output *output_free(Output *o) {
        if (!o)
                return NULL;
        sd_event_source_disable_unref(o->io);
        close_fd(o->fd);
        free(o);
        return NULL;
}
DEFINE_CLEANUP(Output, output_free)

size_t output_cut_piece(const char *data, size_t size, bool at_end, bool *ret_is_text) {
        size_t tail = utf8_incomplete_tail(data, size);

        if (utf8_is_valid(data, size - tail) && !memchr(data, 0, size)) {
                if (tail == 0 || !at_end || tail < size) {
                        *ret_is_text = true;
                        return size - tail;
                }
        }
        *ret_is_text = false;
        return size;
}

/* Passes on what is in memory, as far as it is whole. */
static void send_pieces(Output *o, size_t size, bool at_end) {
        size_t begin = 0;

        while (begin < size) {
                bool is_text;
                size_t n = output_cut_piece(o->data + begin, size - begin, at_end, &is_text);

                if (n == 0)
                        break;
                o->events->on_piece(o->data + begin, n, is_text, o->userdata);
                begin += n;
        }
        o->n_kept = size - begin;
        memmove(o->data, o->data + begin, o->n_kept);
}

static void end(Output *o) {
        o->ended = true;
        o->io = sd_event_source_disable_unref(o->io);
        o->fd = close_fd(o->fd);
        o->events->on_end(o->userdata);
}

static int on_io(sd_event_source *source, int fd _unused_, uint32_t revents _unused_,
                 void *userdata) {
        Output *o = userdata;
        size_t kept, allowed;
        ssize_t n;

        if (!o->events->may_read(o->userdata))
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);

        n = read(o->fd, o->data + o->n_kept, sizeof(o->data) - o->n_kept);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                send_pieces(o, o->n_kept, /* at_end= */ true);
                end(o);
                return 0;
        }

        kept = o->n_kept;
        allowed = o->events->on_read((size_t)n, o->userdata);
        send_pieces(o, kept + allowed, /* at_end= */ allowed < (size_t)n);
        if (allowed < (size_t)n)
                end(o);
        return 0;
}

void output_look(Output *o) {
        (void)on_io(o->io, o->fd, EPOLLIN, o);
}

int output_attach(Output **ret, sd_event *event, const OutputEvents *events, void *userdata,
                  int fd) {
        _cleanup_(output_freep) Output *o = NULL;
        int r;

        o = calloc(1, sizeof(*o));
        if (!o) {
                close_fd(fd);
                return -ENOMEM;
        }
        o->fd = fd;
        o->events = events;
        o->userdata = userdata;
        r = sd_event_add_io(event, &o->io, o->fd, EPOLLIN, on_io, o);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

int output_new(Output **ret, sd_event *event, const OutputEvents *events, void *userdata,
               int *ret_program_fd) {
        _cleanup_close_ int program_fd = -EBADF;
        int fd, r;

        r = fd_new_output(&program_fd, &fd);
        if (r < 0)
                return r;
        r = output_attach(ret, event, events, userdata, fd);
        if (r < 0)
                return r;
        *ret_program_fd = TAKE_FD(program_fd);
        return 0;
}

bool output_is_ended(const Output *o) {
        return o->ended;
}

void output_resume(Output *o) {
        if (o->io)
                (void)sd_event_source_set_enabled(o->io, SD_EVENT_ON);
}

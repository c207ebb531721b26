/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The queue is bounded by refusing, not by waiting: the client is told when there is room again. A
 * program that closes its stdin without reading is no fault; EPIPE only means that nobody wants the
 * rest. */

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "handler/input.h"

struct Input {
        sd_event *event;
        int fd; /* -EBADF before there is a pipe, and once it is closed */
        sd_event_source *io;
        input_room_t on_room;
        void *userdata;
        Buffer queue;
        size_t *total;    /* of all inputs … */
        size_t n_counted; /* … and what of it is ours */
        bool finished;    /* the client has sent all */
        bool closed;      /* the program takes no more */
};

/* To be called whenever the queue has changed. */
static void count(Input *i) {
        *i->total += i->queue.size;
        *i->total -= i->n_counted;
        i->n_counted = i->queue.size;
}

Input *input_free(Input *i) {
        if (!i)
                return NULL;
        sd_event_source_disable_unref(i->io);
        close_fd(i->fd);
        buffer_done(&i->queue);
        count(i);
        free(i);
        return NULL;
}

int input_new(Input **ret, sd_event *event, size_t *total, input_room_t on_room, void *userdata) {
        Input *i = calloc(1, sizeof(*i));

        if (!i)
                return -ENOMEM;
        *i = (Input){
                .event = event,
                .fd = -EBADF,
                .total = total,
                .on_room = on_room,
                .userdata = userdata,
        };
        *ret = i;
        return 0;
}

static void close_pipe(Input *i) {
        i->io = sd_event_source_disable_unref(i->io);
        i->fd = close_fd(i->fd);
}

void input_close(Input *i) {
        close_pipe(i);
        buffer_done(&i->queue);
        count(i);
        i->closed = true;
}

/* Waits for the pipe while there is something to write; closes it when all is written. */
static int update(Input *i) {
        if (i->fd < 0)
                return 0;
        if (i->queue.size == 0 && i->finished) {
                close_pipe(i);
                return 0;
        }
        return sd_event_source_set_io_events(i->io, i->queue.size > 0 ? EPOLLOUT : 0);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t revents,
                 void *userdata) {
        Input *i = userdata;
        bool had_room = input_has_room(i);
        ssize_t n = 0;
        int r;

        if (i->queue.size > 0)
                n = write(i->fd, buffer_data(&i->queue), i->queue.size);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0 || revents & EPOLLERR) { /* nobody can read it any more */
                input_close(i);
                i->on_room(i->userdata);
                return 0;
        }
        buffer_consume(&i->queue, (size_t)n);
        count(i);
        r = update(i);
        if (r < 0)
                return sd_event_exit(i->event, r);
        if (!had_room && input_has_room(i))
                i->on_room(i->userdata);
        return 0;
}

int input_attach(Input *i, int fd) {
        int r;

        i->fd = fd;
        r = sd_event_add_io(i->event, &i->io, i->fd, 0, on_io, i);
        return r < 0 ? r : update(i);
}

int input_open(Input *i, int *ret_program_fd) {
        _cleanup_close_ int program_fd = -EBADF;
        int fd, r;

        r = fd_new_input(&program_fd, &fd);
        if (r < 0)
                return r;
        r = input_attach(i, fd);
        if (r < 0)
                return r;
        *ret_program_fd = TAKE_FD(program_fd);
        return 0;
}

/* Without a turn of the loop. A program that takes no more shows later. */
static void write_now(Input *i) {
        ssize_t n = write(i->fd, buffer_data(&i->queue), i->queue.size);

        if (n > 0)
                buffer_consume(&i->queue, (size_t)n);
}

int input_add(Input *i, const void *data, size_t size) {
        bool was_empty = i->queue.size == 0;
        int r;

        if (i->finished || i->closed)
                return INPUT_E_CLOSED;
        if (size > STDIN_BUFFER_MAX - i->queue.size || size > STDIN_BUFFERS_MAX - *i->total)
                return INPUT_E_FULL;
        r = buffer_append(&i->queue, data, size);
        if (r < 0)
                return r;
        if (was_empty && i->fd >= 0)
                write_now(i);
        count(i);
        return update(i);
}

int input_finish(Input *i) {
        i->finished = true;
        return update(i);
}

bool input_has_room(const Input *i) {
        return i->queue.size <= STDIN_BUFFER_MAX / 2;
}

bool input_is_finished(const Input *i) {
        return i->finished;
}

bool input_is_closed(const Input *i) {
        return i->closed;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory is bounded on both ways. In: the reader holds one line and one read, and the socket is
 * only read while the queue out has room, so answers cannot pile up. Out: whoever sends unasked
 * looks at connection_is_congested() first, so the queue stays near CLIENT_BUFFER_MAX.
 *
 * Time is bounded too: for the first line, for each line that has begun, and for a client that
 * takes no byte of what waits for it. A client that is idle between requests may stay.
 *
 * The socket is read with read(): descriptors that a client attaches are then dropped by the
 * kernel, where recvmsg() would install them. A client that shuts down its sending side is still
 * answered; one that is gone altogether (EPOLLHUP) is not. */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/fd.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/connection.h"
#include "handler/timer.h"
#include "wire/line.h"

#define READ_SIZE (64 * 1024)

struct Connection {
        sd_event *event;
        int fd;
        const ConnectionEvents *events;
        void *userdata;
        sd_event_source *io;
        sd_event_source *read_timer;
        sd_event_source *write_timer;
        sd_event_source *hold_timer;

        LineReader reader;
        Buffer output;
        bool begun;
        bool had_line;
        bool in_line;  /* the read timer runs for a line */
        bool at_end;   /* the client sends no more … */
        bool end_told; /* … and our owner knows */
        bool finishing;
        bool congested;
        bool held;
        bool gone;
};

Connection *connection_free(Connection *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->read_timer);
        sd_event_source_disable_unref(c->write_timer);
        sd_event_source_disable_unref(c->hold_timer);
        line_reader_done(&c->reader);
        buffer_done(&c->output);
        close_fd(c->fd);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Connection, connection_free)

static bool may_read(const Connection *c) {
        return c->begun && !c->finishing && !c->congested && !c->held && !c->gone;
}

static int update_events(Connection *c) {
        uint32_t events = 0;

        if (may_read(c) && !c->at_end)
                events |= EPOLLIN;
        if (c->output.size > 0 && !c->gone)
                events |= EPOLLOUT;
        return sd_event_source_set_io_events(c->io, events);
}

static void give_up(Connection *c) {
        if (c->gone)
                return;
        c->gone = true;
        timer_clear(c->read_timer);
        timer_clear(c->write_timer);
        timer_clear(c->hold_timer);
        (void)sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
        c->events->on_gone(c->userdata);
}

static void fault(Connection *c, ConnectionFault which) {
        timer_clear(c->read_timer);
        c->events->on_fault(which, c->userdata);
}

static int on_read_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                           void *userdata) {
        Connection *c = userdata;

        if (!may_read(c)) /* it is we who do not read */
                return timer_set(c->event, &c->read_timer, LINE_TIMEOUT_USEC, on_read_timeout, c);
        fault(c, CONNECTION_FAULT_TIMEOUT);
        return update_events(c);
}

/* Starts or stops the time of a line, after the lines that are whole have been handled. */
static int watch_line(Connection *c) {
        bool inside = line_reader_is_inside(&c->reader);

        if (c->finishing || c->at_end || (!inside && c->had_line)) {
                timer_clear(c->read_timer);
                c->in_line = false;
                return 0;
        }
        if (!inside || c->in_line || !c->had_line)
                return 0;
        c->in_line = true;
        return timer_set(c->event, &c->read_timer, LINE_TIMEOUT_USEC, on_read_timeout, c);
}

/* Hands on all lines that are there, as far as the answers have room. */
static int handle_lines(Connection *c) {
        LineFound found = LINE_NONE;

        while (may_read(c)) {
                const char *line;
                size_t size;

                found = line_reader_next(&c->reader, &line, &size);
                if (found != LINE_WHOLE)
                        break;
                c->had_line = true;
                c->in_line = false;
                c->events->on_line(line, size, c->userdata);
        }
        if (may_read(c) && found == LINE_TOO_LONG)
                fault(c, CONNECTION_FAULT_TOO_LONG);
        if (may_read(c) && c->at_end && !c->end_told) {
                c->end_told = true;
                if (line_reader_is_inside(&c->reader))
                        fault(c, CONNECTION_FAULT_UNFINISHED);
                c->events->on_end(c->userdata);
        }
        return watch_line(c);
}

static int on_readable(Connection *c) {
        char *room;
        ssize_t n;
        int r;

        r = line_reader_reserve(&c->reader, READ_SIZE, &room);
        if (r < 0)
                return r;
        n = read(c->fd, room, READ_SIZE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0) {
                give_up(c);
                return 0;
        }
        if (n == 0)
                c->at_end = true;
        line_reader_commit(&c->reader, (size_t)n);
        return handle_lines(c);
}

static int on_write_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                            void *userdata) {
        give_up(userdata);
        return 0;
}

static int on_writable(Connection *c) {
        ssize_t n;
        int r;

        n = write(c->fd, buffer_data(&c->output), c->output.size);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0) {
                give_up(c);
                return 0;
        }
        buffer_consume(&c->output, (size_t)n);
        if (c->output.size == 0)
                timer_clear(c->write_timer);
        else {
                r = timer_set(c->event, &c->write_timer, WRITE_TIMEOUT_USEC, on_write_timeout, c);
                if (r < 0)
                        return r;
        }

        if (c->output.size > 0 && !(c->congested && c->output.size <= CLIENT_BUFFER_MAX / 2))
                return 0;
        c->congested = false;
        c->events->on_room(c->userdata);
        return handle_lines(c);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t revents,
                 void *userdata) {
        Connection *c = userdata;
        int r = 0;

        if (revents & (EPOLLHUP | EPOLLERR)) {
                give_up(c);
                return 0;
        }
        if (revents & EPOLLOUT)
                r = on_writable(c);
        if (r >= 0 && revents & EPOLLIN && may_read(c) && !c->at_end)
                r = on_readable(c);
        if (r >= 0 && !c->gone)
                r = update_events(c);
        return r < 0 ? sd_event_exit(c->event, r) : 0;
}

int connection_new(Connection **ret, sd_event *event, int fd, const ConnectionEvents *events,
                   void *userdata) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_close_ int owned = fd;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Connection){
                .event = event,
                .fd = TAKE_FD(owned),
                .events = events,
                .userdata = userdata,
        };
        r = fd_set_nonblock(c->fd, true);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &c->io, c->fd, 0, on_io, c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

int connection_begin(Connection *c) {
        int r;

        if (c->begun || c->gone)
                return 0;
        c->begun = true;
        r = timer_set(c->event, &c->read_timer, HANDSHAKE_TIMEOUT_USEC, on_read_timeout, c);
        return r < 0 ? r : update_events(c);
}

/* What can go goes without a turn of the loop: somebody waits for it. A client that is gone shows later, where
 * its connection may end. */
static void write_now(Connection *c) {
        ssize_t n = write(c->fd, buffer_data(&c->output), c->output.size);

        if (n > 0)
                buffer_consume(&c->output, (size_t)n);
}

int connection_send(Connection *c, json_object *message) {
        _cleanup_json_ _unused_ json_object *owned = message;
        bool was_empty = c->output.size == 0;
        const char *text;
        size_t size;
        char *room;
        int r;

        if (!message)
                return -ENOMEM;
        if (c->gone || c->finishing)
                return 0;
        text = json_object_to_json_string_length(
                message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!text)
                return -ENOMEM;
        r = buffer_reserve(&c->output, size + 1, &room);
        if (r < 0)
                return r;
        memcpy(room, text, size);
        room[size] = '\n';
        buffer_commit(&c->output, size + 1);

        if (was_empty)
                write_now(c);
        c->congested = c->congested || c->output.size >= CLIENT_BUFFER_MAX;
        if (was_empty && c->output.size > 0) {
                r = timer_set(c->event, &c->write_timer, WRITE_TIMEOUT_USEC, on_write_timeout, c);
                if (r < 0)
                        return r;
        }
        return update_events(c);
}

bool connection_is_congested(const Connection *c) {
        return c->congested;
}

bool connection_is_flushed(const Connection *c) {
        return c->gone || c->output.size == 0;
}

static int on_hold_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                           void *userdata) {
        Connection *c = userdata;
        int r;

        c->held = false;
        r = handle_lines(c);
        if (r >= 0 && !c->gone)
                r = update_events(c);
        return r < 0 ? sd_event_exit(c->event, r) : 0;
}

int connection_hold(Connection *c, uint64_t usec) {
        int r;

        if (c->held || c->gone)
                return 0;
        r = timer_set(c->event, &c->hold_timer, usec, on_hold_timeout, c);
        if (r < 0)
                return r;
        c->held = true;
        return update_events(c);
}

void connection_finish(Connection *c) {
        c->finishing = true;
        timer_clear(c->read_timer);
        if (!c->gone)
                (void)update_events(c);
}

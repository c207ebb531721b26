/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two queues around a non-blocking socket. The one that is read into never holds more than one line
 * and what a single read brought on top of it, because its owner takes the lines out after each
 * connection_fill(). An answer may be longer than a request: it can hold files that a run gives
 * back. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/buffer.h"
#include "basic/fd.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "client/connection.h"

#define READ_SIZE (64 * KIB)

struct Connection {
        int fd;
        Buffer in;
        size_t scanned; /* bytes of in that are known to hold no newline */
        Buffer out;
};

int connection_new(Connection **ret, int fd) {
        _cleanup_close_ int owned = fd;
        Connection *c;
        int r;

        r = fd_set_nonblock(fd, true);
        if (r < 0)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->fd = TAKE_FD(owned);
        *ret = c;
        return 0;
}

Connection *connection_free(Connection *c) {
        if (!c)
                return NULL;
        c->fd = close_fd(c->fd);
        buffer_done(&c->in);
        buffer_done(&c->out);
        free(c);
        return NULL;
}

int connection_fd(const Connection *c) {
        return c->fd;
}

short connection_events(const Connection *c) {
        return c->out.size > 0 ? POLLIN | POLLOUT : POLLIN;
}

static int send_line(Connection *c, json_object *message, size_t max, size_t *reterr_size) {
        const char *text;
        size_t size;
        int r;

        text = json_object_to_json_string_length(
                message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!text)
                return -ENOMEM;
        if (size > max) {
                *reterr_size = size;
                return -E2BIG;
        }
        r = buffer_append(&c->out, text, size);
        if (r < 0)
                return r;
        return buffer_append(&c->out, "\n", 1);
}

int connection_request(Connection *c, uint64_t id, const char *method, json_object *params,
                       size_t *reterr_size) {
        _cleanup_json_ json_object *owned = params, *message = json_object_new_object();
        int r;

        if (!message)
                return -ENOMEM;
        r = json_set_string(message, "jsonrpc", "2.0");
        if (r >= 0)
                r = json_set_uint(message, "id", id);
        if (r >= 0)
                r = json_set_string(message, "method", method);
        if (r >= 0)
                r = json_set(message, "params", TAKE_PTR(owned));
        return r < 0 ? r : send_line(c, message, LINE_SIZE_MAX, reterr_size);
}

int connection_send(Connection *c, json_object *message) {
        size_t size;

        return send_line(c, message, CONNECTION_LINE_MAX, &size);
}

size_t connection_queued(const Connection *c) {
        return c->out.size;
}

int connection_flush(Connection *c) {
        while (c->out.size > 0) {
                ssize_t n = send(c->fd, buffer_data(&c->out), c->out.size, MSG_NOSIGNAL);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        if (errno == EAGAIN)
                                return 0;
                        if (errno != EPIPE && errno != ECONNRESET)
                                return -errno;
                        /* The reason may still be there to be read; reading tells the end. */
                        buffer_done(&c->out);
                        return 0;
                }
                buffer_consume(&c->out, (size_t)n);
        }
        return 0;
}

int connection_fill(Connection *c) {
        char *room;
        ssize_t n;
        int r;

        r = buffer_reserve(&c->in, READ_SIZE, &room);
        if (r < 0)
                return r;
        n = recv(c->fd, room, READ_SIZE, 0);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        buffer_commit(&c->in, (size_t)n);
        return n > 0;
}

int connection_next(Connection *c, json_object **ret) {
        _cleanup_json_ json_object *message = NULL;
        const char *line = buffer_data(&c->in), *end = NULL;
        size_t size;
        int r;

        if (c->in.size > c->scanned)
                end = memchr(line + c->scanned, '\n', c->in.size - c->scanned);
        if (!end) {
                c->scanned = c->in.size;
                return c->in.size > CONNECTION_LINE_MAX ? -EBADMSG : 0;
        }
        size = (size_t)(end - line);
        r = size > CONNECTION_LINE_MAX ? -EBADMSG : json_parse(line, size, &message, NULL);
        buffer_consume(&c->in, size + 1);
        c->scanned = 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !json_object_is_type(message, json_type_object))
                return -EBADMSG;
        *ret = TAKE_PTR(message);
        return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Three requests are answered: _ping, with the API version that the client itself put into its
 * paths; images/pull, with an image that is there already; and containers/create, whose body is the
 * recording. Whatever else a client asks for (a pod to join, a container whose network to share) is
 * an option that no profile may use: it gets 404, and the request is kept as the problem.
 *
 * Trust: the directory is ours alone, so the peer is a program that we started or one of our own
 * user. Connections, heads and bodies are bounded all the same. An answer is short enough for an
 * empty socket's buffer, so it is written at once or not at all. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/json.h"
#include "launcher/http-request.h"
#include "launcher/podman-json.h"
#include "launcher/recorder-socket.h"

#define CONNECTIONS_AT_ONCE 8
#define READ_SIZE           (16 * 1024)
#define ID_ZEROS            "0000000000000000000000000000000000000000000000000000000000000000"

/* answers when a client's paths carry no version; any that it supports will do */
#define VERSION_DEFAULT "5.0.0"

typedef struct Connection {
        RecorderSocket *owner;
        int fd;
        sd_event_source *source;
        Buffer in;
} Connection;

struct RecorderSocket {
        sd_event *event;
        char *path; /* NULL until it is ours to remove */
        int fd;
        sd_event_source *source;
        Connection connections[CONNECTIONS_AT_ONCE];
        json_object *spec;
        int problem;
        char message[256];
};

_printf_(3, 4) static void set_problem(RecorderSocket *s, int error, const char *format, ...) {
        va_list ap;

        if (s->problem < 0)
                return;
        s->problem = error;
        va_start(ap, format);
        (void)vsnprintf(s->message, sizeof(s->message), format, ap);
        va_end(ap);
}

static void connection_close(Connection *c) {
        c->source = sd_event_source_disable_unref(c->source);
        c->fd = close_fd(c->fd);
        buffer_done(&c->in);
}

static int answer(Connection *c, const char *status, const char *version, const char *body) {
        char text[512];
        int n;

        n = snprintf(text, sizeof(text),
                     "HTTP/1.1 %s\r\n"
                     "Content-Type: application/json\r\n"
                     "Content-Length: %zu\r\n"
                     "API-Version: 1.41\r\n"
                     "Libpod-API-Version: %s\r\n"
                     "\r\n"
                     "%s",
                     status, strlen(body), version, body);
        if (n < 0 || (size_t)n >= sizeof(text) ||
            send(c->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
                return -EPROTO;
        return 0;
}

static int record(RecorderSocket *s, const HttpRequest *r) {
        int error;

        if (s->spec) {
                set_problem(s, -EPROTO, "Podman's client asked for two containers");
                return -EPROTO;
        }
        error = podman_json_parse(r->body, r->body_size, &s->spec);
        if (error < 0)
                set_problem(s, error, "Podman's client sent a container that is not valid JSON");
        return error;
}

/* Splits "/v5.4.2/libpod/rest" into version and rest; without a version all of it is the rest. */
static void split_target(const HttpRequest *r, char version[static 16], const char **ret_rest,
                         size_t *ret_size) {
        const char *slash;
        size_t n;

        memcpy(version, VERSION_DEFAULT, sizeof(VERSION_DEFAULT));
        *ret_rest = r->target;
        *ret_size = r->target_size;
        slash = r->target_size > 2 ? memchr(r->target + 1, '/', r->target_size - 1) : NULL;
        if (!slash || r->target[1] != 'v')
                return;
        n = (size_t)(slash - r->target) - 2;
        for (size_t i = 0; i < n; i++)
                if (!strchr("0123456789.", r->target[2 + i]))
                        return;
        if (n == 0 || n >= 16)
                return;
        memcpy(version, r->target + 2, n);
        version[n] = 0;
        *ret_rest = slash;
        *ret_size -= (size_t)(slash - r->target);
}

static bool is_request(const HttpRequest *r, const char *rest, size_t size, const char *method,
                       const char *wanted) {
        return r->method_size == strlen(method) && memcmp(r->method, method, r->method_size) == 0 &&
               size == strlen(wanted) && memcmp(rest, wanted, size) == 0;
}

static int serve(Connection *c, const HttpRequest *r) {
        const char *rest;
        char version[16];
        size_t size;
        int error;

        split_target(r, version, &rest, &size);
        if (is_request(r, rest, size, "GET", "/libpod/_ping") ||
            is_request(r, rest, size, "HEAD", "/libpod/_ping"))
                return answer(c, "200 OK", version, "");
        if (is_request(r, rest, size, "POST", "/libpod/images/pull"))
                return answer(c, "200 OK", version,
                              "{\"images\":[\"" ID_ZEROS "\"],\"id\":\"" ID_ZEROS "\"}\n");
        if (is_request(r, rest, size, "POST", "/libpod/containers/create")) {
                error = record(c->owner, r);
                if (error < 0)
                        return error;
                return answer(c, "201 Created", version,
                              "{\"Id\":\"" ID_ZEROS "\",\"Warnings\":[]}\n");
        }

        set_problem(c->owner, -EPROTO,
                    "Podman's client asked for \"%.*s %.*s\", which no profile may "
                    "need",
                    (int)r->method_size, r->method, (int)(size > 128 ? 128 : size), rest);
        return answer(c, "404 Not Found", version,
                      "{\"cause\":\"no such object\",\"message\":\"not for a profile\","
                      "\"response\":404}\n");
}

/* Reads what is there and serves what is whole. Returns 0, or -errno to close. */
static int receive(Connection *c) {
        HttpRequest request;
        char *room;
        ssize_t n;
        int r;

        r = buffer_reserve(&c->in, READ_SIZE, &room);
        if (r < 0)
                return r;
        n = recv(c->fd, room, READ_SIZE, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        buffer_commit(&c->in, (size_t)n);

        for (;;) {
                r = http_request_parse(buffer_data(&c->in), c->in.size, &request);
                if (r < 0)
                        set_problem(c->owner, r, "Podman's client sent a request that is %s",
                                    r == -E2BIG ? "too large" : "not understood");
                if (r <= 0)
                        return r;
                r = serve(c, &request);
                if (r < 0)
                        return r;
                buffer_consume(&c->in, request.size);
        }
}

static int on_readable(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t events,
                       void *userdata) {
        Connection *c = userdata;

        if (receive(c) < 0)
                connection_close(c);
        return 0;
}

static int on_connect(_unused_ sd_event_source *source, int fd, _unused_ uint32_t events,
                      void *userdata) {
        _cleanup_close_ int client_fd = -EBADF;
        RecorderSocket *s = userdata;
        Connection *c = NULL;

        client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client_fd < 0)
                return 0;
        for (size_t i = 0; i < CONNECTIONS_AT_ONCE && !c; i++)
                if (s->connections[i].fd < 0)
                        c = &s->connections[i];
        if (!c) {
                set_problem(s, -EPROTO, "Podman's client opened too many connections");
                return 0;
        }
        if (sd_event_add_io(s->event, &c->source, client_fd, EPOLLIN, on_readable, c) < 0)
                return 0;
        c->fd = TAKE_FD(client_fd);
        return 0;
}

static int open_socket(RecorderSocket *s, const char *path) {
        union {
                struct sockaddr sa;
                struct sockaddr_un un;
        } address = { .un.sun_family = AF_UNIX };

        if (strlen(path) >= sizeof(address.un.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.un.sun_path, path, strlen(path) + 1);

        s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (s->fd < 0)
                return -errno;
        if (bind(s->fd, &address.sa, sizeof(address.un)) < 0)
                return -errno;
        s->path = strdup(path);
        if (!s->path) {
                (void)unlink(path);
                return -ENOMEM;
        }
        if (listen(s->fd, CONNECTIONS_AT_ONCE) < 0)
                return -errno;
        return sd_event_add_io(s->event, &s->source, s->fd, EPOLLIN, on_connect, s);
}

RecorderSocket *recorder_socket_free(RecorderSocket *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < CONNECTIONS_AT_ONCE; i++)
                connection_close(&s->connections[i]);
        sd_event_source_disable_unref(s->source);
        close_fd(s->fd);
        if (s->path)
                (void)unlink(s->path);
        free(s->path);
        json_object_put(s->spec);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(RecorderSocket, recorder_socket_free)

int recorder_socket_new(RecorderSocket **ret, sd_event *event, const char *path) {
        _cleanup_(recorder_socket_freep) RecorderSocket *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->fd = -EBADF;
        for (size_t i = 0; i < CONNECTIONS_AT_ONCE; i++)
                s->connections[i] = (Connection){ .owner = s, .fd = -EBADF };
        s->event = sd_event_ref(event);
        r = open_socket(s, path);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

json_object *recorder_socket_spec(RecorderSocket *s) {
        return s->spec;
}

int recorder_socket_problem(RecorderSocket *s, const char **ret_message) {
        *ret_message = s->message;
        return s->problem;
}

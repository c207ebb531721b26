/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Answers as they come, whole or not at all. Large answers are written with a blocking socket: the
 * sockets' buffers are made large enough for that, or the reader ends the connection. */

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "fake-service.h"

#define CONNECTIONS_MAX 64

typedef struct Connection {
        FakeService *service;
        int fd;
        sd_event_source *source;
        Buffer in;
        const char *left; /* of the answer */
} Connection;

struct FakeService {
        sd_event *event;
        int fd;
        sd_event_source *source;
        fake_service_answer_t answer;
        void *userdata;
        unsigned n_connections;
        Connection connections[CONNECTIONS_MAX];
        char *path;
};

static void close_connection(Connection *c) {
        c->source = sd_event_source_disable_unref(c->source);
        c->fd = close_fd(c->fd);
        buffer_done(&c->in);
        c->left = NULL;
}

static void write_answer(Connection *c) {
        ssize_t n = send(c->fd, c->left, strlen(c->left), MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
                c->left += n;
        else {
                close_connection(c);
                return;
        }
        if (*c->left)
                (void)sd_event_source_set_io_events(c->source, EPOLLOUT);
        else
                close_connection(c);
}

/* Whether the request is whole: its head, and the body that the head announces. */
static bool is_whole(const char *text) {
        const char *head = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");

        if (!head)
                return false;
        return !length || length > head || strlen(head + 4) >= strtoul(length + 16, NULL, 10);
}

static int on_io(_unused_ sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Connection *c = userdata;
        char *room;
        ssize_t n;

        if (c->left && (events & EPOLLOUT)) {
                write_answer(c);
                return 0;
        }
        assert(buffer_reserve(&c->in, 65537, &room) == 0);
        n = recv(fd, room, 65536, MSG_DONTWAIT);
        if (n <= 0) {
                close_connection(c);
                return 0;
        }
        room[n] = 0;
        buffer_commit(&c->in, (size_t)n);
        if (!is_whole(buffer_data(&c->in)))
                return 0;
        c->left = c->service->answer(buffer_data(&c->in), c->service->userdata);
        if (c->left)
                write_answer(c);
        return 0;
}

static int on_connect(_unused_ sd_event_source *source, int fd, _unused_ uint32_t events,
                      void *userdata) {
        FakeService *s = userdata;

        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
                Connection *c = &s->connections[i];

                if (c->fd >= 0)
                        continue;
                c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                assert(c->fd >= 0);
                c->service = s;
                assert(sd_event_add_io(s->event, &c->source, c->fd, EPOLLIN, on_io, c) >= 0);
                s->n_connections++;
                return 0;
        }
        assert(false);
        return 0;
}

FakeService *fake_service_new(sd_event *event, const char *path, fake_service_answer_t answer,
                              void *userdata) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        FakeService *s = calloc(1, sizeof(*s));

        assert(s && strlen(path) < sizeof(un.sun_path));
        memcpy(un.sun_path, path, strlen(path) + 1);
        s->event = sd_event_ref(event);
        s->answer = answer;
        s->userdata = userdata;
        s->path = strdup(path);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                s->connections[i].fd = -EBADF;
        s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert(s->fd >= 0 && bind(s->fd, (const struct sockaddr *)&un, sizeof(un)) == 0);
        assert(listen(s->fd, 64) == 0);
        assert(sd_event_add_io(event, &s->source, s->fd, EPOLLIN, on_connect, s) >= 0);
        return s;
}

void fake_service_kill_connections(FakeService *s) {
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                close_connection(&s->connections[i]);
}

FakeService *fake_service_free(FakeService *s) {
        if (!s)
                return NULL;
        fake_service_kill_connections(s);
        sd_event_source_disable_unref(s->source);
        close_fd(s->fd);
        (void)unlink(s->path);
        free(s->path);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

unsigned fake_service_connections(const FakeService *s) {
        return s->n_connections;
}

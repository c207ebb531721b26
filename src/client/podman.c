/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* HTTP by hand, since there is so little of it: a request says HTTP/1.0, and then the answer is a head
 * and a body that ends with the connection, with nothing chunked and nothing kept. The libcurl that the
 * launcher has would cost every `cloche run` its start, 50 ms for the forty libraries that come with it.
 *
 * That a body was cut short cannot be seen here. What callers ask for has an end of its own: an object
 * that must parse, an id that must come last.
 *
 * Podman may answer before it has read all that is sent, to refuse it, and close the connection. So a
 * send that fails is no failure as long as an answer can be read.
 *
 * Trust: the socket is root's or our own, unless --socket leads elsewhere. Lines are bounded and JSON
 * is parsed strictly. */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/json.h"
#include "client/podman.h"
#include "client/show.h"
#include "wire/line.h"

#define API       "/v5.0.0/libpod" /* the oldest version that has all that is asked */
#define READ_SIZE (16 * 1024)

void podman_done(Podman *p) {
        free(p->path);
        *p = (Podman){ 0 };
}

int podman_find(const Address *address, Podman *ret) {
        const char *slash = strrchr(address->path, '/');
        char *path;

        if (asprintf(&path, "%.*spodman.sock", slash ? (int)(slash - address->path) + 1 : 0,
                     address->path) < 0)
                return -ENOMEM;
        *ret = (Podman){ .path = path, .mode = address->mode };
        return 0;
}

char *podman_quote(const char *text) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "-._~";
        char *quoted = malloc(strlen(text) * 3 + 1), *p = quoted;

        if (!quoted)
                return NULL;
        for (; *text; text++)
                if (strchr(plain, *text))
                        *p++ = *text;
                else
                        p += sprintf(p, "%%%02X", (unsigned char)*text);
        *p = 0;
        return quoted;
}

static int send_request(int fd, const PodmanCall *call) {
        _cleanup_free_ char *head = NULL;
        int n, r;

        n = asprintf(&head,
                     "%s " API "%s HTTP/1.0\r\n"
                     "Host: d\r\n"
                     "%s"
                     "Content-Length: %zu\r\n"
                     "\r\n",
                     call->method, call->target,
                     call->archive ? "Content-Type: application/x-tar\r\n" : "",
                     call->archive ? call->size : 0);
        if (n < 0) {
                head = NULL;
                return -ENOMEM;
        }
        r = fd_write_all(fd, head, (size_t)n);
        if (r >= 0 && call->archive)
                r = fd_write_all(fd, call->archive, call->size);
        return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

/* An answer as it comes, in lines: those of the head end in "\r\n", the empty one ends it. */
typedef struct Answer {
        const PodmanCall *call;
        LineReader lines;
        int status; /* 0: not there yet */
        bool in_body;
        char *words; /* of an answer that is an error */
} Answer;

static void answer_done(Answer *a) {
        line_reader_done(&a->lines);
        free(a->words);
}

/* "HTTP/1.1 200 OK", then headers of which none matters but the one that must not be there. */
static int take_head(Answer *a, const char *line, size_t size) {
        _cleanup_free_ char *text = NULL;
        unsigned minor, status;

        text = strndup(line, size);
        if (!text)
                return -ENOMEM;
        if (a->status == 0) {
                if (sscanf(text, "HTTP/1.%1u %3u", &minor, &status) != 2 || status < 200)
                        return -EBADMSG;
                a->status = (int)status;
        } else if (size == 0)
                a->in_body = true;
        else if (strncasecmp(text, "Transfer-Encoding:", strlen("Transfer-Encoding:")) == 0)
                return -EBADMSG;
        return 0;
}

static int take_object(Answer *a, json_object *object) {
        const char *words;

        if (a->status < 400)
                return a->call->on_object ? a->call->on_object(object, a->call->userdata) : 0;
        words = show_string_of(object, "message");
        if (!words[0])
                words = show_string_of(object, "cause");
        free(a->words);
        a->words = strdup(words);
        return a->words ? 0 : -ENOMEM;
}

static int take_body(Answer *a, const char *line, size_t size) {
        _cleanup_json_ json_object *object = NULL;
        int r;

        if (size == 0)
                return 0;
        r = json_parse(line, size, &object, NULL);
        if (r >= 0)
                r = json_object_is_type(object, json_type_object) ? take_object(a, object)
                                                                  : -EBADMSG;
        /* an error's body may be text that some other program wrote */
        if (r < 0 && r != -ENOMEM && a->status >= 400)
                r = 0;
        return r;
}

static int take_lines(Answer *a) {
        const char *line;
        size_t size;
        int r = 0;

        while (r >= 0) {
                LineFound found = line_reader_next(&a->lines, &line, &size);

                if (found == LINE_NONE)
                        return 0;
                if (found == LINE_TOO_LONG)
                        return -EBADMSG;
                if (size > 0 && line[size - 1] == '\r')
                        size--;
                r = a->in_body ? take_body(a, line, size) : take_head(a, line, size);
        }
        return r == -E2BIG ? -EBADMSG : r;
}

/* Returns 0 at the end of the answer or -errno. */
static int receive(int fd, Answer *a) {
        int r;

        for (;;) {
                char data[READ_SIZE];
                ssize_t n = recv(fd, data, sizeof(data), 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                r = line_reader_add(&a->lines, data, (size_t)n);
                if (r >= 0)
                        r = take_lines(a);
                if (r < 0)
                        return r;
        }
        if (!a->in_body)
                return a->status > 0 || line_reader_is_inside(&a->lines) ? -EBADMSG : -ECONNRESET;
        /* the last line need not have its newline */
        if (!line_reader_is_inside(&a->lines))
                return 0;
        r = line_reader_add(&a->lines, "\n", 1);
        return r < 0 ? r : take_lines(a);
}

int podman_call(const Podman *p, const PodmanCall *call, char **reterr) {
        _cleanup_(answer_done) Answer a = { .call = call };
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = address_connect(p->path);
        if (fd < 0)
                return fd;
        r = send_request(fd, call);
        if (r >= 0)
                r = receive(fd, &a);
        if (r < 0)
                return r;
        if (reterr)
                *reterr = TAKE_PTR(a.words);
        return a.status;
}

void podman_show_failure(const Podman *p, int result, const char *words) {
        const char *manager = p->mode == ADDRESS_USER ? "systemctl --user" : "sudo systemctl";

        if (result >= 400 && words && words[0])
                show_error("Podman says: %s", words);
        else if (result >= 0)
                show_error("Podman answered with HTTP status %d and no more", result);
        else if (result == -EACCES || result == -EPERM)
                show_error(
                        "you may not use %s\n"
                        "    The images of the system's Cloche are root's: use sudo; --user is for "
                        "your own",
                        p->path);
        else if (result == -ENOENT || result == -ECONNREFUSED)
                show_error("nobody listens at %s. To start Podman's API for Cloche:\n"
                           "    %s restart cloche-podman.socket",
                           p->path, manager);
        else if (result == -ENOMEM)
                show_error("out of memory");
        else
                show_error("Podman's answer at %s was lost (%s)\n"
                           "    what happened: %s --unit cloche-podman",
                           p->path,
                           result == -EBADMSG ? "it is not the protocol" : strerror(-result),
                           p->mode == ADDRESS_USER ? "journalctl --user" : "journalctl");
}

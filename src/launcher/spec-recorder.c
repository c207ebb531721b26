/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One child, one socket, one timer. The recording is finished when the client has ended and its
 * stderr is at its end, not when its request came: then there is no process left to look after, and
 * what it had to say is complete. Whatever happens, finish() runs once; it copies what the callback
 * needs and touches the recorder no more once the callback runs, so that the callback may free it.
 *
 * The client's environment is made of four names. HOME and XDG_RUNTIME_DIR are a private directory of
 * its own below ours, where it may leave what it likes; so no file of a user's (connections,
 * credentials, containers.conf) has a say. CONTAINERS_CONF replaces every other containers.conf by
 * Cloche's.
 *
 * Trust: the client is Podman's, its arguments an administrator's. Its answer is data for spec.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/id.h"
#include "basic/json.h"
#include "basic/process.h"
#include "basic/utf8.h"
#include "launcher/recorder-command.h"
#include "launcher/recorder-socket.h"
#include "launcher/spec-recorder.h"

#define CLIENT_PATH  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CLIENT_CONF  "CONTAINERS_CONF=" POLICYDIR "/containers.conf"
#define DIRECTORY    "client"
#define WORDS_SIZE   4096 /* of the client's own words, the last that it said */
#define MESSAGE_SIZE 512

struct SpecRecorder {
        RecorderSocket *socket;
        int pidfd;
        int words_fd;
        sd_event_source *child_source;
        sd_event_source *words_source;
        sd_event_source *timer;
        bool child_ended;
        ProcessEnd end;
        char words[WORDS_SIZE];
        size_t n_words;
        spec_recorder_callback_t callback;
        void *userdata;
};

static void stop(SpecRecorder *r) {
        r->timer = sd_event_source_disable_unref(r->timer);
        r->words_source = sd_event_source_disable_unref(r->words_source);
        r->child_source = sd_event_source_disable_unref(r->child_source);
        r->words_fd = close_fd(r->words_fd);
        r->pidfd = process_end(r->pidfd);
}

SpecRecorder *spec_recorder_free(SpecRecorder *r) {
        if (!r)
                return NULL;
        stop(r);
        recorder_socket_free(r->socket);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(SpecRecorder, spec_recorder_free)

static void finish(SpecRecorder *r, int error, const char *message) {
        _cleanup_json_ json_object *spec = NULL;
        char text[MESSAGE_SIZE];

        if (error == 0)
                spec = json_object_get(recorder_socket_spec(r->socket));
        (void)snprintf(text, sizeof(text), "%s", message);
        stop(r);
        r->callback(error, spec, utf8_scrub(text), r->userdata);
}

/* The line of the client's words that says what was wrong: its last "Error: …", else its last line.
 * Cuts the words up. */
static const char *last_words(SpecRecorder *r) {
        char *last = NULL, *error = NULL, *rest = r->words, *line;

        for (size_t i = 0; i < r->n_words; i++) {
                unsigned char c = (unsigned char)r->words[i];

                if (c != '\n' && (c < 0x20 || c == 0x7f))
                        r->words[i] = ' ';
        }
        r->words[r->n_words] = 0;
        while ((line = strsep(&rest, "\n"))) {
                if (line[0] != 0)
                        last = line;
                if (strncmp(line, "Error: ", 7) == 0)
                        error = line + 7;
        }
        return error ? error : last ? last : "it said nothing";
}

static void consider_finish(SpecRecorder *r) {
        const char *message;
        char text[MESSAGE_SIZE];
        int problem;

        if (!r->child_ended || r->words_fd >= 0)
                return;

        problem = recorder_socket_problem(r->socket, &message);
        if (problem < 0) {
                finish(r, problem, message);
                return;
        }
        if (recorder_socket_spec(r->socket)) {
                finish(r, 0, "");
                return;
        }
        message = last_words(r);
        if (r->end.signal > 0)
                (void)snprintf(text, sizeof(text), "Podman's client was ended by signal %d",
                               r->end.signal);
        else
                (void)snprintf(text, sizeof(text), "Podman's client does not take its options: %s",
                               message);
        finish(r, -EPROTO, text);
}

static int on_child(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t events,
                    void *userdata) {
        SpecRecorder *r = userdata;

        if (process_wait(r->pidfd, &r->end) == 0)
                return 0;
        r->child_ended = true;
        r->child_source = sd_event_source_disable_unref(r->child_source);
        r->pidfd = close_fd(r->pidfd);
        consider_finish(r);
        return 0;
}

static int on_words(_unused_ sd_event_source *source, int fd, _unused_ uint32_t events,
                    void *userdata) {
        SpecRecorder *r = userdata;
        ssize_t n;

        if (r->n_words == WORDS_SIZE - 1) { /* the last ones matter */
                r->n_words /= 2;
                memmove(r->words, r->words + WORDS_SIZE - 1 - r->n_words, r->n_words);
        }
        n = read(fd, r->words + r->n_words, WORDS_SIZE - 1 - r->n_words);
        if (n > 0) {
                r->n_words += (size_t)n;
                return 0;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        r->words_source = sd_event_source_disable_unref(r->words_source);
        r->words_fd = close_fd(r->words_fd);
        consider_finish(r);
        return 0;
}

static int on_timeout(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        finish(userdata, -ETIMEDOUT, "Podman's client did not end in time");
        return 0;
}

static int spawn_client(SpecRecorder *r, const char *const *command, const char *directory) {
        _cleanup_free_ char *home = NULL, *xdg = NULL;
        _cleanup_close_ int write_fd = -EBADF;
        ProcessSpec spec = {};
        int fds[2];

        if (asprintf(&home, "HOME=%s", directory) < 0)
                home = NULL;
        if (asprintf(&xdg, "XDG_RUNTIME_DIR=%s", directory) < 0)
                xdg = NULL;
        if (!home || !xdg)
                return -ENOMEM;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        r->words_fd = fds[0];
        write_fd = fds[1];

        spec.path = command[0];
        spec.argv = command;
        spec.env = (const char *const[]){ CLIENT_PATH, home, xdg, CLIENT_CONF, NULL };
        spec.stdio[STDIN_FILENO] = spec.stdio[STDOUT_FILENO] = -EBADF;
        spec.stdio[STDERR_FILENO] = write_fd;
        spec.die_with_parent = true;
        return process_spawn(&spec, &r->pidfd, NULL);
}

static int begin(SpecRecorder *r, sd_event *event, const char *const *argv, const char *runtime_dir,
                 uint64_t timeout_usec) {
        _cleanup_free_ const char **command = NULL;
        _cleanup_free_ char *directory = NULL, *url = NULL;
        char id[ID_SIZE];
        int e;

        e = id_new(id);
        if (e < 0)
                return e;
        if (asprintf(&directory, "%s/" DIRECTORY, runtime_dir) < 0) {
                directory = NULL;
                return -ENOMEM;
        }
        if (asprintf(&url, "unix://%s/%s", directory, id) < 0) {
                url = NULL;
                return -ENOMEM;
        }
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        e = recorder_command_new(argv, url, &command);
        if (e >= 0)
                e = recorder_socket_new(&r->socket, event, url + strlen("unix://"));
        if (e >= 0)
                e = spawn_client(r, command, directory);
        if (e >= 0)
                e = fd_set_nonblock(r->words_fd, 1);
        if (e >= 0)
                e = sd_event_add_io(event, &r->words_source, r->words_fd, EPOLLIN, on_words, r);
        if (e >= 0)
                e = sd_event_add_io(event, &r->child_source, r->pidfd, EPOLLIN, on_child, r);
        if (e >= 0)
                e = sd_event_add_time_relative(event, &r->timer, CLOCK_MONOTONIC, timeout_usec, 0,
                                               on_timeout, r);
        return e < 0 ? e : 0;
}

int spec_recorder_new(SpecRecorder **ret, sd_event *event, const char *const *argv,
                      const char *runtime_dir, uint64_t timeout_usec,
                      spec_recorder_callback_t callback, void *userdata) {
        _cleanup_(spec_recorder_freep) SpecRecorder *r = NULL;
        int e;

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        *r = (SpecRecorder){
                .pidfd = -EBADF,
                .words_fd = -EBADF,
                .callback = callback,
                .userdata = userdata,
        };
        e = begin(r, event, argv, runtime_dir, timeout_usec);
        if (e < 0)
                return e;

        *ret = TAKE_PTR(r);
        return 0;
}

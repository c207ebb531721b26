/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop of "cloche run". poll() and not epoll, which refuses the regular files that stdin and
 * stdout often are.
 *
 * A signal cancels the run, and the loop goes on until the result is there, so that what the
 * program wrote last and how it ended are still shown; another signal, or RUN_CANCEL_USEC without a
 * result, closes the connection, at whose end the service ends the run by itself. A reader of our
 * output that is gone cancels as well: that is what SIGPIPE would have done. Signals that were
 * ignored when we started (nohup, jobs of a script) stay ignored. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "basic/json.h"
#include "client/call.h"
#include "client/outcome.h"
#include "client/run-output.h"
#include "client/run.h"
#include "client/show.h"
#include "client/sink.h"
#include "client/source.h"

#define RUN_ID          1 /* of the run request; those after it have larger ones */
#define RUN_CANCEL_USEC (10 * USEC_PER_SEC)
#define RUN_AGAIN_MSEC  500 /* how often to look whether the terminal is ours again */

typedef struct Run {
        const RunOptions *options;
        Connection *connection;
        Source source;
        RunOutput output;
        int signal_fd;
        uint64_t last_id;
        uint64_t cancelled_usec; /* when, 0 before */
        int signo;               /* that made us cancel, 0 when none did */
        int output_error;        /* -errno: our output cannot be written, 0 while it can */
        int lost_error;          /* -errno that ended the connection, 0 at a plain end */
        bool answered;           /* something came */
        bool lost;               /* the connection ended before the result */
        bool closed;             /* do not wait for anything any more */
        json_object *result;
        json_object *error;
} Run;

static void run_done(Run *r) {
        (void)connection_free(r->connection);
        run_output_done(&r->output);
        (void)close_fd(r->signal_fd);
        cleanup_json(&r->result);
        cleanup_json(&r->error);
}

static uint64_t now_usec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* Returns a signalfd or -errno. */
static int open_signals(void) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        sigset_t mask;
        int fd;

        (void)sigemptyset(&mask);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                struct sigaction before;

                if (sigaction(signals[i], NULL, &before) < 0)
                        return -errno;
                if (before.sa_handler != SIG_IGN)
                        (void)sigaddset(&mask, signals[i]);
        }
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

static bool has_ended(const Run *r) {
        return r->result || r->error || r->lost || r->closed;
}

/* Asks for the end of the run, once. */
static int cancel(Run *r, int signo) {
        _cleanup_json_ json_object *params = NULL;
        size_t size;
        int e;

        if (r->cancelled_usec > 0 || has_ended(r))
                return 0;
        params = json_object_new_object();
        if (!params)
                return -ENOMEM;
        e = json_set_uint(params, "id", RUN_ID);
        if (e < 0)
                return e;
        e = connection_request(r->connection, ++r->last_id, "exec.cancel", TAKE_PTR(params), &size);
        if (e < 0)
                return e;
        r->cancelled_usec = now_usec();
        r->signo = signo;
        r->source.fd = -EBADF;
        return 0;
}

static int dispatch_signal(Run *r) {
        struct signalfd_siginfo info;

        if (read(r->signal_fd, &info, sizeof(info)) != sizeof(info))
                return 0;
        if (r->cancelled_usec > 0 || has_ended(r)) {
                /* the second: no more waiting, neither for the result nor for a slow reader */
                r->signo = (int)info.ssi_signo;
                r->closed = true;
                return 0;
        }
        return cancel(r, (int)info.ssi_signo);
}

/* Somebody does not read our output any more, or the disk is full. */
static int output_failed(Run *r, int error) {
        if (r->output_error < 0)
                return 0;
        r->output_error = error;
        if (error != -EPIPE)
                show_error("cannot write the output: %s", strerror(-error));
        return cancel(r, SIGPIPE);
}

/* Takes one message apart. Returns 0, -EBADMSG or -ENOMEM. */
static int dispatch_message(Run *r, json_object *message) {
        json_object *method, *params, *id = NULL, *member;

        r->answered = true;
        if (json_object_object_get_ex(message, "method", &method)) {
                if (strcmp(show_string_of(message, "method"), "output") != 0)
                        return 0; /* a later version may tell more */
                if (!json_object_object_get_ex(message, "params", &params))
                        return -EBADMSG;
                return run_output_add(&r->output, params);
        }

        (void)json_object_object_get_ex(message, "id", &id);
        if (json_object_is_type(id, json_type_int) && json_object_get_int64(id) != RUN_ID) {
                source_answered(&r->source, json_object_object_get_ex(message, "error", NULL));
                return 0;
        }
        /* ours, or without an id: then it is about the connection, which is the same to us */
        if (json_object_object_get_ex(message, "error", &member))
                r->error = json_object_get(member);
        else if (json_object_object_get_ex(message, "result", &member) &&
                 json_object_is_type(member, json_type_object))
                r->result = json_object_get(member);
        else
                return -EBADMSG;
        return 0;
}

/* Returns 1, 0 at the end of the connection, -errno. */
static int dispatch_connection(Run *r, short revents) {
        int e;

        if (revents & POLLOUT) {
                e = connection_flush(r->connection);
                if (e < 0)
                        return e;
        }
        if (!(revents & ~POLLOUT))
                return 1;
        e = connection_fill(r->connection);
        if (e <= 0)
                return e;
        while (!r->result && !r->error) {
                _cleanup_json_ json_object *message = NULL;

                e = connection_next(r->connection, &message);
                if (e == 0)
                        break;
                if (e > 0)
                        e = dispatch_message(r, message);
                if (e < 0)
                        return e;
        }
        return 1;
}

static int dispatch_source(Run *r) {
        int e, read_error;

        e = source_dispatch(&r->source, r->connection, ++r->last_id, &read_error);
        if (read_error < 0)
                show_error("cannot read the input: %s", strerror(-read_error));
        return e;
}

enum {
        POLL_CONNECTION,
        POLL_SIGNAL,
        POLL_SOURCE,
        POLL_STDOUT,
        POLL_STDERR,
        _POLL_MAX,
};

/* Says what to wait for. Returns how many milliseconds at most, -1 for any time. */
static int prepare(Run *r, struct pollfd p[static _POLL_MAX]) {
        bool again, wanted = source_is_wanted(&r->source, &again);

        for (size_t i = 0; i < _POLL_MAX; i++)
                p[i] = (struct pollfd){ .fd = -1 };
        if (!has_ended(r)) {
                p[POLL_CONNECTION].fd = connection_fd(r->connection);
                p[POLL_CONNECTION].events = connection_events(r->connection);
                if (run_output_is_full(&r->output))
                        p[POLL_CONNECTION].events &= ~POLLIN;
                if (wanted)
                        p[POLL_SOURCE] = (struct pollfd){ .fd = r->source.fd, .events = POLLIN };
        }
        p[POLL_SIGNAL] = (struct pollfd){ .fd = r->signal_fd, .events = POLLIN };
        run_output_prepare(&r->output, &p[POLL_STDOUT], &p[POLL_STDERR]);

        if (r->cancelled_usec > 0 && !has_ended(r)) {
                uint64_t passed = now_usec() - r->cancelled_usec;

                return passed >= RUN_CANCEL_USEC ? 0 : (int)((RUN_CANCEL_USEC - passed) / 1000) + 1;
        }
        return again ? RUN_AGAIN_MSEC : -1;
}

/* One round. Returns 0 or -errno; how the connection fares is kept in r. */
static int dispatch(Run *r) {
        struct pollfd p[_POLL_MAX];
        int e, timeout;

        timeout = prepare(r, p);
        if (poll(p, _POLL_MAX, timeout) < 0)
                return errno == EINTR ? 0 : -errno;

        if (p[POLL_SIGNAL].revents) {
                e = dispatch_signal(r);
                if (e < 0)
                        return e;
        }
        if (r->cancelled_usec > 0 && !has_ended(r) &&
            now_usec() - r->cancelled_usec >= RUN_CANCEL_USEC)
                r->closed = true;
        e = run_output_dispatch(&r->output, p[POLL_STDOUT].revents, p[POLL_STDERR].revents);
        if (e < 0) {
                e = output_failed(r, e);
                if (e < 0)
                        return e;
        }
        if (p[POLL_SOURCE].revents) {
                e = dispatch_source(r);
                if (e < 0)
                        return e;
        }
        if (p[POLL_CONNECTION].revents) {
                e = dispatch_connection(r, p[POLL_CONNECTION].revents);
                if (e <= 0) {
                        r->lost = true;
                        r->lost_error = e;
                }
        }
        return 0;
}

/* Why we end, when it was not the program's doing: then *ret_code is set. */
static bool has_own_code(const Run *r, int *ret_code) {
        if (r->output_error < 0 && r->output_error != -EPIPE)
                *ret_code = OUTCOME_FAILED;
        else if (r->output_error < 0)
                *ret_code = OUTCOME_SIGNAL_BASE + SIGPIPE;
        else if (r->signo > 0)
                *ret_code = OUTCOME_SIGNAL_BASE + r->signo;
        else
                return false;
        return true;
}

/* Says what there is to say. Returns the exit code. */
static int finish(Run *r) {
        _cleanup_free_ char *text = NULL;
        bool own;
        int e, code = OUTCOME_FAILED;

        if (r->options->as_json && (r->result || r->error)) {
                e = run_output_show_json(&r->output, r->result, r->error);
                if (e < 0) {
                        show_error("cannot write the result: %s", strerror(-e));
                        return OUTCOME_FAILED;
                }
        }
        own = has_own_code(r, &code);
        if (r->error)
                call_show_error(r->error);
        else if (r->result) {
                e = outcome_format(r->result, &text);
                if (e >= 0 && text && r->output_error == 0)
                        show_notice("%s", text);
                if (!own)
                        code = outcome_exit_code(r->result);
        } else if (!own)
                call_show_lost(r->options->address, r->lost_error, r->answered);
        return code;
}

static int run_loop(Run *r) {
        size_t size;
        int e;

        r->last_id = RUN_ID;
        e = connection_request(r->connection, RUN_ID, "run", json_object_get(r->options->params),
                               &size);
        if (e == -E2BIG) {
                show_error("the request would be %zu bytes long, and a request may have %zu\n"
                           "    Give large data as input (stdin) instead of in the program.",
                           size, (size_t)LINE_SIZE_MAX);
                return OUTCOME_FAILED;
        }
        while (e >= 0 && !r->closed && !(has_ended(r) && !run_output_is_busy(&r->output)))
                e = dispatch(r);
        if (e < 0) {
                show_error("cannot go on: %s", strerror(-e));
                return OUTCOME_FAILED;
        }
        return finish(r);
}

int run(const RunOptions *options) {
        _cleanup_(run_done) Run r = { .options = options, .signal_fd = -EBADF };

        run_output_init(&r.output, options->as_json);
        source_init(&r.source, options->pass_stdin ? STDIN_FILENO : -EBADF, RUN_ID);
        /* with signals as they were, because a full queue of connections makes it wait */
        if (call_connect(options->address, &r.connection) < 0)
                return OUTCOME_FAILED;
        r.signal_fd = open_signals();
        if (r.signal_fd < 0) {
                show_error("cannot wait for signals: %s", strerror(-r.signal_fd));
                return OUTCOME_FAILED;
        }
        return run_loop(&r);
}

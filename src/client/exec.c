/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop around a running program. poll() and not epoll, which refuses the regular files that
 * stdin and stdout often are.
 *
 * A signal cancels the execution, and the loop goes on until the result is there, so that what the
 * program wrote last and how it ended are still shown; another signal, or EXEC_CANCEL_USEC without
 * a result, gives up: the connection then ends, and with it, in the service, all that was started.
 * A reader of our output that is gone cancels as well: that is what SIGPIPE would have done. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/json.h"
#include "client/call.h"
#include "client/exec.h"
#include "client/outcome.h"
#include "client/show.h"

#define EXEC_CANCEL_USEC (10 * USEC_PER_SEC)
#define EXEC_AGAIN_MSEC  500 /* how often to look whether the terminal is ours again */

void exec_init(Exec *ret, const ExecOptions *options) {
        *ret = (Exec){
                .session = options->session,
                .terminal = options->terminal,
                .control = options->control,
                .source.fd = options->pass_stdin ? STDIN_FILENO : -EBADF,
        };
        run_output_init(&ret->output, options->keep_output);
}

void exec_done(Exec *e) {
        run_output_done(&e->output);
        cleanup_json(&e->result);
        cleanup_json(&e->error);
        e->result = e->error = NULL;
}

static bool has_ended(const Exec *e) {
        return e->result || e->error || e->lost || e->closed;
}

/* Asks for something to be done to the execution; params (consumed, may be NULL) gets its id. */
static int send_control(Exec *e, const char *method, json_object *params) {
        _cleanup_json_ json_object *owned = params ? params : json_object_new_object();
        uint64_t id;
        int r;

        if (!owned)
                return -ENOMEM;
        r = json_set_uint(owned, "id", e->id);
        return r < 0 ? r : session_send(e->session, method, TAKE_PTR(owned), &id);
}

/* Asks for the end of the execution, once. */
static int cancel(Exec *e, int signo) {
        int r;

        if (e->cancelled_usec > 0 || has_ended(e))
                return 0;
        r = send_control(e, "exec.cancel", NULL);
        if (r < 0)
                return r;
        e->cancelled_usec = clock_now_usec();
        e->signo = signo;
        e->source.fd = -EBADF;
        return 0;
}

static int dispatch_signal(Exec *e) {
        if (!session_take_signal(e->session))
                return 0;
        if (e->cancelled_usec > 0 || has_ended(e)) {
                /* the second: no more waiting, neither for the result nor for a slow reader */
                e->signo = e->session->signo;
                e->closed = true;
                return 0;
        }
        return cancel(e, e->session->signo);
}

static int dispatch_terminal(Exec *e) {
        _cleanup_json_ json_object *params = NULL;
        int r;

        if (!terminal_dispatch(e->terminal) || has_ended(e))
                return 0;
        params = json_object_new_object();
        r = params ? terminal_format_size(e->terminal, params) : -ENOMEM;
        return r < 0 ? r : send_control(e, "exec.resize", TAKE_PTR(params));
}

/* Somebody does not read our output any more, or the disk is full. */
static int output_failed(Exec *e, int error) {
        if (e->output_error < 0)
                return 0;
        e->output_error = error;
        if (error != -EPIPE)
                show_error("cannot write the output: %s", strerror(-error));
        return cancel(e, SIGPIPE);
}

/* Returns 0, -EBADMSG or -ENOMEM. */
static int dispatch_notification(Exec *e, json_object *message) {
        json_object *params;

        if (strcmp(show_string_of(message, "method"), "output") != 0)
                return 0; /* a later version may tell more */
        if (!json_object_object_get_ex(message, "params", &params))
                return -EBADMSG;
        if (show_number_of(params, "id") != e->id)
                return 0; /* of a copy that was dropped */
        return run_output_add(&e->output, params);
}

/* Takes one message apart. Returns 0, -EBADMSG or -ENOMEM. */
static int dispatch_message(Exec *e, json_object *message) {
        json_object *id = NULL, *result = NULL, *error = NULL;
        int r;

        e->session->answered = true;
        if (e->control && control_take_message(e->control, message))
                return 0;
        if (json_object_object_get_ex(message, "method", NULL))
                return dispatch_notification(e, message);
        if (!session_is_answer(message, e->id)) {
                (void)json_object_object_get_ex(message, "id", &id);
                (void)source_answered(&e->source, (uint64_t)json_object_get_int64(id),
                                      json_object_object_get_ex(message, "error", NULL));
                return 0;
        }
        /* ours, or without an id: then it is about the connection, which is the same to us */
        r = session_take_answer(message, &result, &error);
        if (r < 0 && r != -EREMOTEIO)
                return r;
        e->result = json_object_get(result);
        e->error = json_object_get(error);
        return e->result ? run_output_add_results(&e->output, e->result) : 0;
}

/* Returns 1, 0 at the end of the connection, -errno. */
static int dispatch_connection(Exec *e, short revents) {
        Connection *c = e->session->connection;
        int r;

        if (revents & POLLOUT) {
                r = connection_flush(c);
                if (r < 0)
                        return r;
        }
        if (!(revents & ~POLLOUT))
                return 1;
        r = connection_fill(c);
        if (r <= 0)
                return r;
        while (!e->result && !e->error) {
                _cleanup_json_ json_object *message = NULL;

                r = connection_next(c, &message);
                if (r == 0)
                        break;
                if (r > 0)
                        r = dispatch_message(e, message);
                if (r < 0)
                        return r;
        }
        return 1;
}

static int dispatch_source(Exec *e) {
        Session *s = e->session;
        int r, read_error;

        r = source_dispatch(&e->source, s->connection, ++s->last_id, &read_error);
        /* a terminal that was hung up */
        if (read_error < 0 && !(read_error == -EIO && e->source.is_terminal))
                show_error("cannot read the input: %s", strerror(-read_error));
        return r;
}

enum {
        POLL_CONNECTION,
        POLL_SIGNAL,
        POLL_TERMINAL,
        POLL_SOURCE,
        POLL_STDOUT,
        POLL_STDERR,
        POLL_CONTROL, /* CONTROL_POLL_MAX of them */
        _POLL_MAX = POLL_CONTROL + CONTROL_POLL_MAX,
};

/* Says what to wait for. Returns how many milliseconds at most, -1 for any time. */
static int prepare(Exec *e, struct pollfd p[static _POLL_MAX]) {
        Connection *c = e->session->connection;
        bool again, wanted = source_is_wanted(&e->source, &again);

        for (size_t i = 0; i < _POLL_MAX; i++)
                p[i] = (struct pollfd){ .fd = -1 };
        if (!has_ended(e)) {
                p[POLL_CONNECTION].fd = connection_fd(c);
                p[POLL_CONNECTION].events = connection_events(c);
                if (run_output_is_full(&e->output))
                        p[POLL_CONNECTION].events &= ~POLLIN;
                if (wanted)
                        p[POLL_SOURCE] = (struct pollfd){ .fd = e->source.fd, .events = POLLIN };
                if (e->control)
                        control_prepare(e->control, p + POLL_CONTROL);
        }
        p[POLL_SIGNAL] = (struct pollfd){ .fd = e->session->signal_fd, .events = POLLIN };
        p[POLL_TERMINAL] = (struct pollfd){ .fd = e->terminal->signal_fd, .events = POLLIN };
        run_output_prepare(&e->output, &p[POLL_STDOUT], &p[POLL_STDERR]);

        if (e->cancelled_usec > 0 && !has_ended(e)) {
                uint64_t passed = clock_now_usec() - e->cancelled_usec;

                return passed >= EXEC_CANCEL_USEC ? 0
                                                  : (int)((EXEC_CANCEL_USEC - passed) / 1000) + 1;
        }
        return again ? EXEC_AGAIN_MSEC : -1;
}

/* The service, and who sends it something. How the connection fares is kept in e. Returns 0 or
 * -errno. */
static int dispatch_service(Exec *e, const struct pollfd p[static _POLL_MAX]) {
        int r;

        if (p[POLL_SOURCE].revents) {
                r = dispatch_source(e);
                if (r < 0)
                        return r;
        }
        if (e->control) {
                r = control_dispatch(e->control, p + POLL_CONTROL);
                if (r < 0)
                        return r;
        }
        if (p[POLL_CONNECTION].revents) {
                r = dispatch_connection(e, p[POLL_CONNECTION].revents);
                if (r <= 0) {
                        e->lost = true;
                        e->lost_error = r;
                }
        }
        return 0;
}

/* One round. Returns 0 or -errno. */
static int dispatch(Exec *e) {
        struct pollfd p[_POLL_MAX];
        int r, timeout;

        timeout = prepare(e, p);
        if (poll(p, _POLL_MAX, timeout) < 0)
                return errno == EINTR ? 0 : -errno;

        if (p[POLL_SIGNAL].revents) {
                r = dispatch_signal(e);
                if (r < 0)
                        return r;
        }
        if (p[POLL_TERMINAL].revents) {
                r = dispatch_terminal(e);
                if (r < 0)
                        return r;
        }
        if (e->cancelled_usec > 0 && !has_ended(e) &&
            clock_now_usec() - e->cancelled_usec >= EXEC_CANCEL_USEC)
                e->closed = true;
        r = run_output_dispatch(&e->output, p[POLL_STDOUT].revents, p[POLL_STDERR].revents);
        if (r < 0) {
                r = output_failed(e, r);
                if (r < 0)
                        return r;
        }
        return dispatch_service(e, p);
}

int exec_run(Exec *e, const char *method, json_object *params) {
        int r;

        cleanup_json(&e->result);
        e->result = NULL;
        r = session_send(e->session, method, json_object_get(params), &e->id);
        if (r == -E2BIG)
                return r;
        source_init(&e->source, e->source.fd, e->id);
        while (r >= 0 && !e->closed && !(has_ended(e) && !run_output_is_busy(&e->output)))
                r = dispatch(e);
        if (r < 0)
                show_error("cannot go on: %s", strerror(-r));
        return r;
}

bool exec_has_ended_well(const Exec *e) {
        return e->result && e->signo == 0 && e->output_error == 0 && !e->closed;
}

/* Why we end, when it was not the program's doing: then *ret_code is set. */
static bool has_own_code(const Exec *e, int *ret_code) {
        if (e->output_error < 0 && e->output_error != -EPIPE)
                *ret_code = OUTCOME_FAILED;
        else if (e->output_error < 0)
                *ret_code = OUTCOME_SIGNAL_BASE + SIGPIPE;
        else if (e->signo > 0)
                *ret_code = OUTCOME_SIGNAL_BASE + e->signo;
        else
                return false;
        return true;
}

int exec_tell(const Exec *e) {
        _cleanup_free_ char *text = NULL;
        int code = OUTCOME_FAILED;
        bool own = has_own_code(e, &code);

        if (e->error)
                call_show_error(e->error);
        else if (e->result) {
                if (outcome_format(e->result, &text) >= 0 && text && e->output_error == 0)
                        show_notice("%s", text);
                if (!own)
                        code = outcome_exit_code(e->result);
        } else if (!own)
                call_show_lost(e->session->address, e->lost_error, e->session->answered);
        return code;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signals are left alone until there is a connection, because a full queue of connections makes
 * connect() wait; from then on they are read where everything else is waited for, so that whoever
 * is interrupted can still put things in order. Signals that were ignored when we started (nohup,
 * jobs of a script) stay ignored. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "basic/json.h"
#include "client/call.h"
#include "client/outcome.h"
#include "client/session.h"
#include "client/show.h"

void session_done(Session *s) {
        s->connection = connection_free(s->connection);
        s->signal_fd = close_fd(s->signal_fd);
}

int session_open(Session *s, const Address *address) {
        s->address = address;
        return call_connect(address, &s->connection);
}

static int open_signals(void) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
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

int session_take_signals(Session *s) {
        s->signal_fd = open_signals();
        if (s->signal_fd >= 0)
                return 0;
        show_error("cannot wait for signals: %s", strerror(-s->signal_fd));
        return s->signal_fd;
}

bool session_take_signal(Session *s) {
        struct signalfd_siginfo info;

        if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
                return false;
        s->signo = (int)info.ssi_signo;
        return true;
}

int session_send(Session *s, const char *method, json_object *params, uint64_t *ret_id) {
        size_t size = 0;
        int r;

        r = connection_request(s->connection, ++s->last_id, method, params, &size);
        if (r == -E2BIG)
                show_error("the request would be %zu bytes long, and a request may have %zu\n"
                           "    Give large data as input (stdin) or as a file (--put) instead of "
                           "in the program.",
                           size, (size_t)LINE_SIZE_MAX);
        *ret_id = s->last_id;
        return r;
}

int session_receive(Session *s, json_object **ret) {
        for (;;) {
                struct pollfd p[] = {
                        { .fd = connection_fd(s->connection),
                         .events = connection_events(s->connection)            },
                        { .fd = s->signal_fd,                 .events = POLLIN },
                };
                int r;

                r = connection_next(s->connection, ret);
                if (r != 0) {
                        s->answered = s->answered || r > 0;
                        return r < 0 ? r : 0;
                }
                if (poll(p, ARRAY_SIZE(p), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (p[1].revents && session_take_signal(s))
                        return -EINTR;
                if (p[0].revents & POLLOUT) {
                        r = connection_flush(s->connection);
                        if (r < 0)
                                return r;
                }
                if (p[0].revents & ~POLLOUT) {
                        r = connection_fill(s->connection);
                        if (r <= 0)
                                return r < 0 ? r : -ECONNRESET;
                }
        }
}

bool session_is_answer(json_object *message, uint64_t id) {
        json_object *value = NULL;

        if (json_object_object_get_ex(message, "method", NULL))
                return false;
        (void)json_object_object_get_ex(message, "id", &value);
        return !json_object_is_type(value, json_type_int) ||
               (uint64_t)json_object_get_int64(value) == id;
}

int session_take_answer(json_object *message, json_object **ret_result, json_object **reterr) {
        json_object *member;

        if (json_object_object_get_ex(message, "error", &member)) {
                if (!json_object_is_type(member, json_type_object))
                        return -EBADMSG;
                *reterr = member;
                return -EREMOTEIO;
        }
        if (!json_object_object_get_ex(message, "result", &member) ||
            !json_object_is_type(member, json_type_object))
                return -EBADMSG;
        *ret_result = member;
        return 0;
}

int session_call(Session *s, const char *method, json_object *params, json_object **ret_result,
                 json_object **reterr) {
        json_object *result = NULL, *error = NULL;
        uint64_t id;
        int r;

        r = session_send(s, method, params, &id);
        while (r >= 0) {
                _cleanup_json_ json_object *message = NULL;

                r = session_receive(s, &message);
                if (r < 0 || !session_is_answer(message, id))
                        continue;
                r = session_take_answer(message, &result, &error);
                if (r == -EREMOTEIO)
                        *reterr = json_object_get(error);
                else if (r >= 0)
                        *ret_result = json_object_get(result);
                return r;
        }
        return r;
}

const char *session_reason_of(json_object *error) {
        json_object *data = NULL;

        (void)json_object_object_get_ex(error, "data", &data);
        return show_string_of(data, "reason");
}

int session_tell(const Session *s, int r, json_object *error) {
        if (r == -EINTR && s->signo > 0)
                return OUTCOME_SIGNAL_BASE + s->signo;
        if (r == -EREMOTEIO)
                call_show_error(error);
        else if (r == -ENOMEM)
                show_error("out of memory");
        else if (r != -E2BIG)
                call_show_lost(s->address, r, s->answered);
        return OUTCOME_FAILED;
}

int session_ask(const Address *address, const char *method, json_object **ret_result) {
        _cleanup_session_ Session s = SESSION_NONE;
        _cleanup_json_ json_object *error = NULL;
        int r;

        r = session_open(&s, address);
        if (r < 0)
                return r;
        r = session_call(&s, method, json_object_new_object(), ret_result, &error);
        if (r < 0)
                (void)session_tell(&s, r, error);
        return r;
}

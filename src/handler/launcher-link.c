/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls stand in one list in the order they were made; each is sent once the socket takes it,
 * and stays until its answer. A list of profiles is asked for while no other is, which is the
 * launcher's rule.
 *
 * When a launcher dies, systemd keeps its end of this socket, and the next one says RESUMED on it.
 * What had been sent may or may not have been read by the dead one. Most is simply asked again. An OPEN is asked again under a new serial, once: so a request that kills launchers
 * is not given to each new one. If the old serial is answered after all, its sandbox is closed at
 * once.
 *
 * Trust: the launcher is trusted, but a message that is none ends the link all the same: then one
 * of the two is broken, and a sandbox could be left behind. */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "handler/launcher-link.h"
#include "handler/launcher-request.h"
#include "handler/timer.h"

struct LauncherCall {
        TAILQ_ENTRY(LauncherCall) entry;
        LauncherLink *link;
        LauncherMessage message;
        bool is_sent;
        bool is_again; /* an OPEN that has been asked a second time */
        bool is_lost;
        launcher_answer_t answer;
        void *userdata;
        sd_event_source *timer;
};

struct LauncherLink {
        sd_event *event;
        int fd;
        sd_event_source *io;
        sd_event_source *start; /* tells that there is no launcher, from the loop */
        sd_event_source *timer; /* for the greeting */
        const LauncherLinkEvents *events;
        void *userdata;
        LauncherLinkState state;
        LauncherWelcome welcome;
        LauncherRefused refused;
        uint64_t last_serial;
        TAILQ_HEAD(, LauncherCall) calls;
};

static LauncherCall *call_free(LauncherCall *call) {
        if (!call)
                return NULL;
        TAILQ_REMOVE(&call->link->calls, call, entry);
        sd_event_source_disable_unref(call->timer);
        free(call);
        return NULL;
}

LauncherLink *launcher_link_free(LauncherLink *l) {
        if (!l)
                return NULL;
        while (!TAILQ_EMPTY(&l->calls))
                call_free(TAILQ_FIRST(&l->calls));
        sd_event_source_disable_unref(l->io);
        sd_event_source_disable_unref(l->start);
        sd_event_source_disable_unref(l->timer);
        close_fd(l->fd);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(LauncherLink, launcher_link_free)

/* Answers a call and forgets it. fds: see launcher_answer_t. */
static void call_finish(LauncherCall *call, const LauncherMessage *answer, int *fds) {
        launcher_answer_t callback = call->answer;
        void *userdata = call->userdata;

        call_free(call);
        if (callback)
                callback(answer, fds, userdata);
}

static void settle(LauncherLink *l, LauncherLinkState state) {
        bool was_greeting = l->state == LAUNCHER_LINK_GREETING;

        l->state = state;
        timer_clear(l->timer);
        if (was_greeting)
                l->events->on_settled(l->userdata);
}

/* The end of the link; a refusal that came before stays what it is. */
static void lose(LauncherLink *l) {
        bool was_welcome = l->state == LAUNCHER_LINK_WELCOME;

        if (l->fd < 0 && l->state != LAUNCHER_LINK_GREETING)
                return;
        l->io = sd_event_source_disable_unref(l->io);
        l->fd = close_fd(l->fd);
        if (l->state == LAUNCHER_LINK_REFUSED)
                return;
        if (was_welcome)
                l->state = LAUNCHER_LINK_LOST;
        while (!TAILQ_EMPTY(&l->calls))
                call_finish(TAILQ_FIRST(&l->calls), NULL, NULL);
        if (was_welcome)
                l->events->on_lost(l->userdata);
        else
                settle(l, LAUNCHER_LINK_LOST);
}

static bool is_list_under_way(const LauncherLink *l) {
        LauncherCall *call;

        TAILQ_FOREACH(call, &l->calls, entry)
        if (call->is_sent && call->message.header.type == LAUNCHER_PROFILES)
                return true;
        return false;
}

/* Sends what has not been sent, in order. The end of the link shows when the socket is read. */
static void flush(LauncherLink *l) {
        uint32_t events = EPOLLIN;
        LauncherCall *call;

        if (l->fd < 0)
                return;
        TAILQ_FOREACH(call, &l->calls, entry) {
                LauncherMessageType type = (LauncherMessageType)call->message.header.type;
                int r;

                if (call->is_sent || (type == LAUNCHER_PROFILES && is_list_under_way(l)))
                        continue;
                r = fd_send(l->fd, &call->message, launcher_message_size(type), NULL, 0);
                if (r == -EAGAIN) {
                        events |= EPOLLOUT;
                        break;
                }
                if (r < 0) {
                        (void)shutdown(l->fd, SHUT_RDWR);
                        break;
                }
                call->is_sent = true;
        }
        (void)sd_event_source_set_io_events(l->io, events);
}

static int on_call_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                           void *userdata) {
        LauncherCall *call = userdata;

        log_warning(0, "The launcher did not answer in time");
        call_finish(call, NULL, NULL);
        return 0;
}

int launcher_link_ask(LauncherLink *l, const LauncherMessage *message, launcher_answer_t answer,
                      void *userdata) {
        LauncherCall *call;
        int r;

        if (l->state != LAUNCHER_LINK_WELCOME)
                return -ENOTCONN;
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        *call = (LauncherCall){ .link = l, .answer = answer, .userdata = userdata };
        call->message = *message;
        call->message.header.serial = ++l->last_serial;
        TAILQ_INSERT_TAIL(&l->calls, call, entry);
        r = timer_set(l->event, &call->timer, ANSWER_TIMEOUT_USEC, on_call_timeout, call);
        if (r < 0) {
                call_free(call);
                return r;
        }
        flush(l);
        return 0;
}

void launcher_link_forget(LauncherLink *l, void *userdata) {
        LauncherCall *call;

        TAILQ_FOREACH(call, &l->calls, entry)
        if (call->userdata == userdata)
                call->answer = NULL;
}

/* -- messages --------------------------------------------------------------------------------- */

static void on_resumed(LauncherLink *l) {
        LauncherCall *call;

        TAILQ_FOREACH(call, &l->calls, entry) {
                if (!call->is_sent)
                        continue;
                call->is_sent = false;
                if (call->message.header.type != LAUNCHER_OPEN)
                        continue;
                call->is_lost = call->is_again;
                call->is_again = true;
                call->message.header.serial = ++l->last_serial;
        }

        for (call = TAILQ_FIRST(&l->calls); call;) {
                if (call->is_lost) {
                        call_finish(call, NULL, NULL);
                        call = TAILQ_FIRST(&l->calls); /* the list may have changed */
                        continue;
                }
                if (call->message.header.type == LAUNCHER_PROFILES && call->answer) {
                        LauncherMessage m;

                        launcher_message_init(&m, LAUNCHER_RESUMED, 0);
                        call->answer(&m, NULL, call->userdata);
                }
                call = TAILQ_NEXT(call, entry);
        }
        flush(l);
}

static LauncherCall *find_call(LauncherLink *l, uint64_t serial) {
        LauncherCall *call;

        TAILQ_FOREACH(call, &l->calls, entry)
        if (call->message.header.serial == serial)
                return call;
        return NULL;
}

/* Whether a message of this type answers that call. */
static bool is_answer(const LauncherCall *call, const LauncherMessage *m) {
        if (m->header.type == LAUNCHER_REFUSED)
                return true;
        if (call->message.header.type == LAUNCHER_OPEN)
                return m->header.type == LAUNCHER_OPENED;
        if (call->message.header.type == LAUNCHER_PLACE)
                return m->header.type == LAUNCHER_PLACED;
        if (call->message.header.type == LAUNCHER_END)
                return m->header.type == LAUNCHER_ENDED;
        if (call->message.header.type == LAUNCHER_CLOSE)
                return m->header.type == LAUNCHER_CLOSED;
        if (call->message.header.type == LAUNCHER_PROFILES)
                return m->header.type == LAUNCHER_PROFILE || m->header.type == LAUNCHER_DONE;
        return false;
}

/* What is taken of fds is set to -EBADF. Returns 0, or -EBADMSG. */
static int on_answer(LauncherLink *l, const LauncherMessage *m, int *fds) {
        LauncherCall *call = find_call(l, m->header.serial);

        if (!call) {
                /* asked before a launcher died, answered by the next: nobody wants it any more */
                if (m->header.type == LAUNCHER_OPENED)
                        return launcher_request_close(l, m->opened.sandbox, NULL, NULL);
                return 0;
        }
        if (!is_answer(call, m))
                return -EBADMSG;
        if (m->header.type == LAUNCHER_PROFILE)
                call->answer(m, NULL, call->userdata);
        else
                call_finish(call, m, fds);
        flush(l);
        return 0;
}

/* What is taken of fds is set to -EBADF. Returns 0, or -errno when the link must end. */
static int dispatch(LauncherLink *l, const LauncherMessage *m, int *fds, size_t n_fds) {
        if (n_fds != launcher_message_count_fds(m))
                return -EBADMSG;
        if (l->state == LAUNCHER_LINK_GREETING) {
                if (m->header.type == LAUNCHER_WELCOME) {
                        l->welcome = m->welcome;
                        settle(l, LAUNCHER_LINK_WELCOME);
                        return 0;
                }
                if (m->header.type == LAUNCHER_REFUSED) {
                        l->refused = m->refused;
                        settle(l, LAUNCHER_LINK_REFUSED);
                        return 0;
                }
                return -EBADMSG;
        }

        switch ((LauncherMessageType)m->header.type) {
        case LAUNCHER_RESUMED:
                on_resumed(l);
                return 0;
        case LAUNCHER_DIED:
                l->events->on_died(&m->closed, l->userdata);
                return 0;
        case LAUNCHER_PROFILE:
        case LAUNCHER_DONE:
        case LAUNCHER_OPENED:
        case LAUNCHER_REFUSED:
        case LAUNCHER_PLACED:
        case LAUNCHER_ENDED:
        case LAUNCHER_CLOSED:
                return on_answer(l, m, fds);
        case LAUNCHER_WELCOME:
        case LAUNCHER_MESSAGE_INVALID:
        case LAUNCHER_HELLO:
        case LAUNCHER_PROFILES:
        case LAUNCHER_OPEN:
        case LAUNCHER_PLACE:
        case LAUNCHER_END:
        case LAUNCHER_CLOSE:
        case _LAUNCHER_MESSAGE_TYPE_MAX:
        default:
                return -EBADMSG;
        }
}

static int on_io(sd_event_source *source _unused_, int watched_fd _unused_, uint32_t revents,
                 void *userdata) {
        LauncherLink *l = userdata;
        int fds[_LAUNCHER_FD_MAX];
        LauncherMessage m;
        char data[sizeof(m)];
        size_t n_fds = 0;
        ssize_t n;
        int r;

        if (revents & EPOLLOUT)
                flush(l);
        n = fd_receive(l->fd, data, sizeof(data), fds, ARRAY_SIZE(fds), &n_fds);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0) {
                lose(l);
                return 0;
        }
        r = launcher_message_parse(data, (size_t)n, LAUNCHER_FROM_LAUNCHER, &m);
        if (r >= 0)
                r = dispatch(l, &m, fds, n_fds);
        for (size_t i = 0; i < n_fds; i++)
                close_fd(fds[i]);
        if (r < 0) {
                log_error(r, "The launcher's message makes no sense, ending the link");
                lose(l);
        }
        return 0;
}

/* -- the link --------------------------------------------------------------------------------- */

static int on_start(sd_event_source *source _unused_, void *userdata) {
        lose(userdata);
        return 0;
}

static int on_greeting_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                               void *userdata) {
        log_warning(0, "The launcher did not greet in time");
        lose(userdata);
        return 0;
}

static int greet(LauncherLink *l, int client_fd) {
        LauncherMessage m;
        int r;

        launcher_message_init(&m, LAUNCHER_HELLO, 0);
        r = fd_send(l->fd, &m, launcher_message_size(LAUNCHER_HELLO), &client_fd, 1);
        if (r < 0) {
                log_warning(r, "Cannot reach the launcher");
                return sd_event_add_defer(l->event, &l->start, on_start, l);
        }
        r = sd_event_add_io(l->event, &l->io, l->fd, EPOLLIN, on_io, l);
        if (r < 0)
                return r;
        return timer_set(l->event, &l->timer, GREETING_TIMEOUT_USEC, on_greeting_timeout, l);
}

int launcher_link_new(LauncherLink **ret, sd_event *event, int fd, int client_fd,
                      const LauncherLinkEvents *events, void *userdata) {
        _cleanup_(launcher_link_freep) LauncherLink *l = NULL;
        int r;

        l = calloc(1, sizeof(*l));
        if (!l) {
                close_fd(fd);
                return -ENOMEM;
        }
        *l = (LauncherLink){ .event = event, .fd = fd, .events = events, .userdata = userdata };
        TAILQ_INIT(&l->calls);
        r = fd >= 0 ? greet(l, client_fd) : sd_event_add_defer(event, &l->start, on_start, l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

LauncherLinkState launcher_link_state(const LauncherLink *l) {
        return l->state;
}

const LauncherWelcome *launcher_link_welcome(const LauncherLink *l) {
        return &l->welcome;
}

const LauncherRefused *launcher_link_refused(const LauncherLink *l) {
        return &l->refused;
}

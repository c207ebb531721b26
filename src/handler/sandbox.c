/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The states follow each other in the order of their enum; some may be left out, none comes back.
 *
 * There is one way out. Whatever the cause, CLOSE has the launcher kill all of it at once, CLOSED
 * brings the bill, every execution learns that it is over, and when the last of them has given its
 * client what was still in its pipes, the owner learns it too. A sandbox that was asked for and is
 * not wanted any more before it came is closed when it comes.
 *
 * Without a launcher, closing the channel is what is left: the guest ends at once, and the kernel
 * ends everything else in its namespace.
 *
 * Trust: nothing here depends on the guest telling the truth. */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/driver.h"
#include "handler/execution.h"
#include "handler/handler.h"
#include "handler/launcher-request.h"
#include "handler/sandbox.h"
#include "handler/timer.h"

struct Leftover {
        TAILQ_ENTRY(Leftover) entry;
        Sandbox *sandbox;
        Streams *streams;
};

static Leftover *leftover_free(Leftover *l) {
        TAILQ_REMOVE(&l->sandbox->leftovers, l, entry);
        streams_free(l->streams);
        free(l);
        return NULL;
}

static void drop_leftovers(Sandbox *s) {
        while (!TAILQ_EMPTY(&s->leftovers))
                leftover_free(TAILQ_FIRST(&s->leftovers));
}

Sandbox *sandbox_free(Sandbox *s) {
        if (!s)
                return NULL;
        while (!TAILQ_EMPTY(&s->executions))
                execution_free(TAILQ_FIRST(&s->executions));
        TAILQ_REMOVE(&s->handler->sandboxes, s, entry);
        drop_leftovers(s);
        driver_free(s->driver);
        guest_free(s->guest);
        launcher_link_forget(s->handler->launcher, s);
        sd_event_source_disable_unref(s->timer);
        sd_event_source_disable_unref(s->farewell);
        if (s->events && s->events->free)
                s->events->free(s->userdata);
        (void)json_object_put(s->env);
        rpc_problem_done(&s->problem);
        free(s);
        return NULL;
}

bool sandbox_is_alive(const Sandbox *s) {
        return s->state < SANDBOX_CLOSING && s->cause == END_INVALID && s->failure == 0;
}

/* -- the end ---------------------------------------------------------------------------------- */

static int on_farewell(sd_event_source *source _unused_, void *userdata) {
        Sandbox *s = userdata;
        const SandboxEvents *events = s->events;
        void *owner = s->userdata;
        RpcProblem problem = s->problem;
        LauncherRefused refused = s->refused;
        SandboxEnd end = {
                .cause = s->cause,
                .refused = refused.header.type == LAUNCHER_REFUSED ? &refused : NULL,
                .failure = s->failure,
                .problem = &problem,
                .death = s->death,
                .usage_known = s->usage_known,
                .usage = s->usage,
        };

        s->problem = (RpcProblem){};
        s->events = NULL;
        sandbox_free(s);
        if (events)
                events->on_ended(&end, owner);
        rpc_problem_done(&problem);
        return 0;
}

void sandbox_consider_farewell(Sandbox *s) {
        int r;

        if (s->state != SANDBOX_ENDED || !TAILQ_EMPTY(&s->executions) || s->farewell)
                return;
        r = sd_event_add_defer(s->handler->event, &s->farewell, on_farewell, s);
        if (r < 0)
                handler_exit(s->handler, r);
}

/* Everything inside is dead or dying. */
static void settle(Sandbox *s) {
        Execution *next;

        if (s->state == SANDBOX_ENDED)
                return;
        s->state = SANDBOX_ENDED;
        timer_clear(s->timer);
        drop_leftovers(s);
        s->driver = driver_free(s->driver);
        for (Execution *e = TAILQ_FIRST(&s->executions); e; e = next) {
                next = execution_next(e);
                execution_sandbox_ended(e, s->cause, s->death, s->usage_known ? &s->usage : NULL);
        }
        s->guest = guest_free(s->guest);
        sandbox_consider_farewell(s);
}

static void take_usage(Sandbox *s, const LauncherClosed *closed) {
        if (!closed->known)
                return;
        s->usage = closed->usage;
        s->usage_known = true;
        if (closed->death != LAUNCHER_DEATH_INVALID)
                s->death = (LauncherDeath)closed->death;
        if (s->failure == METHOD_E_GUEST && closed->usage.oom_kills > 0)
                (void)rpc_problem_set(&s->problem, "limits.memory_bytes",
                                      "too little for this sandbox even to start: raise it");
}

static void on_closed(const LauncherMessage *answer, int *fds _unused_, void *userdata) {
        Sandbox *s = userdata;

        if (answer && answer->header.type == LAUNCHER_CLOSED)
                take_usage(s, &answer->closed);
        settle(s);
}

/* Has it killed, unless it is not there yet. */
static void close_it(Sandbox *s) {
        int r;

        if (s->state == SANDBOX_OPENING || s->state >= SANDBOX_CLOSING)
                return;
        s->state = SANDBOX_CLOSING;
        timer_clear(s->timer);
        r = launcher_request_close(s->handler->launcher, s->opened.sandbox, on_closed, s);
        if (r < 0)
                settle(s);
}

void sandbox_end(Sandbox *s, EndCause cause) {
        if (s->cause == END_INVALID && s->failure == 0)
                s->cause = cause;
        close_it(s);
}

void sandbox_disown(Sandbox *s) {
        s->events = NULL;
}

/* It never became ready, for a reason that its owner can pass on. */
static void fail(Sandbox *s, int failure, const char *detail) {
        if (s->failure != 0 || s->cause != END_INVALID)
                return;
        s->failure = failure;
        if (detail && rpc_problem_set(&s->problem, /* field= */ NULL, "%s", detail) < 0)
                s->failure = -ENOMEM;
        close_it(s);
}

/* -- the guest -------------------------------------------------------------------------------- */

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Sandbox *s = userdata;

        if (s->state == SANDBOX_BOOTING)
                fail(s, METHOD_E_GUEST,
                     "the guest was not ready in time: try again, and see the load of the machine");
        else
                sandbox_end(s, END_LIFETIME);
        return 0;
}

static void on_guest_ready(void *userdata) {
        Sandbox *s = userdata;
        uint64_t now;
        int r;

        if (s->state != SANDBOX_BOOTING)
                return;
        s->state = SANDBOX_READY;
        timer_clear(s->timer);
        if (sd_event_now(s->handler->event, CLOCK_MONOTONIC, &now) >= 0)
                s->deadline_usec = now + s->opened.limits.lifetime_usec;
        if (s->is_kept) {
                r = timer_set(s->handler->event, &s->timer, s->opened.limits.lifetime_usec,
                              on_timer, s);
                if (r < 0) {
                        fail(s, r, NULL);
                        return;
                }
        }
        if (s->events)
                s->events->on_ready(s->userdata);
}

/* The guest is of no more use. */
static void lose_guest(Sandbox *s, EndCause cause) {
        if (s->state == SANDBOX_BOOTING)
                fail(s, METHOD_E_GUEST, "the guest ended before it was ready");
        else
                sandbox_end(s, cause);
}

static void on_guest_fault(GuestFault fault, void *userdata) {
        lose_guest(userdata, fault == GUEST_FAULT_PROTOCOL ? END_GUEST_PROTOCOL : END_GUEST_LOST);
}

static const GuestEvents guest_events = {
        .on_ready = on_guest_ready,
        .on_fault = on_guest_fault,
};

/* -- the birth -------------------------------------------------------------------------------- */

/* The driver of a warm sandbox knows nothing of an environment that its client wants: then it goes, for its
 * commands are at their end. Returns 0 or -errno. */
static int take_driver(Sandbox *s, int *fds) {
        if (s->env && json_object_object_length(s->env) > 0) {
                guest_adopt(s->guest, LAUNCHER_DRIVER_EXEC, NULL, NULL);
                return 0;
        }
        return driver_adopt(s, fds);
}

/* Takes what it needs of fds. Returns 0 or -errno. */
static int boot(Sandbox *s, int *fds) {
        int r;

        r = guest_new(&s->guest, s->handler->event, TAKE_FD(fds[LAUNCHER_FD_CHANNEL]),
                      &guest_events, s);
        if (r < 0)
                return r;
        if (!s->opened.guest_is_ready)
                return timer_set(s->handler->event, &s->timer, GUEST_TIMEOUT_USEC, on_timer, s);
        guest_set_ready(s->guest);
        if (s->opened.driver_pid) {
                r = take_driver(s, fds);
                if (r < 0)
                        return r;
        }
        if (s->opened.stand_in_pid) {
                r = driver_adopt_stand_in(s, fds);
                if (r < 0)
                        return r;
        }
        on_guest_ready(s);
        return 0;
}

static void on_opened(const LauncherMessage *answer, int *fds, void *userdata) {
        Sandbox *s = userdata;
        int r;

        if (!answer) {
                if (s->cause == END_INVALID)
                        s->failure = METHOD_E_LAUNCHER;
                settle(s);
                return;
        }
        if (answer->header.type == LAUNCHER_REFUSED) {
                s->refused = answer->refused;
                settle(s);
                return;
        }
        s->opened = answer->opened;
        s->state = SANDBOX_BOOTING;
        if (s->cause != END_INVALID) { /* not wanted any more */
                close_it(s);
                return;
        }
        r = boot(s, fds);
        if (r < 0)
                fail(s, r, NULL);
}

static size_t count_alive(const Handler *h) {
        const Sandbox *s;
        size_t n = 0;

        TAILQ_FOREACH(s, &h->sandboxes, entry)
        n += sandbox_is_alive(s);
        return n;
}

int sandbox_new(Sandbox **ret, Handler *h, const char *profile, const LauncherLimits *limits,
                bool is_kept, json_object *env, const SandboxEvents *events, void *userdata) {
        Sandbox *s;
        int r;

        if (count_alive(h) >= SANDBOXES_PER_CONNECTION_MAX)
                return METHOD_E_TOO_MANY_SANDBOXES;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (Sandbox){
                .handler = h,
                .is_kept = is_kept,
                .env = json_object_get(env),
                .events = events,
                .userdata = userdata,
        };
        TAILQ_INIT(&s->executions);
        TAILQ_INIT(&s->leftovers);
        TAILQ_INSERT_TAIL(&h->sandboxes, s, entry);
        r = launcher_request_open(h->launcher, profile, limits, is_kept, on_opened, s);
        if (r < 0) {
                s->events = NULL; /* the caller's */
                sandbox_free(s);
                return r == -ENOTCONN ? METHOD_E_LAUNCHER
                       : r == -EINVAL ? METHOD_E_UNKNOWN_PROFILE
                                      : r;
        }
        *ret = s;
        return 0;
}

Sandbox *sandbox_find(const Handler *h, const char *id) {
        Sandbox *s;

        TAILQ_FOREACH(s, &h->sandboxes, entry)
        if (s->is_kept && s->state == SANDBOX_READY && strcmp(s->opened.sandbox, id) == 0)
                return s;
        return NULL;
}

/* -- what is left behind ---------------------------------------------------------------------- */

static void on_leftover_ended(void *userdata) {
        Leftover *l = userdata;

        if (streams_are_ended(l->streams))
                leftover_free(l);
}

void sandbox_adopt_streams(Sandbox *s, Streams *streams) {
        Leftover *l = calloc(1, sizeof(*l)), *i;
        size_t n = 0;

        if (!l) {
                streams_free(streams);
                return;
        }
        TAILQ_FOREACH(i, &s->leftovers, entry)
        n++;
        if (n >= EXECUTIONS_PER_SANDBOX_MAX)
                leftover_free(TAILQ_FIRST(&s->leftovers));
        *l = (Leftover){ .sandbox = s, .streams = streams };
        TAILQ_INSERT_TAIL(&s->leftovers, l, entry);
        streams_discard(streams, on_leftover_ended, l);
}

/* -- all of them ------------------------------------------------------------------------------ */

void sandboxes_died(Handler *h, const LauncherClosed *died) {
        Sandbox *s;

        TAILQ_FOREACH(s, &h->sandboxes, entry)
        if (s->opened.sandbox[0] && strcmp(s->opened.sandbox, died->sandbox) == 0) {
                take_usage(s, died);
                lose_guest(s, END_GUEST_LOST);
                return;
        }
}

void sandboxes_launcher_lost(Handler *h) {
        Sandbox *s;

        TAILQ_FOREACH(s, &h->sandboxes, entry) {
                if (s->cause == END_INVALID && s->failure == 0) {
                        if (s->state == SANDBOX_READY)
                                s->cause = END_LAUNCHER_LOST;
                        else
                                s->failure = METHOD_E_LAUNCHER;
                }
                settle(s);
        }
}

void sandboxes_finish_input(Handler *h) {
        Execution *next;
        Sandbox *s;

        TAILQ_FOREACH(s, &h->sandboxes, entry)
        for (Execution *e = TAILQ_FIRST(&s->executions); e; e = next) {
                next = execution_next(e);
                execution_finish_input(e);
        }
}

void sandboxes_resume(Handler *h) {
        Execution *next;
        Sandbox *s;

        TAILQ_FOREACH(s, &h->sandboxes, entry) {
                if (s->driver)
                        driver_resume(s->driver);
                for (Execution *e = TAILQ_FIRST(&s->executions); e; e = next) {
                        next = execution_next(e);
                        execution_resume(e);
                }
        }
}

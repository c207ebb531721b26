/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The states follow each other in the order of their enum; some may be left out, none comes back.
 *
 * The first thing that ends an execution is its cause, and stays it: an exit, the deadline, the
 * output limit, a cancel, a lost guest. Whatever the cause, the way out is the same: CLOSE kills
 * everything in the sandbox at once (a program's background processes too), CLOSED brings the bill,
 * and then what is still in the pipes goes to the client, which may take its time: nobody can write
 * to them any more. So no output is lost that was written before the kill, and the result is the
 * last thing that the client hears of this run.
 *
 * After an exit, CLOSE waits for the end of both output streams, or OUTPUT_GRACE_USEC at most: a
 * background process that holds them open does not hold up the result.
 *
 * Without a launcher, closing the channel is what is left: the guest ends at once, and the kernel
 * ends everything else in its namespace.
 *
 * Trust: nothing here depends on the guest telling the truth. Lying can only change what is said of
 * its own program. */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "basic/log.h"
#include "handler/execution.h"
#include "handler/guest.h"
#include "handler/payload.h"
#include "handler/record.h"
#include "handler/result.h"
#include "handler/streams.h"
#include "handler/timer.h"
#include "wire/rpc.h"

#define FLUSH_TIMEOUT_USEC EMPTY_TIMEOUT_USEC /* all is killed → all pipes are closed */

typedef enum ExecutionState {
        EXECUTION_OPENING,  /* the launcher was asked for a sandbox */
        EXECUTION_BOOTING,  /* the guest's channel is here, the guest is not ready */
        EXECUTION_RUNNING,  /* the program was started */
        EXECUTION_DRAINING, /* it has ended; something may still hold its output open */
        EXECUTION_CLOSING,  /* the launcher was asked to end the sandbox */
        EXECUTION_FLUSHING, /* all is dead; what it wrote goes to the client */
} ExecutionState;

struct Execution {
        TAILQ_ENTRY(Execution) entry; /* in its handler's list */
        Handler *handler;
        Request *request;
        ExecutionState state;
        ExecutionOrder order;  /* emptied once the program was started */
        LauncherOpened opened; /* zeroed before OPENED */
        Guest *guest;
        Streams *streams;
        sd_event_source *timer;
        bool is_started;
        uint64_t started_usec;
        RunEnd end;
        int failure; /* why nothing was started: a METHOD_E_… or -errno */
        RpcProblem problem;
};

static uint64_t now_usec(const Execution *e) {
        uint64_t now = 0;

        (void)sd_event_now(e->handler->event, CLOCK_MONOTONIC, &now);
        return now;
}

static ResultSubject subject_of(const Execution *e) {
        return (ResultSubject){
                .sandbox = e->opened.sandbox,
                .profile = e->opened.sandbox[0] ? e->opened.profile : e->order.profile,
                .digest = e->opened.digest,
        };
}

static Execution *unlink_and_free(Execution *e) {
        TAILQ_REMOVE(&e->handler->executions, e, entry);
        guest_free(e->guest);
        streams_free(e->streams);
        sd_event_source_disable_unref(e->timer);
        rpc_problem_done(&e->problem);
        free(e);
        return NULL;
}

/* -- the end ---------------------------------------------------------------------------------- */

static void set_cause(Execution *e, EndCause cause) {
        if (e->end.cause != END_INVALID)
                return;
        e->end.cause = cause;
        if (e->is_started)
                e->end.wall_usec = now_usec(e) - e->started_usec;
}

/* The request gets this error instead of a result: nothing was started. */
static void set_failure(Execution *e, int failure, const char *detail) {
        if (e->failure != 0)
                return;
        e->failure = failure;
        if (detail && rpc_problem_set(&e->problem, /* field= */ NULL, "%s", detail) < 0)
                e->failure = -ENOMEM;
}

static Result decide(Execution *e) {
        Result result;

        streams_get_sizes(e->streams, &e->end.stdout_bytes, &e->end.stderr_bytes);
        e->end.output_cut = streams_are_cut(e->streams);
        result_decide(&e->end, &result);
        return result;
}

/* The last step: answers the run. */
static void answer(Execution *e) {
        ResultSubject subject = subject_of(e);
        Request *request = e->request;
        json_object *object = NULL;
        Result result;
        int r;

        if (e->failure != 0) {
                _cleanup_problem_ RpcProblem problem = e->problem;

                r = e->failure;
                e->problem = (RpcProblem){};
                if (r == METHOD_E_GUEST && e->end.usage.oom_kills > 0)
                        (void)rpc_problem_set(
                                &problem, "limits.memory_bytes",
                                "too little for this sandbox even to start: raise it");
                unlink_and_free(e);
                request_fail(request, r, &problem);
                return;
        }
        result = decide(e);
        if (e->is_started)
                record_ended(e->handler, request->id, &subject, &e->end, &result);
        r = result_format(&result, &e->end, &subject, &object);
        unlink_and_free(e);
        if (r < 0)
                request_fail(request, r, NULL);
        else
                request_succeed(request, object);
}

Execution *execution_free(Execution *e) {
        if (!e)
                return NULL;
        if (e->is_started) {
                ResultSubject subject = subject_of(e);
                Result result;

                set_cause(e, e->handler->client_gone ? END_CLIENT_GONE : END_STOPPED);
                result = decide(e);
                record_ended(e->handler, e->request->id, &subject, &e->end, &result);
        }
        return unlink_and_free(e);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(Execution *e, uint64_t usec) {
        int r = timer_set(e->handler->event, &e->timer, usec, on_timer, e);

        if (r < 0)
                handler_exit(e->handler, r);
}

/* Everything inside is dead or dying. May free the execution. */
static void begin_flush(Execution *e) {
        if (e->state == EXECUTION_FLUSHING)
                return;
        e->state = EXECUTION_FLUSHING;
        e->guest = guest_free(e->guest);
        streams_close_input(e->streams);
        if (streams_are_ended(e->streams))
                answer(e);
        else
                set_timer(e, FLUSH_TIMEOUT_USEC);
}

static void take_usage(Execution *e, const LauncherClosed *closed) {
        if (!closed->known)
                return;
        e->end.usage = closed->usage;
        e->end.usage_known = true;
        if (closed->death != LAUNCHER_DEATH_INVALID)
                e->end.death = (LauncherDeath)closed->death;
}

static void on_closed(const LauncherMessage *answer_message, int fd, void *userdata) {
        Execution *e = userdata;

        close_fd(fd);
        if (answer_message && answer_message->header.type == LAUNCHER_CLOSED)
                take_usage(e, &answer_message->closed);
        begin_flush(e);
}

/* Has the sandbox killed, unless it is not there yet. May free the execution. */
static void close_sandbox(Execution *e) {
        int r;

        if (e->state == EXECUTION_OPENING || e->state >= EXECUTION_CLOSING)
                return;
        e->state = EXECUTION_CLOSING;
        timer_clear(e->timer);
        streams_close_input(e->streams);
        r = launcher_link_close(e->handler->launcher, e->opened.sandbox, on_closed, e);
        if (r < 0)
                begin_flush(e);
}

static void on_streams_ended(void *userdata) {
        Execution *e = userdata;

        if (streams_are_cut(e->streams)) {
                set_cause(e, END_OUTPUT_LIMIT);
                close_sandbox(e);
                return;
        }
        if (!streams_are_ended(e->streams))
                return;
        if (e->state == EXECUTION_DRAINING)
                close_sandbox(e);
        else if (e->state == EXECUTION_FLUSHING)
                answer(e);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Execution *e = userdata;

        switch (e->state) {
        case EXECUTION_BOOTING:
                set_failure(e, METHOD_E_GUEST,
                            "the guest was not ready in time: try again, and "
                            "see the load of the machine");
                close_sandbox(e);
                break;
        case EXECUTION_RUNNING:
                set_cause(e, END_TIMEOUT);
                close_sandbox(e);
                break;
        case EXECUTION_DRAINING:
                close_sandbox(e);
                break;
        case EXECUTION_FLUSHING:
                if (connection_is_congested(e->handler->client))
                        set_timer(e, FLUSH_TIMEOUT_USEC); /* it is the client who is slow */
                else
                        answer(e);
                break;
        case EXECUTION_OPENING:
        case EXECUTION_CLOSING:
        default:
                break;
        }
        return 0;
}

/* -- the guest -------------------------------------------------------------------------------- */

/* From here on nothing is left of the request but its id. */
static void drop_order(Execution *e) {
        e->order = (ExecutionOrder){};
        request_drop_params(e->request);
}

/* Returns 0 also when the guest is lost by now; a METHOD_E_…, or -errno. */
static int start_program(Execution *e) {
        _cleanup_close_ int payload_fd = -EBADF, in = -EBADF, out = -EBADF, err = -EBADF;
        const LauncherWelcome *welcome = launcher_link_welcome(e->handler->launcher);
        ResultSubject subject = subject_of(e);
        Payload payload = {
                .argv = e->order.argv,
                .interpreter = e->opened.interpreter,
                .code = e->order.code,
                .code_name = e->opened.code_name,
                .env = e->order.env,
        };
        GuestStart start;
        int fds[3], r;

        if (!payload.argv && !payload.interpreter[0])
                return METHOD_E_NO_INTERPRETER;
        payload_fd = payload_pack(&payload, &start);
        if (payload_fd < 0)
                return payload_fd;
        r = streams_open(e->streams, e->opened.limits.output_bytes, fds);
        if (r < 0)
                return r;
        in = fds[0];
        out = fds[1];
        err = fds[2];

        r = record_started(e->handler, e->request->id, &subject, &payload, &e->opened.limits);
        if (r < 0) {
                log_error(r, "Cannot record the start of an execution, CLOCHE_SANDBOX=%s",
                          e->opened.sandbox);
                if (welcome->audit_required)
                        return METHOD_E_AUDIT;
        }
        e->is_started = true;
        e->started_usec = now_usec(e);
        e->state = EXECUTION_RUNNING;
        drop_order(e);
        r = guest_start(e->guest, &start, (const int[]){ payload_fd, in, out, err });
        if (r < 0) {
                set_cause(e, END_GUEST_LOST);
                close_sandbox(e);
        } else
                set_timer(e, e->opened.limits.timeout_usec);
        return 0;
}

static void on_guest_ready(void *userdata) {
        Execution *e = userdata;
        int r;

        if (e->state != EXECUTION_BOOTING)
                return;
        r = start_program(e);
        if (r == 0)
                return;
        set_failure(e, r, NULL);
        close_sandbox(e);
}

static void on_guest_exited(const GuestExited *exited, void *userdata) {
        Execution *e = userdata;

        if (e->state != EXECUTION_RUNNING)
                return; /* it was ended first */
        e->end.exited = *exited;
        set_cause(e, END_EXITED);
        e->state = EXECUTION_DRAINING;
        streams_close_input(e->streams);
        if (streams_are_ended(e->streams))
                close_sandbox(e);
        else
                set_timer(e, OUTPUT_GRACE_USEC);
}

/* The guest is of no more use. May free the execution. */
static void lose_guest(Execution *e, EndCause cause) {
        if (e->state == EXECUTION_BOOTING)
                set_failure(e, METHOD_E_GUEST, "the guest ended before it was ready");
        else
                set_cause(e, cause);
        close_sandbox(e);
}

static void on_guest_fault(GuestFault fault, void *userdata) {
        lose_guest(userdata, fault == GUEST_FAULT_PROTOCOL ? END_GUEST_PROTOCOL : END_GUEST_LOST);
}

static const GuestEvents guest_events = {
        .on_ready = on_guest_ready,
        .on_exited = on_guest_exited,
        .on_fault = on_guest_fault,
};

/* -- the sandbox ------------------------------------------------------------------------------ */

static void on_opened(const LauncherMessage *answer_message, int fd, void *userdata) {
        Execution *e = userdata;
        _cleanup_close_ int channel_fd = fd;
        int r;

        if (!answer_message) {
                set_failure(e, METHOD_E_LAUNCHER, NULL);
                begin_flush(e);
                return;
        }
        if (answer_message->header.type == LAUNCHER_REFUSED) {
                Request *request = e->request;

                unlink_and_free(e);
                request_refuse(request, &answer_message->refused);
                return;
        }

        e->opened = answer_message->opened;
        e->state = EXECUTION_BOOTING;
        if (e->end.cause != END_INVALID) { /* cancelled meanwhile */
                close_sandbox(e);
                return;
        }
        r = guest_new(&e->guest, e->handler->event, TAKE_FD(channel_fd), &guest_events, e);
        if (r < 0) {
                set_failure(e, r, NULL);
                close_sandbox(e);
                return;
        }
        set_timer(e, GUEST_TIMEOUT_USEC);
}

static size_t count(const Handler *h) {
        const Execution *e;
        size_t n = 0;

        TAILQ_FOREACH(e, &h->executions, entry)
        n++;
        return n;
}

int execution_new(Handler *h, Request *request, const ExecutionOrder *order) {
        Execution *e;
        int r;

        if (count(h) >= SANDBOXES_PER_CONNECTION_MAX)
                return METHOD_E_TOO_MANY_SANDBOXES;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        *e = (Execution){ .handler = h, .request = request, .order = *order };
        TAILQ_INSERT_TAIL(&h->executions, e, entry);

        r = streams_new(&e->streams, h, request->id, on_streams_ended, e);
        if (r >= 0)
                r = streams_add_input(e->streams, NULL, order->input, order->input_size,
                                      !order->input_open || h->client_ended);
        if (r >= 0)
                r = launcher_link_open(h->launcher, order->profile, &order->limits, on_opened, e);
        if (r != 0) {
                unlink_and_free(e);
                return r == -ENOTCONN ? METHOD_E_LAUNCHER : r;
        }
        return 0;
}

Execution *execution_find(const Handler *h, json_object *id) {
        Execution *e;

        TAILQ_FOREACH(e, &h->executions, entry)
        if (rpc_id_is_equal(e->request->id, id))
                return e;
        return NULL;
}

void execution_cancel(Execution *e) {
        set_cause(e, END_CANCELLED);
        close_sandbox(e);
}

int execution_add_input(Execution *e, Request *request, const void *data, size_t size,
                        bool is_last) {
        return streams_add_input(e->streams, request, data, size, is_last);
}

/* -- all of them ------------------------------------------------------------------------------ */

void executions_finish_input(Handler *h) {
        Execution *e;

        TAILQ_FOREACH(e, &h->executions, entry)
        streams_finish_input(e->streams);
}

void executions_resume(Handler *h) {
        Execution *e;

        TAILQ_FOREACH(e, &h->executions, entry)
        streams_resume(e->streams);
}

void executions_died(Handler *h, const LauncherClosed *died) {
        Execution *e;

        TAILQ_FOREACH(e, &h->executions, entry)
        if (strcmp(e->opened.sandbox, died->sandbox) == 0) {
                take_usage(e, died);
                lose_guest(e, END_GUEST_LOST);
                return;
        }
}

void executions_launcher_lost(Handler *h) {
        Execution *next;

        for (Execution *e = TAILQ_FIRST(&h->executions); e; e = next) {
                next = TAILQ_NEXT(e, entry);
                if (e->is_started)
                        set_cause(e, END_LAUNCHER_LOST);
                else
                        set_failure(e, METHOD_E_LAUNCHER, NULL);
                begin_flush(e);
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first thing that ends an execution is its cause, and stays it: an exit, the deadline, the
 * output limit, a cancel, the end of its sandbox. The way out is the same for all: END kills what is
 * left of it (or, after an exit in a sandbox that lives on, leaves it alone), ENDED brings the bill,
 * and then what is still in the pipes goes to the client, which may take its time: nobody can write
 * to them any more. So no output is lost that was written before the kill, and the end is the last
 * thing that is told.
 *
 * After an exit, END waits for the end of both output streams, or OUTPUT_GRACE_USEC at most: a
 * background process that holds them open does not hold up the result. In a sandbox that was made for this
 * execution END then only asks for the bill, unless somebody holds them still: the sandbox is ended next, and
 * with it whatever is left, and a large program takes longer to die than many take to run.
 *
 * To stop code, its interpreter is interrupted and moved out, and then all that is left in its cgroup is
 * killed at once; if the interpreter has not let go of the code some time later, it is killed too. What
 * the code waits for must not be dead before the interpreter knows that it is to let go, or it would go
 * on to what comes next: so after the interrupt the guest is told to end the stand-in, and the stand-in's
 * exit says that both were done. */

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/driver.h"
#include "handler/execution-end.h"
#include "handler/handler.h"
#include "handler/record.h"
#include "handler/streams.h"
#include "handler/timer.h"

#define FLUSH_TIMEOUT_USEC EMPTY_TIMEOUT_USEC /* all is killed → all pipes are closed */

uint64_t execution_now(const Execution *e) {
        uint64_t now = 0;

        (void)sd_event_now(e->sandbox->handler->event, CLOCK_MONOTONIC, &now);
        return now;
}

ResultSubject execution_subject(const Execution *e) {
        return (ResultSubject){
                .sandbox = e->sandbox->opened.sandbox,
                .profile = e->sandbox->opened.profile,
                .digest = e->sandbox->opened.digest,
                .exec = execution_id(e),
        };
}

static void leave_driver(Execution *e) {
        if (e->at_driver && e->sandbox->driver)
                driver_leave(e->sandbox->driver, e);
        e->at_driver = false;
}

static void record_end(Execution *e) {
        ResultSubject subject = execution_subject(e);
        Result result;

        streams_get_sizes(e->streams, &e->end.stdout_bytes, &e->end.stderr_bytes);
        e->end.output_cut = streams_are_cut(e->streams);
        if (!e->is_started || e->order.is_ours)
                return;
        result_decide(&e->end, &result);
        record_ended(e->sandbox->handler, e->order.request_id, &subject, &e->end, &result);
}

void execution_unlink_and_free(Execution *e) {
        leave_driver(e);
        TAILQ_REMOVE(&e->sandbox->executions, e, entry);
        program_free(e->program);
        streams_free(e->streams);
        sd_event_source_disable_unref(e->timer);
        (void)json_object_put(e->order.request_id);
        (void)json_object_put(e->command);
        free(e);
}

/* -- the end ---------------------------------------------------------------------------------- */

void execution_set_cause(Execution *e, EndCause cause) {
        if (e->end.cause != END_INVALID)
                return;
        e->end.cause = cause;
        if (e->is_started)
                e->end.wall_usec = execution_now(e) - e->started_usec;
}

void execution_finish(Execution *e, int failure, const RpcProblem *problem) {
        const ExecutionEvents *events = e->events;
        void *userdata = e->userdata;
        Sandbox *s = e->sandbox;
        RunEnd end;

        record_end(e);
        end = e->end;
        if (!e->kills && sandbox_is_alive(s) && !streams_are_ended(e->streams)) {
                sandbox_adopt_streams(s, e->streams);
                e->streams = NULL;
        }
        execution_unlink_and_free(e);
        events->on_done(&end, failure, problem, userdata);
        sandbox_consider_farewell(s);
}

Execution *execution_free(Execution *e) {
        if (!e)
                return NULL;
        execution_set_cause(e, e->sandbox->handler->client_gone ? END_CLIENT_GONE : END_STOPPED);
        record_end(e);
        execution_unlink_and_free(e);
        return NULL;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

void execution_set_timer(Execution *e, uint64_t usec) {
        int r = timer_set(e->sandbox->handler->event, &e->timer, usec, on_timer, e);

        if (r < 0)
                handler_exit(e->sandbox->handler, r);
}

/* Whether its program was killed by nobody that we know. Who kills a whole sandbox, an administrator
 * or systemd at the end of its time, kills one process after another, and the guest may still tell
 * of this one before its own turn comes. */
static bool is_killed_by_stranger(const Execution *e) {
        return e->program && e->end.cause == END_EXITED &&
               e->end.exited.kind == GUEST_EXIT_SIGNALED && e->end.exited.value == SIGKILL &&
               e->end.usage.oom_kills == 0;
}

/* Of code it is the stand-in's exit that tells what is left of the disk, and it may be slower than the
 * launcher. */
static bool is_exit_to_come(const Execution *e) {
        return e->program && e->order.by_driver && e->is_started && !e->has_exited;
}

static bool is_flushed(const Execution *e) {
        return !is_killed_by_stranger(e) && !is_exit_to_come(e) &&
               (!e->kills || streams_are_ended(e->streams));
}

/* Nothing writes any more, or nobody is to listen. May free the execution. */
static void begin_flush(Execution *e) {
        if (e->state == EXECUTION_FLUSHING)
                return;
        e->state = EXECUTION_FLUSHING;
        streams_close_input(e->streams);
        if (is_flushed(e))
                execution_finish(e, 0, NULL);
        else
                execution_set_timer(e, is_killed_by_stranger(e) ? KILLED_GRACE_USEC
                                                                : FLUSH_TIMEOUT_USEC);
}

static void kill_rest(Execution *e);

void execution_exited(Execution *e) {
        e->has_exited = true;
        if (e->state == EXECUTION_FLUSHING && is_flushed(e))
                execution_finish(e, 0, NULL);
        else
                kill_rest(e);
}

static void on_ended(const LauncherEnded *ended, void *userdata) {
        Execution *e = userdata;

        if (e->state != EXECUTION_ENDING && e->state != EXECUTION_STOPPING)
                return;
        if (!ended) {
                sandbox_end(e->sandbox, END_LAUNCHER_LOST);
                return;
        }
        if (ended->known) {
                e->end.usage = ended->usage;
                e->end.usage_known = true;
                e->end.left = e->sandbox->is_kept ? ended->left : 0;
                /* the stand-in was there from the beginning on, and is ours */
                if (e->order.by_driver && e->end.usage.tasks_peak > 0)
                        e->end.usage.tasks_peak--;
        }
        e->is_ended = true;
        if (e->state == EXECUTION_ENDING)
                begin_flush(e);
}

void execution_begin_end(Execution *e) {
        int r;

        if (e->state >= EXECUTION_ENDING)
                return;
        e->state = EXECUTION_ENDING;
        timer_clear(e->timer);
        leave_driver(e);
        e->kills =
                e->end.cause != END_EXITED || e->end.code_state == CODE_STATE_LOST ||
                (e->sandbox->is_kept ? !e->order.keeps_leftovers : !streams_are_ended(e->streams));
        r = program_end(e->program, e->kills, on_ended, e);
        if (r == -ENOTCONN)
                return; /* the sandbox will be told */
        if (r < 0)
                handler_exit(e->sandbox->handler, r);
}

void execution_end_stopping(Execution *e) {
        if (!e->is_left) {
                execution_begin_end(e);
                return;
        }
        e->state = EXECUTION_ENDING;
        timer_clear(e->timer);
        leave_driver(e);
        if (e->is_ended)
                begin_flush(e);
}

static void kill_rest(Execution *e) {
        int r;

        if (e->state != EXECUTION_STOPPING || !e->driver_is_out || !e->has_exited || e->is_left)
                return;
        e->is_left = e->kills = true;
        r = program_end(e->program, /* is_kill= */ true, on_ended, e);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(e->sandbox->handler, r);
}

void execution_code_left(Execution *e) {
        e->driver_is_out = true;
        kill_rest(e);
}

/* An interrupt saves an interpreter's state, and has it say where it was: which of code that was
 * cancelled nobody wants to know. */
static bool may_interrupt(const Execution *e) {
        return e->order.by_driver && e->sandbox->driver &&
               (e->sandbox->is_kept || e->end.cause == END_TIMEOUT);
}

bool execution_interrupt(Execution *e) {
        if (!may_interrupt(e) || !driver_interrupt(e->sandbox->driver, e))
                return false;
        e->state = EXECUTION_STOPPING;
        (void)program_signal(e->program, SIGKILL, /* to_group= */ true);
        execution_set_timer(e, INTERRUPT_GRACE_USEC);
        return true;
}

void execution_stop(Execution *e, EndCause cause) {
        execution_set_cause(e, cause);
        switch (e->state) {
        case EXECUTION_WAITING:
                execution_finish(e, 0, NULL);
                break;
        case EXECUTION_STARTING:
        case EXECUTION_RUNNING:
                if (!execution_interrupt(e))
                        execution_begin_end(e);
                break;
        case EXECUTION_DRAINING:
                execution_begin_end(e);
                break;
        case EXECUTION_STOPPING:
        case EXECUTION_ENDING:
        case EXECUTION_FLUSHING:
        default:
                break;
        }
}

void execution_sandbox_ended(Execution *e, EndCause cause, LauncherDeath death,
                             const LauncherUsage *usage) {
        /* who killed the sandbox killed the program first */
        if (cause == END_GUEST_LOST && e->end.cause == END_EXITED &&
            e->end.exited.kind == GUEST_EXIT_SIGNALED && e->end.exited.value == SIGKILL)
                e->end.cause = END_INVALID;
        execution_set_cause(e, cause == END_INVALID ? END_GUEST_LOST : cause);
        e->end.death = death;
        if (!e->end.usage_known && usage) {
                e->end.usage = *usage;
                e->end.usage_known = true;
        }
        if (e->order.by_driver && e->is_started && e->end.code_state == CODE_STATE_NONE)
                e->end.code_state = CODE_STATE_LOST;
        e->kills = true;
        e->at_driver = false;
        e->program = program_free(e->program);
        if (e->state == EXECUTION_WAITING || (e->state == EXECUTION_FLUSHING && is_flushed(e)))
                execution_finish(e, 0, NULL);
        else
                begin_flush(e);
}

void execution_streams_ended(void *userdata) {
        Execution *e = userdata;

        if (streams_are_cut(e->streams)) {
                execution_stop(e, END_OUTPUT_LIMIT);
                return;
        }
        if (!streams_are_ended(e->streams))
                return;
        if (e->state == EXECUTION_DRAINING)
                execution_begin_end(e);
        else if (e->state == EXECUTION_FLUSHING && is_flushed(e))
                execution_finish(e, 0, NULL);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Execution *e = userdata;

        switch (e->state) {
        case EXECUTION_RUNNING:
                execution_stop(e, END_TIMEOUT);
                break;
        case EXECUTION_STOPPING: /* it did not let go */
                e->end.code_state = CODE_STATE_LOST;
                execution_end_stopping(e);
                break;
        case EXECUTION_DRAINING:
                execution_begin_end(e);
                break;
        case EXECUTION_FLUSHING:
                if (connection_is_congested(e->sandbox->handler->client))
                        execution_set_timer(e,
                                            FLUSH_TIMEOUT_USEC); /* it is the client who is slow */
                else
                        execution_finish(e, 0, NULL);
                break;
        case EXECUTION_STARTING: /* the guest has not said that its code is there */
                sandbox_end(e->sandbox, END_GUEST_LOST);
                break;
        case EXECUTION_WAITING:
        case EXECUTION_ENDING:
        default:
                break;
        }
        return 0;
}

void execution_begin_drain(Execution *e) {
        e->state = EXECUTION_DRAINING;
        streams_close_input(e->streams);
        if (streams_are_ended(e->streams))
                execution_begin_end(e);
        else
                execution_set_timer(e, OUTPUT_GRACE_USEC);
}

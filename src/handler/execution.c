/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The states follow each other in the order of their enum; some may be left out, none comes back.
 *
 * The first thing that ends an execution is its cause, and stays it: an exit, the deadline, the
 * output limit, a cancel, the end of its sandbox. The way out is the same for all: END kills what is
 * left of it (or, after an exit in a sandbox that lives on, leaves it alone), ENDED brings the bill,
 * and then what is still in the pipes goes to the client, which may take its time: nobody can write
 * to them any more. So no output is lost that was written before the kill, and the end is the last
 * thing that is told.
 *
 * After an exit, END waits for the end of both output streams, or OUTPUT_GRACE_USEC at most: a
 * background process that holds them open does not hold up the result.
 *
 * Code by the driver: the program that is started is a stand-in, which only holds the streams and
 * the cgroup; the interpreter is moved into that cgroup for as long as it runs the code. What the
 * code starts is born there. To stop it, the interpreter is interrupted and moved out, and all that
 * is left there is killed at once; if the interpreter has not let go of the code some time later, it
 * is killed too.
 *
 * Trust: nothing here depends on the guest or a driver telling the truth. Lying can only change
 * what is said of their own program. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/driver.h"
#include "handler/execution.h"
#include "handler/handler.h"
#include "handler/program.h"
#include "handler/record.h"
#include "handler/streams.h"
#include "handler/timer.h"

#define FLUSH_TIMEOUT_USEC EMPTY_TIMEOUT_USEC /* all is killed → all pipes are closed */

#define STAND_IN_WORD "." /* what a stand-in says first */

typedef enum ExecutionState {
        EXECUTION_WAITING,  /* for its turn at the interpreter */
        EXECUTION_STARTING, /* the program was asked for */
        EXECUTION_RUNNING,
        EXECUTION_STOPPING, /* the interpreter was told to let go */
        EXECUTION_DRAINING, /* it has ended; something may still hold its output open */
        EXECUTION_ENDING,   /* the launcher was asked for its end */
        EXECUTION_FLUSHING, /* all is over; what it wrote goes to the client */
} ExecutionState;

struct Execution {
        TAILQ_ENTRY(Execution) entry; /* in its sandbox's list */
        Sandbox *sandbox;
        ExecutionState state;
        ExecutionOrder order; /* what is borrowed in it is gone once it was started */
        uint64_t timeout_usec;
        uint64_t output_bytes;
        const ExecutionEvents *events;
        void *userdata;
        uint32_t exec;    /* its id inside, 0 before it was started */
        json_object *command; /* for the driver, NULL before it was started */
        Program *program;     /* NULL before that, and when the sandbox is dead */
        Streams *streams;
        sd_event_source *timer;
        bool is_started;
        uint64_t started_usec;
        bool kills;     /* END does, or did */
        bool is_left;   /* STOPPING: the driver is out of its cgroup, all else there is killed … */
        bool is_ended;  /* … and dead */
        bool at_driver; /* the driver knows it */
        bool is_prepared; /* its stand-in holds the streams for the driver to open */
        RunEnd end;
};

static uint64_t now_usec(const Execution *e) {
        uint64_t now = 0;

        (void)sd_event_now(e->sandbox->handler->event, CLOCK_MONOTONIC, &now);
        return now;
}

static ResultSubject subject_of(const Execution *e) {
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
        ResultSubject subject = subject_of(e);
        Result result;

        streams_get_sizes(e->streams, &e->end.stdout_bytes, &e->end.stderr_bytes);
        e->end.output_cut = streams_are_cut(e->streams);
        if (!e->is_started || e->order.is_ours)
                return;
        result_decide(&e->end, &result);
        record_ended(e->sandbox->handler, e->order.request_id, &subject, &e->end, &result);
}

static void unlink_and_free(Execution *e) {
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

static void set_cause(Execution *e, EndCause cause) {
        if (e->end.cause != END_INVALID)
                return;
        e->end.cause = cause;
        if (e->is_started)
                e->end.wall_usec = now_usec(e) - e->started_usec;
}

/* The last step. Frees the execution. */
static void finish(Execution *e, int failure, const RpcProblem *problem) {
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
        unlink_and_free(e);
        events->on_done(&end, failure, problem, userdata);
        sandbox_consider_farewell(s);
}

Execution *execution_free(Execution *e) {
        if (!e)
                return NULL;
        set_cause(e, e->sandbox->handler->client_gone ? END_CLIENT_GONE : END_STOPPED);
        record_end(e);
        unlink_and_free(e);
        return NULL;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(Execution *e, uint64_t usec) {
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

/* Nothing writes any more, or nobody is to listen. May free the execution. */
static void begin_flush(Execution *e) {
        if (e->state == EXECUTION_FLUSHING)
                return;
        e->state = EXECUTION_FLUSHING;
        streams_close_input(e->streams);
        if (is_killed_by_stranger(e))
                set_timer(e, KILLED_GRACE_USEC);
        else if (!e->kills || streams_are_ended(e->streams))
                finish(e, 0, NULL);
        else
                set_timer(e, FLUSH_TIMEOUT_USEC);
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
                e->end.left = ended->left;
        }
        e->is_ended = true;
        if (e->state == EXECUTION_ENDING)
                begin_flush(e);
}

/* Asks for its end. May free the execution. */
static void begin_end(Execution *e) {
        int r;

        if (e->state >= EXECUTION_ENDING)
                return;
        e->state = EXECUTION_ENDING;
        timer_clear(e->timer);
        leave_driver(e);
        e->kills = e->end.cause != END_EXITED || !e->order.keeps_leftovers ||
                   e->end.code_state == CODE_STATE_LOST;
        r = program_end(e->program, e->kills, on_ended, e);
        if (r == -ENOTCONN)
                return; /* the sandbox will be told */
        if (r < 0)
                handler_exit(e->sandbox->handler, r);
}

/* What became of the code that was told to stop is known. May free the execution. */
static void end_stopping(Execution *e) {
        if (!e->is_left) {
                begin_end(e);
                return;
        }
        e->state = EXECUTION_ENDING;
        timer_clear(e->timer);
        leave_driver(e);
        if (e->is_ended)
                begin_flush(e);
}

void execution_code_left(Execution *e) {
        int r;

        if (e->state != EXECUTION_STOPPING)
                return;
        e->is_left = e->kills = true;
        r = program_end(e->program, /* is_kill= */ true, on_ended, e);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(e->sandbox->handler, r);
}

void execution_stop(Execution *e, EndCause cause) {
        set_cause(e, cause);
        switch (e->state) {
        case EXECUTION_WAITING:
                finish(e, 0, NULL);
                break;
        case EXECUTION_STARTING:
        case EXECUTION_RUNNING:
                if (!e->order.by_driver || !e->sandbox->driver ||
                    !driver_interrupt(e->sandbox->driver, e)) {
                        begin_end(e);
                        break;
                }
                e->state = EXECUTION_STOPPING;
                set_timer(e, INTERRUPT_GRACE_USEC);
                break;
        case EXECUTION_DRAINING:
                begin_end(e);
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
        set_cause(e, cause == END_INVALID ? END_GUEST_LOST : cause);
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
        if (e->state == EXECUTION_WAITING ||
            (e->state == EXECUTION_FLUSHING && streams_are_ended(e->streams)))
                finish(e, 0, NULL);
        else
                begin_flush(e);
}

static void on_streams_ended(void *userdata) {
        Execution *e = userdata;

        if (streams_are_cut(e->streams)) {
                execution_stop(e, END_OUTPUT_LIMIT);
                return;
        }
        if (!streams_are_ended(e->streams))
                return;
        if (e->state == EXECUTION_DRAINING)
                begin_end(e);
        else if (e->state == EXECUTION_FLUSHING && !is_killed_by_stranger(e))
                finish(e, 0, NULL);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Execution *e = userdata;

        switch (e->state) {
        case EXECUTION_RUNNING:
                execution_stop(e, END_TIMEOUT);
                break;
        case EXECUTION_STOPPING: /* it did not let go */
                e->end.code_state = CODE_STATE_LOST;
                end_stopping(e);
                break;
        case EXECUTION_DRAINING:
                begin_end(e);
                break;
        case EXECUTION_FLUSHING:
                if (connection_is_congested(e->sandbox->handler->client))
                        set_timer(e, FLUSH_TIMEOUT_USEC); /* it is the client who is slow */
                else
                        finish(e, 0, NULL);
                break;
        case EXECUTION_WAITING:
        case EXECUTION_STARTING:
        case EXECUTION_ENDING:
        default:
                break;
        }
        return 0;
}

/* -- the program ------------------------------------------------------------------------------ */

/* It has ended; what is left in its streams comes. May free the execution. */
static void begin_drain(Execution *e) {
        e->state = EXECUTION_DRAINING;
        streams_close_input(e->streams);
        if (streams_are_ended(e->streams))
                begin_end(e);
        else
                set_timer(e, OUTPUT_GRACE_USEC);
}

static void on_running(void *userdata) {
        Execution *e = userdata;

        if (e->state != EXECUTION_STARTING)
                return;
        if (e->order.by_driver)
                return; /* until the stand-in says its word */
        e->state = EXECUTION_RUNNING;
        set_timer(e, e->timeout_usec);
}

static void on_exited(const GuestExited *exited, void *userdata) {
        Execution *e = userdata;

        e->end.exited.work_free = exited->work_free;
        if (e->state >= EXECUTION_STOPPING ||
            (e->order.by_driver && e->state != EXECUTION_STARTING))
                return; /* it was ended first, or is but a stand-in */
        e->end.exited = *exited;
        set_cause(e, END_EXITED);
        begin_drain(e);
}

static const ProgramEvents program_events = {
        .on_running = on_running,
        .on_exited = on_exited,
};

/* Makes the command of what is borrowed in the order. Returns 0 or -ENOMEM. */
static int make_command(Execution *e, uint32_t exec) {
        const Payload *p = &e->order.payload;
        _cleanup_free_ char *path = NULL;
        int r;

        e->command = json_object_new_object();
        if (!e->command || asprintf(&path, "%s/%u/%s", GUEST_CODE_DIR, exec, p->code_name) < 0)
                return -ENOMEM;
        r = json_set_uint(e->command, "run", exec);
        if (r >= 0)
                r = json_set_string(e->command, "path", path);
        if (r >= 0 && p->env && p->env != e->sandbox->env)
                r = json_set(e->command, "env", json_object_get(p->env));
        if (r >= 0 && p->cwd)
                r = json_set_string(e->command, "cwd", p->cwd);
        if (r >= 0 && !e->sandbox->is_kept)
                r = json_set_bool(e->command, "last", true);
        return r;
}

/* Returns 0, a METHOD_E_…, or -errno. */
static int start(Execution *e) {
        _cleanup_close_ int payload_fd = -EBADF, in = -EBADF, out = -EBADF, err = -EBADF;
        uint32_t exec = guest_new_exec(e->sandbox->guest);
        ResultSubject subject = subject_of(e);
        Payload payload = e->order.payload;
        GuestStart frame;
        int fds[3], r;

        if (e->order.by_driver) {
                r = make_command(e, exec);
                if (r < 0)
                        return r;
                payload.words = GUEST_PROGRAM_PATH "\n" GUEST_COMMAND_STAND_IN "\n" STAND_IN_WORD;
                payload.takes_code_path = false;
        }
        if (payload.env != e->sandbox->env)
                payload.sandbox_env = e->sandbox->env;
        payload_fd = payload_pack(&payload, exec, &frame);
        if (payload_fd < 0)
                return payload_fd;
        frame.has_terminal = e->order.has_terminal;
        frame.rows = e->order.rows;
        frame.columns = e->order.columns;
        r = streams_open(e->streams, e->output_bytes, e->order.has_terminal, fds);
        if (r < 0)
                return r;
        in = fds[0];
        out = fds[1];
        err = fds[2];

        subject.exec = exec;
        r = e->order.is_ours ? 0
                             : record_started(e->sandbox->handler, e->order.request_id, &subject,
                                              &e->order.payload, e->timeout_usec, e->output_bytes);
        if (r != 0)
                return r;
        r = program_new(&e->program, e->sandbox, exec, &frame,
                        (const int[]){ payload_fd, in, out, err }, &program_events, e);
        if (r != 0)
                return r;
        e->exec = exec;
        e->state = EXECUTION_STARTING;
        e->is_started = true;
        e->started_usec = now_usec(e);
        e->order.payload = (Payload){};
        return 0;
}

void execution_start(Execution *e) {
        int r = start(e);

        if (r != 0)
                finish(e, r, NULL);
        else
                e->events->on_started(e->userdata);
}

/* -- the driver ------------------------------------------------------------------------------- */

void execution_code_running(Execution *e) {
        if (e->state != EXECUTION_STARTING)
                return;
        e->state = EXECUTION_RUNNING;
        set_timer(e, e->timeout_usec);
}

/* What it holds are the last ends of the streams that are not a leftover's. May free the execution. */
static void end_stand_in(Execution *e) {
        (void)program_signal(e->program, SIGKILL, /* to_group= */ true);
        begin_drain(e);
}

void execution_code_done(Execution *e, uint8_t exit_code, json_object *error) {
        if (e->state >= EXECUTION_DRAINING)
                return;
        if (error)
                e->events->on_error(error, e->userdata);
        e->at_driver = false;
        e->end.code_state = CODE_STATE_KEPT;
        if (e->end.cause == END_INVALID) {
                e->end.exited.kind = GUEST_EXIT_EXITED;
                e->end.exited.value = exit_code;
                set_cause(e, END_EXITED);
        }
        if (e->state == EXECUTION_STOPPING) {
                end_stopping(e);
                return;
        }
        if (e->end.cause == END_EXITED)
                end_stand_in(e);
        else
                begin_end(e);
}

void execution_code_lost(Execution *e, const GuestExited *exited) {
        if (e->state >= EXECUTION_DRAINING)
                return;
        e->at_driver = false;
        e->end.code_state = CODE_STATE_LOST;
        if (e->end.cause == END_INVALID) {
                if (exited)
                        e->end.exited = *exited;
                else {
                        e->end.exited.kind = GUEST_EXIT_SIGNALED;
                        e->end.exited.value = SIGKILL;
                }
                set_cause(e, END_EXITED);
        }
        if (e->state == EXECUTION_STOPPING)
                end_stopping(e);
        else if (e->end.cause == END_EXITED && exited && exited->kind == GUEST_EXIT_EXITED)
                end_stand_in(e);
        else
                begin_end(e);
}

void execution_code_refused(Execution *e, int failure, const RpcProblem *problem) {
        e->at_driver = false;
        finish(e, failure, problem);
}

void execution_result(Execution *e, json_object *data) {
        size_t size = 0;

        (void)json_object_to_json_string_length(data, JSON_C_TO_STRING_PLAIN, &size);
        if (!streams_count_result(e->streams, size))
                execution_stop(e, END_OUTPUT_LIMIT);
        else if (e->state == EXECUTION_RUNNING)
                e->events->on_result(data, e->userdata);
}

json_object *execution_command(const Execution *e) {
        return e->command;
}

/* -- from outside ----------------------------------------------------------------------------- */

static void on_output(unsigned stream, const char *data, size_t size, bool is_text,
                      void *userdata) {
        Execution *e = userdata;

        if (e->order.by_driver && !e->is_prepared) {
                /* the stand-in's word: only now can its streams be opened by another */
                e->is_prepared = true;
                streams_uncount(e->streams, stream, size);
                if (e->state == EXECUTION_STARTING && e->sandbox->driver)
                        driver_take(e->sandbox->driver, e);
                return;
        }
        e->events->on_output(stream, data, size, is_text, e->userdata);
}

static const StreamsEvents streams_events = {
        .on_output = on_output,
        .on_ended = on_streams_ended,
};

static uint64_t narrower(uint64_t wanted, uint64_t limit) {
        return wanted < limit ? wanted : limit;
}

/* In a sandbox that is kept, what is asked for may take as long as the sandbox lives: a shell. */
static uint64_t find_timeout(const Sandbox *s, uint64_t wanted) {
        if (!s->is_kept || wanted == LIMIT_UNSET)
                return narrower(wanted, s->opened.limits.timeout_usec);
        return narrower(wanted, s->opened.limits.lifetime_usec);
}

int execution_new(Execution **ret, Sandbox *s, const ExecutionOrder *order,
                  const ExecutionEvents *events, void *userdata) {
        Execution *e = calloc(1, sizeof(*e));
        int r;

        if (!e) {
                streams_free(order->streams);
                return -ENOMEM;
        }
        *e = (Execution){
                .sandbox = s,
                .order = *order,
                .streams = order->streams,
                .timeout_usec = find_timeout(s, order->timeout_usec),
                .output_bytes = order->is_ours ? LIMIT_UNSET
                                               : narrower(order->output_bytes,
                                                          s->opened.limits.output_bytes),
                .events = events,
                .userdata = userdata,
                .end.exited.work_free = UINT64_MAX,
        };
        e->order.request_id = json_object_get(order->request_id);
        TAILQ_INSERT_TAIL(&s->executions, e, entry);
        streams_begin(e->streams, &streams_events, e);
        if (s->handler->client_ended)
                execution_finish_input(e);
        if (!order->by_driver) {
                r = start(e);
                if (r == 0)
                        e->events->on_started(e->userdata);
        } else {
                r = driver_enqueue(s, e, order->reset);
                e->at_driver = r == 0;
        }
        if (r != 0) {
                unlink_and_free(e);
                return r;
        }
        *ret = e;
        return 0;
}

Execution *execution_next(Execution *e) {
        return TAILQ_NEXT(e, entry);
}

uint32_t execution_id(const Execution *e) {
        return e->exec;
}

int execution_add_input(Execution *e, Request *request, const void *data, size_t size,
                        bool is_last) {
        return streams_add_input(e->streams, request, data, size, is_last);
}

void execution_finish_input(Execution *e) {
        /* a file that is not whole must not take the place of one that is */
        if (e->order.is_ours && e->program && !streams_is_input_finished(e->streams))
                execution_stop(e, END_CANCELLED);
        else
                streams_finish_input(e->streams);
}

void execution_resume(Execution *e) {
        streams_resume(e->streams);
}

int execution_signal(Execution *e, uint32_t signo) {
        if (e->state != EXECUTION_RUNNING)
                return -ESRCH;
        if (e->order.by_driver)
                return e->sandbox->driver ? driver_signal(e->sandbox->driver, e, signo) : -ESRCH;
        return program_signal(e->program, signo, /* to_group= */ true);
}

int execution_resize(Execution *e, uint16_t rows, uint16_t columns) {
        if (!e->order.has_terminal)
                return -ENOTTY;
        return e->state == EXECUTION_RUNNING ? program_resize(e->program, rows, columns) : -ESRCH;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The states follow each other in the order of their enum; some may be left out, none comes back. How
 * it ends is in execution-end.c.
 *
 * Code by the driver: the program that is started is a stand-in, which only holds the streams and
 * the cgroup; the interpreter is moved into that cgroup for as long as it runs the code. What the
 * code starts is born there. Where the driver has a stand-in ready (stand-in.c), the code is given to that,
 * while the interpreter moves; but a directory that the code is to begin in must be entered with the code's
 * rights before its interpreter is told, so such code has a stand-in of its own.
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
#include "handler/execution-end.h"
#include "handler/handler.h"
#include "handler/program.h"
#include "handler/record.h"
#include "handler/stand-in.h"
#include "handler/streams.h"
#include "handler/timer.h"

/* -- the program ------------------------------------------------------------------------------ */

static void on_running(void *userdata) {
        Execution *e = userdata;

        if (e->state != EXECUTION_STARTING)
                return;
        if (e->order.by_driver)
                return; /* until the stand-in says its word */
        e->state = EXECUTION_RUNNING;
        execution_set_timer(e, e->timeout_usec);
}

static void on_exited(const GuestExited *exited, void *userdata) {
        Execution *e = userdata;

        e->end.exited.work_free = exited->work_free;
        if (e->state >= EXECUTION_STOPPING ||
            (e->order.by_driver && e->state != EXECUTION_STARTING)) {
                execution_exited(e); /* it was ended first, or is but a stand-in */
                return;
        }
        e->has_exited = true;
        if (e->order.by_driver)
                e->end.code_state = CODE_STATE_KEPT; /* the code never came to the interpreter */
        e->end.exited = *exited;
        execution_set_cause(e, END_EXITED);
        /* an interpreter that is on its way goes home */
        if (!execution_interrupt(e))
                execution_begin_drain(e);
}

/* The code is there for its interpreter, or cannot be, which ends it before it began. */
static void on_written(int error, void *userdata) {
        Execution *e = userdata;

        if (e->state != EXECUTION_STARTING || !e->sandbox->driver)
                return;
        timer_clear(e->timer);
        if (error == 0) {
                driver_begin(e->sandbox->driver, e);
                return;
        }
        e->end.code_state = CODE_STATE_KEPT;
        e->end.exited = (GuestExited){
                .kind = GUEST_EXIT_FAILED,
                .value = error,
                .work_free = e->end.exited.work_free,
        };
        execution_stop(e, END_EXITED);
}

static const ProgramEvents program_events = {
        .on_running = on_running,
        .on_written = on_written,
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

static bool is_full(const Sandbox *s) {
        const Execution *e;
        size_t n = 0;

        TAILQ_FOREACH(e, &s->executions, entry)
        n += e->program != NULL;
        return n >= EXECUTIONS_PER_SANDBOX_MAX;
}

static int record(const Execution *e, uint32_t exec) {
        ResultSubject subject = execution_subject(e);

        subject.exec = exec;
        return e->order.is_ours
                       ? 0
                       : record_started(e->sandbox->handler, e->order.request_id, &subject,
                                        &e->order.payload, e->timeout_usec, e->output_bytes);
}

static void be_started(Execution *e, uint32_t exec) {
        e->exec = exec;
        e->state = EXECUTION_STARTING;
        e->is_started = true;
        e->started_usec = execution_now(e);
        e->order.payload = (Payload){};
}

/* Has the program started that the order says, or a stand-in of its own. Returns 0, a METHOD_E_…, or
 * -errno. */
static int start(Execution *e) {
        _cleanup_close_ int payload_fd = -EBADF, in = -EBADF, out = -EBADF, err = -EBADF;
        uint32_t exec = guest_new_exec(e->sandbox->guest);
        Payload payload = e->order.payload;
        GuestStart frame;
        int fds[3], r;

        if (e->order.by_driver) {
                r = make_command(e, exec);
                if (r < 0)
                        return r;
                payload.words = GUEST_STAND_IN_WORDS;
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

        r = record(e, exec);
        if (r != 0)
                return r;
        r = program_new(&e->program, e->sandbox, exec, &frame,
                        (const int[]){ payload_fd, in, out, err }, &program_events, e);
        if (r == 0)
                be_started(e, exec);
        return r;
}

/* The same with a stand-in that is ready; it is taken over, unless this fails before. */
static int start_prepared(Execution *e, StandIn **stand_in) {
        uint32_t exec = stand_in_exec(*stand_in);
        int fds[3], r;

        r = make_command(e, exec);
        if (r == 0)
                r = record(e, exec);
        if (r != 0)
                return r;
        e->program = stand_in_take(TAKE_PTR(*stand_in), &program_events, e, fds);
        r = streams_attach(e->streams, e->output_bytes, fds);
        if (r == 0)
                r = program_give_code(e->program, e->order.payload.code);
        if (r == 0) {
                e->is_prepared = true;
                be_started(e, exec);
                execution_set_timer(e, GUEST_TIMEOUT_USEC); /* for the code to be there */
        } else
                (void)program_end(e->program, /* is_kill= */ true, NULL, NULL);
        return r;
}

/* stand_in: as execution_start(). Returns 0 and has told so, a METHOD_E_…, or -errno. */
static int begin(Execution *e, StandIn **stand_in) {
        int r;

        if (is_full(e->sandbox))
                return METHOD_E_TOO_MANY_REQUESTS;
        if (stand_in_is_ready(*stand_in) && !e->order.payload.cwd)
                r = start_prepared(e, stand_in);
        else
                r = start(e);
        if (r == 0)
                e->events->on_started(e->userdata);
        return r;
}

void execution_start(Execution *e, StandIn **stand_in) {
        int r = begin(e, stand_in);

        if (r != 0) {
                execution_finish(e, r, NULL);
                return;
        }
        if (e->is_prepared)
                driver_take(e->sandbox->driver, e);
}

/* -- the driver ------------------------------------------------------------------------------- */

void execution_code_running(Execution *e) {
        if (e->state != EXECUTION_STARTING)
                return;
        e->state = EXECUTION_RUNNING;
        execution_set_timer(e, e->timeout_usec);
}

void execution_code_through(Execution *e) {
        if (e->state == EXECUTION_RUNNING)
                (void)program_signal(e->program, SIGKILL, /* to_group= */ true);
}

/* What it holds are the last ends of the streams that are not a leftover's. May free the execution. */
static void end_stand_in(Execution *e) {
        (void)program_signal(e->program, SIGKILL, /* to_group= */ true);
        execution_begin_drain(e);
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
                execution_set_cause(e, END_EXITED);
        }
        if (e->state == EXECUTION_STOPPING) {
                execution_end_stopping(e);
                return;
        }
        if (e->end.cause == END_EXITED)
                end_stand_in(e);
        else
                execution_begin_end(e);
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
                execution_set_cause(e, END_EXITED);
        }
        if (e->state == EXECUTION_STOPPING)
                execution_end_stopping(e);
        else if (e->end.cause == END_EXITED && exited && exited->kind == GUEST_EXIT_EXITED)
                end_stand_in(e);
        else
                execution_begin_end(e);
}

void execution_code_refused(Execution *e, int failure, const RpcProblem *problem) {
        e->at_driver = false;
        execution_finish(e, failure, problem);
}

void execution_result(Execution *e, json_object *data) {
        size_t size = 0;

        (void)json_object_to_json_string_length(data, JSON_C_TO_STRING_PLAIN, &size);
        if (!streams_count_result(e->streams, size))
                execution_stop(e, END_OUTPUT_LIMIT);
        else if (e->state == EXECUTION_RUNNING)
                e->events->on_result(data, size, e->userdata);
}

json_object *execution_command(const Execution *e) {
        return e->command;
}

/* -- from outside ----------------------------------------------------------------------------- */

static void on_output(unsigned stream, const char *data, size_t size, bool is_text,
                      void *userdata) {
        Execution *e = userdata;

        if (e->order.by_driver && !e->is_prepared && stream == 0) {
                /* the stand-in's word: only now can its streams be opened by another */
                e->is_prepared = true;
                streams_uncount(e->streams, stream, size);
                if (e->state == EXECUTION_STARTING && e->sandbox->driver) {
                        driver_take(e->sandbox->driver, e);
                        driver_begin(e->sandbox->driver, e);
                }
                return;
        }
        e->events->on_output(stream, data, size, is_text, e->userdata);
}

static const StreamsEvents streams_events = {
        .on_output = on_output,
        .on_ended = execution_streams_ended,
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
        StandIn *none = NULL;
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
        if (!order->by_driver)
                r = begin(e, &none);
        else {
                r = driver_enqueue(s, e, order->reset);
                e->at_driver = r == 0;
        }
        if (r != 0) {
                execution_unlink_and_free(e);
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A driver is started like any program, with two pipes that are ours. On its stdin it gets one line
 * for each piece of code,
 *
 *   N PATH
 *
 * and runs the file PATH with the streams N/fd/0, 1 and 2 beside it. On its stdout it answers with
 * lines of JSON: {"ready":true} once, {"display":N,"data":{MEDIA-TYPE:TEXT,…}} while it runs N, and
 * {"done":N,"exit_code":C} when it is through. SIGINT means: let go of what you run.
 *
 * For as long as it runs N, its process is in the cgroup of N, so what the code starts is born
 * there and can be told from what others started; before anybody hears that N is done it is moved
 * home.
 *
 *   STARTING  not ready yet
 *   IDLE      at home
 *   TURN      an execution prepares its streams
 *   MOVING    on its way into that execution's cgroup
 *   BUSY      running its code
 *   LEAVING   interrupted, and on its way back while it still runs it
 *   LEFT      at home, and may still run it
 *   HOMING    through with it, and on its way back
 *   DYING     to be killed, or killed already: a new one is started when somebody waits
 *
 * Trust: it is the client's own code that speaks here, whatever the driver is. A line that makes no
 * sense is the end of that driver, and of the code that it runs. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/driver.h"
#include "handler/handler.h"
#include "handler/input.h"
#include "handler/output.h"
#include "handler/program.h"
#include "handler/timer.h"
#include "wire/line.h"

#define COMPLAINT_SIZE 400 /* of what a driver that cannot start says */

typedef enum DriverState {
        DRIVER_STARTING,
        DRIVER_IDLE,
        DRIVER_TURN,
        DRIVER_MOVING,
        DRIVER_BUSY,
        DRIVER_LEAVING,
        DRIVER_LEFT,
        DRIVER_HOMING,
        DRIVER_DYING,
} DriverState;

/* Somebody's place in the row. */
typedef struct Turn {
        TAILQ_ENTRY(Turn) entry;
        Execution *execution;
        bool reset;
} Turn;

struct Driver {
        Sandbox *sandbox;
        DriverState state;
        TAILQ_HEAD(, Turn) turns;
        Execution *current; /* from TURN to HOMING; NULL: it is over, whatever the driver does */
        bool is_prepared;   /* its streams and cgroup are there */
        bool is_used;       /* it has state that a reset would lose */
        bool interrupted;   /* while MOVING */
        bool is_through;    /* while LEAVING: it has let go */
        uint8_t exit_code;  /* while HOMING */

        Program *program; /* NULL: there is none, until somebody waits */
        Input *commands;
        size_t n_commands; /* bytes queued for it */
        Output *replies;
        LineReader lines;
        Output *complaints;
        char complaint[COMPLAINT_SIZE];
        size_t n_complaint;
        sd_event_source *timer;
        sd_event_source *waker;
};

static void wake(Driver *d);

/* -- the process ------------------------------------------------------------------------------ */

/* Forgets the process; the row stays. */
static void drop_process(Driver *d) {
        d->program = program_free(d->program);
        d->commands = input_free(d->commands);
        d->replies = output_free(d->replies);
        d->complaints = output_free(d->complaints);
        line_reader_done(&d->lines);
        d->lines = (LineReader){};
        timer_clear(d->timer);
        d->n_complaint = 0;
        d->is_used = d->interrupted = d->is_through = false;
}

Driver *driver_free(Driver *d) {
        Turn *t;

        if (!d)
                return NULL;
        launcher_link_forget(d->sandbox->handler->launcher, d);
        drop_process(d);
        while ((t = TAILQ_FIRST(&d->turns))) {
                TAILQ_REMOVE(&d->turns, t, entry);
                free(t);
        }
        sd_event_source_disable_unref(d->timer);
        sd_event_source_disable_unref(d->waker);
        free(d);
        return NULL;
}

/* Lets the code go too, which ends with it. */
static void lose_current(Driver *d, const GuestExited *exited) {
        Execution *e = d->current;

        d->current = NULL;
        if (e)
                execution_code_lost(e, exited);
}

/* Nobody gets a driver. */
static void refuse_all(Driver *d, int failure, const char *detail) {
        _cleanup_problem_ RpcProblem problem = {};
        Turn *t;

        if (detail && detail[0])
                (void)rpc_problem_set(&problem, NULL, "%s", detail);
        lose_current(d, NULL);
        while ((t = TAILQ_FIRST(&d->turns))) {
                Execution *e = t->execution;

                TAILQ_REMOVE(&d->turns, t, entry);
                free(t);
                execution_code_refused(e, failure, &problem);
        }
}

static void on_killed(const LauncherEnded *ended _unused_, void *userdata) {
        Driver *d = userdata;

        drop_process(d);
        wake(d);
}

/* Ends the process and what it started on its own account. */
static void kill_process(Driver *d) {
        int r;

        d->state = DRIVER_DYING;
        timer_clear(d->timer);
        r = program_end(d->program, /* is_kill= */ true, on_killed, d);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(d->sandbox->handler, r);
}

static void on_exited(const GuestExited *exited, void *userdata) {
        Driver *d = userdata;

        if (d->state == DRIVER_DYING)
                return;
        if (d->state == DRIVER_STARTING)
                refuse_all(d, METHOD_E_DRIVER, d->complaint);
        /* one whose code it has not seen waits for the next driver */
        if (d->state != DRIVER_TURN && d->state != DRIVER_MOVING)
                lose_current(d, exited);
        kill_process(d);
}

/* -- what it says ----------------------------------------------------------------------------- */

static void on_placed_home(const LauncherMessage *answer, int fd, void *userdata);

static void go_home(Driver *d) {
        int r;

        d->state = DRIVER_HOMING;
        r = program_move(d->program, program_exec(d->program), on_placed_home, d);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(d->sandbox->handler, r);
}

static bool take_number(json_object *o, const char *name, uint32_t max, uint32_t *ret) {
        json_object *value;
        int64_t n;

        if (!json_object_object_get_ex(o, name, &value) ||
            !json_object_is_type(value, json_type_int))
                return false;
        n = json_object_get_int64(value);
        if (n < 0 || n > max)
                return false;
        *ret = (uint32_t)n;
        return true;
}

static bool are_strings(json_object *o) {
        if (!json_object_is_type(o, json_type_object))
                return false;
        json_object_object_foreach(o, name, value) {
                (void)name;
                if (!json_object_is_type(value, json_type_string))
                        return false;
        }
        return true;
}

static bool runs_code(const Driver *d) {
        return d->state >= DRIVER_BUSY && d->state <= DRIVER_LEFT && !d->is_through;
}

/* It is at home and through with the code. */
static void finish_current(Driver *d) {
        Execution *e = d->current;

        d->current = NULL;
        d->interrupted = d->is_through = false;
        d->state = DRIVER_IDLE;
        if (e)
                execution_code_done(e, d->exit_code);
        wake(d);
}

/* False when it makes no sense. */
static bool take_reply(Driver *d, json_object *reply, size_t size) {
        json_object *data;
        uint32_t exec, code;

        if (json_object_object_get_ex(reply, "ready", NULL)) {
                if (d->state != DRIVER_STARTING)
                        return false;
                timer_clear(d->timer);
                d->state = DRIVER_IDLE;
                return true;
        }
        if (take_number(reply, "display", UINT32_MAX, &exec) &&
            json_object_object_get_ex(reply, "data", &data) && are_strings(data)) {
                /* a thread of an earlier one may be late */
                if (d->state == DRIVER_BUSY && exec == execution_id(d->current))
                        execution_display(d->current, data, size);
                return true;
        }
        if (!runs_code(d) || !take_number(reply, "done", UINT32_MAX, &exec) ||
            !take_number(reply, "exit_code", UINT8_MAX, &code) || exec != execution_id(d->current))
                return false;
        d->exit_code = (uint8_t)code;
        if (d->state == DRIVER_LEAVING)
                d->is_through = true;
        else if (d->state == DRIVER_LEFT)
                finish_current(d);
        else
                go_home(d);
        return true;
}

static bool take_line(Driver *d, const char *line, size_t size) {
        _cleanup_json_ json_object *reply = NULL;

        return json_parse(line, size, &reply, NULL) >= 0 &&
               json_object_is_type(reply, json_type_object) && take_reply(d, reply, size);
}

static void on_reply(const char *data, size_t size, bool is_text _unused_, void *userdata) {
        Driver *d = userdata;
        LineFound found;
        const char *line;
        char *room;

        if (d->state == DRIVER_DYING)
                return;
        if (line_reader_reserve(&d->lines, size, &room) < 0) {
                handler_exit(d->sandbox->handler, -ENOMEM);
                return;
        }
        memcpy(room, data, size);
        line_reader_commit(&d->lines, size);
        while ((found = line_reader_next(&d->lines, &line, &size)) == LINE_WHOLE) {
                bool makes_sense = take_line(d, line, size);

                if (d->state == DRIVER_DYING)
                        return;
                if (!makes_sense)
                        break;
        }
        if (found != LINE_NONE) {
                lose_current(d, NULL);
                kill_process(d);
        } else
                wake(d);
}

static void on_complaint(const char *data, size_t size, bool is_text, void *userdata) {
        Driver *d = userdata;
        size_t room = sizeof(d->complaint) - 1 - d->n_complaint;

        if (!is_text || d->state != DRIVER_STARTING)
                return;
        size = size < room ? size : room;
        memcpy(d->complaint + d->n_complaint, data, size);
        d->n_complaint += size;
        d->complaint[d->n_complaint] = 0;
        (void)utf8_scrub(d->complaint);
}

static bool may_read(void *userdata) {
        const Driver *d = userdata;

        return !connection_is_congested(d->sandbox->handler->client);
}

static size_t on_read(size_t size, void *userdata _unused_) {
        return size;
}

/* Its exit tells. */
static void on_end(void *userdata _unused_) {
}

static const OutputEvents reply_events = {
        .may_read = may_read,
        .on_read = on_read,
        .on_piece = on_reply,
        .on_end = on_end,
};

static const OutputEvents complaint_events = {
        .may_read = may_read,
        .on_read = on_read,
        .on_piece = on_complaint,
        .on_end = on_end,
};

/* -- the beginning ---------------------------------------------------------------------------- */

static void on_running(void *userdata _unused_) {
}

static const ProgramEvents program_events = {
        .on_running = on_running,
        .on_exited = on_exited,
};

static void on_room(void *userdata _unused_) {
}

static int on_timeout(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Driver *d = userdata;

        refuse_all(d, METHOD_E_DRIVER, d->complaint[0] ? d->complaint : "it was not ready in time");
        kill_process(d);
        return 0;
}

/* Returns 0, METHOD_E_TOO_MANY_REQUESTS or -errno. */
static int start(Driver *d) {
        _cleanup_close_ int payload_fd = -EBADF, in = -EBADF, out = -EBADF, err = -EBADF;
        Sandbox *s = d->sandbox;
        sd_event *event = s->handler->event;
        Payload payload = { .words = s->opened.driver, .sandbox_env = s->env };
        uint32_t exec = guest_new_exec(s->guest);
        GuestStart frame;
        int r;

        payload_fd = payload_pack(&payload, exec, &frame);
        if (payload_fd < 0)
                return payload_fd;
        r = input_new(&d->commands, event, &d->n_commands, on_room, d);
        if (r >= 0)
                r = input_open(d->commands, &in);
        if (r >= 0)
                r = output_new(&d->replies, event, &reply_events, d, &out);
        if (r >= 0)
                r = output_new(&d->complaints, event, &complaint_events, d, &err);
        if (r >= 0)
                r = program_new(&d->program, s, exec, &frame,
                                (const int[]){ payload_fd, in, out, err }, &program_events, d);
        if (r == 0)
                r = timer_set(event, &d->timer, DRIVER_TIMEOUT_USEC, on_timeout, d);
        return r;
}

/* Starts a process, or refuses those that wait for one. */
static void begin(Driver *d) {
        int r;

        if (!sandbox_is_alive(d->sandbox))
                return;
        d->state = DRIVER_STARTING;
        r = start(d);
        if (r == 0)
                return;
        d->state = DRIVER_DYING;
        drop_process(d);
        refuse_all(d, r, NULL);
}

/* -- the row ---------------------------------------------------------------------------------- */

static void on_placed(const LauncherMessage *answer, int fd, void *userdata);

static void move_in(Driver *d) {
        int r;

        d->state = DRIVER_MOVING;
        r = program_move(d->program, execution_id(d->current), on_placed, d);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(d->sandbox->handler, r);
}

/* Gives the next one its turn, or goes on with one that lost its driver before it was taken. */
static void next_turn(Driver *d) {
        Turn *t = TAILQ_FIRST(&d->turns);

        if (d->current) {
                d->state = DRIVER_TURN;
                if (d->is_prepared)
                        move_in(d);
                return;
        }
        if (!t)
                return;
        if (t->reset && d->is_used) {
                t->reset = false;
                kill_process(d);
                return;
        }
        TAILQ_REMOVE(&d->turns, t, entry);
        d->current = t->execution;
        d->is_prepared = false;
        free(t);
        d->state = DRIVER_TURN;
        execution_start(d->current);
}

static int on_wake(sd_event_source *source _unused_, void *userdata) {
        Driver *d = userdata;

        if (!d->program && (d->current || !TAILQ_EMPTY(&d->turns)))
                begin(d);
        else if (d->state == DRIVER_IDLE)
                next_turn(d);
        return 0;
}

/* Looks from the event loop, where nobody is in the middle of anything, whether something can be
 * done. */
static void wake(Driver *d) {
        int r;

        if (!d->waker)
                r = sd_event_add_defer(d->sandbox->handler->event, &d->waker, on_wake, d);
        else
                r = sd_event_source_set_enabled(d->waker, SD_EVENT_ONESHOT);
        if (r < 0)
                handler_exit(d->sandbox->handler, r);
}

int driver_enqueue(Sandbox *s, Execution *e, bool reset) {
        Driver *d = s->driver;
        Turn *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        *t = (Turn){ .execution = e, .reset = reset };
        if (!d) {
                d = calloc(1, sizeof(*d));
                if (!d) {
                        free(t);
                        return -ENOMEM;
                }
                *d = (Driver){ .sandbox = s, .state = DRIVER_DYING };
                TAILQ_INIT(&d->turns);
                s->driver = d;
        }
        TAILQ_INSERT_TAIL(&d->turns, t, entry);
        wake(d);
        return 0;
}

void driver_leave(Driver *d, Execution *e) {
        Turn *t;

        TAILQ_FOREACH(t, &d->turns, entry)
        if (t->execution == e) {
                TAILQ_REMOVE(&d->turns, t, entry);
                free(t);
                return;
        }
        if (d->current != e)
                return;
        d->current = NULL;
        if (d->state == DRIVER_TURN) {
                d->state = DRIVER_IDLE;
                wake(d);
        } else if (d->state != DRIVER_DYING && d->state != DRIVER_STARTING)
                kill_process(d);
}

static void on_placed_home(const LauncherMessage *answer, int fd, void *userdata) {
        Driver *d = userdata;

        close_fd(fd);
        if (d->state != DRIVER_HOMING && d->state != DRIVER_LEAVING)
                return;
        if (!answer || answer->header.type != LAUNCHER_PLACED) {
                if (answer) {
                        lose_current(d, NULL);
                        kill_process(d);
                }
                return;
        }
        if (d->state == DRIVER_HOMING || d->is_through)
                finish_current(d);
        else {
                d->state = DRIVER_LEFT;
                execution_code_left(d->current);
        }
}

static void on_placed(const LauncherMessage *answer, int fd, void *userdata) {
        Driver *d = userdata;
        char line[128];
        int n, r;

        close_fd(fd);
        if (d->state != DRIVER_MOVING || !answer)
                return;
        if (answer->header.type != LAUNCHER_PLACED) {
                kill_process(d); /* it is dead already, or should be */
                return;
        }
        if (d->interrupted || !d->current) {
                d->exit_code = 0;
                go_home(d);
                return;
        }
        n = snprintf(line, sizeof(line), "%u %s/%u/%s\n", execution_id(d->current), GUEST_CODE_DIR,
                     execution_id(d->current), d->sandbox->opened.code_name);
        r = input_add(d->commands, line, (size_t)n);
        if (r < 0) {
                handler_exit(d->sandbox->handler, r);
                return;
        }
        /* INPUT_E_CLOSED: it is gone, and its end will say so */
        d->state = DRIVER_BUSY;
        d->is_used = true;
        execution_code_running(d->current);
}

void driver_take(Driver *d, Execution *e) {
        if (d->current != e)
                return;
        d->is_prepared = true;
        if (d->state == DRIVER_TURN)
                move_in(d);
}

bool driver_interrupt(Driver *d, Execution *e) {
        if (d->current != e)
                return false;
        if (d->state == DRIVER_MOVING)
                d->interrupted = true;
        else if (d->state == DRIVER_BUSY) {
                /* its children of earlier code are not meant; if it is not heard, time tells */
                (void)program_signal(d->program, SIGINT, /* to_group= */ false);
                go_home(d);
                d->state = DRIVER_LEAVING;
        }
        return d->state >= DRIVER_MOVING && d->state <= DRIVER_HOMING;
}

int driver_signal(Driver *d, Execution *e, uint32_t signo) {
        if (d->current != e || d->state != DRIVER_BUSY)
                return -ESRCH;
        return program_signal(d->program, signo, /* to_group= */ false);
}

void driver_resume(Driver *d) {
        if (d->replies)
                output_resume(d->replies);
        if (d->complaints)
                output_resume(d->complaints);
}

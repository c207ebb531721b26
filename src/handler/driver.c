/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a driver and Cloche say to each other is in cloche-driver(7). For as long as it runs a piece
 * of code, its process is in the cgroup of that execution, so what the code starts is born there and
 * can be told from what others started; before anybody hears that the code is done it is moved home.
 *
 * The next code finds its stand-in ready (stand-in.c): one is made while the interpreter loads, and in a sandbox
 * that lives on after each piece of code, a moment later, so that it does not stand in the way of a client who
 * has its next request under way; that one has a stand-in of its own. It is a task more, which a sandbox that may
 * have few does without.
 *
 *   STARTING  not ready yet
 *   IDLE      at home
 *   TURN      an execution prepares its streams
 *   MOVING    on its way into that execution's cgroup, or there and the code is not
 *   BUSY      running its code
 *   LEAVING   interrupted, and on its way back while it still runs it
 *   LEFT      at home, and may still run it
 *   HOMING    through with it, and on its way back
 *   DYING     to be killed, or killed already: a new one is started when somebody waits
 *
 * Trust: it is the client's own code that speaks here, whatever the driver is. A reply that makes no
 * sense is the end of that driver, and of the code that it runs. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "basic/log.h"
#include "handler/driver-process.h"
#include "handler/driver.h"
#include "handler/handler.h"
#include "handler/stand-in.h"
#include "handler/timer.h"

#define STAND_IN_PAUSE_USEC \
        (50 * USEC_PER_MSEC) /* a piece of code is done → the next stand-in is made */

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
        bool is_prepared;   /* its streams and cgroup are there … */
        bool is_code_there; /* … and its code */
        bool is_in;         /* while MOVING: it is in that cgroup */
        bool is_used;       /* it has state that a reset would lose */
        bool interrupted;   /* while MOVING: not to begin, whatever driver it is by then */
        bool is_through;    /* while LEAVING: it has let go */
        uint8_t exit_code;  /* while HOMING, as is the next */
        json_object *error;
        bool has_failed; /* while DYING: it never became ready, and those that wait are to be told */

        DriverProcess *process; /* NULL: there is none, until somebody waits */
        sd_event_source *timer;
        sd_event_source *waker;

        StandIn *stand_in;      /* for the next one; NULL when there is none */
        sd_event_source *pause; /* until one is made */
};

static void wake(Driver *d);

/* -- the process ------------------------------------------------------------------------------ */

/* Forgets the process; the row stays. */
static void drop_process(Driver *d) {
        d->process = driver_process_free(d->process);
        timer_clear(d->timer);
        (void)json_object_put(TAKE_PTR(d->error));
        d->is_used = d->is_through = false;
}

Driver *driver_free(Driver *d) {
        Turn *t;

        if (!d)
                return NULL;
        launcher_link_forget(d->sandbox->handler->launcher, d);
        drop_process(d);
        stand_in_free(d->stand_in);
        sd_event_source_disable_unref(d->pause);
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

/* Nobody gets a driver, and who waits for one is told so with this. field and detail may be NULL. The
 * last one that is told may take the sandbox with it, and so the driver. */
static void refuse_all(Driver *d, int failure, const char *field, const char *detail) {
        _cleanup_problem_ RpcProblem problem = {};
        Turn *t;

        if (detail)
                (void)rpc_problem_set(&problem, field, "%s", detail);
        lose_current(d, NULL);
        for (bool is_last = TAILQ_EMPTY(&d->turns); !is_last;) {
                Execution *e;

                t = TAILQ_FIRST(&d->turns);
                e = t->execution;
                TAILQ_REMOVE(&d->turns, t, entry);
                free(t);
                is_last = TAILQ_EMPTY(&d->turns);
                execution_code_refused(e, failure, &problem);
        }
}

/* It never became ready. bill is what it used, NULL when that is not known. */
static void fail_all(Driver *d, const LauncherEnded *bill) {
        _cleanup_free_ char *complaint = strdup(driver_process_complaint(d->process));

        d->has_failed = false;
        drop_process(d);
        if (bill && bill->known && bill->usage.oom_kills > 0)
                refuse_all(d, METHOD_E_DRIVER, "limits.memory_bytes",
                           "too little for the interpreter to start: raise it");
        else
                refuse_all(d, METHOD_E_DRIVER, NULL,
                           complaint && complaint[0] ? complaint : "it said nothing");
}

static void on_killed(const LauncherEnded *ended, void *userdata) {
        Driver *d = userdata;

        if (d->has_failed) {
                fail_all(d, ended);
                return;
        }
        drop_process(d);
        wake(d);
}

/* Ends the process and what it started on its own account. */
static void kill_process(Driver *d) {
        int r;

        d->state = DRIVER_DYING;
        driver_process_ignore(d->process);
        timer_clear(d->timer);
        r = program_end(driver_process_program(d->process), /* is_kill= */ true, on_killed, d);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(d->sandbox->handler, r);
}

static void on_exited(const GuestExited *exited, void *userdata) {
        Driver *d = userdata;

        if (d->state == DRIVER_STARTING)
                d->has_failed = true;
        /* one whose code it has not seen waits for the next driver */
        if (d->state != DRIVER_TURN && d->state != DRIVER_MOVING)
                lose_current(d, exited);
        kill_process(d);
}

/* -- the stand-in for the next code ----------------------------------------------------------- */

static void on_stand_in_lost(void *userdata) {
        Driver *d = userdata;

        d->stand_in = stand_in_free(d->stand_in);
}

/* Without one, code has a stand-in of its own. */
static void prepare_stand_in(Driver *d) {
        Sandbox *s = d->sandbox;
        int r;

        if (d->stand_in || !sandbox_is_alive(s) || s->opened.limits.tasks < STAND_IN_TASKS_MIN)
                return;
        r = stand_in_new(&d->stand_in, s, on_stand_in_lost, d);
        if (r != 0)
                log_debug("No stand-in could be made ready in sandbox %s (%d)", s->opened.sandbox,
                          r);
}

/* Code that runs by then has a stand-in of its own, and its limit of tasks for itself. */
static int on_pause(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Driver *d = userdata;

        if (d->state == DRIVER_IDLE && TAILQ_EMPTY(&d->turns))
                prepare_stand_in(d);
        return 0;
}

static void prepare_stand_in_later(Driver *d) {
        int r;

        if (!d->sandbox->is_kept || d->stand_in)
                return;
        r = timer_set(d->sandbox->handler->event, &d->pause, STAND_IN_PAUSE_USEC, on_pause, d);
        if (r < 0)
                handler_exit(d->sandbox->handler, r);
}

/* -- what it says ----------------------------------------------------------------------------- */

static void on_placed_home(const LauncherMessage *answer, int *fds _unused_, void *userdata);

static void go_home(Driver *d) {
        Program *program = driver_process_program(d->process);
        int r;

        d->state = DRIVER_HOMING;
        r = program_move(program, program_exec(program), on_placed_home, d);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(d->sandbox->handler, r);
}

static bool runs_code(const Driver *d) {
        return d->state >= DRIVER_BUSY && d->state <= DRIVER_LEFT && !d->is_through;
}

/* It is at home and through with the code. */
static void finish_current(Driver *d) {
        _cleanup_json_ json_object *error = TAKE_PTR(d->error);
        Execution *e = d->current;

        d->current = NULL;
        d->interrupted = d->is_through = false;
        d->state = DRIVER_IDLE;
        if (e)
                execution_code_done(e, d->exit_code, error);
        prepare_stand_in_later(d);
        wake(d);
}

static bool take_done(Driver *d, DriverReply *reply) {
        if (!runs_code(d) || reply->run != execution_id(d->current))
                return false;
        d->exit_code = reply->exit_code;
        (void)json_object_put(d->error);
        d->error = TAKE_PTR(reply->error);
        if (d->state == DRIVER_LEAVING)
                d->is_through = true;
        else if (d->state == DRIVER_LEFT || !d->sandbox->is_kept)
                finish_current(d); /* where nothing else will run, it need not come home */
        else {
                go_home(d);
                execution_code_through(d->current);
        }
        return true;
}

static bool on_reply(DriverReply *reply, void *userdata) {
        Driver *d = userdata;

        switch (reply->kind) {
        case DRIVER_REPLY_READY:
                if (d->state != DRIVER_STARTING)
                        return false;
                timer_clear(d->timer);
                driver_process_hush(d->process);
                d->state = DRIVER_IDLE;
                return true;
        case DRIVER_REPLY_RESULT:
                /* a thread of an earlier one may be late */
                if (d->state == DRIVER_BUSY && reply->run == execution_id(d->current))
                        execution_result(d->current, reply->data);
                return true;
        case DRIVER_REPLY_DONE:
        default:
                return take_done(d, reply);
        }
}

static void on_replies(void *userdata) {
        wake(userdata);
}

static void on_nonsense(void *userdata) {
        Driver *d = userdata;

        if (d->state == DRIVER_STARTING)
                d->has_failed = true;
        lose_current(d, NULL);
        kill_process(d);
}

static const DriverProcessEvents process_events = {
        .on_reply = on_reply,
        .on_replies = on_replies,
        .on_nonsense = on_nonsense,
        .on_exited = on_exited,
};

/* -- the beginning ---------------------------------------------------------------------------- */

static int on_timeout(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Driver *d = userdata;

        d->has_failed = true;
        kill_process(d);
        return 0;
}

/* Starts a process, or refuses those that wait for one. */
static void begin(Driver *d) {
        int r;

        if (!sandbox_is_alive(d->sandbox))
                return;
        d->state = DRIVER_STARTING;
        r = driver_process_new(&d->process, d->sandbox, &process_events, d);
        if (r == 0)
                r = timer_set(d->sandbox->handler->event, &d->timer, DRIVER_TIMEOUT_USEC,
                              on_timeout, d);
        if (r == 0) {
                prepare_stand_in(d);
                return;
        }
        d->state = DRIVER_DYING;
        drop_process(d);
        refuse_all(d, r, NULL, NULL);
}

/* -- the row ---------------------------------------------------------------------------------- */

static void on_placed(const LauncherMessage *answer, int *fds _unused_, void *userdata);

static void move_in(Driver *d) {
        int r;

        d->state = DRIVER_MOVING;
        d->is_in = false;
        r = program_move(driver_process_program(d->process), execution_id(d->current), on_placed,
                         d);
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
        d->is_prepared = d->is_code_there = d->interrupted = false;
        free(t);
        d->state = DRIVER_TURN;
        execution_start(d->current, &d->stand_in);
}

static int on_wake(sd_event_source *source _unused_, void *userdata) {
        Driver *d = userdata;

        if (!d->process && (d->current || !TAILQ_EMPTY(&d->turns)))
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

static Driver *driver_new(Sandbox *s) {
        Driver *d = calloc(1, sizeof(*d));

        if (!d)
                return NULL;
        *d = (Driver){ .sandbox = s, .state = DRIVER_DYING };
        TAILQ_INIT(&d->turns);
        return d;
}

int driver_adopt(Sandbox *s, int *fds) {
        Driver *d = driver_new(s);
        int r;

        if (!d)
                return -ENOMEM;
        s->driver = d;
        r = driver_process_adopt(&d->process, s, fds, &process_events, d);
        if (r < 0)
                return r;
        d->state = DRIVER_STARTING;
        r = timer_set(s->handler->event, &d->timer, DRIVER_TIMEOUT_USEC, on_timeout, d);
        if (r >= 0)
                driver_process_look(d->process);
        return r;
}

int driver_adopt_stand_in(Sandbox *s, int *fds) {
        if (!s->driver)
                s->driver = driver_new(s);
        if (!s->driver)
                return -ENOMEM;
        return stand_in_adopt(&s->driver->stand_in, s, fds, on_stand_in_lost, s->driver);
}

int driver_enqueue(Sandbox *s, Execution *e, bool reset) {
        Turn *t;

        if (!s->driver)
                s->driver = driver_new(s);
        t = s->driver ? calloc(1, sizeof(*t)) : NULL;
        if (!t)
                return -ENOMEM;
        *t = (Turn){ .execution = e, .reset = reset };
        TAILQ_INSERT_TAIL(&s->driver->turns, t, entry);
        wake(s->driver);
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

static void on_placed_home(const LauncherMessage *answer, int *fds _unused_, void *userdata) {
        Driver *d = userdata;

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

/* Gives it the code, when both are there, or lets it go home again. */
static void consider_code(Driver *d) {
        int r;

        if (d->state != DRIVER_MOVING || !d->is_in)
                return;
        if (d->interrupted || !d->current) {
                d->exit_code = 0;
                go_home(d);
                return;
        }
        if (!d->is_code_there)
                return;
        r = driver_process_send(d->process, execution_command(d->current));
        if (r < 0) {
                handler_exit(d->sandbox->handler, r);
                return;
        }
        d->state = DRIVER_BUSY;
        d->is_used = true;
        execution_code_running(d->current);
}

static void on_placed(const LauncherMessage *answer, int *fds _unused_, void *userdata) {
        Driver *d = userdata;

        if (d->state != DRIVER_MOVING || !answer)
                return;
        if (answer->header.type != LAUNCHER_PLACED) {
                kill_process(d); /* it is dead already, or should be */
                return;
        }
        d->is_in = true;
        consider_code(d);
}

void driver_take(Driver *d, Execution *e) {
        if (d->current != e)
                return;
        d->is_prepared = true;
        if (d->state == DRIVER_TURN)
                move_in(d);
}

void driver_begin(Driver *d, Execution *e) {
        if (d->current != e)
                return;
        d->is_code_there = true;
        consider_code(d);
}

bool driver_interrupt(Driver *d, Execution *e) {
        if (d->current != e)
                return false;
        if (d->state == DRIVER_MOVING) {
                d->interrupted = true;
                consider_code(d);
        } else if (d->state == DRIVER_BUSY) {
                /* It has become a program that is nobody's driver, such as a script's bash: one that does
                 * not end on an interrupt goes on to what comes next once what it waits for is killed. */
                if (driver_process_is_mute(d->process))
                        return false;
                /* its children of earlier code are not meant; if it is not heard, time tells */
                (void)program_signal(driver_process_program(d->process), SIGINT,
                                     /* to_group= */ false);
                go_home(d);
                d->state = DRIVER_LEAVING;
        }
        return d->state >= DRIVER_MOVING && d->state <= DRIVER_HOMING;
}

int driver_signal(Driver *d, Execution *e, uint32_t signo) {
        if (d->current != e || d->state != DRIVER_BUSY)
                return -ESRCH;
        /* its children of earlier code are not meant, if there can be any */
        return program_signal(driver_process_program(d->process), signo,
                              /* to_group= */ !d->sandbox->is_kept);
}

void driver_resume(Driver *d) {
        if (d->process)
                driver_process_resume(d->process);
}

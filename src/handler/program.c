/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between START and GO the program is a copy of the guest that waits. Who it is, the kernel tells
 * with CHILD; whether that process may be moved is for the launcher to judge, which knows the
 * cgroup of this sandbox. So a guest that lies can have a process of its own sandbox moved within
 * that sandbox, and no more.
 *
 * A program that is to be ended before it was let go is ended when its place is known: until then
 * there is no cgroup to kill. If a guest keeps that from happening for GUEST_TIMEOUT_USEC, the
 * sandbox as a whole is given up; unless it is a program that nobody waits for.
 *
 * An answer that does not come (NULL) means that the launcher is gone, which the sandbox learns too
 * and deals with. */

#include <errno.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "basic/log.h"
#include "handler/handler.h"
#include "handler/launcher-request.h"
#include "handler/program.h"
#include "handler/timer.h"
#include "wire/payload.h"

typedef enum ProgramState {
        PROGRAM_STARTED,
        PROGRAM_PLACING, /* the launcher was asked */
        PROGRAM_RUNNING,
        PROGRAM_EXITED,
} ProgramState;

struct Program {
        Sandbox *sandbox;
        uint32_t exec;
        ProgramState state;
        pid_t pid;
        const ProgramEvents *events;
        void *userdata;
        sd_event_source *timer; /* until it runs */
        bool end_wanted;        /* … and could not be asked for yet */
        bool end_kills;
        program_ended_t ended;
        void *ended_userdata;
};

Program *program_free(Program *p) {
        if (!p)
                return NULL;
        if (p->sandbox->guest)
                guest_forget(p->sandbox->guest, p->exec);
        launcher_link_forget(p->sandbox->handler->launcher, p);
        sd_event_source_disable_unref(p->timer);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(Program, program_free)

static void on_ended(const LauncherMessage *answer, int *fds _unused_, void *userdata) {
        Program *p = userdata;
        program_ended_t ended = p->ended;

        p->ended = NULL;
        if (ended)
                ended(answer && answer->header.type == LAUNCHER_ENDED ? &answer->ended : NULL,
                      p->ended_userdata);
}

static int ask_end(Program *p) {
        p->end_wanted = false;
        return launcher_request_end(p->sandbox->handler->launcher, p->sandbox->opened.sandbox,
                                    p->exec, p->end_kills, on_ended, p);
}

/* What was waited for has come: an end that was wanted meanwhile can be asked for. */
static void end_if_wanted(Program *p) {
        int r;

        if (!p->end_wanted)
                return;
        r = ask_end(p);
        if (r < 0)
                on_ended(NULL, NULL, p);
}

static void on_placed(const LauncherMessage *answer, int *fds _unused_, void *userdata) {
        Program *p = userdata;

        if (p->state != PROGRAM_PLACING || !answer)
                return;
        if (answer->header.type == LAUNCHER_REFUSED) {
                /* it may be dead already, which its EXITED will say; if not, the timer is on */
                log_warning(0, "A program could not be given a cgroup of its own (%s)",
                            answer->refused.detail);
                return;
        }
        timer_clear(p->timer);
        p->state = PROGRAM_RUNNING;
        if (p->end_wanted) {
                end_if_wanted(p);
                return;
        }
        guest_go(p->sandbox->guest, p->exec);
        p->events->on_running(p->userdata);
}

static void on_child(pid_t pid, void *userdata) {
        Program *p = userdata;
        int r;

        p->pid = pid;
        p->state = PROGRAM_PLACING;
        r = launcher_request_place(p->sandbox->handler->launcher, p->sandbox->opened.sandbox,
                                   p->exec, pid, on_placed, p);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(p->sandbox->handler, r);
}

static void on_written(int error, void *userdata) {
        Program *p = userdata;

        p->events->on_written(error, p->userdata);
}

static void on_exited(const GuestExited *exited, void *userdata) {
        Program *p = userdata;

        timer_clear(p->timer);
        p->state = PROGRAM_EXITED;
        if (p->end_wanted)
                end_if_wanted(p);
        else
                p->events->on_exited(exited, p->userdata);
}

static const GuestProgramEvents guest_events = {
        .on_child = on_child,
        .on_written = on_written,
        .on_exited = on_exited,
};

static int on_timeout(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Program *p = userdata;

        log_warning(0, "A guest did not start a program in time, CLOCHE_SANDBOX=%s",
                    p->sandbox->opened.sandbox);
        sandbox_end(p->sandbox, END_GUEST_LOST);
        return 0;
}

int program_new(Program **ret, Sandbox *s, uint32_t exec, const GuestStart *start,
                const int fds[static 4], const ProgramEvents *events, void *userdata) {
        _cleanup_(program_freep) Program *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (Program){ .sandbox = s, .exec = exec, .events = events, .userdata = userdata };
        if (!events->may_be_late) {
                r = timer_set(s->handler->event, &p->timer, GUEST_TIMEOUT_USEC, on_timeout, p);
                if (r < 0)
                        return r;
        }
        r = guest_start(s->guest, exec, start, fds, &guest_events, p);
        if (r < 0)
                return r == -EBUSY || r == -EAGAIN ? METHOD_E_TOO_MANY_REQUESTS : r;
        *ret = TAKE_PTR(p);
        return 0;
}

int program_adopt(Program **ret, Sandbox *s, uint32_t exec, pid_t pid, const ProgramEvents *events,
                  void *userdata) {
        Program *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        *p = (Program){
                .sandbox = s,
                .exec = exec,
                .state = PROGRAM_RUNNING,
                .pid = pid,
                .events = events,
                .userdata = userdata,
        };
        guest_adopt(s->guest, exec, &guest_events, p);
        *ret = p;
        return 0;
}

void program_set_events(Program *p, const ProgramEvents *events, void *userdata) {
        p->events = events;
        p->userdata = userdata;
}

uint32_t program_exec(const Program *p) {
        return p->exec;
}

pid_t program_pid(const Program *p) {
        return p->state == PROGRAM_RUNNING ? p->pid : 0;
}

bool program_is_exited(const Program *p) {
        return p->state == PROGRAM_EXITED;
}

int program_give_code(Program *p, const char *code) {
        _cleanup_close_ int fd = -EBADF;
        GuestFrame f;
        int r;

        fd = payload_pack_code(code, p->exec, &f);
        if (fd < 0)
                return fd;
        r = guest_give_code(p->sandbox->guest, &f, fd);
        return r == -EAGAIN ? METHOD_E_TOO_MANY_REQUESTS : r;
}

int program_move(Program *p, uint32_t exec, launcher_answer_t answer, void *userdata) {
        return launcher_request_place(p->sandbox->handler->launcher, p->sandbox->opened.sandbox,
                                      exec, p->pid, answer, userdata);
}

int program_end(Program *p, bool is_kill, program_ended_t ended, void *userdata) {
        p->ended = ended;
        p->ended_userdata = userdata;
        p->end_kills = is_kill;
        if (p->state == PROGRAM_STARTED || p->state == PROGRAM_PLACING) {
                p->end_wanted = true;
                return 0;
        }
        launcher_link_forget(p->sandbox->handler->launcher, p);
        return ask_end(p);
}

int program_signal(Program *p, uint32_t signo, bool to_group) {
        if (p->state != PROGRAM_RUNNING)
                return -ESRCH;
        return guest_signal(p->sandbox->guest, p->exec, signo, to_group);
}

int program_resize(Program *p, uint16_t rows, uint16_t columns) {
        if (p->state != PROGRAM_RUNNING)
                return -ESRCH;
        return guest_resize(p->sandbox->guest, p->exec, rows, columns);
}

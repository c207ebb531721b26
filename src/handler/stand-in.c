/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an execution of code needs before its code can run has nothing to do with the code: a process, its
 * cgroup, three pipes. So it is made while nobody waits, and the code comes later, by a frame of its own.
 *
 * One that ends before it was taken leaves a cgroup behind, which the launcher is asked to remove; only
 * then is its owner told. Where it never began there is none, and the launcher says so.
 *
 * Trust: its process is one of the code's user, as every program here, and code that still runs may end it
 * or write into its streams; that is then an execution's lost stand-in, or output that its client
 * made itself. */

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "handler/handler.h"
#include "handler/stand-in.h"
#include "wire/payload.h"

struct StandIn {
        Sandbox *sandbox;
        Program *program;
        uint32_t exec;
        int fds[3];            /* our ends */
        sd_event_source *word; /* until it has said it */
        bool is_ready;
        stand_in_lost_t on_lost;
        void *userdata;
};

StandIn *stand_in_free(StandIn *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->word);
        program_free(s->program);
        for (size_t i = 0; i < ARRAY_SIZE(s->fds); i++)
                close_fd(s->fds[i]);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(StandIn, stand_in_free)

static void on_ended(const LauncherEnded *ended _unused_, void *userdata) {
        StandIn *s = userdata;

        s->on_lost(s->userdata);
}

static void on_running(void *userdata _unused_) {
}

static void on_exited(const GuestExited *exited _unused_, void *userdata) {
        StandIn *s = userdata;
        int r;

        s->is_ready = false;
        s->word = sd_event_source_disable_unref(s->word);
        r = program_end(s->program, /* is_kill= */ true, on_ended, s);
        if (r < 0 && r != -ENOTCONN)
                handler_exit(s->sandbox->handler, r);
}

static const ProgramEvents program_events = {
        .may_be_late = true,
        .on_running = on_running,
        .on_exited = on_exited,
};

/* Takes its word, and nothing of what may stand behind it. */
static void take_word(StandIn *s) {
        char word[sizeof(GUEST_STAND_IN_WORD) - 1];

        s->is_ready = read(s->fds[1], word, sizeof(word)) == (ssize_t)sizeof(word);
}

static int on_word(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                   void *userdata) {
        StandIn *s = userdata;

        take_word(s);
        s->word =
                sd_event_source_disable_unref(s->word); /* if it was none, its exit will be told */
        return 0;
}

static StandIn *alloc(Sandbox *sandbox, uint32_t exec, stand_in_lost_t on_lost, void *userdata) {
        StandIn *s = calloc(1, sizeof(*s));

        if (s)
                *s = (StandIn){
                        .sandbox = sandbox,
                        .exec = exec,
                        .fds = { -EBADF, -EBADF, -EBADF },
                        .on_lost = on_lost,
                        .userdata = userdata,
                };
        return s;
}

int stand_in_new(StandIn **ret, Sandbox *sandbox, stand_in_lost_t on_lost, void *userdata) {
        _cleanup_close_ int payload_fd = -EBADF, in = -EBADF, out = -EBADF, err = -EBADF;
        const Payload payload = {
                .words = GUEST_STAND_IN_WORDS,
                .has_code_later = true,
                .code_name = sandbox->opened.code_name,
        };
        _cleanup_(stand_in_freep) StandIn *s = NULL;
        GuestStart frame;
        int r;

        s = alloc(sandbox, guest_new_exec(sandbox->guest), on_lost, userdata);
        if (!s)
                return -ENOMEM;
        payload_fd = payload_pack(&payload, s->exec, &frame);
        if (payload_fd < 0)
                return payload_fd;
        r = fd_new_input(&in, &s->fds[0]);
        if (r >= 0)
                r = fd_new_output(&out, &s->fds[1]);
        if (r >= 0)
                r = fd_new_output(&err, &s->fds[2]);
        if (r >= 0)
                r = sd_event_add_io(sandbox->handler->event, &s->word, s->fds[1], EPOLLIN, on_word,
                                    s);
        if (r < 0)
                return r;
        r = program_new(&s->program, sandbox, s->exec, &frame,
                        (const int[]){ payload_fd, in, out, err }, &program_events, s);
        if (r == 0)
                *ret = TAKE_PTR(s);
        return r;
}

int stand_in_adopt(StandIn **ret, Sandbox *sandbox, int *fds, stand_in_lost_t on_lost,
                   void *userdata) {
        _cleanup_(stand_in_freep) StandIn *s = NULL;
        int r;

        s = alloc(sandbox, LAUNCHER_STAND_IN_EXEC, on_lost, userdata);
        if (!s)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(s->fds); i++)
                s->fds[i] = TAKE_FD(fds[LAUNCHER_FD_STAND_IN_INPUT + i]);
        r = program_adopt(&s->program, sandbox, LAUNCHER_STAND_IN_EXEC,
                          sandbox->opened.stand_in_pid, &program_events, s);
        if (r < 0)
                return r;
        take_word(s); /* the launcher has seen that it is there */
        *ret = TAKE_PTR(s);
        return 0;
}

bool stand_in_is_ready(const StandIn *s) {
        return s && s->is_ready && program_pid(s->program) > 0;
}

uint32_t stand_in_exec(const StandIn *s) {
        return s->exec;
}

Program *stand_in_take(StandIn *s, const ProgramEvents *events, void *userdata,
                       int ret_fds[static 3]) {
        Program *program = TAKE_PTR(s->program);

        program_set_events(program, events, userdata);
        for (size_t i = 0; i < ARRAY_SIZE(s->fds); i++)
                ret_fds[i] = TAKE_FD(s->fds[i]);
        stand_in_free(s);
        return program;
}

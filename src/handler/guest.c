/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Believes nothing: the guest stands beside the code that it runs, and may have been taken over by
 * it. Each datagram is checked by guest_frame_parse(), and then against what may come at this
 * point: READY once; CHILD once for what was started; WRITTEN once for what was given code; EXITED once for
 * what was started. Descriptors are never accepted. The first violation is the last thing that is read. What a
 * frame does say (an exit code, a hint) is still only the guest's word; only who sent CHILD is the kernel's.
 *
 * A program keeps its place in the table until its EXITED came, whether anybody still wants to know
 * or not, so that an id means one program for the guest's whole life. */

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "handler/guest.h"

typedef enum GuestProgramState {
        GUEST_PROGRAM_STARTED,
        GUEST_PROGRAM_WAITING, /* CHILD came */
        GUEST_PROGRAM_LET_GO,  /* GO is to be sent */
        GUEST_PROGRAM_RUNNING,
} GuestProgramState;

typedef struct GuestProgram {
        uint32_t exec; /* 0: this place is free */
        GuestProgramState state;
        bool awaits_written;
        const GuestProgramEvents *events; /* NULL: forgotten */
        void *userdata;
} GuestProgram;

struct Guest {
        int fd;
        sd_event_source *io;
        const GuestEvents *events;
        void *userdata;
        bool is_ready;
        uint32_t last_exec;
        GuestProgram programs[GUEST_EXECS_MAX];
};

Guest *guest_free(Guest *g) {
        if (!g)
                return NULL;
        sd_event_source_disable_unref(g->io);
        close_fd(g->fd);
        free(g);
        return NULL;
}
DEFINE_CLEANUP(Guest, guest_free)

/* 0 finds a free place. */
static GuestProgram *find(Guest *g, uint32_t exec) {
        for (size_t i = 0; i < ARRAY_SIZE(g->programs); i++)
                if (g->programs[i].exec == exec)
                        return &g->programs[i];
        return NULL;
}

static void fault(Guest *g, GuestFault which) {
        g->io = sd_event_source_disable_unref(g->io);
        g->events->on_fault(which, g->userdata);
}

static int send_frame(Guest *g, const GuestFrame *f, const int *fds, size_t n_fds) {
        return fd_send(g->fd, f, guest_frame_size((GuestFrameType)f->header.type), fds, n_fds);
}

/* GO must not be lost: what the guest has no room for now is sent when it has. */
static void send_goes(Guest *g) {
        uint32_t events = EPOLLIN;

        for (size_t i = 0; i < ARRAY_SIZE(g->programs); i++) {
                GuestProgram *p = &g->programs[i];
                GuestFrame f;

                if (p->exec == 0 || p->state != GUEST_PROGRAM_LET_GO)
                        continue;
                guest_frame_init(&f, GUEST_FRAME_GO, p->exec);
                if (send_frame(g, &f, NULL, 0) == -EAGAIN) {
                        events |= EPOLLOUT;
                        break;
                }
                p->state = GUEST_PROGRAM_RUNNING; /* a guest that is gone shows when it is read */
        }
        (void)sd_event_source_set_io_events(g->io, events);
}

static void on_frame(Guest *g, const GuestFrame *f, pid_t sender) {
        GuestProgram *p = f->header.exec > 0 ? find(g, f->header.exec) : NULL;
        GuestProgram told;

        if (f->header.type == GUEST_FRAME_READY && !g->is_ready) {
                g->is_ready = true;
                g->events->on_ready(g->userdata);
        } else if (f->header.type == GUEST_FRAME_CHILD && p && sender > 0 &&
                   p->state == GUEST_PROGRAM_STARTED) {
                p->state = GUEST_PROGRAM_WAITING;
                if (p->events)
                        p->events->on_child(sender, p->userdata);
        } else if (f->header.type == GUEST_FRAME_WRITTEN && p && p->awaits_written) {
                p->awaits_written = false;
                if (p->events)
                        p->events->on_written((int)f->written.error, p->userdata);
        } else if (f->header.type == GUEST_FRAME_EXITED && p) {
                told = *p;
                *p = (GuestProgram){};
                if (told.events)
                        told.events->on_exited(&f->exited, told.userdata);
        } else
                fault(g, GUEST_FAULT_PROTOCOL);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t revents,
                 void *userdata) {
        Guest *g = userdata;
        char data[GUEST_FRAME_SIZE_MAX];
        pid_t sender = 0;
        GuestFrame f;
        ssize_t n;

        if (revents & EPOLLOUT)
                send_goes(g);
        n = fd_receive_from(g->fd, data, sizeof(data), &sender);
        if (n == -EAGAIN)
                return 0;
        if (n == 0 || (n < 0 && n != -EBADMSG))
                fault(g, GUEST_FAULT_LOST);
        else if (n < 0 || guest_frame_parse(data, (size_t)n, GUEST_FROM_GUEST, &f) < 0)
                fault(g, GUEST_FAULT_PROTOCOL);
        else
                on_frame(g, &f, sender);
        return 0;
}

int guest_new(Guest **ret, sd_event *event, int fd, const GuestEvents *events, void *userdata) {
        _cleanup_(guest_freep) Guest *g = NULL;
        int r;

        g = calloc(1, sizeof(*g));
        if (!g) {
                close_fd(fd);
                return -ENOMEM;
        }
        *g = (Guest){ .fd = fd, .events = events, .userdata = userdata };
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) < 0)
                return -errno;
        r = sd_event_add_io(event, &g->io, fd, EPOLLIN, on_io, g);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

uint32_t guest_new_exec(Guest *g) {
        return ++g->last_exec;
}

int guest_start(Guest *g, uint32_t exec, const GuestStart *start, const int fds[static 4],
                const GuestProgramEvents *events, void *userdata) {
        GuestProgram *p = find(g, 0);
        GuestFrame f;
        int r;

        if (!g->is_ready || !p)
                return -EBUSY;
        guest_frame_init(&f, GUEST_FRAME_START, exec);
        f.start = *start;
        f.header = (GuestHeader){
                .type = GUEST_FRAME_START,
                .version = GUEST_PROTOCOL_VERSION,
                .exec = exec,
        };
        r = send_frame(g, &f, fds, 4);
        if (r < 0)
                return r;
        *p = (GuestProgram){ .exec = exec, .events = events, .userdata = userdata };
        return 0;
}

void guest_set_ready(Guest *g) {
        g->is_ready = true;
}

void guest_adopt(Guest *g, uint32_t exec, const GuestProgramEvents *events, void *userdata) {
        g->last_exec = exec;
        *find(g, 0) = (GuestProgram){
                .exec = exec,
                .state = GUEST_PROGRAM_RUNNING,
                .events = events,
                .userdata = userdata,
        };
}

void guest_go(Guest *g, uint32_t exec) {
        GuestProgram *p = find(g, exec);

        if (!p || p->state != GUEST_PROGRAM_WAITING)
                return;
        p->state = GUEST_PROGRAM_LET_GO;
        send_goes(g);
}

int guest_give_code(Guest *g, const GuestFrame *frame, int code_fd) {
        GuestProgram *p = find(g, frame->header.exec);
        int r;

        if (!p || p->state != GUEST_PROGRAM_RUNNING)
                return -ESRCH;
        r = send_frame(g, frame, &code_fd, 1);
        if (r >= 0)
                p->awaits_written = true;
        return r;
}

void guest_forget(Guest *g, uint32_t exec) {
        GuestProgram *p = find(g, exec);

        if (p)
                p->events = NULL;
}

int guest_signal(Guest *g, uint32_t exec, uint32_t signo, bool to_group) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_SIGNAL, exec);
        f.signal.signo = signo;
        f.signal.to_group = to_group;
        return send_frame(g, &f, NULL, 0);
}

int guest_resize(Guest *g, uint32_t exec, uint16_t rows, uint16_t columns) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_RESIZE, exec);
        f.resize.rows = rows;
        f.resize.columns = columns;
        return send_frame(g, &f, NULL, 0);
}

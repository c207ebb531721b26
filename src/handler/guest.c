/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Believes nothing: the guest stands beside the code that it runs, and may have been taken over by
 * it. Each datagram is checked by guest_frame_parse(), and then against what may come at this
 * point: READY once, EXITED once and only for what was started. Descriptors are never accepted. The
 * first violation is the last thing that is read. What a frame does say (an exit code, a hint) is
 * still only the guest's word. */

#include <errno.h>
#include <sys/epoll.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "handler/guest.h"

typedef enum GuestState {
        GUEST_BOOTING,
        GUEST_IDLE,
        GUEST_BUSY,
        GUEST_ENDED,
} GuestState;

struct Guest {
        int fd;
        sd_event_source *io;
        const GuestEvents *events;
        void *userdata;
        GuestState state;
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

static void fault(Guest *g, GuestFault which) {
        g->io = sd_event_source_disable_unref(g->io);
        g->events->on_fault(which, g->userdata);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                 void *userdata) {
        Guest *g = userdata;
        char data[GUEST_FRAME_SIZE_MAX];
        GuestFrame f;
        ssize_t n;

        n = fd_receive(g->fd, data, sizeof(data), NULL, 0, NULL);
        if (n == -EAGAIN)
                return 0;
        if (n == 0 || (n < 0 && n != -EBADMSG)) {
                fault(g, GUEST_FAULT_LOST);
                return 0;
        }
        if (n < 0 || guest_frame_parse(data, (size_t)n, GUEST_FROM_GUEST, &f) < 0) {
                fault(g, GUEST_FAULT_PROTOCOL);
                return 0;
        }

        if (f.header.type == GUEST_FRAME_READY && g->state == GUEST_BOOTING) {
                g->state = GUEST_IDLE;
                g->events->on_ready(g->userdata);
        } else if (f.header.type == GUEST_FRAME_EXITED && g->state == GUEST_BUSY &&
                   f.header.exec == GUEST_EXEC_ID) {
                g->state = GUEST_ENDED;
                g->events->on_exited(&f.exited, g->userdata);
        } else
                fault(g, GUEST_FAULT_PROTOCOL);
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
        r = sd_event_add_io(event, &g->io, fd, EPOLLIN, on_io, g);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

int guest_start(Guest *g, const GuestStart *start, const int fds[static 4]) {
        GuestFrame f;
        int r;

        if (g->state != GUEST_IDLE)
                return -EBUSY;
        f.start = *start;
        f.header = (GuestHeader){
                .type = GUEST_FRAME_START,
                .version = GUEST_PROTOCOL_VERSION,
                .exec = GUEST_EXEC_ID,
        };
        r = fd_send(g->fd, &f, sizeof(f.start), fds, 4);
        if (r < 0)
                return r;
        g->state = GUEST_BUSY;
        return 0;
}

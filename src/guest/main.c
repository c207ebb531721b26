/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche-guest: PID 1 of every sandbox. It connects to the host, is told once which uid and which
 * seccomp filter the code gets (SETUP), and then starts programs (START, GO, CODE), signals them (SIGNAL),
 * moves the bytes of their terminals, reaps everything and reports ends (EXITED), until the channel
 * ends; then it ends too, and the kernel kills whatever else is in its pid namespace.
 *
 * It is uid 0 of the container with SETUID, SETGID and KILL only, and it shares the container with
 * code that wants to hurt it. The code runs under another uid and can neither signal nor trace it
 * nor change its limits; the guest is not dumpable, blocks all signals, opens no path that the code
 * can write, looks at nothing the code writes, and never waits for it: what it sends is bounded by
 * its table of jobs and goes out when the host makes room, and a terminal has two fixed buffers.
 * Apart from a few small arrays during a START it allocates nothing later.
 *
 * Its own stderr reaches nobody in ordinary operation; what it says there before it gives up is for
 * a person who runs it by hand.
 *
 * With arguments it is something else: an ordinary program, which the host starts in the sandbox as
 * the code's user, like any other. It is here because nothing else is in every image. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "guest/channel.h"
#include "guest/file.h"
#include "guest/job.h"

typedef struct Guest {
        int channel_fd;
        int signal_fd; /* SIGCHLD */
        JobTable jobs;
} Guest;

/* 0, 1 and 2 must be something, or a descriptor that is received could land there. */
static int fill_stdio(void) {
        int fd;

        do {
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
        } while (fd <= STDERR_FILENO);
        close_fd(fd);
        return 0;
}

static int guest_init(Guest *g) {
        sigset_t all, child;
        int r;

        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return -errno;
        (void)umask(022);
        r = fill_stdio();
        if (r < 0)
                return r;

        (void)sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
                return -errno;
        (void)sigemptyset(&child);
        (void)sigaddset(&child, SIGCHLD);
        g->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
        if (g->signal_fd < 0)
                return -errno;

        g->channel_fd = channel_connect(GUEST_CHANNEL_PATH);
        if (g->channel_fd < 0)
                return g->channel_fd;
        return job_table_init(&g->jobs, g->channel_fd);
}

static int set_up(Guest *g, const GuestSetup *setup, int program_fd) {
        GuestFrame ready;
        int r;

        r = job_table_setup(&g->jobs, setup, program_fd);
        if (r < 0)
                return r;
        guest_frame_init(&ready, GUEST_FRAME_READY, 0);
        return channel_send(g->channel_fd, &ready); /* the first frame: the queue is empty */
}

/* Takes one frame. Returns 0 or what ends the guest. */
static int receive(Guest *g) {
        int fds[DATAGRAM_FDS_MAX];
        GuestFrame f;
        int r;

        r = channel_receive(g->channel_fd, &f, fds);
        if (r <= 0)
                return r;

        switch ((GuestFrameType)f.header.type) {
        case GUEST_FRAME_SETUP:
                r = set_up(g, &f.setup, fds[0]);
                break;
        case GUEST_FRAME_START:
                r = job_start(&g->jobs, &f.start, fds);
                break;
        case GUEST_FRAME_GO:
                r = job_go(&g->jobs, f.header.exec);
                break;
        case GUEST_FRAME_CODE:
                r = job_take_code(&g->jobs, &f.code, fds[0]);
                break;
        case GUEST_FRAME_SIGNAL:
                r = job_signal(&g->jobs, &f.signal);
                break;
        case GUEST_FRAME_RESIZE:
                terminal_resize(&g->jobs.terminals, &f.resize);
                break;
        case GUEST_FRAME_READY:
        case GUEST_FRAME_CHILD:
        case GUEST_FRAME_WRITTEN:
        case GUEST_FRAME_EXITED:
        case GUEST_FRAME_INVALID:
        case _GUEST_FRAME_TYPE_MAX:
        default:
                r = -EBADMSG;
                break;
        }
        for (size_t i = 0; i < DATAGRAM_FDS_MAX; i++)
                close_fd(fds[i]);
        return r;
}

/* Runs until the channel ends or breaks; returns why. */
static int guest_run(Guest *g) {
        struct signalfd_siginfo ignored;
        bool more = false, full = false;
        int r;

        for (;;) {
                struct pollfd p[2 + TERMINALS_POLL_MAX] = {
                        { .fd = g->channel_fd, .events = (short)(POLLIN | (full ? POLLOUT : 0)) },
                        { .fd = g->signal_fd,  .events = POLLIN                                 },
                };
                size_t n = 2 + terminal_poll(&g->jobs.terminals, p + 2);

                if (poll(p, n, more ? 0 : -1) < 0 && errno != EINTR)
                        return -errno;
                terminal_relay(&g->jobs.terminals, p + 2);
                /* read before reaping: what ends from here on raises it again */
                (void)!read(g->signal_fd, &ignored, sizeof(ignored));
                more = job_reap(&g->jobs);

                r = receive(g);
                if (r < 0)
                        return r;
                r = job_report(&g->jobs);
                if (r < 0 && r != -EAGAIN)
                        return r;
                full = r == -EAGAIN;
        }
}

static int be_guest(void) {
        Guest g = { .channel_fd = -EBADF, .signal_fd = -EBADF };
        int r;

        r = guest_init(&g);
        if (r == 0)
                r = guest_run(&g);
        /* everything else in the namespace ends with this process, at once */
        if (r == -ECONNRESET || r == -EPIPE)
                return 0;
        (void)dprintf(STDERR_FILENO, "cloche-guest: %s\n", strerror(-r));
        return 1;
}

/* Its streams can be opened by others as soon as it is this program: until then the process was the
 * guest's, which nobody may look into. The word says that it is. */
__attribute__((noreturn)) static void stand_in(const char *word) {
        (void)fd_write_all(STDOUT_FILENO, word, strlen(word));
        for (;;)
                (void)pause();
}

int main(int argc, char **argv) {
        if (argc < 2)
                _exit(be_guest());
        if (argc <= 3 && strcmp(argv[1], GUEST_COMMAND_STAND_IN) == 0)
                stand_in(argc > 2 ? argv[2] : "");
        if (strcmp(argv[1], GUEST_COMMAND_FILE) == 0)
                _exit(file_run(argc - 2, argv + 2));
        (void)dprintf(STDERR_FILENO, "cloche-guest: unknown command\n");
        _exit(2);
}

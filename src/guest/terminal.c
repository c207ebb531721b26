/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host cannot have the master side of a pty in this container's devpts, so the guest keeps it
 * and moves the bytes: stdin pipe → master, master → stdout pipe. Both ways have one fixed buffer,
 * which is filled only when it is empty, and nothing is waited for except in the guest's one poll():
 * a reader that stops makes us stop reading the master, and the kernel then stops the program.
 *
 * Whoever writes to or reads from the other side of the pty is code that wants to hurt us. It can
 * make us move bytes; it cannot make us wait, grow, or look at what we move.
 *
 * How it ends:
 *   the stdin pipe does         the program gets the character that means end of file, as from a
 *                               person who types it
 *   nobody has the slave open   the master says EIO; what was read still goes out, then the stdout
 *                               pipe is closed, which is the end of the output
 *   nobody reads the output     the master is closed, which hangs up on the session
 *
 * A descriptor from which nothing is wanted must not be polled at all: the master and a pipe report
 * their hang-up whatever one asks for, and we would spin. Only the stdout pipe is always watched,
 * because its hang-up is acted upon. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "guest/terminal.h"

#define PTMX_PATH  "/dev/ptmx"
#define SLAVE_MODE 0620 /* its owner may open it, and others may not read what is typed */

int terminal_table_init(TerminalTable *t) {
        t->terminals = calloc(GUEST_EXECS_MAX, sizeof(*t->terminals));
        return t->terminals ? 0 : -ENOMEM;
}

static Terminal *find_free(TerminalTable *t) {
        for (size_t i = 0; i < GUEST_EXECS_MAX; i++)
                if (!t->terminals[i].is_open)
                        return &t->terminals[i];
        return NULL;
}

static Terminal *find_terminal(TerminalTable *t, uint32_t exec) {
        for (size_t i = 0; i < GUEST_EXECS_MAX; i++)
                if (t->terminals[i].is_open && t->terminals[i].exec == exec)
                        return &t->terminals[i];
        return NULL;
}

static int set_size(int fd, uint16_t rows, uint16_t columns) {
        const struct winsize size = { .ws_row = rows, .ws_col = columns };

        return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

/* The slave belongs to whoever opens the master, and we may not give it away later. Only for the
 * file system are we the code's user here: it can do no more to us than before. The change makes
 * a process dumpable where fs.suid_dumpable says so, hence the prctl(). */
static int open_master(uid_t uid) {
        int fd, saved;

        (void)setfsuid(uid);
        fd = open(PTMX_PATH, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        saved = errno;
        (void)setfsuid(geteuid());
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        return fd < 0 ? -saved : fd;
}

static int open_slave(int master_fd, uid_t uid) {
        _cleanup_close_ int fd = -EBADF;
        struct termios settings;
        int unlocked = 0;

        if (ioctl(master_fd, TIOCSPTLCK, &unlocked) < 0)
                return -errno;
        fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        (void)setfsuid(uid);
        (void)fchmod(fd, SLAVE_MODE); /* devpts may have been mounted with another mode */
        (void)setfsuid(geteuid());
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        if (tcgetattr(fd, &settings) < 0)
                return -errno;
        settings.c_iflag |= IUTF8; /* one backspace, one character */
        if (tcsetattr(fd, TCSANOW, &settings) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int copy_nonblock(int fd) {
        _cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        int r;

        if (copy < 0)
                return -errno;
        r = fd_set_nonblock(copy, 1);
        return r < 0 ? r : TAKE_FD(copy);
}

int terminal_open(TerminalTable *t, const GuestStart *start, uid_t uid, int in_fd, int out_fd,
                  int *ret_slave_fd) {
        _cleanup_close_ int master = -EBADF, slave = -EBADF, in = -EBADF, out = -EBADF;
        Terminal *terminal = find_free(t);
        int r;

        if (!terminal)
                return -EMFILE;
        master = open_master(uid);
        if (master < 0)
                return master;
        slave = open_slave(master, uid);
        if (slave < 0)
                return slave;
        r = set_size(master, start->rows, start->columns);
        if (r < 0)
                return r;
        in = copy_nonblock(in_fd);
        if (in < 0)
                return in;
        out = copy_nonblock(out_fd);
        if (out < 0)
                return out;

        terminal->is_open = true;
        terminal->exec = start->header.exec;
        terminal->master_fd = TAKE_FD(master);
        terminal->in_fd = TAKE_FD(in);
        terminal->out_fd = TAKE_FD(out);
        terminal->last = '\n';
        terminal->in.begin = terminal->in.end = 0;
        terminal->out.begin = terminal->out.end = 0;
        *ret_slave_fd = TAKE_FD(slave);
        return 0;
}

void terminal_resize(TerminalTable *t, const GuestResize *resize) {
        Terminal *terminal = find_terminal(t, resize->header.exec);

        if (terminal && terminal->master_fd >= 0)
                (void)set_size(terminal->master_fd, resize->rows, resize->columns);
}

void terminal_detach(TerminalTable *t, uint32_t exec) {
        Terminal *terminal = find_terminal(t, exec);

        if (terminal)
                terminal->exec = 0;
}

static bool is_empty(const TerminalBuffer *b) {
        return b->begin == b->end;
}

/* One read() into an empty buffer. Returns 0 or -errno: -EPIPE at the end of a pipe. */
static int fill(TerminalBuffer *b, int fd) {
        ssize_t n = read(fd, b->data, sizeof(b->data));

        if (n < 0)
                return -errno;
        if (n == 0)
                return -EPIPE;
        b->begin = 0;
        b->end = (size_t)n;
        return 0;
}

static int flush(TerminalBuffer *b, int fd) {
        ssize_t n = write(fd, b->data + b->begin, b->end - b->begin);

        if (n < 0)
                return -errno;
        b->begin += (size_t)n;
        return 0;
}

static bool is_over(int r) {
        return r < 0 && r != -EAGAIN && r != -EINTR;
}

static void end_input(Terminal *t) {
        t->in_fd = close_fd(t->in_fd);
        t->in.begin = t->in.end = 0;
}

static void hang_up(Terminal *t) {
        end_input(t);
        t->master_fd = close_fd(t->master_fd);
}

static void close_terminal(Terminal *t) {
        hang_up(t);
        t->out_fd = close_fd(t->out_fd);
        t->is_open = false;
}

/* The character that means end of file. It means that at the beginning of a line only: behind an
 * unfinished line the first one hands over that line, so there it takes two. */
static void put_end_of_file(Terminal *t) {
        struct termios settings;
        cc_t c;

        if (tcgetattr(t->master_fd, &settings) < 0) /* those of the program's side */
                return;
        c = settings.c_cc[VEOF];
        if (c == _POSIX_VDISABLE)
                return;
        t->in.begin = 0;
        t->in.end = 0;
        t->in.data[t->in.end++] = (char)c;
        if ((settings.c_lflag & ICANON) && t->last != '\n' && t->last != '\r' && t->last != (char)c)
                t->in.data[t->in.end++] = (char)c;
}

static void relay_input(Terminal *t) {
        int r;

        if (t->master_fd < 0)
                return;
        if (is_empty(&t->in) && t->in_fd >= 0) {
                r = fill(&t->in, t->in_fd);
                if (r == 0)
                        t->last = t->in.data[t->in.end - 1];
                else if (is_over(r)) {
                        t->in_fd = close_fd(t->in_fd);
                        put_end_of_file(t);
                }
        }
        if (!is_empty(&t->in) && is_over(flush(&t->in, t->master_fd)))
                end_input(t); /* nobody is there to read it */
}

static void relay_output(Terminal *t) {
        if (is_empty(&t->out) && t->master_fd >= 0 && is_over(fill(&t->out, t->master_fd)))
                hang_up(t); /* EIO: nobody has the other side open, and there is nothing left */
        if (!is_empty(&t->out) && is_over(flush(&t->out, t->out_fd))) {
                close_terminal(t);
                return;
        }
        if (is_empty(&t->out) && t->master_fd < 0)
                close_terminal(t);
}

static struct pollfd wish(int fd, short events) {
        return (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

size_t terminal_poll(const TerminalTable *t, struct pollfd *p) {
        size_t n = 0;

        for (size_t i = 0; i < GUEST_EXECS_MAX; i++) {
                const Terminal *terminal = &t->terminals[i];
                bool has_in = !is_empty(&terminal->in), has_out = !is_empty(&terminal->out);

                if (!terminal->is_open)
                        continue;
                p[n++] = wish(terminal->in_fd, has_in ? 0 : POLLIN);
                p[n++] = wish(terminal->master_fd,
                              (short)((has_in ? POLLOUT : 0) | (has_out ? 0 : POLLIN)));
                p[n++] = (struct pollfd){ .fd = terminal->out_fd, .events = has_out ? POLLOUT : 0 };
        }
        return n;
}

void terminal_relay(TerminalTable *t, const struct pollfd *p) {
        for (size_t i = 0; i < GUEST_EXECS_MAX; i++) {
                Terminal *terminal = &t->terminals[i];
                const struct pollfd *own = p;

                if (!terminal->is_open)
                        continue;
                p += TERMINAL_POLL_FDS;
                if (own[2].revents & (POLLERR | POLLNVAL)) {
                        close_terminal(terminal); /* nobody reads any more */
                        continue;
                }
                if (own[0].revents || own[1].revents || own[2].revents) {
                        relay_input(terminal);
                        relay_output(terminal);
                }
        }
}

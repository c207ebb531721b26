/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The modes of a terminal outlive the program that set them, so what they were is kept and brought
 * back on every way out: the owner has this struct in a variable with the cleanup attribute, and
 * signals that would end us are read and not taken (session_take_signals()). Only SIGKILL is
 * stronger. A shell that gets the terminal back while we are stopped sets its own modes; ours come
 * again with SIGCONT.
 *
 * TCSADRAIN and not TCSAFLUSH: what was typed ahead is input as well. */

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "client/terminal.h"

#define ROWS_DEFAULT    24
#define COLUMNS_DEFAULT 80

void terminal_done(Terminal *t) {
        terminal_restore(t);
        t->signal_fd = close_fd(t->signal_fd);
}

int terminal_open(Terminal *t, int fd) {
        sigset_t mask;

        *t = TERMINAL_NONE;
        if (!isatty(fd))
                return 0;
        if (tcgetattr(fd, &t->before) < 0)
                return -errno;
        (void)sigemptyset(&mask);
        (void)sigaddset(&mask, SIGWINCH);
        (void)sigaddset(&mask, SIGCONT);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        t->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (t->signal_fd < 0)
                return -errno;
        t->fd = fd;
        return 0;
}

int terminal_set_raw(Terminal *t) {
        struct termios raw = t->before;

        if (t->fd < 0)
                return 0;
        cfmakeraw(&raw);
        if (tcsetattr(t->fd, TCSADRAIN, &raw) < 0)
                return -errno;
        t->is_raw = true;
        return 0;
}

void terminal_restore(Terminal *t) {
        if (!t->is_raw)
                return;
        (void)tcsetattr(t->fd, TCSADRAIN, &t->before);
        t->is_raw = false;
}

static uint64_t clamp(unsigned short value, unsigned fallback) {
        if (value == 0)
                return fallback;
        return value > TERMINAL_SIZE_MAX ? TERMINAL_SIZE_MAX : value;
}

int terminal_format_size(const Terminal *t, json_object *params) {
        struct winsize size = { 0 };
        int r;

        if (t->fd >= 0)
                (void)ioctl(t->fd, TIOCGWINSZ, &size);
        r = json_set_uint(params, "rows", clamp(size.ws_row, ROWS_DEFAULT));
        return r < 0 ? r : json_set_uint(params, "cols", clamp(size.ws_col, COLUMNS_DEFAULT));
}

bool terminal_dispatch(Terminal *t) {
        struct signalfd_siginfo info;
        bool changed = false;

        while (read(t->signal_fd, &info, sizeof(info)) == sizeof(info)) {
                changed = true;
                if (info.ssi_signo == SIGCONT && t->is_raw)
                        (void)terminal_set_raw(t);
        }
        return changed;
}

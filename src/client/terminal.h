/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The terminal we were started at, lent to a program in a sandbox: every key is passed on as a
 * byte, and its size is told. */

#include <json-c/json.h>
#include <stdbool.h>
#include <termios.h>

#include "basic/cleanup.h"

typedef struct Terminal {
        int fd;        /* borrowed; -EBADF when there is none: then nothing below does anything */
        int signal_fd; /* SIGWINCH and SIGCONT */
        bool is_raw;
        struct termios before;
} Terminal;

#define TERMINAL_NONE ((Terminal){ .fd = -EBADF, .signal_fd = -EBADF })

/* Puts the terminal back as it was. */
void terminal_done(Terminal *t);
#define _cleanup_terminal_ _cleanup_(terminal_done)

/* Takes fd if it is a terminal, and leaves it as it is. Returns 0 or -errno. */
int terminal_open(Terminal *t, int fd);

/* From here on keys are bytes, ^C and ^Z included. Returns 0 or -errno. */
int terminal_set_raw(Terminal *t);

/* As it was, until terminal_set_raw(). */
void terminal_restore(Terminal *t);

/* Adds rows and cols, 24 by 80 where there is no terminal or it does not know. Returns 0 or -ENOMEM. */
int terminal_format_size(const Terminal *t, json_object *params);

/* signal_fd can be read. Returns whether the size should be told anew: it changed, or we were
 * stopped and have come back to a terminal that somebody may have changed meanwhile. */
bool terminal_dispatch(Terminal *t);

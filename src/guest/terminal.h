/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The terminals of executions that asked for one: a pty each, and the relay between it and the
 * host's two pipes. A terminal outlives its execution while something in the background has it open
 * and the host still reads. */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/limits.h"
#include "wire/guest-frame.h"

#define TERMINAL_BUFFER_SIZE 4096 /* each way */
#define TERMINAL_POLL_FDS    3
#define TERMINALS_POLL_MAX   ((size_t)GUEST_EXECS_MAX * TERMINAL_POLL_FDS)

/* Bytes on their way: data[begin…end-1]. */
typedef struct TerminalBuffer {
        size_t begin, end;
        char data[TERMINAL_BUFFER_SIZE];
} TerminalBuffer;

typedef struct Terminal {
        bool is_open;  /* else this place is free and nothing below counts */
        uint32_t exec; /* 0: its execution has ended */
        int master_fd; /* -EBADF: nobody has the other side any more */
        int in_fd;     /* from the host; -EBADF: at its end */
        int out_fd;    /* to the host */
        char last;     /* byte that went to the master */
        TerminalBuffer in, out;
} Terminal;

typedef struct TerminalTable {
        Terminal *terminals; /* GUEST_EXECS_MAX of them */
} TerminalTable;

/* Returns 0 or -ENOMEM. The table lives as long as the guest. */
int terminal_table_init(TerminalTable *t);

/* Opens a terminal of START's size for its execution, that user uid may open by name too. The two
 * pipes are borrowed. Returns 0; -EMFILE when all places are taken; or -errno. *ret_slave_fd is the
 * program's side, the caller's. */
int terminal_open(TerminalTable *t, const GuestStart *start, uid_t uid, int in_fd, int out_fd,
                  int *ret_slave_fd);

/* RESIZE: nothing happens when there is no such terminal. */
void terminal_resize(TerminalTable *t, const GuestResize *resize);

/* The execution has ended: from here on its id may name another. The relay goes on. */
void terminal_detach(TerminalTable *t, uint32_t exec);

/* What to wait for: fills p and returns how many, at most TERMINALS_POLL_MAX. */
size_t terminal_poll(const TerminalTable *t, struct pollfd *p);

/* Moves what can be moved without waiting, a bounded amount, for those that poll() named; p is as
 * terminal_poll() left it, and no terminal was opened in between. */
void terminal_relay(TerminalTable *t, const struct pollfd *p);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The executions of this sandbox, from START to the EXITED frame that answers it. */

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/limits.h"
#include "guest/terminal.h"
#include "wire/guest-frame.h"

typedef struct Job {
        uint32_t exec; /* 0: this place is free */
        pid_t pid;     /* of the main process until it is reaped, then 0: EXITED waits to be sent */
        int go_fd;     /* what the child waits for until GO; then, and without a child, -EBADF */
        GuestFrame exited;
        char code_name[GUEST_CODE_NAME_SIZE]; /* "" when there is no directory for code */
        bool awaits_code;                     /* CODE is to come */
        bool is_code_taken;                   /* WRITTEN waits to be sent, with this: */
        int code_error;
} Job;

typedef struct JobTable {
        Job jobs[GUEST_EXECS_MAX];
        int *failed; /* one place a job, in memory shared with its child until that execs */
        TerminalTable terminals;
        int channel_fd;
        int code_dir_fd;
        bool is_set_up;
        uint32_t highest_exec; /* that was started */
        uid_t uid;             /* of the code */
        gid_t gid;
        struct sock_fprog filter; /* owned */
} JobTable;

/* channel_fd (borrowed) is where the host learns of the executions. Returns 0 or -errno. The table
 * lives as long as the guest; nothing undoes this. */
int job_table_init(JobTable *t, int channel_fd);

/* SETUP: keeps the ids and reads the seccomp program from program_fd (borrowed). Returns 0,
 * -EBADMSG for a second SETUP or what cannot be a program, or -errno. */
int job_table_setup(JobTable *t, const GuestSetup *setup, int program_fd);

/* START: begins an execution, whose child then waits for GO; fds are the payload, stdin, stdout and
 * stderr (borrowed). Returns 0, also when the program could not be started, which its EXITED then says; or -EBADMSG when the host
 * may not ask this: no SETUP yet, an id in use, too many at once, a payload that is not one. */
int job_start(JobTable *t, const GuestStart *start, const int fds[static 4]);

/* GO: lets an execution's child go on. Returns 0, also when it has ended meanwhile; or -EBADMSG for
 * one that was never started or was told before. */
int job_go(JobTable *t, uint32_t exec);

/* CODE: puts it where its execution will look for it; fd is the memfd (borrowed). Returns 0, also when the
 * execution has ended meanwhile or there is no room for the code, which its WRITTEN then says; or -EBADMSG
 * for one that waits for no code, or a memfd that is not what the frame says. */
int job_take_code(JobTable *t, const GuestCodeFrame *code, int fd);

/* SIGNAL: to the process group of the main process, if that is still there. Returns 0, or -EBADMSG
 * before SETUP. */
int job_signal(JobTable *t, const GuestSignal *s);

/* Reaps what has ended, the executions' main processes and orphans alike, a bounded number at once.
 * True when there may be more. */
bool job_reap(JobTable *t);

/* Sends the WRITTEN and EXITED frames that wait. Returns 0 when none is left, -EAGAIN when the channel is full,
 * or -errno when it is gone. */
int job_report(JobTable *t);

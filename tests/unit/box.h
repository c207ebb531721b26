/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest in a box like its container (guest-box.c), and the host's side of its channel, for tests.
 * Everything asserts; nothing here returns an error. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/guest-frame.h"

#define BOX_TIMEOUT_MSEC 100000 /* longer than anything takes */

#define WORDS(...)  ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(text) WORDS("sh", "-c", text)

/* For the guest as a program, where sanitizers watch it: at their start they would change a limit,
 * which the filter forbids. */
#define GUEST_PROGRAM_ENV "ASAN_OPTIONS=disable_coredump=0"

typedef struct BoxPaths {
        const char *guest, *box, *list; /* cloche-guest, guest-box, the list of system calls */
} BoxPaths;

#define BOX_PENDING_MAX 256

typedef struct Box {
        char directory[32];
        char path[64];
        pid_t box_pid;
        pid_t guest_pid; /* as the kernel says */
        int channel;
        int filter_fd;
        GuestFrame pending[BOX_PENDING_MAX]; /* received and not taken yet */
        size_t n_pending;
        uint32_t last_exec; /* for callers that count with it */
} Box;

/* Starts a guest and waits until it is connected; ready: also sends SETUP and takes READY. mode is
 * guest-box's. */
Box *box_new(const BoxPaths *paths, const char *mode);
Box *box_new_ready(const BoxPaths *paths, const char *mode);
/* Closes the channel and waits until the guest has ended and everything with it; frees the box and
 * returns the guest's exit code. */
int box_end(Box *b);

/* Frames. box_send() returns what fd_send() does. */
int box_send(Box *b, const GuestFrame *f, const int *fds, size_t n_fds);
void box_send_setup(Box *b);
void box_send_signal(Box *b, uint32_t exec, uint32_t signo);
void box_send_go(Box *b, uint32_t exec);
void box_send_resize(Box *b, uint32_t exec, uint16_t rows, uint16_t columns);
GuestFrame box_receive(Box *b);

typedef struct Program {
        const char *const *argv, *const *env; /* NULL at the end; env may be NULL */
        const char *cwd;                      /* NULL: none */
        const char *code, *code_name; /* NULL: none; code_name alone: the code comes later */
        bool has_terminal;
        uint16_t rows, columns;
} Program;

/* One execution as the host sees it: the other ends of its pipes. */
typedef struct Run {
        uint32_t exec;
        int in, out, err;
} Run;

/* The frame of a program, and the memfd that goes with it. */
GuestFrame box_make_start(uint32_t exec, const Program *p, int *ret_payload_fd);
/* The code of a program that waits for it. */
void box_send_code(Box *b, uint32_t exec, const char *code);
/* START only. */
Run box_start_held(Box *b, uint32_t exec, Program program);
/* Waits for this execution's CHILD and returns its pid, as the kernel says; or 0 when it has ended
 * without. Ends of others that come meanwhile are kept for box_receive(). */
pid_t box_await_child(Box *b, uint32_t exec);
/* START, and GO as soon as there is a child. */
Run box_start(Box *b, uint32_t exec, Program program);
/* Reads until the text has come, which must be soon. text gets everything up to there, and more that
 * came with it; returns it. */
char *box_expect(int fd, const char *expected, char *text, size_t size);
/* Everything up to the end of a pipe, which it closes. Returns text. */
char *box_drain(int *fd, char *text, size_t size);
/* Waits for the end of this execution, which must be the next to end, and closes its pipes. */
GuestExited box_finish(Box *b, Run *run);
/* Runs a shell command to its end, its output in text. Returns its exit code. */
int box_run_shell(Box *b, uint32_t exec, const char *command, char *text, size_t size);

void box_wait_readable(int fd);

/* What a process of the box has: open descriptors, and resident memory in KiB. */
size_t box_count_fds(pid_t pid);
long box_read_memory_kib(pid_t pid);

/* The paths among a test program's arguments. Ends the program when there are fewer than n_needed
 * of them, or without the rights to make a box. */
BoxPaths box_take_paths(int argc, char **argv, int n_needed);

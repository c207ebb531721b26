/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starting a program and knowing when it ended. The program gets exactly what is listed: its argv,
 * its environment, its descriptors, default signal handling, a session of its own and "/" to be in;
 * what it inherits are our user, limits and umask. It is known by a pidfd, so that no signal ever
 * reaches a stranger who got its number. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_FDS_MAX 8

/* All borrowed. */
typedef struct ProcessSpec {
        const char *path;        /* absolute; PATH is not searched */
        const char *const *argv; /* words, NULL at the end */
        const char *const *env;  /* NAME=VALUE, NULL at the end; there is nothing else in it */
        int stdio[3];            /* become 0, 1, 2; a negative one is /dev/null */
        const int *fds;          /* become 3, 4, …; at most PROCESS_FDS_MAX */
        size_t n_fds;
        bool die_with_parent; /* killed when the calling thread ends */
} ProcessSpec;

typedef struct ProcessEnd {
        int code;   /* exit code 0…255, or -1 when a signal ended it */
        int signal; /* that signal, or 0 */
} ProcessEnd;

/* Waits until the program has been executed, so what execve() says is what this returns: 0 with the
 * pidfd (readable once it has ended; the caller's, as is the duty to wait for it), or -errno.
 * ret_pid (may be NULL) gets its number, which is its own until it has been waited for. */
int process_spawn(const ProcessSpec *spec, int *ret_pidfd, pid_t *ret_pid);

/* Whether it has ended, without blocking: 1 and its end, and then it is waited for; 0 when it still
 * runs; or -errno. ret_end may be NULL. */
int process_wait(int pidfd, ProcessEnd *ret_end);

/* Kills it, waits for it for a moment and closes the pidfd: "pidfd = process_end(pidfd);". Takes a
 * negative one. What sleeps in the kernel for longer than that moment stays a zombie of ours. */
int process_end(int pidfd);

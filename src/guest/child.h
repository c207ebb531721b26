/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From the guest's fork to the program's first instruction: the host learns of the child and lets it
 * go on, then everything is given up on the way. */

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/payload.h"

typedef struct Child {
        uint32_t exec;
        int channel_fd;
        int go_fd; /* an eventfd: read when the child may go on */
        int code_dir_fd;
        bool has_code;
        bool has_terminal; /* stdio is its slave */
        uid_t uid;         /* of the code */
        gid_t gid;
        const struct sock_fprog *filter;
        const Payload *payload;
        const int *stdio;   /* three descriptors: its stdin, stdout and stderr */
        int *reterr_failed; /* in memory shared with the guest: errno of what failed of this */
} Child;

/* Runs in the forked child. Sends CHILD and waits to be let go. Becomes the program; or says on its
 * stderr why the program cannot run and ends with 127 (not found) or 126; or, when it could not be
 * prepared or rights could not be given up, sets *reterr_failed and ends without running anything. */
__attribute__((noreturn)) void child_run(const Child *c);

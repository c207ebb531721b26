/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From the guest's fork to the program's first instruction: everything is given up on the way. */

#include <linux/filter.h>
#include <sys/types.h>

#include "guest/payload.h"

typedef struct Child {
        uid_t uid; /* of the code */
        gid_t gid;
        const struct sock_fprog *filter;
        const Payload *payload;
        const int *stdio;   /* three descriptors: its stdin, stdout and stderr */
        int *reterr_failed; /* in memory shared with the guest: errno of what could not be given up
                             */
} Child;

/* Runs in the forked child. Becomes the program; or says on its stderr why the program cannot run
 * and ends with 127 (not found) or 126; or, when rights could not be given up, sets *reterr_failed
 * and ends without running anything. */
__attribute__((noreturn)) void child_run(const Child *c);

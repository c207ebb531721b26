/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program from request to exit code: in a sandbox of its own that the service makes for it, or,
 * when that is not enough, in one that we open, fill, share by a name and empty again. Logging:
 * what there is to say to a person is said on stderr here. */

#include <stdbool.h>

#include "client/address.h"
#include "client/run-request.h"
#include "client/transfer.h"

typedef struct RunOptions {
        const Address *address;
        RunRequest *request; /* stdin_open is set here */
        Transfer *transfer;
        const char *name; /* for cloche cp; NULL: none */
        bool pass_stdin;
        bool has_terminal; /* the program gets one */
        bool lives;        /* a sandbox of ours in any case, for as long as that may be */
        bool as_json;      /* keep the output and print one object at the end */
} RunOptions;

/* Returns the exit code. Signals are blocked from here on. */
int run(const RunOptions *options);

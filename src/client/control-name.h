/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sandboxes by names that their user gave them: sockets in a directory of his own, each of them
 * listened at by the cloche that has the sandbox. */

#include <stdbool.h>

#include "basic/cleanup.h"

/* Whether this can be a name: letters, digits, "_", "." and "-", the first a letter or a digit, at
 * most 48 of them. Pure. */
bool control_name_is_good(const char *name);

/* The socket's path, to be freed. Returns 0, -ENXIO when XDG_RUNTIME_DIR is not set, -ENOMEM. */
int control_name_find(const char *name, char **ret_path);

typedef struct ControlName {
        char *path; /* owned; NULL: none */
        int fd;     /* listening, non-blocking */
} ControlName;

#define CONTROL_NAME_NONE ((ControlName){ .fd = -EBADF })

/* Takes the name away again. */
void control_name_done(ControlName *n);

/* Takes the name. Logging. Returns 0 or -errno, -EADDRINUSE when somebody who lives has it. */
int control_name_take(ControlName *n, const char *name);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file from a sandbox on its way into a directory of ours: under a temporary name until it is
 * whole. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "basic/cleanup.h"

typedef struct Landing {
        int dir_fd; /* borrowed */
        int fd;
        const char *name; /* borrowed */
        char temporary[32];
} Landing;

#define LANDING_NONE ((Landing){ .dir_fd = -EBADF, .fd = -EBADF })

/* Removes what is not whole. */
void landing_done(Landing *l);
#define _cleanup_landing_ _cleanup_(landing_done)

/* Whether this can be the name of a file in a directory, and of nothing else: no slash, neither "."
 * nor "..", not empty, not too long. */
bool landing_name_is_good(const char *name);

/* The last part of a path; "" when it ends in a slash. Borrowed. */
const char *landing_name_of(const char *path);

/* Begins. Returns 0; -EINVAL for a name that is not good; -ELOOP, -EISDIR or -EEXIST when there is a
 * symbolic link, a directory or something else that is no regular file by that name; another
 * -errno. */
int landing_open(Landing *l, int dir_fd, const char *name);

/* Returns 0 or -errno. */
int landing_write(Landing *l, const void *data, size_t size);

/* Gives it its name, in the place of a file that had it, and the permissions of mode that our umask
 * leaves. Returns 0 or -errno, as landing_open(). */
int landing_commit(Landing *l, mode_t mode);

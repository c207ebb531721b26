/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading a directory, entry by entry. */

#include <dirent.h>
#include <stdbool.h>

#define FILE_DEPTH_MAX 128 /* directories inside each other that a command goes down */

static inline void closedirp(DIR **d) {
        if (*d)
                (void)closedir(*d);
}

/* Opens the directory name below parent_fd (or AT_FDCWD). flags may be O_NOFOLLOW. Never waits.
 * Returns 0 or -errno; *ret is the caller's to closedir(). */
int file_directory_open(int parent_fd, const char *name, int flags, DIR **ret);

/* The next entry but "." and "..": its name, valid until the next call, and, unless
 * ret_is_directory is NULL, whether it is a directory (a link is none). Returns 1; 0 at the end; or
 * -errno. */
int file_directory_next(DIR *d, const char **ret_name, bool *ret_is_directory);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Opening what is a file with bytes in it, and nothing else. */

#include <sys/stat.h>

/* Opens path, links followed, with access (O_RDONLY or O_WRONLY). Never waits. Returns the
 * descriptor, the caller's; -EISDIR; -EINVAL for what is no regular file, or one that the kernel makes
 * up (procfs and the like); or -errno. */
int file_regular_open(const char *path, int access, struct stat *ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A directory and all that is below it, into a sandbox or out of one. Regular files and directories
 * with their permissions; symbolic links are neither followed nor made, and what is left out is told by
 * its name. One file that cannot be copied does not keep the others from it. */

#include <stddef.h>

#include "basic/limits.h"
#include "client/copy.h"

#define TREE_ENTRIES_MAX 100000     /* files and directories of one copy */
#define TREE_DEPTH_MAX   100        /* directories inside each other */
#define TREE_TOLD_MAX    100        /* names of a sandbox that are told as not copied */
#define TREE_SIZE_MAX    (16 * GIB) /* bytes that come out of a sandbox in one copy */

/* Logging. Return 0, with how many names were told as not copied in *ret_failed, or -errno when it made
 * no sense to go on: -EINTR after a signal, which is not told.
 *
 * Puts what is in directory_fd (borrowed), which is called local, into the directory path of the
 * sandbox, "" for /work; it is made if it is not there. */
int tree_put(const Copier *c, int directory_fd, const char *local, const char *path,
             size_t *ret_failed);

/* Puts what is in the directory path of the sandbox, "" for /work, into directory_fd (borrowed), which
 * is called local. */
int tree_get(const Copier *c, const char *path, int directory_fd, const char *local,
             size_t *ret_failed);

/* Whether a failure is that of one file (0), after which the next is tried, or of everything: returns
 * it then. */
int tree_judge(int error);

/* directory and name with a slash between them; name alone for "". To be freed; NULL without memory. */
char *tree_join(const char *directory, const char *name);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A directory and all that is below it, into a sandbox (tree-put.h) or out of one (tree-get.h). Regular
 * files and directories with their permissions; symbolic links are neither followed nor made, and what is
 * left out is told by its name. One file that cannot be copied does not keep the others from it. */

#include "basic/limits.h"

#define TREE_ENTRIES_MAX 100000     /* files and directories of one copy */
#define TREE_DEPTH_MAX   100        /* directories inside each other */
#define TREE_TOLD_MAX    100        /* names of a sandbox that are told as not copied */
#define TREE_SIZE_MAX    (16 * GIB) /* bytes that come out of a sandbox in one copy */

/* Whether a failure is that of one file (0), after which the next is tried, or of everything: returns
 * it then. */
int tree_judge(int error);

/* directory and name with a slash between them; name alone for "". To be freed; NULL without memory. */
char *tree_join(const char *directory, const char *name);

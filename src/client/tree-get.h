/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Puts what is in the directory path of the sandbox, "" for /work, into directory_fd (borrowed), which
 * is called local. Logging. Returns 0, with how many could not be had in *ret_failed, or -errno when it
 * made no sense to go on: -EINTR after a signal, which is not told; -EFBIG above TREE_ENTRIES_MAX or
 * TREE_SIZE_MAX; -EBADMSG for a list that makes no sense. */

#include <stddef.h>

#include "client/copy.h"

int tree_get(const Copier *c, const char *path, int directory_fd, const char *local,
             size_t *ret_failed);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Puts what is in directory_fd (borrowed), which is called local, into the directory path of the
 * sandbox, "" for /work; it is made if it is not there. Logging. Returns 0, with how many were told as
 * not copied in *ret_failed, or -errno when it made no sense to go on: -EINTR after a signal, which is
 * not told; -EFBIG above TREE_ENTRIES_MAX. */

#include <stddef.h>

#include "client/copy.h"

int tree_put(const Copier *c, int directory_fd, const char *local, const char *path,
             size_t *ret_failed);

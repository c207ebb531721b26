/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A directory as a POSIX ustar archive in memory: what is built from is a few small files. */

#include "basic/buffer.h"
#include "basic/limits.h"

#define TAR_PATH_MAX    100  /* bytes of a path in the archive, what ustar has without a prefix */
#define TAR_ENTRIES_MAX 4096 /* files and directories */
#define TAR_SIZE_MAX    (256 * MIB) /* bytes of the archive */
#define TAR_DEPTH_MAX   16          /* directories inside each other */

/* Appends everything below directory_fd (borrowed) and the archive's end to out; regular files and
 * directories, in the order of their names, as root's, with their permissions. Returns 0 or -errno, and
 * then in *reterr_path (to be freed, may be NULL) which file it was: -ELOOP for one that is neither a
 * file nor a directory, -ENAMETOOLONG, -EFBIG above one of the limits, -EIO for a file that changed
 * meanwhile. */
int tar_pack(int directory_fd, Buffer *out, char **reterr_path);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* file remove PATH [deep]. Returns 0 or -errno: -ENOTEMPTY for a directory with something in it,
 * unless deep; -ELOOP for a tree deeper than FILE_DEPTH_MAX. */
int file_remove_run(int argc, char **argv);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an execution that brings code finds in a directory of its own, GUEST_CODE_DIR/<exec>: the
 * code as a file, and the link to its streams. Owned by the guest, readable and not writable for the
 * code. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes GUEST_CODE_DIR, which must not exist yet in a container, and opens it. To be called before
 * any code runs. Returns the descriptor (the caller's) or -errno. */
int code_open_dir(void);

/* Makes an execution's directory. Returns 0 or -errno. */
int code_make(int dir_fd, uint32_t exec);

/* Writes one file there, whole or not at all. Returns 0 or -errno. */
int code_write(int dir_fd, uint32_t exec, const char *name, const void *data, size_t size);

/* Links GUEST_STREAMS_NAME beside the file to what process pid (of our namespace) has open. Returns
 * 0 or -errno. */
int code_link_streams(int dir_fd, uint32_t exec, pid_t pid);

/* Removes all of it and its directory, as far as they are there. */
void code_remove(int dir_fd, uint32_t exec, const char *name);

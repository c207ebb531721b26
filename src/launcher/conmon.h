/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container has outside its scope: Podman's monitor of it, the runtime while it makes or
 * starts it, and files of both. conmon lives a moment longer than the container and writes its last
 * files then; where Podman has removed the container before that, they stay. So a removal is over
 * when conmon is gone and what was left is gone too. */

#include <stdbool.h>
#include <sys/types.h>

#define CONTAINER_ID_SIZE (64 + 1) /* hex digits and the NUL */

/* A pidfd of the process that guest (the container's first one) is a child of. Returns it, or
 * -errno: -ESRCH when one of them is gone. */
int conmon_open(pid_t guest);

/* The same by the container's name, for one whose guest is not known; ret_container gets the
 * container's id. Returns the pidfd, or -errno: -ESRCH when there is none. */
int conmon_find(const char *name, char ret_container[static CONTAINER_ID_SIZE]);

/* Kills every process of the runtime that creates or starts this container. To be called when the
 * container is to end anyway: Podman then fails to start it, or never hears of it. Anything but 64
 * hex digits is ignored. Returns how many there were, or -errno. */
int conmon_end_runtime(const char *container);

/* The same for every container that is_known() knows nothing of: what a launcher that died was
 * starting. Where such a start hangs there may be no conmon any more that could be found, and the
 * container's lock, which the runtime's end opens, keeps Podman from saying what containers there are.
 * Returns how many there were, or -errno. */
typedef bool (*conmon_is_known_t)(const char *container, const void *userdata);
int conmon_end_strange_runtimes(conmon_is_known_t is_known, const void *userdata);

/* Removes what conmon and the runtime left in their directories for it, if anything. container is
 * 64 hex digits, and anything else is ignored. */
void conmon_sweep(bool system_mode, const char *container);

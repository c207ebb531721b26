/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Podman's monitor of one container, which lives outside the scope and a moment longer than it. It writes
 * its last files when the container has ended; where Podman has removed the container before that, they
 * stay. So a removal is over when conmon is gone and what it left is gone too. */

#include <stdbool.h>
#include <sys/types.h>

/* A pidfd of the process that guest (the container's first one) is a child of. Returns it, or -errno:
 * -ESRCH when one of them is gone. */
int conmon_open(pid_t guest);

/* Removes what conmon left in Podman's directory for it, if anything. container is 64 hex digits, and
 * anything else is ignored. */
void conmon_sweep(bool system_mode, const char *container);

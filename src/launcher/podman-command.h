/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Podman's command line, where its service fails: slower by far, and the last resort. */

#include "launcher/manager.h"

typedef struct PodmanCommand PodmanCommand;

/* error is 0 when podman ended with status 0, -ETIMEDOUT, or -EIO. Called exactly once unless
 * freed. */
typedef void (*podman_command_callback_t)(int error, void *userdata);

/* "podman rm --force --ignore --time 0 --volumes NAME", with an environment built from nothing and
 * a time limit of PODMAN_TIMEOUT_USEC. Returns 0 or -errno. */
int podman_command_remove(Manager *m, const char *container, podman_command_callback_t callback,
                          void *userdata, PodmanCommand **ret);
PodmanCommand *podman_command_free(PodmanCommand *c);

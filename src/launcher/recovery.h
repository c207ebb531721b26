/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a launcher finds when it starts: connections and sandboxes of one that died, which it goes
 * on with, and anything else that carries our name, which it ends. */

#include "launcher/manager.h"

/* Descriptors passed by systemd, beside the listening socket; each is consumed. */
typedef struct RecoveryFd {
        int fd;
        const char *name; /* borrowed */
} RecoveryFd;

/* Opens the state and takes over the connections. To be called once, before anybody is accepted.
 * Returns 0 or -errno. */
int recovery_adopt(Manager *m, RecoveryFd *fds, size_t n_fds);

/* Begins to look for scopes, containers and sockets that belong to nobody, and ends them. Goes on
 * in the loop; sandboxes made meanwhile are known and left alone. */
void recovery_sweep(Manager *m);

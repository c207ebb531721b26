/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The second mount of all layers, which Podman makes for a moment and leaves when it is killed. */

#include <stdbool.h>
#include <stddef.h>

/* Unmounts what is mounted at …/overlay/ID/mapped/N in the caller's mount namespace, whichever store it
 * is of. Where Podman itself runs in this namespace (is_podmans) it is done under the lock of the store,
 * for which it waits at most LAYER_STORE_WAIT_USEC. Costs a look at /proc/self/mountinfo when there is
 * nothing. Returns 0, or -errno when one may be left; with the number unmounted. */
int mapped_mount_release(bool is_podmans, size_t *ret_n);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The second mount of all layers, which Podman makes for a moment and leaves when it is killed. */

#include <stddef.h>

/* Unmounts what is mounted at overlay/ID/mapped/N below graph_root, in the caller's mount namespace. Costs
 * a look at each layer when there is nothing. Returns 0, -ENOENT where there is no such storage, or
 * -errno, with the number unmounted. */
int mapped_mount_release(const char *graph_root, size_t *ret_n);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Layers of containers/storage's overlay driver that no record names. */

#include <stddef.h>
#include <stdint.h>

#define ORPHAN_LAYER_AGE_MAX_SEC \
        300 /* one older than that is not what just died, and is left alone */
#define ORPHAN_LAYERS_FILE_MAX (64 * 1024 * 1024) /* bytes of one file of records */

/* Removes them below graph_root: directories overlay/ID that are younger than the limit, with their
 * short names overlay/l/NAME, and short names that lead nowhere. Waits for the lock of the layers.
 * Needs the rights of those who made them: in user mode, a place in the user's namespace of subordinate
 * ids. Returns 0 with the number of directories removed, -ENOENT where there is no such storage,
 * -EBADMSG when its records cannot be read (and then nothing is touched), or -errno. */
int orphan_layer_sweep(const char *graph_root, size_t *ret_removed);

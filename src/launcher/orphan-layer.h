/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Layers of containers/storage's overlay driver that no record names, or that are for a volatile container
 * and no container has. */

#include <stddef.h>
#include <stdint.h>

#define ORPHAN_LAYER_AGE_MAX_SEC \
        300 /* one older than that is not what just died, and is left alone */
#define ORPHAN_LAYERS_FILE_MAX (64 * 1024 * 1024) /* bytes of one file of records */

/* Counts them below graph_root: directories overlay/ID that are younger than the limit. Waits for the
 * lock of the layers. Returns 0, -ENOENT where there is no such storage, -EBADMSG when its records cannot
 * be read, -EAGAIN when somebody keeps the lock (layer-store.h), or -errno. */
int orphan_layer_count(const char *graph_root, size_t *ret_n);

/* Removes them, with their short names overlay/l/NAME, and short names that lead nowhere. Needs the
 * rights of those who made them: in user mode, a place in the user's namespace of subordinate ids.
 * Returns as orphan_layer_count() does, with the number removed; without records nothing is touched. */
int orphan_layer_sweep(const char *graph_root, size_t *ret_removed);

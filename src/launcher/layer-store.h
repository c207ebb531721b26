/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The layers of a containers/storage with the overlay driver, from outside of Podman. */

#include <errno.h>
#include <stdbool.h>

#define LAYER_STORE_WAIT_USEC \
        5000000 /* for the lock; systemd gives cloche-podman-mend thirty seconds */

typedef struct LayerStore {
        int overlay_fd; /* GRAPH-ROOT/overlay, a directory ID for each layer, and l/ */
        int layers_fd;  /* GRAPH-ROOT/overlay-layers, the records and the lock */
        int lock_fd;
        char *overlay_path;
} LayerStore;

#define LAYER_STORE_NULL { .overlay_fd = -EBADF, .layers_fd = -EBADF, .lock_fd = -EBADF }

/* Opens what is below graph_root. Returns 0, -ENOENT where there is no such storage, or -errno;
 * layer_store_done() closes it, and gives the lock back, either way. */
int layer_store_open(LayerStore *s, const char *graph_root);
void layer_store_done(LayerStore *s);

/* Takes the lock that Podman holds whenever it makes, mounts or removes a layer. Returns 0, -EAGAIN
 * when somebody has it for longer than LAYER_STORE_WAIT_USEC, as a pull of a large image does, or
 * -errno. */
int layer_store_lock(LayerStore *s);

/* Whether this is the name of a layer's directory: 64 hexadecimal digits. */
bool layer_store_is_id(const char *name);

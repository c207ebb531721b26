/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* containers/storage locks with fcntl(), which cannot be told to wait for so long and no longer; so the
 * lock is tried again and again. Ours goes with its descriptor, whatever else is closed meanwhile. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/clock.h"
#include "basic/limits.h"
#include "launcher/layer-store.h"

#define LAYER_ID_SIZE   64
#define LOCK_AGAIN_USEC (10 * USEC_PER_MSEC)

int layer_store_open(LayerStore *s, const char *graph_root) {
        _cleanup_close_ int root_fd = open(graph_root, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (root_fd < 0)
                return -errno;
        s->overlay_fd = openat(root_fd, "overlay", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        s->layers_fd = openat(root_fd, "overlay-layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->overlay_fd < 0 || s->layers_fd < 0)
                return -errno;
        if (asprintf(&s->overlay_path, "%s/overlay", graph_root) < 0) {
                s->overlay_path = NULL;
                return -ENOMEM;
        }
        return 0;
}

void layer_store_done(LayerStore *s) {
        close_fd(s->overlay_fd);
        close_fd(s->layers_fd);
        close_fd(s->lock_fd); /* and with it the lock goes */
        free(s->overlay_path);
}

int layer_store_lock(LayerStore *s) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        uint64_t end = clock_now_usec() + LAYER_STORE_WAIT_USEC;

        s->lock_fd = openat(s->layers_fd, "layers.lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (s->lock_fd < 0)
                return -errno;
        while (fcntl(s->lock_fd, F_OFD_SETLK, &lock) < 0) {
                if (errno != EAGAIN && errno != EACCES)
                        return -errno;
                if (clock_now_usec() >= end)
                        return -EAGAIN;
                (void)usleep(LOCK_AGAIN_USEC);
        }
        return 0;
}

bool layer_store_is_id(const char *name) {
        return strlen(name) == LAYER_ID_SIZE && strspn(name, "0123456789abcdef") == LAYER_ID_SIZE;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* To give a container a user namespace of its own, Podman as root mounts the directory of *all* layers
 * once more, with the ids mapped, at overlay/ID/mapped/0 in the container's own layer; the overlay is
 * put together from there, and then it is unmounted. A Podman that is killed in these milliseconds leaves
 * it mounted: from then on a removal of that container's layer, which goes down into mapped/0, would
 * remove every image of the machine. containers/storage unmounts such a left-over where it unmounts the
 * container, but does not unmount one whose mount was never recorded: it removes the layer at once.
 *
 * So this has to be done before the next Podman removes anything. Podman mounts under the lock of the
 * layers, thus whoever holds it sees left-overs only. When somebody keeps that lock for long, it is done all
 * the same: in the worst case the start of one container fails, and its caller is told so. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "launcher/layer-store.h"
#include "launcher/mapped-mount.h"

#define STACKED_MAX 8 /* mounts on top of each other at one place; there is one */

static bool is_mounted(int dir_fd, const char *name) {
        struct statx stx;

        return statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &stx) == 0 &&
               (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int unmount(int dir_fd, const char *name) {
        char path[64];
        int n = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);

        if (n < 0 || (size_t)n >= sizeof(path))
                return -ENAMETOOLONG;
        return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

/* One layer's. */
static int visit_mapped(int overlay_fd, const char *id, bool releases, size_t *ret_n) {
        char path[80];
        DIR *dir;
        struct dirent *e;
        int fd, r = 0;

        (void)snprintf(path, sizeof(path), "%s/mapped", id);
        fd = openat(overlay_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                close_fd(fd);
                return r;
        }
        while ((e = readdir(dir))) {
                if (e->d_name[0] == '.')
                        continue;
                for (size_t i = 0; i < STACKED_MAX && is_mounted(fd, e->d_name); i++) {
                        int k = releases ? unmount(fd, e->d_name) : 0;

                        if (k == 0)
                                (*ret_n)++;
                        else
                                r = k;
                        if (!releases || k < 0)
                                break;
                }
        }
        (void)closedir(dir);
        return r;
}

static int visit_layers(const LayerStore *s, bool releases, size_t *ret_n) {
        int fd = openat(s->overlay_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;

        if (!dir) {
                r = -errno;
                close_fd(fd);
                return r;
        }
        while ((e = readdir(dir)))
                if (layer_store_is_id(e->d_name)) {
                        int k = visit_mapped(s->overlay_fd, e->d_name, releases, ret_n);

                        r = k < 0 ? k : r;
                }
        (void)closedir(dir);
        return r;
}

int mapped_mount_release(const char *graph_root, size_t *ret_n) {
        _cleanup_(layer_store_done) LayerStore s = LAYER_STORE_NULL;
        int r;

        *ret_n = 0;
        r = layer_store_open(&s, graph_root);
        if (r < 0)
                return r;
        r = visit_layers(&s, /* releases= */ false, ret_n);
        if (r == 0 && *ret_n == 0)
                return 0;
        *ret_n = 0;
        r = layer_store_lock(&s);
        if (r < 0)
                log_warning(r, "Cannot lock the layers of Podman, going on without");
        return visit_layers(&s, /* releases= */ true, ret_n);
}

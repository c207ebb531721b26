/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* To give a container a user namespace of its own, Podman as root mounts the directory of *all* layers
 * once more, with the ids mapped, at overlay/ID/mapped/0 in the container's own layer; the overlay is
 * put together from there, and then it is unmounted. A Podman that is killed in these milliseconds leaves
 * it mounted: from then on a removal of that container's layer, which goes down into mapped/0, would
 * remove every image of the machine. containers/storage unmounts such a left-over where it unmounts the
 * container, but does not unmount one whose mount was never recorded: it removes the layer at once.
 *
 * So this has to be done before the next Podman removes anything. The kernel's own table says what is
 * mounted; where the images are in a store of their own, no file tells where the containers are. Podman
 * mounts under the lock of the layers, thus whoever holds it sees left-overs only. When somebody keeps that
 * lock for long, it is done all the same: in the worst case the start of one container fails, and its
 * caller is told so. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "launcher/layer-store.h"
#include "launcher/mapped-mount.h"

#define DIGITS "0123456789"

DEFINE_CLEANUP(FILE, fclose)

/* "\040" is how the table writes a blank, and so on. In place. */
static void unescape(char *s) {
        char *out = s;

        while (*s) {
                unsigned code;

                if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3 &&
                    sscanf(s + 1, "%3o", &code) == 1) {
                        *out++ = (char)code;
                        s += 4;
                } else
                        *out++ = *s++;
        }
        *out = 0;
}

/* The path in the fifth column of a line, unescaped, in place; NULL when there is none. */
static char *find_path(char *line) {
        char *path = line;

        for (size_t i = 0; i < 4 && path; i++) {
                path = strchr(path, ' ');
                path = path ? path + 1 : NULL;
        }
        if (!path)
                return NULL;
        path[strcspn(path, " \n")] = 0;
        unescape(path);
        return path;
}

/* Cuts "/NAME" off the end of the path and returns NAME; NULL when there is none. */
static char *cut(char *path) {
        char *slash = strrchr(path, '/');

        if (!slash)
                return NULL;
        *slash = 0;
        return slash + 1;
}

/* The graph root of GRAPH-ROOT/overlay/ID/mapped/N, or NULL for any other path. The caller frees it. */
static char *find_graph_root(const char *path) {
        char *root = strdup(path);
        const char *n, *mapped, *id, *overlay;

        if (!root)
                return NULL;
        n = cut(root);
        mapped = cut(root);
        id = cut(root);
        overlay = cut(root);
        if (n && mapped && id && overlay && n[0] && n[strspn(n, DIGITS)] == 0 &&
            strcmp(mapped, "mapped") == 0 && layer_store_is_id(id) &&
            strcmp(overlay, "overlay") == 0)
                return root;
        free(root);
        return NULL;
}

static int release(const char *path, const char *graph_root, bool locks) {
        _cleanup_(layer_store_done) LayerStore s = LAYER_STORE_NULL;
        int r;

        if (locks) {
                r = layer_store_open(&s, graph_root);
                if (r >= 0)
                        r = layer_store_lock(&s);
                if (r < 0)
                        log_warning(r, "Cannot lock the layers in %s, going on without",
                                    graph_root);
        }
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
                return 1;
        return errno == EINVAL || errno == ENOENT ? 0 : -errno; /* its Podman was alive */
}

int mapped_mount_release(bool is_podmans, size_t *ret_n) {
        _cleanup_(fclosep) FILE *table = fopen("/proc/self/mountinfo", "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int result = 0;

        *ret_n = 0;
        if (!table)
                return -errno;
        while (getline(&line, &size, table) >= 0) {
                _cleanup_free_ char *root = NULL;
                char *path = find_path(line);
                int r;

                root = path ? find_graph_root(path) : NULL;
                if (!root)
                        continue;
                r = release(path, root, is_podmans);
                if (r < 0)
                        result = r;
                else
                        *ret_n += (size_t)r;
        }
        return ferror(table) ? -EIO : result;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever asks Podman for its graph root ("podman info") waits for the lock of every container, and so
 * for ever beside a start that hangs: the very moment when it is needed. An image says it in passing:
 * its upper directory is GRAPH-ROOT/overlay/ID/diff. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "launcher/graph-root.h"
#include "launcher/podman-json.h"

char *graph_root_of_image(json_object *image) {
        json_object *driver = podman_json_get(image, "GraphDriver", json_type_object);
        const char *upper = podman_json_get_string(
                podman_json_get(driver, "Data", json_type_object), "UpperDir");
        char *root, *overlay;

        if (!upper || upper[0] != '/')
                return NULL;
        root = strdup(upper);
        if (!root)
                return NULL;
        overlay = strstr(root, "/overlay/");
        for (char *next = overlay; next; next = strstr(overlay + 1, "/overlay/"))
                overlay = next; /* the last one: a graph root may have the word in its own path */
        if (!overlay || overlay == root) {
                free(root);
                return NULL;
        }
        *overlay = 0;
        return root;
}

int graph_root_note(const char *runtime_dir, json_object *image) {
        _cleanup_free_ char *root = graph_root_of_image(image), *path = NULL, *fresh = NULL;

        if (!root)
                return -ENOENT;
        if (asprintf(&path, "%s/" GRAPH_ROOT_NAME, runtime_dir) < 0)
                return -ENOMEM;
        if (asprintf(&fresh, "%s.new", path) < 0)
                return -ENOMEM;
        if (unlink(fresh) < 0 && errno != ENOENT)
                return -errno;
        if (symlink(root, fresh) < 0 || rename(fresh, path) < 0)
                return -errno;
        return 0;
}

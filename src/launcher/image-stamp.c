/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Podman takes longer to say what an image's name means than a warm sandbox takes to run a program. The names
 * are in one file of the image's store, which containers/storage writes anew, under another inode, whenever any
 * of them changes. While that file is the same, so is the answer.
 *
 * A name may also turn up in another store, where storage.conf names several; so an answer is not believed for
 * longer than IMAGE_STAMP_USEC. Without the file (another driver than overlay) Podman is always asked. */

#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/clock.h"
#include "basic/limits.h"
#include "launcher/graph-root.h"
#include "launcher/image-stamp.h"

static bool is_same(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void image_stamp_locate(ImageStamp *s, json_object *image) {
        _cleanup_free_ char *root = graph_root_of_image(image);
        int n = -1;

        *s = (ImageStamp){};
        if (root)
                n = snprintf(s->path, sizeof(s->path), "%s/overlay-images/images.json", root);
        if (n < 0 || (size_t)n >= sizeof(s->path))
                s->path[0] = 0;
}

void image_stamp_take(const ImageStamp *s, ImageStamp *ret) {
        *ret = *s;
        ret->asked_usec = *s->path && stat(s->path, &ret->file) == 0 ? clock_now_usec() : 0;
}

bool image_stamp_holds(const ImageStamp *s) {
        struct stat file;

        return s->asked_usec > 0 && clock_now_usec() - s->asked_usec < IMAGE_STAMP_USEC &&
               stat(s->path, &file) == 0 && is_same(&file, &s->file);
}

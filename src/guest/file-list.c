/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A page of names is chosen first and looked at then: what has vanished in between is left out.
 * Going deep, a name is the path relative to where one began, and names are in the order of those
 * paths' bytes, so a page can begin in the middle of a tree; subtrees that lie wholly before or
 * behind the page are not read.
 *
 * A directory that may not be read, or is too deep, is in the list like any other; that nothing of
 * what is in it follows is no failure of the whole. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "guest/file-directory.h"
#include "guest/file-list.h"
#include "guest/file-reply.h"
#include "guest/name-set.h"

typedef struct Listing {
        const char *after;
        bool is_deep;
        NameSet names;
        char path[FILE_PATH_MAX]; /* of the entry that is looked at */
} Listing;

/* Whether names that begin with l->path (of n bytes, a slash at its end) can make a difference: by
 * being in the page, or by being the first behind it. */
static bool may_matter(const Listing *l, size_t n) {
        return strncmp(l->path, l->after, n) >= 0 &&
               (!l->names.has_more || name_set_has_room(&l->names, l->path));
}

static int walk(Listing *l, DIR *d, size_t n, unsigned depth);

/* The subdirectory name, whose path is the first n bytes of l->path. */
static int walk_into(Listing *l, DIR *parent, const char *name, size_t n, unsigned depth) {
        _cleanup_(closedirp) DIR *d = NULL;

        if (depth >= FILE_DEPTH_MAX || n + 1 >= sizeof(l->path))
                return 0;
        l->path[n++] = '/';
        l->path[n] = 0;
        if (!may_matter(l, n) || file_directory_open(dirfd(parent), name, O_NOFOLLOW, &d) < 0)
                return 0;
        return walk(l, d, n, depth + 1);
}

static int walk(Listing *l, DIR *d, size_t n, unsigned depth) {
        const char *name;
        bool is_directory;
        int r;

        while ((r = file_directory_next(d, &name, &is_directory)) > 0) {
                size_t length = strlen(name);

                if (n + length >= sizeof(l->path))
                        continue;
                memcpy(l->path + n, name, length + 1);
                if (strcmp(l->path, l->after) > 0) {
                        r = name_set_add(&l->names, l->path);
                        if (r < 0)
                                return r;
                }
                if (l->is_deep && is_directory) {
                        r = walk_into(l, d, name, n + length, depth);
                        if (r < 0)
                                return r;
                }
        }
        return depth > 0 ? 0 : r;
}

static int reply_names(const NameSet *s, int directory_fd) {
        for (size_t i = 0; i < s->n; i++) {
                struct stat st;
                int r;

                if (fstatat(directory_fd, s->names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
                        r = file_reply_file(&st, 0, s->names[i]);
                else if (errno == ENOENT)
                        continue;
                else
                        r = file_reply_error(errno, s->names[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void listing_done(Listing *l) {
        name_set_done(&l->names);
}

int file_list_run(int argc, char **argv) {
        _cleanup_(listing_done) Listing l = { .after = argv[1], .is_deep = argc > 3 };
        _cleanup_(closedirp) DIR *d = NULL;
        uint64_t max;
        int r;

        if (argc > 3 && strcmp(argv[3], "deep") != 0)
                return -EINVAL;
        r = file_parse_number(argv[2], &max);
        if (r < 0)
                return r;
        r = name_set_init(&l.names, max);
        if (r < 0)
                return r;
        r = file_directory_open(AT_FDCWD, argv[0], 0, &d);
        if (r < 0)
                return r;
        r = walk(&l, d, 0, 0);
        if (r < 0)
                return r;
        r = reply_names(&l.names, dirfd(d));
        return r < 0 ? r : file_reply_end(l.names.has_more ? E2BIG : 0);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A tree is removed from below, each directory by a descriptor of its own that was opened without
 * following a link, so what a link leads to stays, also when somebody exchanges a directory for a
 * link meanwhile. The first failure ends it, and what is gone by then is gone. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "guest/file-directory.h"
#include "guest/file-remove.h"
#include "guest/file-reply.h"

static int remove_tree(int parent_fd, const char *name, unsigned depth);

static int remove_entry(int directory_fd, const char *name, unsigned depth) {
        if (unlinkat(directory_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        return errno == EISDIR ? remove_tree(directory_fd, name, depth + 1) : -errno;
}

static int remove_tree(int parent_fd, const char *name, unsigned depth) {
        _cleanup_(closedirp) DIR *d = NULL;
        const char *entry;
        int r;

        if (depth > FILE_DEPTH_MAX)
                return -ELOOP;
        r = file_directory_open(parent_fd, name, O_NOFOLLOW, &d);
        if (r < 0)
                return r;
        while ((r = file_directory_next(d, &entry, NULL)) > 0) {
                r = remove_entry(dirfd(d), entry, depth);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int remove_path(const char *path, bool deep, struct stat *ret) {
        if (lstat(path, ret) < 0)
                return -errno;
        if (!S_ISDIR(ret->st_mode))
                return unlink(path) < 0 ? -errno : 0;
        if (deep)
                return remove_tree(AT_FDCWD, path, 0);
        return rmdir(path) < 0 ? -errno : 0;
}

int file_remove_run(int argc, char **argv) {
        size_t n = strlen(argv[0]);
        char path[FILE_PATH_MAX];
        const char *name;
        struct stat st;
        int r;

        if (argc > 1 && strcmp(argv[1], "deep") != 0)
                return -EINVAL;
        while (n > 1 && argv[0][n - 1] == '/') /* it would make us follow a link */
                n--;
        if (n >= sizeof(path))
                return -ENAMETOOLONG;
        memcpy(path, argv[0], n);
        path[n] = 0;
        name = strrchr(path, '/');
        name = name ? name + 1 : path;
        if (strcmp(path, "/") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return -EINVAL;

        r = remove_path(path, argc > 1, &st);
        return r < 0 ? r : file_reply_file(&st, 0, "");
}

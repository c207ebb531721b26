/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Trust: names and bytes come from a sandbox, where anybody may have written them. A name is one
 * part of a path and is only ever used relative to the directory that its receiver opened, so
 * nothing can be written elsewhere. A symbolic link is never followed: the new file is made under
 * a name of our own, exclusively, and takes its name by rename(), which replaces a link and does not
 * follow it. That a link, a directory or a device by that name is refused is a service to its
 * owner, who hardly wants to lose it, and no more: what is put there after we have looked is
 * replaced or makes rename() fail.
 *
 * No set-id bits: only permissions are taken over. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "basic/fd.h"
#include "client/landing.h"

void landing_done(Landing *l) {
        if (l->fd >= 0)
                (void)unlinkat(l->dir_fd, l->temporary, 0);
        l->fd = close_fd(l->fd);
}

bool landing_name_is_good(const char *name) {
        size_t n = strlen(name);

        return n > 0 && n <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
               strcmp(name, "..") != 0;
}

const char *landing_name_of(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* What is there by this name can be replaced. */
static int check_place(int dir_fd, const char *name) {
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        switch (st.st_mode & S_IFMT) {
        case S_IFREG:
                return 0;
        case S_IFLNK:
                return -ELOOP;
        case S_IFDIR:
                return -EISDIR;
        default:
                return -EEXIST;
        }
}

int landing_open(Landing *l, int dir_fd, const char *name) {
        uint64_t number;
        int r;

        *l = LANDING_NONE;
        if (!landing_name_is_good(name))
                return -EINVAL;
        r = check_place(dir_fd, name);
        if (r < 0)
                return r;
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                return -EIO;
        (void)snprintf(l->temporary, sizeof(l->temporary), ".cloche-%016llx",
                       (unsigned long long)number);
        l->fd = openat(dir_fd, l->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600);
        if (l->fd < 0)
                return -errno;
        l->dir_fd = dir_fd;
        l->name = name;
        return 0;
}

int landing_write(Landing *l, const void *data, size_t size) {
        return fd_write_all(l->fd, data, size);
}

int landing_commit(Landing *l, mode_t mode) {
        mode_t mask = umask(0);
        int r;

        (void)umask(mask);
        r = check_place(l->dir_fd, l->name);
        if (r < 0)
                return r;
        if (fchmod(l->fd, mode & 0777 & ~mask) < 0)
                return -errno;
        if (renameat(l->dir_fd, l->temporary, l->dir_fd, l->name) < 0)
                return -errno;
        /* some file systems say only now that it did not fit */
        r = close(TAKE_FD(l->fd)) < 0 ? -errno : 0;
        return r;
}

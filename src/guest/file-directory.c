/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* readdir() says NULL for the end and for an error, "." and ".." like names, and may not know what an
 * entry is; here that is dealt with once. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "guest/file-directory.h"

int file_directory_open(int parent_fd, const char *name, int flags, DIR **ret) {
        _cleanup_close_ int fd = -EBADF;
        DIR *d;

        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC | flags);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        (void)TAKE_FD(fd);
        *ret = d;
        return 0;
}

static bool is_directory(DIR *d, const struct dirent *entry) {
        struct stat st;

        if (entry->d_type != DT_UNKNOWN)
                return entry->d_type == DT_DIR;
        return fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               S_ISDIR(st.st_mode);
}

int file_directory_next(DIR *d, const char **ret_name, bool *ret_is_directory) {
        const struct dirent *entry;

        do {
                errno = 0;
                entry = readdir(d);
                if (!entry)
                        return -errno;
        } while (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);

        if (ret_is_directory)
                *ret_is_directory = is_directory(d, entry);
        *ret_name = entry->d_name;
        return 1;
}

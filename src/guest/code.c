/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything is done relative to a directory that the guest made and opened before any code ran, is
 * root's and writable for nobody else; so no path in here can be bent by the code, whatever the
 * container's /run looks like. The names below it are an id from the host, a plain file name that
 * the wire layer has checked, and the link to the streams: what it leads to is decided by whoever
 * opens it, with their own rights. A code_name that is the link's own name keeps one of the
 * two from being made, and so the code from being run. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "guest/code.h"
#include "wire/guest-frame.h"

#define NAME_SIZE    16 /* an id in decimal */
#define STREAMS_SIZE 32 /* /proc/<pid>/fd */

int code_open_dir(void) {
        struct stat st;
        _cleanup_close_ int fd = -EBADF;

        if (mkdir(GUEST_CODE_DIR, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = open(GUEST_CODE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* an image may bring the directory along; it must then be ours alone to write */
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
                return -EPERM;
        return TAKE_FD(fd);
}

static int write_file(int dir_fd, const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, data, size);
        if (r < 0)
                (void)unlinkat(dir_fd, name, 0);
        return r;
}

static int open_own_dir(int dir_fd, uint32_t exec, char id[static NAME_SIZE]) {
        int fd;

        (void)snprintf(id, NAME_SIZE, "%u", exec);
        fd = openat(dir_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int code_make(int dir_fd, uint32_t exec) {
        char id[NAME_SIZE];

        if (dir_fd < 0)
                return dir_fd;
        (void)snprintf(id, sizeof(id), "%u", exec);
        return mkdirat(dir_fd, id, 0755) < 0 ? -errno : 0;
}

int code_write(int dir_fd, uint32_t exec, const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;
        char id[NAME_SIZE];

        fd = open_own_dir(dir_fd, exec, id);
        return fd < 0 ? fd : write_file(fd, name, data, size);
}

int code_link_streams(int dir_fd, uint32_t exec, pid_t pid) {
        _cleanup_close_ int fd = -EBADF;
        char id[NAME_SIZE], target[STREAMS_SIZE];

        fd = open_own_dir(dir_fd, exec, id);
        if (fd < 0)
                return fd;
        (void)snprintf(target, sizeof(target), "/proc/%d/fd", pid);
        return symlinkat(target, fd, GUEST_STREAMS_NAME) < 0 ? -errno : 0;
}

void code_remove(int dir_fd, uint32_t exec, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        char id[NAME_SIZE];

        fd = open_own_dir(dir_fd, exec, id);
        if (fd < 0)
                return;
        (void)unlinkat(fd, GUEST_STREAMS_NAME, 0);
        (void)unlinkat(fd, name, 0);
        (void)unlinkat(dir_fd, id, AT_REMOVEDIR);
}

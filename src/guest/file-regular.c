/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening alone can do harm: a FIFO lets a waiting writer go on, a device starts something. So a
 * path is first only looked up (O_PATH), and what was found there, which can no longer be exchanged
 * for something else, is opened when it is known to be a regular file.
 *
 * Files of procfs and its like say that they are regular, yet have no size, may wait and may act when
 * they are read; a link to one is no file that anybody wants to have. */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "guest/file-regular.h"

#define PROC_FD_SIZE 32

static bool is_made_up(int fd) {
        static const unsigned long magics[] = {
                PROC_SUPER_MAGIC,   SYSFS_MAGIC,    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                DEBUGFS_MAGIC,      TRACEFS_MAGIC,  SECURITYFS_MAGIC,   BPF_FS_MAGIC,
                DEVPTS_SUPER_MAGIC, EFIVARFS_MAGIC, PSTOREFS_MAGIC,     SELINUX_MAGIC,
                NSFS_MAGIC,         BINFMTFS_MAGIC, SMACK_MAGIC,        RDTGROUP_SUPER_MAGIC,
        };
        struct statfs fs;

        if (fstatfs(fd, &fs) < 0)
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
                if ((unsigned long)fs.f_type == magics[i])
                        return true;
        return false;
}

int file_regular_open(const char *path, int access, struct stat *ret) {
        _cleanup_close_ int found = -EBADF, fd = -EBADF;
        char proc_path[PROC_FD_SIZE];
        struct stat st;

        found = open(path, O_PATH | O_CLOEXEC);
        if (found < 0 || fstat(found, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode) || is_made_up(found))
                return -EINVAL;

        (void)snprintf(proc_path, sizeof(proc_path), "/proc/self/fd/%d", found);
        fd = open(proc_path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        *ret = st;
        return TAKE_FD(fd);
}

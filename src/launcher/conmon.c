/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The directory is "persist" below libpod's temporary directory, whose place is the same for every
 * Podman that was not configured otherwise; elsewhere there is nothing to remove and nothing is. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "launcher/conmon.h"

#define CONTAINER_ID_LENGTH 64

int conmon_open(pid_t guest) {
        char path[64], text[512];
        _cleanup_close_ int fd = -EBADF;
        const char *end;
        ssize_t n;
        int parent, pidfd;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)guest);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -ESRCH;
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return -ESRCH;
        text[n] = 0;

        /* "PID (NAME) STATE PPID …", and a name may hold anything */
        end = strrchr(text, ')');
        if (!end || sscanf(end + 1, " %*c %d", &parent) != 1 || parent <= 1)
                return -ESRCH;
        pidfd = pidfd_open(parent, 0);
        return pidfd < 0 ? -errno : pidfd;
}

static bool is_container_id(const char *s) {
        return strlen(s) == CONTAINER_ID_LENGTH &&
               strspn(s, "0123456789abcdef") == CONTAINER_ID_LENGTH;
}

void conmon_sweep(bool system_mode, const char *container) {
        _cleanup_free_ char *path = NULL;
        const char *xdg = getenv("XDG_RUNTIME_DIR");
        struct dirent *e;
        DIR *dir;

        if (!is_container_id(container) || (!system_mode && !xdg))
                return;
        if ((system_mode ? asprintf(&path, "/run/libpod/persist/%s", container)
                         : asprintf(&path, "%s/libpod/tmp/persist/%s", xdg, container)) < 0)
                return;
        dir = opendir(path);
        if (!dir)
                return;
        while ((e = readdir(dir)))
                (void)unlinkat(dirfd(dir), e->d_name, 0);
        (void)closedir(dir);
        (void)rmdir(path);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The directory is for its user alone, and so is who may connect; nothing else needs to be checked at
 * either end. A socket is made and listened at under a name of its own and then linked to the one
 * that was asked for: so a name is never there without somebody who answers, two that want it cannot
 * both get it, and one whose owner was killed is told by its not answering. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "client/address.h"
#include "client/control-name.h"
#include "client/show.h"

#define NAME_LENGTH_MAX 48
#define BACKLOG         8

bool control_name_is_good(const char *name) {
        static const char first[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        size_t n = strlen(name), known = 0;

        while (name[known] && (strchr(first, name[known]) || strchr("_.-", name[known])))
                known++;
        return n > 0 && n <= NAME_LENGTH_MAX && known == n && strchr(first, name[0]);
}

int control_name_find(const char *name, char **ret_path) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char *path = NULL;

        if (!runtime || runtime[0] != '/')
                return -ENXIO;
        if (asprintf(&path, "%s/cloche/names/%s.sock", runtime, name) < 0)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}

/* The directories above path that are ours to make. */
static int make_directories(const char *path) {
        _cleanup_free_ char *names = strdup(path);
        struct stat st;
        char *slash;

        if (!names)
                return -ENOMEM;
        *strrchr(names, '/') = 0;
        slash = strrchr(names, '/');
        *slash = 0;
        if (mkdir(names, 0700) < 0 && errno != EEXIST)
                return -errno;
        *slash = '/';
        if (mkdir(names, 0700) < 0 && errno != EEXIST)
                return -errno;
        if (lstat(names, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 ? 0
                                                                                        : -EPERM;
}

static int listen_at(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void)stpcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        if (listen(fd, BACKLOG) < 0) {
                int error = errno;

                (void)unlink(path);
                return -error;
        }
        return TAKE_FD(fd);
}

/* Gives the socket at temporary the name path, if nobody who lives has it. */
static int link_name(const char *temporary, const char *path) {
        int fd;

        if (link(temporary, path) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        fd = address_connect(path);
        if (fd != -ECONNREFUSED) {
                (void)close_fd(fd);
                return -EADDRINUSE;
        }
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        return link(temporary, path) < 0 ? -errno : 0;
}

static int take(ControlName *n, const char *path) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = make_directories(path);
        if (r < 0)
                return r;
        if (asprintf(&temporary, "%s.%d", path, (int)getpid()) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        fd = listen_at(temporary);
        if (fd < 0)
                return fd;
        r = link_name(temporary, path);
        (void)unlink(temporary);
        if (r < 0)
                return r;
        n->fd = TAKE_FD(fd);
        return 0;
}

int control_name_take(ControlName *n, const char *name) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (!control_name_is_good(name)) {
                show_error("--name %s: say letters, digits, \"_\", \".\" and \"-\", at most %d of "
                           "them",
                           name, NAME_LENGTH_MAX);
                return -EINVAL;
        }
        r = control_name_find(name, &path);
        if (r >= 0)
                r = take(n, path);
        if (r >= 0)
                n->path = TAKE_PTR(path);
        else if (r == -EADDRINUSE || r == -EEXIST)
                show_error("--name %s: there is one by that name already", name);
        else if (r == -ENXIO)
                show_error("--name needs XDG_RUNTIME_DIR, which a login sets");
        else
                show_error("--name %s: cannot make %s: %s", name, path ? path : "its socket",
                           strerror(-r));
        return r;
}

void control_name_done(ControlName *n) {
        if (n->path)
                (void)unlink(n->path);
        free(TAKE_PTR(n->path));
        n->fd = close_fd(n->fd);
}

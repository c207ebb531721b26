/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A missing socket is the first thing a new user meets, so each way it can fail says what to do. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/cleanup.h"
#include "client/address.h"

void address_done(Address *a) {
        free(a->path);
        *a = (Address){ 0 };
}

static char *user_path(const AddressHints *h) {
        char *path;

        if (h->runtime_dir && h->runtime_dir[0] == '/') {
                if (asprintf(&path, "%s/cloche/cloche.sock", h->runtime_dir) < 0)
                        return NULL;
        } else if (asprintf(&path, "/run/user/%u/cloche/cloche.sock", h->uid) < 0)
                return NULL;
        return path;
}

int address_find(const AddressHints *h, bool (*exists)(const char *path), Address *ret) {
        _cleanup_free_ char *user = user_path(h);
        const char *given = NULL;
        AddressMode mode = h->mode;
        char *path;

        if (!user)
                return -ENOMEM;
        if (h->socket)
                given = h->socket;
        else if (mode == ADDRESS_ANY && h->environment && h->environment[0])
                given = h->environment;

        if (given)
                mode = ADDRESS_ANY;
        else if (mode == ADDRESS_ANY)
                mode = h->uid != 0 && exists(user) ? ADDRESS_USER : ADDRESS_SYSTEM;

        path = strdup(given ? given : mode == ADDRESS_USER ? user : ADDRESS_SYSTEM_PATH);
        if (!path)
                return -ENOMEM;
        *ret = (Address){ .path = path, .mode = mode };
        return 0;
}

int address_connect(const char *path) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        size_t length = strlen(path);

        if (length >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, length);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

char *address_explain(const Address *a, int error) {
        const char *what = NULL;
        char *text;
        int n;

        switch (-error) {
        case ENOENT:
                what = a->mode == ADDRESS_USER
                               ? "there is no such socket. To start your own Cloche:\n"
                                 "    systemctl --user enable --now cloche.socket"
                       : a->mode == ADDRESS_SYSTEM
                               ? "there is no such socket. To start Cloche:\n"
                                 "    sudo systemctl enable --now cloche.socket      for everybody\n"
                                 "    systemctl --user enable --now cloche.socket    for yourself"
                               : "there is no such socket";
                break;
        case EACCES:
        case EPERM:
                what = a->mode == ADDRESS_SYSTEM
                               ? "you may not use it: it is for members of the group cloche. To become "
                                 "one:\n"
                                 "    sudo usermod --append --groups cloche \"$USER\"    "
                                 "and log in again"
                               : "you may not use it: the permissions of the socket forbid it";
                break;
        case ECONNREFUSED:
                what = a->mode == ADDRESS_USER ? "nobody listens there. To start it again:\n"
                                                 "    systemctl --user restart cloche.socket"
                                               : "nobody listens there. To start it again:\n"
                                                 "    sudo systemctl restart cloche.socket";
                break;
        default:
                what = strerror(-error);
        }
        n = asprintf(&text, "cannot connect to %s: %s", a->path, what);
        return n < 0 ? NULL : text;
}

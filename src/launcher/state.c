/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "basic/cleanup.h"
#include "launcher/state.h"

#define STATE_VERSION 3

static int map(int fd, State **ret) {
        void *p = mmap(NULL, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (p == MAP_FAILED)
                return -errno;
        *ret = p;
        return 0;
}

static int open_stored(int fd, State **ret) {
        struct stat st;
        State *s = NULL;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size != sizeof(State))
                return -EINVAL;
        r = map(fd, &s);
        if (r < 0)
                return r;
        if (s->version != STATE_VERSION) {
                state_close(s);
                return -EINVAL;
        }
        *ret = s;
        return 0;
}

int state_open(int fd, State **ret, bool *ret_resumed) {
        _cleanup_close_ int owned = fd;
        _cleanup_close_ int memfd = -EBADF;
        int r;

        if (owned >= 0 && open_stored(owned, ret) >= 0) {
                *ret_resumed = true;
                return 0;
        }

        memfd = memfd_create("cloche-launcher-state", MFD_CLOEXEC);
        if (memfd < 0 || ftruncate(memfd, sizeof(State)) < 0)
                return -errno;
        r = map(memfd, ret);
        if (r < 0)
                return r;
        (*ret)->version = STATE_VERSION;
        (void)sd_pid_notify_with_fds(0, false, "FDSTOREREMOVE=1\nFDNAME=" STATE_FD_NAME, NULL, 0);
        (void)sd_pid_notify_with_fds(0, false, "FDSTORE=1\nFDPOLL=0\nFDNAME=" STATE_FD_NAME, &memfd,
                                     1);
        *ret_resumed = false;
        return 0;
}

State *state_close(State *s) {
        if (s)
                (void)munmap(s, sizeof(*s));
        return NULL;
}

StateConnection *state_new_connection(State *s) {
        for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++)
                if (!s->connections[i].used) {
                        memset(&s->connections[i], 0, sizeof(s->connections[i]));
                        return &s->connections[i];
                }
        return NULL;
}

StateSandbox *state_new_sandbox(State *s) {
        for (size_t i = 0; i < ARRAY_SIZE(s->sandboxes); i++)
                if (!s->sandboxes[i].used) {
                        memset(&s->sandboxes[i], 0, sizeof(s->sandboxes[i]));
                        return &s->sandboxes[i];
                }
        return NULL;
}

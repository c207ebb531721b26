/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "basic/process.h"
#include "launcher/mapped-mount.h"
#include "launcher/podman-command.h"
#include "launcher/podman-env.h"

struct PodmanCommand {
        int pidfd;
        sd_event_source *watch;
        sd_event_source *timer;
        podman_command_callback_t callback;
        void *userdata;
};

PodmanCommand *podman_command_free(PodmanCommand *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->watch);
        sd_event_source_disable_unref(c->timer);
        c->pidfd = process_end(c->pidfd);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(PodmanCommand, podman_command_free)

static void finish(PodmanCommand *c, int error) {
        podman_command_callback_t callback = c->callback;
        void *userdata = c->userdata;

        podman_command_free(c);
        callback(error, userdata);
}

static int on_ended(sd_event_source *source _unused_, int fd, uint32_t revents _unused_,
                    void *userdata) {
        PodmanCommand *c = userdata;
        ProcessEnd end;
        int r;

        r = process_wait(fd, &end);
        if (r == 0)
                return 0;
        finish(c, r < 0 ? r : end.code == 0 ? 0 : -EIO);
        return 0;
}

static int on_timeout(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        finish(userdata, -ETIMEDOUT);
        return 0;
}

/* Our unit has a mount namespace of its own, made from the one in which Podman's service runs: of what that
 * had mounted at that moment there is a copy here, which nobody else can see, and which this command would
 * go down into as any other (mapped-mount.c). */
static int release_copies(void) {
        size_t n;
        int r;

        r = mapped_mount_release(/* is_podmans= */ false, &n);
        return r < 0 ? log_error(r, "Cannot unmount a copy of Podman's layers") : 0;
}

static int spawn(Manager *m, const char *container, int *ret_pidfd) {
        _cleanup_(podman_env_done) PodmanEnv env = {};
        const char *argv[] = {
                "podman",
                "--cgroup-manager=cgroupfs",
                "--events-backend=none",
                "rm",
                "--force",
                "--ignore",
                "--time=0",
                "--volumes",
                container,
                NULL,
        };
        int r = podman_env_init(&env, m->system_mode);

        if (r < 0)
                return r;
        return process_spawn(
                &(ProcessSpec){
                        .path = PODMAN_PATH,
                        .argv = argv,
                        .env = env.words,
                        .stdio = { -EBADF, -EBADF, STDERR_FILENO }
        },
                ret_pidfd, NULL);
}

int podman_command_remove(Manager *m, const char *container, podman_command_callback_t callback,
                          void *userdata, PodmanCommand **ret) {
        _cleanup_(podman_command_freep) PodmanCommand *c = NULL;
        int r;

        r = m->system_mode ? release_copies() : 0;
        if (r < 0)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (PodmanCommand){ .pidfd = -EBADF, .callback = callback, .userdata = userdata };

        r = spawn(m, container, &c->pidfd);
        if (r >= 0)
                r = sd_event_add_io(m->event, &c->watch, c->pidfd, EPOLLIN, on_ended, c);
        if (r >= 0)
                r = sd_event_add_time_relative(m->event, &c->timer, CLOCK_MONOTONIC,
                                               PODMAN_TIMEOUT_USEC, 0, on_timeout, c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche-podman-mend: what systemd runs when cloche-podman.service has ended (ExecStopPost=), and before it
 * begins (ExecStartPre=).
 *
 *   cloche-podman-mend LINK       after the end
 *   cloche-podman-mend            before the beginning: for what another Podman, or a mend that was itself
 *                                 killed, has left mounted
 *
 * LINK leads to the graph root (graph-root.h). A Podman that was killed, by the kernel for memory or by
 * hand, may have left all layers mounted a second time, where the next removal would meet them
 * (mapped-mount.c), and a layer half made, which nobody else will ever remove (orphan-layer.c). The
 * service is not started again before this has ended, so no container of ours is being made meanwhile;
 * others' are safe behind the storage's lock. When Podman ended as it should there is no such layer; the
 * mount is looked for all the same: Podman ends on a signal without taking back what it is at.
 *
 * The kernel lets root alone mount with ids mapped. As an ordinary user the rest is done inside the user namespace of their Podman, where the layers'
 * files are theirs: if there is any, the program starts itself again through "podman unshare". */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "launcher/mapped-mount.h"
#include "launcher/orphan-layer.h"
#include "launcher/podman-env.h"

static int sweep(const char *link) {
        size_t n = 0;
        int r;

        r = orphan_layer_sweep(link, &n);
        if (n > 0)
                log_notice("Removed %zu layers that Podman had left half made when it was killed",
                           n);
        if (r == -ENOENT)
                return 0; /* nothing was ever stored, or no launcher knows where */
        return r < 0 ? log_error(r, "Cannot look for layers left half made") : 0;
}

static int release(void) {
        size_t n = 0;
        int r;

        r = mapped_mount_release(/* is_podmans= */ true, &n);
        if (n > 0)
                log_notice("Unmounted the layers that Podman had left mounted a second time");
        return r < 0 ? log_error(r, "Cannot unmount what Podman may have left mounted") : 0;
}

/* Does not return when it goes well. */
static int again_in_namespace(const char *link) {
        _cleanup_(podman_env_done) PodmanEnv env = {};
        const char *argv[] = {
                PODMAN_PATH, "--cgroup-manager=cgroupfs",      "--events-backend=none",
                "unshare",   LIBEXECDIR "/cloche-podman-mend", link,
                NULL
        };

        if (podman_env_init(&env, /* system_mode= */ false) < 0)
                return log_oom();
        (void)execve(PODMAN_PATH, (char *const *)(uintptr_t)argv,
                     (char *const *)(uintptr_t)env.words);
        return log_error(errno, "Cannot run " PODMAN_PATH);
}

int main(int argc, char *argv[]) {
        const char *result = getenv("SERVICE_RESULT");
        size_t n;
        int r;

        if (argc > 2 || (argc == 2 && argv[1][0] != '/')) {
                log_full(LOG_ERR, 0,
                         "Usage: cloche-podman-mend [LINK] (systemd runs it, see "
                         "cloche-podman.service)");
                return 2;
        }
        if (geteuid() == 0 && release() < 0)
                return 1; /* a sweep, or the next Podman, would be in danger too */
        if (argc < 2)
                return 0;
        if (result && strcmp(result, "success") == 0)
                return 0;
        if (geteuid() == 0)
                return sweep(argv[1]) < 0;
        r = orphan_layer_count(argv[1], &n);
        if (r == -ENOENT || (r == 0 && n == 0))
                return 0; /* as nearly always: clients wait for Podman meanwhile */
        return again_in_namespace(argv[1]) < 0;
}

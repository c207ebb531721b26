/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nothing of the manager's or of a user's (proxies, CONTAINER_HOST …) reaches Podman. In user mode it
 * finds its own user's storage by HOME and its namespace by XDG_RUNTIME_DIR. */

#include <errno.h>
#include <stdio.h>

#include "basic/cleanup.h"
#include "launcher/podman-env.h"

int podman_env_init(PodmanEnv *e, bool system_mode) {
        *e = (PodmanEnv){
                .words = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                          "CONTAINERS_CONF=" POLICYDIR "/containers.conf" }
        };
        if (asprintf(&e->home, "HOME=%s", system_mode ? "/root" : getenv("HOME") ?: "/") < 0) {
                e->home = NULL;
                return -ENOMEM;
        }
        e->words[2] = e->home;
        if (system_mode)
                return 0;
        if (asprintf(&e->runtime, "XDG_RUNTIME_DIR=%s", getenv("XDG_RUNTIME_DIR") ?: "") < 0) {
                e->runtime = NULL;
                return -ENOMEM;
        }
        e->words[3] = e->runtime;
        return 0;
}

void podman_env_done(PodmanEnv *e) {
        free(e->home);
        free(e->runtime);
        *e = (PodmanEnv){};
}

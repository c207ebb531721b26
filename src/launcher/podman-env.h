/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The environment of Podman's command line, as the units have it for its service: built from nothing. */

#include <stdbool.h>

#define PODMAN_PATH "/usr/bin/podman"

typedef struct PodmanEnv {
        char *home, *runtime;
        const char *words[5]; /* NAME=VALUE, NULL at the end; borrowed from here */
} PodmanEnv;

/* Root's in system mode, and else of whoever runs us. Returns 0 or -ENOMEM; to be done in both cases. */
int podman_env_init(PodmanEnv *e, bool system_mode);
void podman_env_done(PodmanEnv *e);

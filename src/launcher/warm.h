/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a warm sandbox has and waits with: the guest's channel, which no handler has yet, and the
 * profile's driver and a stand-in, started before there is code for them. */

#include <sys/types.h>

#include "launcher/sandbox.h"

/* How warm it is. */
typedef enum WarmLevel {
        WARM_BOOTING, /* its guest is not ready */
        WARM_READY,   /* its container is; there is no driver yet */
        WARM_LOADING, /* nor can it be handed out until there is */
        WARM_LOADED,  /* or its profile has none */
} WarmLevel;

struct Warm {
        Sandbox *sandbox;
        WarmLevel level;
        int fds[_LAUNCHER_FD_MAX]; /* what its client will get */
        pid_t driver_pid;          /* 0: the profile has none */
        pid_t stand_in_pid;        /* 0: no driver, or too few tasks */
        sd_event_source *io;
        sd_event_source *ready; /* until the driver has said so … */
        sd_event_source *word;  /* … and the stand-in */
        sd_event_source *timer;
};

/* Takes the channel of a sandbox whose guest has connected (consumed, also on failure).
 * SandboxEvents.opened comes when the guest is ready; whatever goes wrong before or after ends
 * the sandbox, by refused or died. Returns 0 or -errno. */
int warm_begin(Sandbox *s, int channel_fd);

/* Starts the driver and the stand-in of one that is WARM_READY; SandboxEvents.opened comes once more when they
 * are ready. What goes wrong ends the sandbox. */
void warm_load(Warm *w);

/* Whether guest and driver are there and silent, as far as the kernel knows at this moment; what has
 * happened may not have been told yet. False for NULL. */
bool warm_is_well(const Warm *w);

/* Everything that waited is closed: the guest ends itself. Takes NULL. */
Warm *warm_free(Warm *w);

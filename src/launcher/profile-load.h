/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One load of one profile: its unit, its recording, the check, its image. */

#include "launcher/profile.h"

typedef struct ProfileLoad ProfileLoad;

/* What every load needs; borrowed, and outlives it. */
typedef struct ProfileSource {
        sd_event *event;
        sd_bus *bus;
        PodmanApi *api;
        const char *runtime_dir;
        bool system_mode;
} ProfileSource;

/* As profile_callback_t, always from the event loop, exactly once unless the load is freed before.
 * It may free the load. */
typedef void (*profile_load_callback_t)(LauncherRefusal refusal, Profile *profile,
                                        const char *detail, void *userdata);

/* kept is NULL, or what an earlier load brought: then only its image is asked for, and it is what
 * comes back, unless the image is another one. Returns 0 or -errno. */
int profile_load_new(ProfileLoad **ret, const ProfileSource *source, const char *name,
                     Profile *kept, profile_load_callback_t callback, void *userdata);
ProfileLoad *profile_load_free(ProfileLoad *l);

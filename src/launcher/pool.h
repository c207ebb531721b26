/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Warm sandboxes: whole ones that have never seen a client, for each user and profile. How many, the profile
 * says (profile.h); when, the theory at the top of pool.c. */

#include "launcher/sandbox.h"

/* Hands over a warm sandbox of this profile and these limits, as sandbox_hand_over(), or one that is being made,
 * as sandbox_claim(). NULL when there is none: make one. Either way its pool knows that it is used. */
Sandbox *pool_take(Manager *m, uint32_t uid, Profile *profile, const LauncherLimits *limits,
                   AuditSequence *sequence, const SandboxEvents *events, void *userdata);

/* A user has connected: what is to be warm for him is found out, and made. */
void pool_user_came(Manager *m, uint32_t uid);

/* The marks of any profile may have changed: what they are now is found out, and followed. A
 * profile_reloaded_callback_t; userdata is the Manager. */
void pool_profiles_changed(void *userdata);

/* Told whenever a client that waited was refused, or something has ended: looks from the event loop
 * whether a sandbox can be made. */
void pool_consider(Manager *m);

/* Told whenever a client has got a sandbox: looks later. */
void pool_pause(Manager *m);

/* Ends all that is warm, for the end of the launcher. */
void pool_end_all(Manager *m);

/* Forgets all pools, for manager.c. */
void pool_free_all(Manager *m);

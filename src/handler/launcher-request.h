/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a handler asks its launcher, by name. Each returns what launcher_link_ask() does; the answer
 * is the message named here, REFUSED, or none at all. */

#include "handler/launcher-link.h"

/* PROFILE … and DONE. */
int launcher_request_profiles(LauncherLink *l, launcher_answer_t answer, void *userdata);

/* OPENED. limits: LIMIT_UNSET where the profile's counts. -EINVAL: no profile can have that name. */
int launcher_request_open(LauncherLink *l, const char *profile, const LauncherLimits *limits,
                          bool keep, launcher_answer_t answer, void *userdata);

/* PLACED. */
int launcher_request_place(LauncherLink *l, const char *sandbox, uint32_t exec, pid_t pid,
                           launcher_answer_t answer, void *userdata);

/* ENDED. */
int launcher_request_end(LauncherLink *l, const char *sandbox, uint32_t exec, bool is_kill,
                         launcher_answer_t answer, void *userdata);

/* CLOSED. */
int launcher_request_close(LauncherLink *l, const char *sandbox, launcher_answer_t answer,
                           void *userdata);

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fills in messages. Names and ids come from the launcher itself, but for a profile's name, which
 * is a client's word and therefore looked at here. */

#include <errno.h>
#include <string.h>

#include "handler/launcher-request.h"

int launcher_request_profiles(LauncherLink *l, launcher_answer_t answer, void *userdata) {
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_PROFILES, 0);
        return launcher_link_ask(l, &m, answer, userdata);
}

int launcher_request_open(LauncherLink *l, const char *profile, const LauncherLimits *limits,
                          bool keep, launcher_answer_t answer, void *userdata) {
        LauncherMessage m;

        if (!launcher_profile_name_is_valid(profile))
                return -EINVAL;
        launcher_message_init(&m, LAUNCHER_OPEN, 0);
        memcpy(m.open.profile, profile, strlen(profile));
        m.open.keep = keep;
        m.open.limits = *limits;
        return launcher_link_ask(l, &m, answer, userdata);
}

static void set_sandbox(char id[static ID_SIZE], const char *sandbox) {
        memcpy(id, sandbox, strnlen(sandbox, ID_SIZE - 1));
}

int launcher_request_place(LauncherLink *l, const char *sandbox, uint32_t exec, pid_t pid,
                           launcher_answer_t answer, void *userdata) {
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_PLACE, 0);
        set_sandbox(m.place.sandbox, sandbox);
        m.place.exec = exec;
        m.place.pid = pid;
        return launcher_link_ask(l, &m, answer, userdata);
}

int launcher_request_end(LauncherLink *l, const char *sandbox, uint32_t exec, bool is_kill,
                         launcher_answer_t answer, void *userdata) {
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_END, 0);
        set_sandbox(m.end.sandbox, sandbox);
        m.end.exec = exec;
        m.end.kill = is_kill;
        return launcher_link_ask(l, &m, answer, userdata);
}

int launcher_request_close(LauncherLink *l, const char *sandbox, launcher_answer_t answer,
                           void *userdata) {
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_CLOSE, 0);
        set_sandbox(m.close.sandbox, sandbox);
        return launcher_link_ask(l, &m, answer, userdata);
}

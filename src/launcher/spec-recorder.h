/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lets Podman's own client turn a "podman run" command line into the JSON it would send: runs
 * "podman --remote --url unix://… create …" with an environment built from nothing against a
 * private socket that answers as little as the client needs, and keeps the body of
 * containers/create. Every option is so mapped by Podman's code, whatever its version. Nothing is
 * created. */

#include <json-c/json.h>
#include <systemd/sd-event.h>

typedef struct SpecRecorder SpecRecorder;

/* Called exactly once unless freed before. error 0: spec is borrowed. Else -ETIMEDOUT, -EPROTO (the
 * client asked what is not expected, or ended without asking), -E2BIG or another -errno, and
 * message says what happened, with the client's own words where it had some; never NULL. It may
 * free the recorder. */
typedef void (*spec_recorder_callback_t)(int error, json_object *spec, const char *message,
                                         void *userdata);

/* argv is the generated unit's ExecStart: "/usr/bin/podman run … IMAGE [COMMAND …]" (borrowed, NULL
 * at its end). Options that only mean something to a running unit (-d, --rm, --replace, --cidfile,
 * --sdnotify, --cgroups=split) are left out. runtime_dir is a private directory (0700) of the
 * launcher; the socket is made and removed in client/ below it, which is the client's home and stays.
 * timeout_usec bounds the whole. Returns 0 or -errno; -EINVAL when argv is not such a command line. */
int spec_recorder_new(SpecRecorder **ret, sd_event *event, const char *const *argv,
                      const char *runtime_dir, uint64_t timeout_usec,
                      spec_recorder_callback_t callback, void *userdata);
/* Ends the client and removes the socket; no callback runs. NULL is a no-op; returns NULL. */
SpecRecorder *spec_recorder_free(SpecRecorder *r);

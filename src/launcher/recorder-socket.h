/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A private unix socket that answers one of Podman's clients just enough for it to say what
 * container it would create, and keeps that. */

#include <json-c/json.h>
#include <systemd/sd-event.h>

typedef struct RecorderSocket RecorderSocket;

/* Makes the socket at path, which must not exist yet. Returns 0 or -errno. */
int recorder_socket_new(RecorderSocket **ret, sd_event *event, const char *path);
/* Closes every connection and removes the socket. NULL is a no-op; returns NULL. */
RecorderSocket *recorder_socket_free(RecorderSocket *s);

/* The body of containers/create, NULL until it came. Borrowed. */
json_object *recorder_socket_spec(RecorderSocket *s);

/* The first thing that was not as expected: 0, or -EPROTO, -E2BIG, or another -errno, with a
 * sentence for a person in *ret_message (borrowed; "" when 0). What was recorded is then worth
 * nothing. */
int recorder_socket_problem(RecorderSocket *s, const char **ret_message);
